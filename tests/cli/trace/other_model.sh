ingot validate $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-eager-decode.json.gz -m h200-sxm -w codellama-34b -p baseline -P 169
