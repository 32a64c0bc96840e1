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
ingot sweep small.yaml --store small.db >/dev/null
PATH=$(dirname "$(command -v ingot)") ingot report small.db --output small.html
code=$?
ls *.html 2>/dev/null
exit $code
