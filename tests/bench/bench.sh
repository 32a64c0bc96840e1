#!/usr/bin/env bash
# make bench: predictions a second, rows a second, sweep points a second and the memory of a large sweep.
# usage: bench.sh BUILD_DIRECTORY
# Rates are of the machine as it is: run it on an idle one.
set -euo pipefail
build=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=200000

echo "one core, the analytic engine:"
"$build/bench/bench_cost"

# GEMM rows as a file, through the whole command: read, predicted, written.
awk -v rows=$rows 'BEGIN {
    srand(1)
    print "op,dtype,m,n,k"
    for (i = 0; i < rows; i++)
        printf "gemm,bf16,%d,%d,%d\n", 1 + int(8192 * rand() * rand()), 128 * (1 + int(200 * rand())), 128 * (1 + int(200 * rand()))
}' >"$work/rows.csv"
read -r seconds megabytes < <(OMP_NUM_THREADS=1 "$build/bench/run_measured" "$build/ingot" predict "$work/rows.csv" --machine h200-sxm)
awk -v rows=$rows -v s="$seconds" -v mb="$megabytes" \
    'BEGIN { printf "ingot predict, %d GEMM rows: %.2f s, %.0f rows a second on one core, %.0f MB at most\n", rows, s, rows / s, mb }'

points=100000
for threads in 1 "$(nproc)"; do
    read -r seconds megabytes < <("$build/bench/run_measured" "$build/ingot" sweep "$here/sweep-100k.yaml" \
        --store "$work/sweep-$threads.db" --threads "$threads" --quiet)
    awk -v p=$points -v s="$seconds" -v mb="$megabytes" -v t="$threads" \
        'BEGIN { printf "ingot sweep, %d points, %d thread%s: %.2f s, %.0f points a second, %.0f MB at most (limit 300)\n",
                 p, t, (t > 1 ? "s" : ""), s, p / s, mb; exit mb > 300 }'
done

# Every point another machine in all that its operators depend on.
cores=$(nproc)
echo "full requests of Code Llama 34B, HumanEval: SM count, clock, L2, HBM rate and launch cost drawn anew for each point:"
for levers in baseline sdpa compile; do
    "$build/bench/bench_sweep" "$levers" 0 1
    "$build/bench/bench_sweep" "$levers" 400000 1
    "$build/bench/bench_sweep" "$levers" 1000000 "$cores"
    "$build/bench/bench_sweep" "$levers" 1000000 "$cores" "$work/drawn.db"
    rm -f "$work"/drawn.db*
done
echo "memory from 100,000 to 10,000,000 points (limit 300 MB):"
for points in 100000 1000000 10000000; do
    "$build/bench/bench_sweep" compile $points "$cores" "$work/drawn.db"
    rm -f "$work"/drawn.db*
done

# Ranks of one thread each, on this machine.
if command -v mpirun >/dev/null && [ -e "$build/libingot_mpi.so" ]; then
    for ranks in 1 2; do
        rate=$(mpirun --allow-run-as-root --oversubscribe -n $ranks "$build/ingot" sweep "$here/ranks.yaml" --threads 1 --json |
            sed -n 's/.*"points_per_s": \([0-9.]*\).*/\1/p')
        printf 'ranks: %d of one thread: %.0f points a second\n' "$ranks" "$rate"
    done
fi
