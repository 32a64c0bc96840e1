#!/usr/bin/env bash
# Everything that needs a GPU, from a folder that pack.sh made:
#     bash FOLDER/all.sh OUT [PART...]
# Parts: kernels numerics models ceilings rows variants sanitizer mutants (default: all; ten minutes are not enough for
# all of them with a cold start). Each goes on when another fails; full logs go to
# OUT (at most 8 files), a table comes last.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: all.sh OUT [PART...]}
shift
parts=${*:-kernels numerics models ceilings rows variants sanitizer mutants}
mkdir -p "$out"
log=$out/log.txt
: >"$log"
summary=()

# CUDA's libraries: where the toolkit keeps them, or Python's packages.
for name in libcublasLt.so.13 libcupti.so.13 libnccl.so.2; do
    found=$(find /usr/local/cuda*/ /usr/local/lib /usr/lib /opt -name "$name" 2>/dev/null | head -1)
    [ -n "$found" ] || found=$(find / -xdev -name "$name" 2>/dev/null | head -1)
    [ -n "$found" ] && LD_LIBRARY_PATH=$(dirname "$found"):${LD_LIBRARY_PATH:-}
done
cuda_path=${LD_LIBRARY_PATH:-}
export INGOT_CONFIG_DIR=$here/configs INGOT_GPU_LIBRARY=$here/libingot_gpu.so

with_libraries() { LD_LIBRARY_PATH=$cuda_path:$here/lib "$@"; }

# run NAME SECONDS COMMAND...: output to the log, its last line and exit status to the table.
run() {
    local name=$1 seconds=$2 begin=$SECONDS code=0
    shift 2
    echo "=== $name: $*" >>"$log"
    with_libraries timeout "$seconds" "$@" >"$out/.part" 2>&1 || code=$?
    cat "$out/.part" >>"$log"
    summary+=("$(printf '%-22s exit %3d %4ds  %s' "$name" "$code" $((SECONDS - begin)) "$(tail -1 "$out/.part" | cut -c1-150)")")
    last_output=$(cat "$out/.part")
    rm -f "$out/.part"
    return 0
}

model() { # NAME ARGUMENTS...: a model run, its table kept for the end
    local name=$1
    shift
    run "$name" 200 "$here/ingot" run "$@"
    tables+="--- $name"$'\n'"$last_output"$'\n'
}

tables=""
run environment 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv,noheader
run starts 20 "$here/ingot" --version
run detect 30 "$here/ingot" detect

for part in $parts; do
    case $part in
    kernels)
        run kernels 300 "$here/kernel_test" --seed 1 --verbose
        tables+=$(grep -E "^FAILED|^not written" <<<"$last_output" | cut -c1-220 | head -40)$'\n'
        ;;
    sanitizer)
        tool=$(command -v compute-sanitizer || find / -xdev -name compute-sanitizer -type f 2>/dev/null | head -1)
        if [ -z "$tool" ]; then
            summary+=("sanitizer              skipped: no compute-sanitizer")
            continue
        fi
        for check in memcheck racecheck initcheck; do
            run "$check" 150 "$tool" --tool "$check" --error-exitcode 9 "$here/kernel_test" --seed 2 --max-bytes 300000
        done
        ;;
    numerics)
        for batch in 1 2; do
            run "numerics 7b b$batch" 150 "$here/ingot" run -w codellama-7b --layers 2 -b "$batch" -P 21 --steps 3 \
                --repeats 1 --check
            tables+=$last_output$'\n'
        done
        for name in chameleon-7b chameleon-34b; do
            run "numerics $name" 200 "$here/ingot" run -w "$name" --layers 2 -P 13 --steps 2 --repeats 1 --check
            tables+=$last_output$'\n'
        done
        run "numerics unfused" 150 "$here/ingot" run -w codellama-7b --layers 2 -s fuse=none -P 21 --steps 2 \
            --repeats 1 --check
        tables+=$last_output$'\n'
        ;;
    ceilings)
        run ceilings 120 "$here/ingot" bench --ceilings --json
        printf '%s\n' "$last_output" >"$out/ceilings.json"
        tables+=$(grep -E '"[a-z0-9_]+(_per_s|_s)": [0-9]' <<<"$last_output")$'\n'
        ;;
    models)
        model "7b graph" -w codellama-7b -P 218 --steps 4 -o "$out/7b-graph.run.jsonl.gz"
        model "7b eager" -w codellama-7b -P 218 --steps 4 -s launch=eager -o "$out/7b-eager.run.jsonl.gz"
        model "7b eager emulated" -w codellama-7b -P 218 --steps 4 -s launch=eager --emulate-dispatch-us 5
        model "7b int8" -w codellama-7b -P 218 --steps 4 -s weights=int8
        model "7b autoquant" -w codellama-7b -P 218 --steps 4 -s weights=autoquant
        model "chameleon 7b" -w chameleon-7b -P 218 --steps 4
        model "7b b16" -w codellama-7b -P 218 --steps 4 -b 16
        model "34b graph" -w codellama-34b -P 218 --steps 3 -o "$out/34b-graph.run.jsonl.gz"
        ;;
    mutants) # planted faults (mutate.sh): the kernel test must fail on each
        for mutant in "$here"/mutants/*.so; do
            [ -e "$mutant" ] || { summary+=("mutants                skipped: none were built"); break; }
            name=$(basename "$mutant" .so)
            INGOT_GPU_LIBRARY=$mutant run "mutant $name" 60 "$here/kernel_test" --seed 3 --kind "${name##*.}" \
                --max-bytes 30000000
            [[ ${summary[-1]} == *"exit   1"* ]] && verdict=caught || verdict="NOT CAUGHT"
            summary[-1]="$verdict: ${summary[-1]}"
        done
        ;;
    variants) # ratios to the whole GPU; the simulator's for the same override are asked for elsewhere
        for variant in "" "--sms 66" "--sms 96" "--l2-set-aside-mb 25" "--bandwidth-share 0.75" "--bandwidth-share 0.5" \
            "--emulate-launch-us 20"; do
            # shellcheck disable=SC2086
            model "7b graph [$variant]" -w codellama-7b -P 512 --steps 2 $variant
        done
        ;;
    rows)
        for method in cupti_cold_l2 graph_steady; do
            run "rows $method" 120 "$here/ingot" bench "$here/rows.csv" --method "$method" -o "$out/rows-$method.csv"
            tables+=$(cut -d, -f1-7,11,12,16,17,22- "$out/rows-$method.csv" 2>/dev/null)$'\n'
            cat "$out/rows-$method.csv.meta.json" >>"$log" 2>/dev/null
            rm -f "$out/rows-$method.csv.meta.json"
        done
        run "rows memory" 120 "$here/ingot" bench "$here/rows-memory.csv" -o "$out/rows-memory.csv"
        rm -f "$out/rows-memory.csv.meta.json"
        tables+=$(cat "$out/rows-memory.csv" 2>/dev/null)$'\n'
        ;;
    *) summary+=("$part: no such part") ;;
    esac
done
printf '%s\n' "$tables" | tee -a "$log"
echo "================ summary ================"
printf '%s\n' "${summary[@]}" | tee -a "$log"
