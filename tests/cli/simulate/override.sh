# Twice the bandwidth is never slower.
latency() { ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --json "$@" | awk -F'[:,]' '/"latency_s"/ { print $2; exit }'; }
awk -v base="$(latency)" -v fast="$(latency --override hbm.bandwidth_bytes_per_s=9.6e12)" 'BEGIN { print fast < base ? "faster" : "slower" }'
