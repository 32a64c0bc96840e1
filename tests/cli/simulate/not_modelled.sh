ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --set schedule=chunked
