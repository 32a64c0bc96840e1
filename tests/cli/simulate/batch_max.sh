ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --batch max -q | head -1
