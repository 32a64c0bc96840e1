ingot simulate --machine h200-sxm --workload codellama-7b --prompt 8 --steps 1 --timeline /nonexistent/t.run.jsonl.gz
