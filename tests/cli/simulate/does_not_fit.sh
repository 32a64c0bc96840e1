ingot simulate --machine t4 --workload codellama-34b/humaneval
