ingot trace import $SOURCE/validate/measured/h200-sxm/traces/codellama-7b-compile-decode.json.gz --json |
    json_check device wall_s gpu_busy_s gpu_idle_s kernels matched_frac categories.linear categories.idle steps \
    step_list.wall_s idle.launch_bound_s idle.gaps.below_s host_ops.name host_calls.launches
