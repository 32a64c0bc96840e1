# A sweep that asks for a design says in its report which one it is.
cat >asked.yaml <<'YAML'
schema: 1
name: asked
question: Which machine is cheapest at a token every 8 ms?
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [compile, compile weights=int8]
vary:
  hbm.bandwidth_bytes_per_s: {factors: [0.5, 1, 2]}
  sm.count: [66, 132]
constraints:
  - tpot_s <= 0.008
objectives: [cost_usd]
YAML
ingot sweep asked.yaml --report asked.md >text
grep '^# \|answer\|^## The design\|^Asked' asked.md
grep -c '^| cost_usd\|^| cost\\_usd' asked.md
best=$(awk '$1 == "cost_usd" { print $2; exit }' text)
grep -F -q -- "$best" asked.md && echo "the same cost"
