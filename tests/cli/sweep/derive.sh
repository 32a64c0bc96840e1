# Keys that follow others by a formula, in ranges by step and by factor; the numbers of the machines stand in the store.
cat >derive.yaml <<'YAML'
schema: 1
name: derive
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile]
vary:
  sm.count: {range: {from: 66, to: 132, step: 66}}
  sm.clock_max_hz: {factors: {from: 0.5, to: 1, count: 2, spacing: log}}
derive:
  power.limit_w: power.idle_w + (base(power.limit_w) - base(power.idle_w)) * sm.count / base(sm.count)
  power.idle_w: base(power.idle_w) * sqrt(sm.count / 33)
  sm.clock_tensor_hz: min(base(sm.clock_tensor_hz), sm.clock_max_hz)
  sm.clock_base_hz: 0
YAML
ingot sweep derive.yaml --all | grep -v '^-'
sed -i 's|power.limit_w: .*|power.limit_w: 1000 * (sm.count - 66)|' derive.yaml
ingot sweep derive.yaml --all 2>&1 | grep -E 'power|feasible'
