ingot validate $SOURCE/validate/measured/h200-sxm/codellama-7b-pytorch.jsonl --machine h200-sxm --json |
    json_check busy.n busy.mean_abs_err busy.median_abs_err busy.bias busy.p90 kernels.n graph_wall.n host_range steps
