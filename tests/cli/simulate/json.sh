for preset in baseline sdpa compile; do
    ingot simulate --machine h200-sxm --workload codellama-34b/humaneval --preset $preset --json >result.json
    json_check machine workload levers batch engine host latency_s ttft_s tpot_s gpu_busy_s gpu_idle_s idle_frac energy_j \
        peak_memory_bytes interval.lower_s interval.upper_s categories.linear categories.attention categories.norm \
        categories.embedding categories.conv categories.copy categories.kv_reorder categories.misc categories.idle \
        phases.name phases.steps phases.latency_s phases.gpu_busy_s ops.id ops.kind ops.category ops.phase ops.count \
        ops.shape ops.flops ops.weight_bytes ops.read_bytes ops.write_bytes ops.launches ops.time_s ops.bound <result.json
done
