ingot simulate --machine h200-sxm --workload codellama-34b/humaneval --preset baseline
