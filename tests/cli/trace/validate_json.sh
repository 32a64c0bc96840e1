ingot validate $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-eager-decode.json.gz -m h200-sxm -w codellama-7b -p baseline -P 169 --json |
    json_check matched_frac found_frac busy_error wall_error measured_idle_frac ops.ratio ops.advice largest_gaps unmatched
