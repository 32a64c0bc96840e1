#!/usr/bin/env bash
# Operators of recorded runs as operator rows (method in_model), for fits of what rows measured alone cannot tell:
#     tests/gpu/model_rows.sh PROGRAM FOLDER > FOLDER/operators-model.csv
# FOLDER holds NAME.run.jsonl.gz. Ten runs serve; nothing is fitted on the others, which `ingot fidelity` scores.
set -euo pipefail
program=$1 folder=$2

header=1
for name in 7b-graph-b1 7b-graph-b4 7b-unfused 7b-int8-b4 7b-int4-b4 7b-autoquant-b1 7b-autoquant-b16 launch-x1 ch-7b-it-b1 ch-7b-ti-batched_3x-b4; do
    for phase in prefill decode; do
        "$program" validate --machine h100-sxm "$folder/$name.run.jsonl.gz" --phase "$phase" --operators |
            awk -v run="$name" -v header=$header \
                'NR == 1 { if (header) print $0 ",split,run"; next } { print $0 ",fit," run }'
        header=0
    done
done
