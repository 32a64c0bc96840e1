ingot simulate --machine h200-sxm --workload codellama-7b --prompt 100 --steps 2 --engine event | head -2
