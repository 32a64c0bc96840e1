ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --distribution=100 | tail -5
