# At batch 1 the eager baseline leaves the GPU idle over 30 % of the time, captured graphs under 10 %.
for preset in baseline compile; do
    ingot simulate --machine h200-sxm --workload codellama-34b/humaneval --preset $preset --json |
        awk -v preset=$preset -F': ' '/"idle_frac"/ { print preset, ($2 + 0 > 0.3 ? "over 30 %" : $2 + 0 < 0.1 ? "under 10 %" : $2) }'
done
