ingot compare h100-sxm h200-sxm --workload codellama-34b/humaneval --preset compile >result.txt
lines=$(wc -l <result.txt)
[ "$lines" -le 30 ] || echo "more than a screen: $lines lines"
grep -E "is [0-9.]+ times as fast|memory bandwidth|device memory" result.txt
ingot compare h200-sxm:baseline "h200-sxm:compile weights=int8" --workload codellama-7b/humaneval --json >result.json
json_check workload batch speedup speedup_lower speedup_upper b_faster_frac extrapolated a.machine a.levers b.levers \
    a.latency_s b.latency_s a.bound_s.hbm b.category_s.linear causes.name causes.saved_s ops.phase ops.id <result.json
