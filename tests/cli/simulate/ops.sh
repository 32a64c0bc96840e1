# A row an operator, of both phases.
ingot simulate --machine h200-sxm --workload codellama-7b --prompt 16 --steps 2 --ops | grep -E '^(phase|prefill|decode) '
