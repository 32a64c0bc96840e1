/* The published figures that ship: each says where it stands, on which machine, and is one that the silicon allows. */
#include "core/base/number.h"
#include "core/op.h"
#include "hwmodels/calibration_load.h"
#include "sim/engine/cost.h"
#include "sim/explore/row_prediction.h"
#include "validate/rows.h"

#include <criterion/criterion.h>
#include <string.h>

#define FIGURES INGOT_SOURCE_DIR "/validate/published/figures.csv"
#define CONFIGS INGOT_SOURCE_DIR "/configs"

static const char *field(const row_table *table, const operator_row *row, const char *name) {
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i], name) == 0)
            return row->fields[i];
    cr_assert_fail("no column %s", name);
    return "";
}

Test(published, figures_say_where_they_stand) {
    row_table table = {0};
    error err = {0};
    cr_assert_eq(rows_load(FIGURES, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_OK, "%s", err.text);
    cr_assert_gt(table.count, 100);
    for (size_t i = 0; i < table.count; i++) {
        const operator_row *row = &table.rows[i];
        cr_expect(strchr(field(&table, row, "published_at"), '/'), "line %d", row->line);
        cr_expect(strlen(field(&table, row, "quality")) > 0, "line %d", row->line);
        cr_expect(row->measured_s > 0, "line %d", row->line);
    }
    rows_free(&table);
}

/* Times agree with the figures they were computed from, and no product is faster than its machine's peak. */
Test(published, products_stay_below_the_peak) {
    arena a = {0};
    row_table table = {0};
    error err = {0};
    machine_block *block = ARENA_NEW(&a, machine_block);
    cr_assert_eq(rows_load(FIGURES, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < table.count; i++) {
        const operator_row *row = &table.rows[i];
        if (row->op.kind != OP_gemm)
            continue;
        double flops_per_s = op_work_of(&row->op).flops / row->measured_s, figure;
        if (strcmp(field(&table, row, "unit"), "TFLOP/s") == 0) {
            cr_assert(number_parse(field(&table, row, "figure"), &figure));
            cr_expect_float_eq(flops_per_s / (figure * 1e12), 1, 0.005, "line %d", row->line);
        }
        const char *name = field(&table, row, "machine");
        cr_assert_eq(load_machine_block(&a, CONFIGS, name, block, &err), STATUS_OK, "%s", err.text);
        double clocks = block->sm_clock_max_hz[0] / block->sm_clock_tensor_hz[0];
        double peak = block->peak_flops_per_s[row->op.as.gemm.dtype][0] * clocks;
        if (peak > 0)
            cr_expect_leq(flops_per_s, peak, "line %d: %g of %g FLOP/s", row->line, flops_per_s, peak);
    }
    rows_free(&table);
    arena_free(&a);
}

/* One kernel decodes groups of any size on Blackwell: no row of few sequences takes longer than on an H200, where
 * TensorRT-LLM's XQA walks long caches with few blocks (FlashInfer measured 11.3 us for the longer on a B200). */
Test(published, grouped_decoding_is_faster_on_blackwell) {
    arena a = {0};
    error err = {0};
    static const char *const names[] = {"h200-sxm", "b200-sxm"};
    for (int64_t keys = 1024; keys <= 16384; keys *= 4) {
        double time_s[2];
        for (size_t i = 0; i < 2; i++) {
            machine_block *block = ARENA_NEW(&a, machine_block);
            cr_assert_eq(load_machine_block(&a, CONFIGS, names[i], block, &err), STATUS_OK, "%s", err.text);
            op o = {.kind = OP_attention,
                    .as.attention = {.batch = 4,
                                     .heads = 64,
                                     .kv_heads = 8,
                                     .head_dim = 64,
                                     .q_len = 1,
                                     .kv_len = keys,
                                     .dtype = DTYPE_bf16,
                                     .kv_dtype = DTYPE_bf16,
                                     .backend = attention_backend_trtllm}};
            cost_block out;
            cost_attention(&o, RESIDENCY_PREDECESSORS, block, &out);
            time_s[i] = out.time_s[0];
        }
        cr_expect_lt(time_s[1], time_s[0], "%lld keys", (long long)keys);
    }
    arena_free(&a);
}
