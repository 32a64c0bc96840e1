# Several inputs make one document; a trace tells its largest gaps.
traces=$SOURCE/validate/measured/h200-sxm
ingot report "$traces/codellama-7b-pytorch.jsonl" "$traces/traces/codellama-7b-compile-decode.json.gz" \
    --machine h200-sxm --workload codellama-7b --preset compile --set flavour=hf --prompt 154 --output both.md
grep '^#' both.md
awk '/^## .*largest gaps/ { on = 1 } /^## .*Make/ { on = 0 } on && /^## .*Where/ { on = 0 } on && /^\| [a-z]/ { n++ } END { print n }' both.md
ingot report "$traces/codellama-7b-pytorch.jsonl"
