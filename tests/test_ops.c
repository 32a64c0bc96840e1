/* Work of the operators that are more than a row or a product, against counts made by hand. */
#include "core/graph.h"
#include "core/op.h"
#include "core/plan.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/cost.h"

#include <criterion/criterion.h>
#include <string.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

Test(ops, convolutions_count_taps_and_positions) {
    op strided = {.kind = OP_conv1d,
                  .as.conv1d = {.batch = 1,
                                .cin = 1024,
                                .cout = 2048,
                                .len = 493,
                                .kernel = 8,
                                .stride = 8,
                                .dilation = 1,
                                .groups = 1,
                                .pad_left = 4,
                                .pad_right = 4,
                                .dtype = DTYPE_fp16}};
    cr_expect_eq(conv1d_out_len(&strided.as.conv1d), 493 / 8 + 1, "Seamless's adaptor");
    cr_expect_eq(op_work_of(&strided).flops, 2.0 * 62 * 1024 * 2048 * 8);
    op transposed = {.kind = OP_conv1d,
                     .as.conv1d = {.batch = 1,
                                   .cin = 512,
                                   .cout = 256,
                                   .len = 10,
                                   .kernel = 11,
                                   .stride = 5,
                                   .dilation = 1,
                                   .groups = 1,
                                   .pad_left = 3,
                                   .pad_right = 3,
                                   .dtype = DTYPE_fp16,
                                   .transposed = true}};
    cr_expect_eq(conv1d_out_len(&transposed.as.conv1d), 50, "upsampling by its stride");
    cr_expect_eq(op_work_of(&transposed).flops, 2.0 * 10 * 11 * 512 * 256);
    op depthwise = {.kind = OP_conv1d,
                    .as.conv1d = {.batch = 2,
                                  .cin = 64,
                                  .cout = 64,
                                  .len = 100,
                                  .kernel = 31,
                                  .stride = 1,
                                  .dilation = 1,
                                  .groups = 64,
                                  .pad_left = 30,
                                  .dtype = DTYPE_fp16}};
    cr_expect_eq(op_work_of(&depthwise).flops, 2.0 * 2 * 100 * 64 * 31);
    cr_expect_eq(op_work_of(&depthwise).weight_bytes, 64 * 31 * 2.0);
    op image = {.kind = OP_conv2d,
                .as.conv2d = {.batch = 1,
                              .cin = 128,
                              .cout = 128,
                              .height = 512,
                              .width = 512,
                              .kernel = 3,
                              .stride = 2,
                              .pad_right = 1,
                              .dtype = DTYPE_fp32}};
    cr_expect(conv2d_out_height(&image.as.conv2d) == 256 && conv2d_out_width(&image.as.conv2d) == 256);
    cr_expect_eq(op_work_of(&image).flops, 2.0 * 256 * 256 * 128 * 128 * 9);
}

Test(ops, a_kernel_larger_than_its_input_is_refused) {
    op o = {.kind = OP_conv1d,
            .as.conv1d = {.batch = 1,
                          .cin = 4,
                          .cout = 4,
                          .len = 6,
                          .kernel = 3,
                          .stride = 1,
                          .dilation = 3,
                          .groups = 1,
                          .dtype = DTYPE_fp16}};
    error err = {0};
    cr_expect_eq(op_check(&o, &err), STATUS_BAD_INPUT);
    o.as.conv1d.pad_left = 1;
    cr_expect_eq(op_check(&o, &err), STATUS_OK, "%s", err.text);
}

Test(ops, collectives_move_what_a_ring_must) {
    op o = {.kind = OP_collective, .as.collective = {.ranks = 4, .bytes = 1000, .dtype = DTYPE_fp16}};
    cr_expect_eq(op_work_of(&o).write_bytes, 1500, "all-reduce: 2 (r-1)/r");
    o.as.collective.collective = collective_pattern_all_gather;
    cr_expect_eq(op_work_of(&o).write_bytes, 750);
    o.as.collective.collective = collective_pattern_send;
    cr_expect_eq(op_work_of(&o).write_bytes, 1000);
}

Test(ops, a_shaw_table_and_a_bias_add_their_bytes) {
    op o = {.kind = OP_attention,
            .as.attention = {.batch = 2,
                             .heads = 16,
                             .kv_heads = 16,
                             .head_dim = 64,
                             .q_len = 10,
                             .kv_len = 20,
                             .dtype = DTYPE_fp16,
                             .kv_dtype = DTYPE_fp16}};
    op_work plain = op_work_of(&o);
    o.as.attention.relative = 73;
    cr_expect_eq(op_work_of(&o).weight_bytes - plain.weight_bytes, 73 * 64 * 2);
    cr_expect_eq(op_work_of(&o).flops - plain.flops, 2.0 * 2 * 16 * 10 * 73 * 64 + 2 * 16 * 10 * 20);
    o.as.attention.relative = 0, o.as.attention.bias = true;
    cr_expect_eq(op_work_of(&o).read_bytes - plain.read_bytes, 2 * 10 * 20 * 4);
}

/* Every kind has a plan and a finite cost on every shipped machine, at its least size. */
Test(ops, every_kind_costs_something_everywhere) {
    static const char *const machines[] = {"h200-sxm", "a100-sxm-80gb", "l40s", "v100-sxm", "mi300x", "b200-sxm", "t4"};
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
        arena a = {0};
        machine one;
        calibration fitted;
        error err = {0};
        cr_assert_eq(machine_load(&a, CONFIGS, machines[m], &one, NULL, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(calibration_load(&a, CONFIGS, &one, &fitted, &err), STATUS_OK, "%s", err.text);
        machine_block *block = ARENA_NEW(&a, machine_block);
        const machine *ones[] = {&one};
        const calibration *fits[] = {&fitted};
        machine_block_fill(block, ones, fits, 1);
        for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
            op o = {.kind = (op_kind)kind};
            const op_info *info = op_info_get(o.kind);
            for (size_t i = 0; i < info->param_count; i++)
                if (info->params[i].type == PARAM_DIM)
                    op_param_set(&o, &info->params[i], strcmp(info->params[i].name, "dilation") == 0 ? 1 : 4);
                else if (info->params[i].type == PARAM_TYPE)
                    op_param_set(&o, &info->params[i], DTYPE_fp16);
            cr_assert_eq(op_check(&o, &err), STATUS_OK, "%s: %s", info->name, err.text);
            cost_block cost;
            cost_analytic(&o, RESIDENCY_COLD, block, &cost);
            bool works = o.kind != OP_host_call && o.kind != OP_sync;
            cr_expect(works ? cost.time_s[0] > 1e-8 && cost.time_s[0] < 1e-3 : cost.time_s[0] == 0, "%s on %s: %g s",
                      info->name, machines[m], cost.time_s[0]);
        }
        arena_free(&a);
    }
}

/* A step of speculation sees the tokens that earlier ones produced. */
Test(ops, dimensions_follow_what_was_produced) {
    const double progress[] = {0, 3, 4, 8};
    scenario s = {.values = {[SCENARIO_ONE] = 1, [SCENARIO_DECODE_STEPS] = 3}, .progress = progress};
    dim_expression keys = {.constant = 1, .per_step = 1};
    cr_expect_eq(dim_evaluate(&keys, &s, 2, 0), 5);
    s.progress = NULL;
    cr_expect_eq(dim_evaluate(&keys, &s, 2, 0), 3);
}
