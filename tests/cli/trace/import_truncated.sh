zcat $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-compile-decode.json.gz | head -c 30000 >cut.json
ingot trace import cut.json
