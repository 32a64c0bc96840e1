#!/usr/bin/env bash
# What searches find in a space of ten million designs whose optimum is known by enumeration: each of 20 seeds is given
# 2,000 evaluations. Part of make bench. usage: search.sh BUILD_DIRECTORY [SPACE.yaml]
set -euo pipefail
build=$1
space=${2:-$(dirname "$0")/../../configs/sweeps/ten-million.yaml}
evaluations=2000 seeds=20

work=$(mktemp)
trap 'rm -f "$work"' EXIT

# The first goal of the best design in the JSON on stdin; "none" where none is feasible.
best() {
    awk -F'[:,]' '/"best"/ { found = 1 }
        found && /"usd_per_million"/ { printf "%.10g\n", $2; printed = 1; exit }
        END { if (!printed) print "none" }'
}

"$build/ingot" sweep "$space" --search grid --json --quiet >"$work"
optimum=$(best <"$work")
awk -F'[:,]' '/"evaluated"/ { designs = $2 }
    /"elapsed_s"/ { printf "enumerated: %d designs in %.0f s\n", designs, $2 }' "$work"
echo "optimum: $optimum USD a million requests; $evaluations evaluations, $seeds seeds:"
for method in random sobol anneal evolve; do
    for seed in $(seq $seeds); do
        { "$build/ingot" sweep "$space" --json --quiet --search $method --evaluations $evaluations --seed "$seed" \
            2>/dev/null || true; } | best
    done | sort -g | awk -v m=$method -v o="$optimum" '
        $1 == "none" { none++; next }
        { value[++n] = $1; near += $1 <= 1.01 * o }
        END {
            median = n ? value[int((n + 1) / 2)] : 0
            printf "%-8s within 1 %% in %2d of %d seeds; best %+.2f %%, median %+.2f %%, worst %+.2f %%%s\n", m, near, n + none,
                   100 * (value[1] / o - 1), 100 * (median / o - 1), 100 * (value[n] / o - 1), none ? "; nothing found in " none : ""
            exit m == "evolve" && near < 18
        }'
done
