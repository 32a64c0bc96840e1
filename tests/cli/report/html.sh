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
command -v gnuplot >/dev/null || { echo "SKIPPED: no gnuplot"; exit 77; }
ingot sweep small.yaml --store small.db >/dev/null
ingot report small.db --output small.html
grep -o '<h[12][^<]*<' small.html
grep -c '<svg class="plot"' small.html
grep -cE 'src=|href="http|@import' small.html || true # nothing from elsewhere
