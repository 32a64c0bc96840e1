#include "sim/explore/ablation.h"

#include "sim/explore/row_prediction.h"

#include <assert.h>
#include <math.h>

static const ablation_term terms[] = {
    {"gap between replays", OP_gemm, {"method.graph_steady_gap_ratio"}, {0}},
    {"start and drain of a kernel", OP_gemm, {"gemm.start_clk"}, {0}},
    {"prologue of a block", OP_gemm, {"gemm.prologue_clk"}, {0}},
    {"least step of the reduction loop", OP_gemm, {"gemm.step_clk"}, {0}},
    {"tensor pipe below its peak", OP_gemm, {"gemm.tensor_efficiency_frac"}, {1}},
    {"last waves shared between SMs", OP_gemm, {"gemm.shared_last_frac"}, {0}},
    {"L2 bandwidth below its peak", OP_gemm, {"gemm.l2_efficiency_frac"}, {1}},
    {"operands shared between SMs", OP_gemm, {"gemm.multicast_ratio"}, {1}},
    {"latency of loads under load", OP_gemm, {"gemm.loaded_latency_ratio"}, {0.2}},
    {"epilogue", OP_gemm, {"gemm.epilogue_ratio"}, {16}},
    {"memory bandwidth below its peak", OP_gemm, {"gemm.hbm_efficiency_frac", "gemm.write_efficiency_frac"}, {1, 1}},
    {"ramp of a memory stream", OP_gemm, {"gemm.hbm_ramp_s"}, {0}},
    {"memory and SM time that do not overlap", OP_gemm, {"gemm.overlap_loss_frac"}, {0}},
    {"L2 that repeats keep", OP_gemm, {"memory.l2_residency_frac"}, {1}},
    {"gradual loss of residency", OP_gemm, {"gemm.residency_fall_ratio"}, {0.01}},
    {"the kernel after a split reduction", OP_gemm, {"gemm.reduce_latencies"}, {0}},
    {"power limit", OP_gemm, {"gemm.switching_frac"}, {0.1}},
    {"the quantising kernel", OP_gemm, {"gemm.quantise_latencies", "gemm.quantise_row_clk"}, {0, 0}},
    {"the harness's quantising chain", OP_gemm, {"method.trtllm_quantise_s"}, {0}},
    {"lower memory rate of kernels that scale products", OP_gemm, {"gemm.scaled_hbm_ratio"}, {1}},
    {"waits for scales that all blocks read", OP_gemm, {"gemm.scale_request_clk"}, {0}},
    {"weights that vLLM's rows never set", OP_gemm, {"method.vllm_switching_ratio"}, {1}},
    {"release of cuBLAS in vLLM's rows", OP_gemm, {"method.vllm_hbm_ratio"}, {1}},
    {"least step of warp instructions", OP_gemm, {"gemm.warp_step_clk"}, {0}},
    {"slices that wait for each other", OP_gemm, {"gemm.slice_latencies"}, {0}},
    {"engine call around a plugin", OP_gemm, {"method.trtllm_plugin_s"}, {0}},
    {"higher memory rate of plugins", OP_gemm, {"method.trtllm_plugin_hbm_ratio"}, {1}},
    {"choice of a plugin's kernels by chance", OP_gemm, {"gemm_plugin.profile_spread_frac"}, {0.01}},
    {"waits of a plugin's vector kernels", OP_gemm, {"gemm_plugin.vector_latencies"}, {0}},
    {"slower memory at the start of a series", OP_gemm, {"method.series_loss_frac"}, {0}},
    {"start and drain of a kernel",
     OP_attention,
     {"attention.start_latencies", "attention_xqa.start_latencies"},
     {0.5, 0.5}},
    {"helper kernels", OP_attention, {"attention.helper_latencies", "attention_xqa.helper_latencies"}, {0.3, 0.1}},
    {"memory bandwidth below its peak", OP_attention, {"attention.hbm_efficiency_frac"}, {1}},
    {"L2 bandwidth below its peak", OP_attention, {"attention.l2_efficiency_frac"}, {1}},
    {"L2 that repeats keep", OP_attention, {"attention.l2_residency_frac"}, {0.05}},
    {"computing and memory time that do not overlap", OP_attention, {"attention.exposed_frac"}, {0}},
    {"tail of a last wave", OP_attention, {"attention.tail_frac"}, {0}},
    {"power limit", OP_attention, {"attention.switching_frac"}, {0.1}},
    {"cache write, block a token", OP_attention, {"attention.token_block_latencies"}, {1}},
    {"combination of splits",
     OP_attention,
     {"attention.combine_latencies", "attention_xqa.combine_latencies"},
     {0.5, 0}},
    {"softmax beside the products",
     OP_attention,
     {"attention_fa3.softmax_ops", "attention_fa3_paged.softmax_ops", "attention_fmha_hopper.softmax_ops"},
     {1, 1, 1}},
    {"fixed time of a context block",
     OP_attention,
     {"attention_fa3.cta_latencies", "attention_fa3_paged.cta_latencies", "attention_fmha_hopper.cta_latencies"},
     {0.1, 0.1, 0.1}},
    {"fixed time of a decoding block",
     OP_attention,
     {"attention_fa3_paged.decode_cta_latencies", "attention_xqa.cta_latencies", "attention_mmha.cta_latencies"},
     {0.3, 0.3, 0.3}},
    {"narrow heads, two blocks an SM", OP_attention, {"attention_fa3.narrow_ratio"}, {1}},
    {"transposing 8-bit keys",
     OP_attention,
     {"attention_fa3_paged.convert_ops", "attention_fa3_paged.block8_frac"},
     {0, 0}},
    {"rotation before attention", OP_attention, {"attention_fmha_hopper.rope_clk", "attention_xqa.rope_clk"}, {0, 0}},
    {"hops", OP_collective, {"collective.hop_latencies"}, {0.1}},
    {"few channels for few bytes", OP_collective, {"collective.ll_bytes_per_clk"}, {0.1}},
    {"all channels for more bytes", OP_collective, {"collective.wide_bytes_per_clk"}, {1}},
    {"start of protocol Simple", OP_collective, {"collective.simple_start_clk"}, {0}},
    {"rings' ends", OP_collective, {"collective.end_ratio"}, {1}},
    {"sums in the switch", OP_collective, {"collective.switch_frac"}, {0.05}},
    {"start of sums in the switch", OP_collective, {"collective.switch_start_clk"}, {0}},
    {"more channels of long pairs", OP_collective, {"collective.pair_long_frac"}, {0.05}},
    {"grouped pairs' start",
     OP_collective,
     {"collective.pair_start_latencies", "collective.pair_simple_start_s"},
     {0, 0}},
};

