# Pages opened in headless Chromium at two widths, light and dark: nothing overlaps, is clipped or complains.
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
ingot report small.db --output small.html
ingot report paper --output paper.html
if command -v tidy >/dev/null; then # of 2021, which does not know <data>
    tidy -q -e --new-inline-tags data small.html paper.html 2>&1 | grep 'Error:'
fi
bash "$SOURCE/tests/browser/check_pages.sh" small.html paper.html
