#!/usr/bin/env bash
# make demo: sweeps designs around an H200 for Code Llama 34B, scores the model against the shipped measurements and
# writes a report. usage: demo.sh PROGRAM DIRECTORY
set -euo pipefail
program=$1 directory=$2
steps=validate/measured/h200-sxm/codellama-7b-pytorch.jsonl

say() { printf '\n$ %s\n' "$*"; "$@"; }

mkdir -p "$directory"
rm -f "$directory"/demo.db*
start=$(date +%s%N)
say "$program" sweep configs/sweeps/demo.yaml --store "$directory/demo.db"
printf '\nHow good is the model? Code Llama 7B in PyTorch on one H200, measured and predicted:\n'
say "$program" validate "$steps" --machine h200-sxm
say "$program" report "$directory/demo.db" --output "$directory/report.html" --output "$directory/report.md"
printf '\nsweep, validation and report took %d ms\n' $((($(date +%s%N) - start) / 1000000))
printf 'report:   %s (open it in a browser)\nmarkdown: %s\n' "$directory/report.html" "$directory/report.md"
