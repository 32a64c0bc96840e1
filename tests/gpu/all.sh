#!/usr/bin/env bash
# Everything that needs a GPU, from a folder that pack.sh made:
#     bash FOLDER/all.sh OUT [PART...]
# Parts, one GPU: kernels numerics ceilings memory rows models chameleon models34 variants sanitizer mutants; power alone, on request peers
# Part on two GPUs or more: ranks. Default: all of one GPU but peers (ten minutes are not enough for all with a cold start).
# Each goes on when another fails; a table comes last. OUT holds at most 8 files: log.txt, ceilings.json, rows-*.csv,
# runs.tar (recorded model runs), variants.tar (rows and runs under each variant), summary.csv, peers-decode.csv.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: all.sh OUT [PART...]}
shift
parts=${*:-kernels numerics ceilings memory rows models chameleon models34 variants sanitizer mutants}
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$out/log.txt
: >"$log"
summary=()
tables=""

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
    local name=$1 seconds=$2 begin=$SECONDS
    shift 2
    echo "=== $name: $*" >>"$log"
    last_code=0
    with_libraries timeout -k 5 "$seconds" "$@" >"$scratch/part" 2>&1 || last_code=$?
    cat "$scratch/part" >>"$log"
    summary+=("$(printf '%-28s exit %3d %4ds  %s' "$name" "$last_code" $((SECONDS - begin)) \
        "$(tail -1 "$scratch/part" | cut -c1-150)")")
    last_output=$(cat "$scratch/part")
    return 0
}

# A model of few layers against the CPU reference, and eager against CUDA Graph.
numerics() { # NAME ARGUMENTS...
    local name=$1
    shift
    run "numerics $name" 150 "$here/ingot" run "$@" --repeats 1 --check
    tables+=$(tail -1 <<<"$last_output")$'\n'
}

steps_header="name,phase,steps,wall_ms,least_ms,issue_ms,busy_ms,idle_percent,recorder"

