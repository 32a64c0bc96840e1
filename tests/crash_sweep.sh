#!/usr/bin/env bash
# Kills a sweep with SIGKILL at random moments, resumes it, and compares the store with one that was never interrupted,
# row by row; likewise one rank of several where the program was built with MPI.
# usage: crash_sweep.sh INGOT STORE_DIFF TRIALS [SEED]
set -euo pipefail
ingot=$1 store_diff=$2 trials=$3
RANDOM=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sweep=$here/data/crash_sweep.yaml

fail() {
    echo "crash_sweep: $*" >&2
    exit 1
}

now_ms() {
    date +%s%3N
}

start=$(now_ms)
"$ingot" sweep "$sweep" --store "$work/whole.db" --threads 2 >/dev/null
whole_ms=$(($(now_ms) - start))

# Waits a random part of the time that a whole sweep takes.
wait_a_while() {
    local ms=$((RANDOM * whole_ms / 32768))
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
}

# run_killed STORE: whether the sweep was still running when it was killed.
run_killed() {
    "$ingot" sweep "$sweep" --store "$1" --resume --threads 2 >/dev/null 2>&1 &
    local process=$!
    wait_a_while
    kill -KILL $process 2>/dev/null || true
    local code=0
    wait $process 2>/dev/null || code=$?
    [ $code -eq 137 ]
}

finish_and_compare() {
    "$ingot" sweep "$sweep" --store "$1" --resume --threads 2 >/dev/null || fail "cannot resume after $2"
    "$store_diff" "$work/whole.db" "$1" >"$work/difference" || fail "differs after $2: $(cat "$work/difference")"
    rm -f "$1"*
}

killed=0
for ((trial = 0; killed < trials && trial < 4 * trials; trial++)); do
    kills=0
    for ((again = 0; again <= trial % 3; again++)); do
        if run_killed "$work/killed.db"; then kills=$((kills + 1)); fi
    done
    finish_and_compare "$work/killed.db" "$kills kills"
    killed=$((killed + kills))
done
[ $killed -ge "$trials" ] || fail "only $killed of $trials kills met a running sweep"
echo "killed at $killed random moments and resumed: the same rows each time"

"$ingot" sweep "$sweep" --store "$work/one.db" --threads 1 >/dev/null
finish_and_compare "$work/one.db" "one thread instead of two"

# Ctrl-C: ends at once as an interrupted program does, says what is saved, and the store goes on.
"$ingot" sweep "$sweep" --store "$work/stopped.db" --threads 2 >/dev/null 2>"$work/said" &
process=$!
sleep "0.$((whole_ms / 3 > 900 ? 900 : whole_ms / 3 + 100))"
kill -INT $process 2>/dev/null || true
code=0
wait $process || code=$?
if [ $code -eq 130 ] && [ ! -s "$work/said" ]; then
    echo "Ctrl-C came before the sweep had begun" >&2
elif [ $code -eq 130 ]; then
    grep -q "stopped: [0-9]* points computed and saved; --resume goes on" "$work/said" || fail "says: $(cat "$work/said")"
elif [ $code -ne 0 ]; then # 0: it had finished
    fail "Ctrl-C: exit $code"
fi
finish_and_compare "$work/stopped.db" "Ctrl-C"

mpirun=$(command -v mpirun || true)
if [ -z "$mpirun" ] || [ ! -e "$(dirname "$ingot")/libingot_mpi.so" ]; then
    echo "no MPI: ranks are not tested"
    exit 0
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # Open MPI's own, in a build that looks for them
together=("$mpirun" --allow-run-as-root --oversubscribe -n 2 "$ingot" sweep "$sweep" --threads 1)
"${together[@]}" --store "$work/ranks.db" >/dev/null
"$store_diff" "$work/whole.db" "$work/ranks.db" >"$work/difference" || fail "2 ranks differ: $(cat "$work/difference")"

# Open MPI's launcher ends the other ranks itself, except that it hangs when one dies before they know each other.
end_launcher() {
    for ((tries = 0; tries < 50; tries++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    pkill -KILL -P "$1" 2>/dev/null || true
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

lost=0
for ((trial = 0; lost < (trials + 4) / 5 && trial < trials + 5; trial++)); do
    "${together[@]}" --store "$work/rank.db" --resume >/dev/null 2>&1 &
    launcher=$!
    wait_a_while
    mapfile -t ranks < <(pgrep -P $launcher || true)
    if [ ${#ranks[@]} -eq 2 ] && kill -KILL "${ranks[$((trial % 2))]}" 2>/dev/null; then lost=$((lost + 1)); fi
    end_launcher $launcher
    finish_and_compare "$work/rank.db" "a rank was killed"
done
echo "killed one rank of two at $lost random moments and resumed: the same rows each time"
