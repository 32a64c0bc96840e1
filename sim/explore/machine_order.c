#include "sim/explore/machine_order.h"

#include <math.h>
#include <stdlib.h>

static bool is_scored(const operator_row *row) {
    return !row->unsupported && !row->empty && row->measured_s > 0;
}

static int by_hash(const void *left, const void *right) {
    const operator_row *const *l = left, *const *r = right;
    return (*l)->hash < (*r)->hash ? -1 : (*l)->hash > (*r)->hash;
}

/* The scored rows by rising hash; the hash is of all that says what was measured. */
static const operator_row **sorted(arena *a, const row_table *table, size_t *count) {
    const operator_row **rows = ARENA_ARRAY(a, const operator_row *, table->count + 1);
    *count = 0;
    for (size_t i = 0; i < table->count; i++)
        if (is_scored(&table->rows[i]))
            rows[(*count)++] = &table->rows[i];
    qsort(rows, *count, sizeof *rows, by_hash);
    return rows;
}

static void add_pair(const operator_row *row_a, const machine_block *a_block, const operator_row *row_b,
                     const machine_block *b_block, machine_order *sum) {
    double measured = row_a->measured_s / row_b->measured_s;
    double predicted = predict_row(row_a, a_block).time_s / predict_row(row_b, b_block).time_s;
    sum->pairs++;
    sum->ratio_error_sum += fabs(predicted / measured - 1);
    if (fmax(measured, 1 / measured) <= MACHINE_ORDER_LEAST_RATIO)
        return;
    sum->apart++;
    sum->ordered += measured > 1 ? predicted > 1 : predicted < 1;
}

void machine_order_add(arena *a, const row_table *rows_a, const machine_block *a_block, const row_table *rows_b,
                       const machine_block *b_block, machine_order *sum) {
    size_t a_count, b_count, b = 0;
    const operator_row **of_a = sorted(a, rows_a, &a_count), **of_b = sorted(a, rows_b, &b_count);
    for (size_t i = 0; i < a_count; i++) {
        while (b < b_count && of_b[b]->hash < of_a[i]->hash)
            b++;
        if (b < b_count && of_b[b]->hash == of_a[i]->hash)
            add_pair(of_a[i], a_block, of_b[b], b_block, sum);
    }
}
