ingot simulate --machine h200-sxm --workload llama-2-7b --prompt 4096 --steps 1
