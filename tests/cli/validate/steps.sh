ingot validate $SOURCE/validate/measured/h200-sxm/codellama-7b-pytorch.jsonl --machine h200-sxm
