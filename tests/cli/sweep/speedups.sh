# Gains by lever beside published ones, as Markdown and JSON; a speed-up whose case the sweep lacks.
ingot sweep $SOURCE/configs/sweeps/paper-levers.yaml
ingot sweep $SOURCE/configs/sweeps/paper-levers.yaml --json | json_check speedups.published speedups.predicted groups_of_speedups.spearman_rho
cat >wrong.yaml <<'YAML'
schema: 1
name: wrong
machines: [a100-sxm-80gb]
workloads: [codellama-7b/humaneval]
levers: [sdpa, compile]
speedups:
  - {group: a, workload: codellama-7b/humaneval, levers: compile, over: baseline}
YAML
ingot sweep wrong.yaml
