# The saved graph holds the picks, not the alternatives.
ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --preset autoquant --save-graph g.json >/dev/null
json_check <g.json || echo "not JSON"
grep -c '"weights_dtype": "int8"' g.json
ingot simulate --machine h200-sxm --workload codellama-7b/humaneval --save-graph nowhere/g.json