const ablation_term *ablation_terms(size_t *count) {
    *count = sizeof terms / sizeof terms[0];
    return terms;
}

/* Adds a row's absolute errors, a lane each. */
static bool add_errors(const operator_row *row, op_kind kind, const machine_block *block, lanes sums) {
    if (row->unsupported || row->empty || !(row->measured_s > 0) || row->op.kind != kind)
        return false;
    lanes time_s;
    predict_row_lanes(row, block, time_s);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        sums[i] += fabs(time_s[i] / row->measured_s - 1);
    return true;
}

size_t ablate(const row_table *table, const machine *m, const calibration *c, ablation_row *rows) {
    size_t all = sizeof terms / sizeof terms[0], scored = 0;
    const machine *machines[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    calibration without[MACHINE_LANES];
    for (size_t first = 0, count; first < all; first += count) {
        op_kind kind = terms[first].kind;
        for (count = 0; count < MACHINE_LANES; count++) {
            bool ends = first + count == all || terms[first + count].kind != kind;
            if (ends)
                break;
            machines[count] = m, calibrations[count] = &without[count], without[count] = *c;
            const ablation_term *term = &terms[first + count];
            for (size_t k = 0; k < 3 && term->keys[k]; k++) {
                const machine_key *key = calibration_key_find(term->keys[k]);
                assert(key);
                calibration_set(&without[count], key, term->neutral[k]);
            }
        }
        machine_block block;
        machine_block_fill(&block, machines, calibrations, count);
        lanes sums = {0};
        size_t n = 0;
        for (size_t r = 0; r < table->count; r++)
            n += add_errors(&table->rows[r], kind, &block, sums);
        for (size_t i = 0; i < count && n > 0; i++)
            rows[scored++] = (ablation_row){&terms[first + i], sums[i] / (double)n};
    }
    return scored;
}
