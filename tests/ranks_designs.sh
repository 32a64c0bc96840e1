#!/usr/bin/env bash
# Searches, mixes and interactions on several processes: what is found and stored equals one process's to the last bit.
# usage: ranks_designs.sh INGOT STORE_DIFF; skipped (77) without MPI
set -euo pipefail
ingot=$(realpath "$1") store_diff=$(realpath "$2")
mpirun=$(command -v mpirun || true)
if [ -z "$mpirun" ] || [ ! -e "$(dirname "$ingot")/libingot_mpi.so" ]; then
    echo "no MPI: searches on several ranks are not tested"
    exit 77
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # Open MPI's own
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >mix.yaml <<'YAML'
schema: 1
name: mix
machines: [h200-sxm, a100-sxm-80gb]
mix: {codellama-7b/humaneval: 3, hstu/h-a: 1}
levers: {preset: [compile], weights: [bf16, int8]}
vary:
  sm.count: {range: {from: 66, to: 132, step: 22}}
  hbm.bandwidth_bytes_per_s: {values: [1.6e12, 3.2e12, 4.8e12, 6.4e12]}
  hbm.capacity_bytes: {values: [8e9, 80e9]} # the smaller holds no model in 16 bits: points with reasons
constraints:
  - latency_s <= base(latency_s) * 1.2
objectives: [cost_usd, latency_s]
YAML

together() { # RANKS ARGUMENTS...
    local ranks=$1
    shift
    "$mpirun" --allow-run-as-root --oversubscribe -n "$ranks" "$ingot" sweep "$@" --threads 1
}

# same NAME ARGUMENTS...: alone, and as two and three ranks.
same() {
    local name=$1
    shift
    "$ingot" sweep "$@" --threads 2 --json --store alone.db | grep -v '"elapsed_s"\|"store"' >alone.json
    for ranks in 2 3; do
        together $ranks "$@" --json --store ranks.db | grep -v '"elapsed_s"\|"store"' >ranks.json
        cmp alone.json ranks.json || { echo "$name: $ranks ranks answer otherwise"; diff alone.json ranks.json | head; exit 1; }
        "$store_diff" alone.db ranks.db >difference || { echo "$name: $ranks ranks store otherwise: $(cat difference)"; exit 1; }
        rm -f ranks.db*
    done
    rm -f alone.db*
    echo "$name: $(sed -n 's|.*"evaluated": \([0-9]*\).*|\1|p' alone.json) designs, the same on one, two and three ranks"
}

same "grid of a mix" mix.yaml
same "evolving search" mix.yaml --search evolve --evaluations 96 --seed 3
same "annealing search" mix.yaml --search anneal --evaluations 60 --seed 3 --minimize latency_s

"$ingot" sweep mix.yaml --interactions --json --threads 1 >alone.json
together 2 mix.yaml --interactions --json >ranks.json
cmp alone.json ranks.json
echo "interactions: $(grep -o interaction ranks.json | wc -l) cells, the same on one and two ranks"

# No design: said once, by rank 0, and all ranks end.
code=0
together 2 mix.yaml --minimize energy_j --where "tpot_p50_s <= 1e-9" >out 2>err || code=$?
[ $code -eq 1 ] && [ "$(grep -c 'no design found:' err)" -eq 1 ] || { echo "no design: exit $code"; cat err; exit 1; }

# A rank that reads another sweep ends all.
sed 's/name: mix/name: other/; s/3.2e12/3.3e12/' mix.yaml >other.yaml
code=0
"$mpirun" --allow-run-as-root --oversubscribe -n 1 "$ingot" sweep mix.yaml : -n 1 "$ingot" sweep other.yaml >out 2>err ||
    code=$?
[ $code -eq 2 ] && grep -q "rank 1 reads another sweep" err || { echo "other sweep: exit $code"; cat err; exit 1; }
echo "two sweeps do not mix"
