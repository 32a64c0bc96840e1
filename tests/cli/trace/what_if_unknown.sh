ingot trace what-if $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-eager-decode.json.gz --scale nothing=2
