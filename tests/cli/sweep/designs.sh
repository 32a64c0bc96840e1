# A question for a mix: the cheapest design that keeps its constraints, then one that none keeps; every search agrees
# with the grid in a space this small, and a store keeps points and the mix.
cat >next.yaml <<'YAML'
schema: 1
name: next
machines: [h200-sxm]
mix: {codellama-7b/humaneval: 3, hstu/h-a: 1}
levers: {preset: [compile], weights: [bf16, int8]}
vary:
  sm.count: {range: {from: 66, to: 132, step: 22}}
  hbm.bandwidth_bytes_per_s: {values: [3.2e12, 4.8e12, 6.4e12], tied: [hbm.stacks, hbm.capacity_bytes, hbm.bus_bits]}
constraints:
  - tpot_p90_s <= 0.004
  - latency_s <= base(latency_s) * 1.2
objectives: [cost_usd]
YAML
ingot sweep next.yaml --store next.db
for method in random sobol anneal evolve; do
    ingot sweep next.yaml --search $method --evaluations 20 --seed 4 --json >$method.json
    json_check <$method.json && grep -c '"best": {' $method.json
done
ingot report next.db --workload mix --output mix.md && grep -c 'compile weights=int8' mix.md
ingot sweep next.yaml --minimize energy_j --where "tpot_p50_s <= 1e-4"
