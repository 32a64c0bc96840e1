ingot simulate --machine h200-sxm --workload codellama-7b/humaneval -v >/dev/null
