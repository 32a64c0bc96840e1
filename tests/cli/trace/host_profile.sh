traces=$SOURCE/validate/measured/h200-sxm/traces
ingot calibrate --host -m h200-sxm $traces/codellama-7b-eager-decode.json.gz -o mine.yaml >/dev/null || exit
ingot simulate -m h200-sxm -w codellama-7b -p baseline -P 169 --steps 1 --host mine.yaml --json | json_check host
grep -c 'call_low_s' mine.yaml
