cat >small.yaml <<'YAML'
schema: 1
name: small
question: Does bandwidth matter?
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [baseline, compile]
vary:
  hbm.bandwidth_bytes_per_s: {factors: [0.5, 1, 2]}
  sm.count: [66, 132]
objectives: [latency_s, energy_j, cost_usd]
YAML
ingot sweep small.yaml --json | json_check name points computed groups.workload groups.feasible groups.objectives groups.findings groups.series.latency_elasticities groups.series.elasticities.cost_usd groups.front.knobs groups.front.latency_s
ls
