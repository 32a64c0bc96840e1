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
# Any number of threads gives the same answer, and a finished sweep resumes to nothing.
for threads in 1 2 3; do
    ingot sweep small.yaml --threads $threads --json | grep -v -e elapsed_s -e points_per_s | sha256sum
done | uniq | wc -l
ingot sweep small.yaml --store small.db >/dev/null
ingot sweep small.yaml --store small.db --resume --json | grep computed
