ingot simulate --machine h200-sxm --workload codellama-7b --prompt 16 --steps 2 --timeline t.run.jsonl.gz --quiet >/dev/null
gzip -dc t.run.jsonl.gz >t.jsonl
head -1 t.jsonl | json_check schema machine workload host engine scenario
tail -n +2 t.jsonl | json_check --lines phase step layer op stream start_s duration_s
