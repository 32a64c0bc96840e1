ingot compare h100-sxm --workload codellama-7b/humaneval; echo $?
ingot compare h100-sxm h300-sxm --workload codellama-7b/humaneval; echo $?
ingot compare h200-sxm h200-sxm:fastest --workload codellama-7b/humaneval; echo $?
ingot compare h200-sxm l4 --workload codellama-34b/humaneval; echo $?
ingot compare h200-sxm l4 --workload codellama-7b/humaneval --engine event; echo $?
