#!/usr/bin/env bash
# make gallery: a handful of reports and a page that lists them. usage: gallery.sh PROGRAM DIRECTORY
set -euo pipefail
program=$1 directory=$2
measured=validate/measured/h200-sxm

mkdir -p "$directory"
rm -f "$directory"/*.db*
"$program" sweep configs/sweeps/demo.yaml --store "$directory/demo.db" >/dev/null

say() { printf '%s ...\n' "$*"; "$@" >/dev/null; }
say "$program" report "$directory/demo.db" --output "$directory/sweep.html"
say "$program" report paper --output "$directory/paper.html"
say "$program" compare h100-sxm h200-sxm --workload codellama-34b/humaneval --output "$directory/comparison.html"
say "$program" report "$measured/traces/codellama-7b-compile-decode.json.gz" --machine h200-sxm --workload codellama-7b \
    --preset compile --set flavour=hf --prompt 154 --output "$directory/trace.html"
say "$program" report "$measured/codellama-7b-pytorch.jsonl" --machine h200-sxm --output "$directory/steps.html"
say "$program" report validate/measured/h100-sxm/operators-cold.csv --machine h100-sxm --output "$directory/operators.html"

entry() { # FILE HEADING TEXT
    printf '<dt><a href="%s">%s</a></dt><dd>%s</dd>\n' "$1" "$2" "$3"
}
{
    cat <<'HTML'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/><title>ingot: reports</title><link rel="icon" href="data:,"/>
<style>:root{color-scheme:light dark}body{max-width:40rem;margin:3rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}
dt{margin-top:1.25rem;font-weight:600}dd{margin:0}</style></head><body><main><h1>Reports of every kind</h1><dl>
HTML
    entry sweep.html "A sweep" "5,250 designs around an H200 for Code Llama 34B: which change is worth building?"
    entry paper.html "The paper" "Fifteen multimodal tasks on an A100 and an H200: where the time goes, what each lever gains."
    entry comparison.html "A comparison" "H100 and H200: how much faster, how sure, why and where."
    entry trace.html "A trace" "A PyTorch trace, operator by operator: measured, predicted, and what would close the gaps."
    entry steps.html "Steps" "18 steps of Code Llama 7B in PyTorch on an H200, measured and predicted."
    entry operators.html "Operators" "2,252 operators of ingot's own kernels on an H100."
    echo '</dl></main></body></html>'
} >"$directory/index.html"
rm -f "$directory"/*.db*
printf 'gallery: %s (open it in a browser)\n' "$directory/index.html"