# The phases of `ingot run --json`, each on a line of its own, as CSV rows.
steps_of() { # NAME FILE
    awk -v name="$1" '
        function value(key) {
            if (!match($0, "\"" key "\": \"?[^,\"}]*"))
                return "null"
            text = substr($0, RSTART, RLENGTH)
            sub(/^[^:]*: "?/, "", text)
            return text
        }
        function ms(text) { return text == "null" ? "" : sprintf("%.4f", text * 1e3) }
        /"step_wall_s"/ && value("steps") > 0 {
            wall = value("step_wall_s")
            busy = value("step_gpu_busy_s")
            idle = busy == "null" ? "" : sprintf("%.2f", 100 * (1 - busy / wall))
            printf "%s,%s,%d,%s,%s,%s,%s,%s,%s\n", name, value("name"), value("steps"), ms(wall),
                ms(value("step_least_s")), ms(value("step_issue_s")), ms(busy), idle, value("recorder")
        }' "$2"
}

# A model run: its steps to the summary, its recording to runs.tar.
model() { # NAME ARGUMENTS...
    local name=$1
    shift
    mkdir -p "$scratch/runs"
    run "$name" 120 "$here/ingot" run "$@" --json -o "$scratch/runs/$name.run.jsonl.gz"
    [ "$last_code" = 0 ] || return 0
    printf '%s\n' "$last_output" >"$scratch/runs/$name.json"
    [ -e "$out/summary.csv" ] || echo "$steps_header" >"$out/summary.csv"
    steps_of "$name" "$scratch/runs/$name.json" | tee -a "$out/summary.csv" >"$scratch/steps"
    summary[-1]="$(cut -c1-42 <<<"${summary[-1]}")$(awk -F, '{printf " %s %s ms (busy %s)", $2, $4, $7}' "$scratch/steps")"
    tar -cf "$out/runs.tar" -C "$scratch/runs" .
}

# Operator rows and decode steps on one variant of the GPU.
variant() { # NAME OPTIONS...
    local name=$1
    shift
    mkdir -p "$scratch/variants"
    run "rows $name" 100 "$here/ingot" bench "$here/rows-variants.csv" --method graph_steady "$@" \
        -o "$scratch/variants/$name.csv"
    [ "$last_code" = 0 ] || rm -f "$scratch/variants/$name.csv" "$scratch/variants/$name.csv.meta.json"
    run "steps $name" 100 "$here/ingot" run -w codellama-7b -P 512 --steps 3 "$@" --json \
        -o "$scratch/variants/$name.run.jsonl.gz"
    if [ "$last_code" = 0 ]; then
        printf '%s\n' "$last_output" >"$scratch/variants/$name.json"
        [ -e "$out/summary.csv" ] || echo "$steps_header" >"$out/summary.csv"
        steps_of "variant $name" "$scratch/variants/$name.json" >>"$out/summary.csv"
        tables+=$(steps_of "variant $name" "$scratch/variants/$name.json")$'\n'
    else
        rm -f "$scratch/variants/$name.run.jsonl.gz"
    fi
    tar -cf "$out/variants.tar" -C "$scratch/variants" .
}

run environment 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv,noheader
run starts 20 "$here/ingot" --version
run detect 30 "$here/ingot" detect

for part in $parts; do
    case $part in
    kernels) # in four processes: references and comparisons take the host longer than kernels the GPU
        begin=$SECONDS
        for i in 0 1 2 3; do
            OMP_NUM_THREADS=4 with_libraries timeout -k 5 300 "$here/kernel_test" --seed 1 --verbose --part $i/4 \
                >"$scratch/kernels.$i" 2>&1 &
        done
        wait
        cat "$scratch"/kernels.? >>"$log"
        tables+=$(grep -hE "^FAILED|^not written|^skipped" "$scratch"/kernels.? | cut -c1-220 | head -60)$'\n'
        summary+=("$(tail -qn 1 "$scratch"/kernels.? | awk -v s=$((SECONDS - begin)) '
            / passed, .* failed, .* skipped/ { parts++; passed += $1; failed += $3; skipped += $5 }
            END { printf "kernels, %d of 4 parts %4ds  %d passed, %d failed, %d skipped", parts, s, passed, failed, skipped }')")
        ;;
    sanitizer) # our kernels on cases of up to 5 MB; memcheck on the libraries', too. Checks run beside each other.
        tool=$(command -v compute-sanitizer || find / -xdev -name compute-sanitizer -type f 2>/dev/null | head -1)
        if [ -z "$tool" ]; then
            summary+=("sanitizer                    skipped: no compute-sanitizer")
            continue
        fi
        sanitize() { # NAME TOOL OPTIONS...
            local name=$1 check=$2 begin=$SECONDS code=0
            shift 2
            # NCCL asks for kernels that it does not have.
            [ "$check" = memcheck ] && set -- "$@" && check="memcheck --report-api-errors no"
            with_libraries timeout -k 5 200 "$tool" --tool $check --error-exitcode 9 "$here/kernel_test" --seed 2 "$@" \
                >"$scratch/sanitizer.$name" 2>&1 || code=$?
            printf '%-28s exit %3d %4ds  %s; %s\n' "$name" "$code" $((SECONDS - begin)) \
                "$(grep -E '[0-9]+ passed' "$scratch/sanitizer.$name" | tail -1)" \
                "$(grep SUMMARY "$scratch/sanitizer.$name" | tail -1 | cut -c11-100)" >"$scratch/sanitizer.$name.line"
        }
        for share in 0/2 1/2; do
            for check in memcheck racecheck synccheck initcheck; do
                OMP_NUM_THREADS=2 sanitize "$check.${share%/2}" $check --own --max-bytes 5000000 --part $share &
            done
        done
        OMP_NUM_THREADS=2 sanitize memcheck.libraries memcheck --kind gemm --max-bytes 1000000 &
        OMP_NUM_THREADS=2 sanitize memcheck.exchanges memcheck --kind collective --max-bytes 1000000 &
        wait
        for line in "$scratch"/sanitizer.*.line; do
            summary+=("$(cat "$line")")
            cat "${line%.line}" >>"$log"
        done
        ;;
    numerics)
        for batch in 1 2; do
            numerics "7b b$batch" -w codellama-7b --layers 2 -b "$batch" -P 21 --steps 3
        done
        for name in chameleon-7b chameleon-34b; do
            numerics "$name" -w "$name" --layers 2 -P 13 --steps 2
        done
        numerics "unfused" -w codellama-7b --layers 2 -s fuse=none -P 21 --steps 2
        for mode in batched_3x sequential_2x; do
            numerics "chameleon-7b $mode" -w chameleon-7b/t-i --layers 2 -P 13 --steps 2 -s cfg_mode=$mode
        done
        for batch in 1 2; do
            numerics "layerskip b$batch" -w codellama-7b --layers 3 -P 21 --steps 5 -b "$batch" \
                -s "speculate=layerskip(1,3,0.6)"
        done
        for batch in 1 2; do # a draft model with weights, widths and caches of its own
            numerics "draft model b$batch" -w codellama-13b --layers 2 -P 21 --steps 5 -b "$batch" \
                -s "speculate=draft(codellama-7b,3,0.6)"
        done
        numerics "draft model unfused" -w codellama-13b --layers 2 -P 21 --steps 4 -b 2 -s fuse=none \
            -s "speculate=draft(codellama-7b,2,0.6)"
        numerics "draft model paged" -w codellama-13b --layers 2 -P 21 --steps 4 -b 2 -s "kv_cache=paged(16)" \
            -s "speculate=draft(codellama-7b,2,0.6)"
        for type in fp8 int8 int4; do
            numerics "kv $type" -w codellama-7b --layers 2 -P 21 --steps 2 -b 2 -s kv_dtype=$type
        done
        run counters 60 "$here/ingot" run -w codellama-7b -P 218 --steps 1 --counters
        tables+=$last_output$'\n'
        numerics "two streams" -w codellama-7b --layers 2 -P 21 --steps 3 -s fuse=none -s streams=2
        numerics "paged" -w codellama-7b --layers 2 -P 21 --steps 3 -b 2 -s "kv_cache=paged(16)"
        numerics "paged int8" -w codellama-7b --layers 2 -P 21 --steps 3 -b 2 -s "kv_cache=paged(16)" -s kv_dtype=int8
        numerics "window" -w codellama-7b --layers 2 -P 21 --steps 8 -b 2 -s "kv_keep=window(4,20)"
        numerics "fp16" -w codellama-7b --layers 2 -P 21 --steps 2 -s weights=fp16
        for type in int8 int4; do
            numerics "weights $type" -w codellama-7b --layers 2 -P 21 --steps 2 -s weights=$type
        done
        ;;
    power) # at rest, under loads made of one thing each, and of steps repeated for seconds with nothing recorded between
        sleep 3
        timeout 3 nvidia-smi --query-gpu=timestamp,power.draw.instant,power.limit,clocks.sm,clocks.mem,temperature.gpu,pstate \
            --format=csv -lms 250 >"$out/power-rest.csv"
        tables+=$(tail -2 "$out/power-rest.csv")$'\n'
        power_of() { # NAME ARGUMENTS...
            local name=$1
            shift
            run "power $name" 60 "$here/ingot" run "$@" --steps 1 --json
            printf '%s\n' "$last_output" >"$out/power-$name.json"
            tables+="$name "$(grep -E '"(name|board_power_w|sm_clock_hz|step_wall_s)"' <<<"$last_output" | tr -d '\n ')$'\n'
        }
        power_of 7b-b1 -w codellama-7b -P 512 --repeats 300
        run "power loads" 150 "$here/ingot" bench --power --seconds 1.5 -o "$out/power-loads.csv"
        tables+=$(cut -d, -f1-4,5-11,14-17 "$out/power-loads.csv")$'\n'
        power_of 7b-b16 -w codellama-7b -P 64 -b 16 --repeats 200 # a prefill of 512 tokens takes a minute
        power_of 7b-int8-b1 -w codellama-7b -P 64 -s weights=int8 --repeats 300
        power_of 34b-b1 -w codellama-34b -P 64 --repeats 80
        ;;
    ceilings)
        run ceilings 120 "$here/ingot" bench --ceilings --json
        printf '%s\n' "$last_output" >"$out/ceilings.json"
        tables+=$(grep -E '"[a-z0-9_]+(_per_s|_s)": [0-9]' <<<"$last_output")$'\n'
        ;;
    models) # Code Llama 7B by preset and batch
        for batch in 1 4 16; do
            model "7b-graph-b$batch" -w codellama-7b -P 218 --steps 2 -b "$batch"
            model "7b-eager-b$batch" -w codellama-7b -P 218 --steps 2 -b "$batch" -s launch=eager
        done
        model "7b-eager-emulated" -w codellama-7b -P 218 --steps 2 -s launch=eager --emulate-dispatch-us 5
        model "7b-unfused" -w codellama-7b -P 218 --steps 2 -s fuse=none
        model "7b-streams" -w codellama-7b -P 218 --steps 2 -s fuse=none -s streams=2
        model "7b-maximal" -w codellama-7b -P 218 --steps 2 -s fuse=maximal
        for batch in 1 4; do
            model "7b-int8-b$batch" -w codellama-7b -P 218 --steps 2 -b "$batch" -s weights=int8
            model "7b-int4-b$batch" -w codellama-7b -P 218 --steps 2 -b "$batch" -s weights=int4
        done
        model "7b-fp8-b16" -w codellama-7b -P 218 --steps 2 -b 16 -s weights=fp8 -s activations=fp8
        for batch in 1 16; do
            model "7b-autoquant-b$batch" -w codellama-7b -P 218 --steps 2 -b "$batch" -p autoquant
        done
        model "7b-layerskip" -w codellama-7b -P 218 --steps 8 -p layerskip
        model "7b-all" -w codellama-7b -P 218 --steps 8 -p all
        model "7b-long-b4" -w codellama-7b -P 2048 --steps 2 -b 4
        model "7b-paged-b4" -w codellama-7b -P 2048 --steps 2 -b 4 -s "kv_cache=paged(16)"
        for type in fp8 int8 int4; do
            model "7b-kv-$type-b4" -w codellama-7b -P 2048 --steps 2 -b 4 -s kv_dtype=$type
        done
        ;;
    chameleon) # text out, and image tokens out under each guidance
        for batch in 1 4; do
            model "ch-7b-it-b$batch" -w chameleon-7b/i-t --steps 2 -b "$batch"
            for mode in none batched_3x sequential_2x; do
                model "ch-7b-ti-$mode-b$batch" -w chameleon-7b/t-i --steps 2 -b "$batch" -s cfg_mode=$mode
            done
        done
        model "ch-7b-ti-batched_3x-b16" -w chameleon-7b/t-i --steps 2 -b 16 -s cfg_mode=batched_3x
        model "ch-7b-it-eager" -w chameleon-7b/i-t --steps 2 -s launch=eager
        model "ch-7b-it-autoquant" -w chameleon-7b/i-t --steps 2 -p autoquant
        ;;
    models34)
        for batch in 1 4 16; do
            model "34b-graph-b$batch" -w codellama-34b -P 218 --steps 2 -b "$batch"
        done
        model "34b-eager" -w codellama-34b -P 218 --steps 2 -s launch=eager
        model "34b-int8" -w codellama-34b -P 218 --steps 2 -s weights=int8
        model "34b-int4" -w codellama-34b -P 218 --steps 2 -s weights=int4
        model "34b-autoquant" -w codellama-34b -P 218 --steps 2 -p autoquant
        ;;
    mutants) # planted faults (mutate.sh): the kernel test must fail on each
        mutant() { # FILE: its verdict, into a file
            local name code=0
            name=$(basename "$1" .so)
            INGOT_GPU_LIBRARY=$1 with_libraries timeout -k 5 120 "$here/kernel_test" --seed 3 --kind "${name##*.}" \
                --max-bytes 30000000 >"$scratch/mutant.$name" 2>&1 || code=$?
            [ "$code" = 1 ] && grep -q "^FAILED" "$scratch/mutant.$name" && verdict=caught || verdict="NOT CAUGHT"
            printf '%-28s %s, exit %d: %s\n' "mutant $name" "$verdict" "$code" \
                "$(tail -1 "$scratch/mutant.$name")" >"$scratch/mutant.$name.line"
        }
        for file in "$here"/mutants/*.so; do
            [ -e "$file" ] || { summary+=("mutants                      skipped: none were built"); break; }
            mutant "$file" &
        done
        wait
        for line in "$scratch"/mutant.*.line; do
            [ -e "$line" ] && summary+=("$(cat "$line")")
        done
        ;;
    peers) # PyTorch beside ours, by the same method on the same GPU
        run "rows peers" 60 "$here/ingot" bench "$here/rows-peers.csv" --method graph_steady -o "$scratch/ours.csv"
        run "rows in PyTorch" 200 python3 "$here/peers.py" rows "$scratch/ours.csv" "$out/rows-peers.csv"
        tables+=$(cut -d, -f1-3,5,7 "$out/rows-peers.csv")$'\n'
        for name in codellama-7b codellama-34b; do
            model "$name" -w "$name" -P 217 --steps 4
            run "$name in PyTorch" 200 python3 "$here/peers.py" decode "$name" 218 "$out/peers-decode.csv"
            tables+="$(tail -1 <<<"$last_output")"$'\n'
        done
        ;;
    variants) # each beside the whole GPU; the simulator's for the same override are asked for elsewhere
        variant whole
        for count in 32 48 64 66 80 96 100 104 112; do # of an H100's 132; 66 is half, 100 about three quarters
            variant "sms-$count" --sms $count
        done
        # What takes bandwidth or L2 has SMs of its own: each is to be compared with the same SMs alone, above.
        for pair in 104:0.9 104:0.82 96:0.78 64:0.85 64:0.7 64:0.6; do
            variant "sms-${pair%:*}-bandwidth-${pair#*:}" --sms "${pair%:*}" --bandwidth-share "${pair#*:}"
        done
        for share in 0.75 0.6 0.5; do
            variant "sms-112-l2-$share" --sms 112 --l2-share $share
        done
        # A launch costs 3.3 us from C: two and four times that, emulated; eager steps alone.
        model "launch-x1" -w codellama-7b -P 512 --steps 2 -s launch=eager
        model "launch-x2" -w codellama-7b -P 512 --steps 2 -s launch=eager --emulate-launch-us 3.3
        model "launch-x4" -w codellama-7b -P 512 --steps 2 -s launch=eager --emulate-launch-us 9.9
        ;;
    memory) # memory-bound operators, and their bandwidths as shares of a copy's
        run "rows memory" 120 "$here/ingot" bench "$here/rows-memory.csv" -o "$out/rows-memory.csv"
        cat "$out/rows-memory.csv.meta.json" >>"$log" 2>/dev/null
        rm -f "$out/rows-memory.csv.meta.json"
        tables+=$(awk -f "$here/shares.awk" "$out/rows-memory.csv" 2>/dev/null)$'\n'
        ;;
    rows)
        for method in cupti_cold_l2 graph_steady; do
            run "rows $method" 120 "$here/ingot" bench "$here/rows.csv" --method "$method" -o "$out/rows-$method.csv"
            tables+=$(cut -d, -f1-7,11,12,16,17,22- "$out/rows-$method.csv" 2>/dev/null)$'\n'
            cat "$out/rows-$method.csv.meta.json" >>"$log" 2>/dev/null
            rm -f "$out/rows-$method.csv.meta.json"
        done
        ;;
    ranks) # exchanges between GPUs
        run links 20 nvidia-smi topo -m
        tables+=$last_output$'\n'
        run "kernels collective" 120 "$here/kernel_test" --seed 1 --verbose --kind collective
        tables+=$(grep -E "^FAILED|^skipped|^passed" <<<"$last_output" | cut -c1-220)$'\n'
        run "rows collective" 200 "$here/ingot" bench "$here/rows-collective.csv" --method graph_steady \
            -o "$out/rows-collective.csv"
        cat "$out/rows-collective.csv.meta.json" >>"$log" 2>/dev/null
        rm -f "$out/rows-collective.csv.meta.json"
        tables+=$(cat "$out/rows-collective.csv" 2>/dev/null)$'\n'
        ;;
    *) summary+=("$part: no such part") ;;
    esac
done
printf '%s\n' "$tables" | tee -a "$log"
echo "================ summary ================"
printf '%s\n' "${summary[@]}" | tee -a "$log"
