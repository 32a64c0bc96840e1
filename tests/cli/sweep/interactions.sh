# What levers are worth on each machine, and machines under each lever set; as JSON too, where 1 is no interaction.
cat >co.yaml <<'YAML'
schema: 1
name: co
machines: [h200-sxm]
workloads: [codellama-7b/humaneval, hstu/h-a]
levers: [sdpa, compile]
vary: {hbm.bandwidth_bytes_per_s: [2.4e12, 9.6e12]}
YAML
ingot sweep co.yaml --interactions
ingot sweep co.yaml --interactions --json >co.json && json_check <co.json && grep -o '"interaction": 1}' co.json | wc -l
