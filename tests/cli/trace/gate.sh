ingot validate $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-eager-decode.json.gz -m h200-sxm -w codellama-7b -p baseline -P 169 --max-error 0% >/dev/null
