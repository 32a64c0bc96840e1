# A front whose designs draw all the power they may, and whose dies no scanner exposes, says so; so does compare.
cat >limits.yaml <<'YAML'
schema: 1
name: limits
machines: [h200-sxm]
workloads: [codellama-34b/humaneval]
levers: [compile]
vary:
  hbm.bandwidth_bytes_per_s: [9.6e12]
  sm.count: [264]
objectives: [latency_s]
YAML
ingot sweep limits.yaml | grep front
sed -i 's/9.6e12/4.8e12/; s/264/132/' limits.yaml
ingot sweep limits.yaml | grep front
cat >large.yaml <<'YAML'
schema: 1
name: large
base: h200-sxm
sm: {count: 264}
hbm: {bandwidth_bytes_per_s: 9.6e12}
YAML
ingot compare h200-sxm large.yaml --workload codellama-34b/humaneval | grep '^large'
ingot sweep limits.yaml --minimize speed
echo $?
ingot sweep limits.yaml --minimize cost_usd --where "tpot_s <= 1e-6" | grep -o 'misses by .* times the bound'
