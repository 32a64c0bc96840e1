# Every number of the designs and of the time by category is the store's.
cat >small.yaml <<'YAML'
schema: 1
name: small
question: Does bandwidth matter?
machines: [h200-sxm]
workloads: [codellama-7b/humaneval]
levers: [baseline, compile, compile weights=int8]
vary:
  hbm.bandwidth_bytes_per_s: {factors: [0.5, 1, 2]}
  sm.count: [66, 132]
objectives: [latency_s, energy_j, cost_usd]
YAML
command -v gnuplot >/dev/null || { echo "SKIPPED: no gnuplot"; exit 77; }
ingot sweep small.yaml --store small.db >/dev/null
ingot report small.db --output small.html --output small.json --output small.csv
report_check small.db small.html
json_check title question answer sections.tables.rows sections.heading <small.json && head -1 small.csv
# A number that is not the store's is found.
sed -E '0,/<td class="n"><data value="[^"]*">/s//<td class="n"><data value="12345.5">/' small.html >wrong.html
report_check small.db wrong.html | cut -c1-50
