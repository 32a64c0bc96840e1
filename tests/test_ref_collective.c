/* Exchanges between ranks by their definition: on numbers that can be added in the head. */
#include "kernels/ref/collective.h"

#include <criterion/criterion.h>

enum { RANKS = 3, PART = 2, WHOLE = RANKS * PART };

typedef struct exchange {
    double in[RANKS][WHOLE], out[RANKS][WHOLE];
    ref_operands ranks[RANKS];
} exchange;

/* Rank r holds r * 100, r * 100 + 1, ... */
static exchange run(collective_pattern pattern) {
    op o = {.kind = OP_collective,
            .as.collective = {.ranks = RANKS, .bytes = WHOLE * 4, .dtype = DTYPE_fp32, .collective = pattern}};
    static exchange e;
    e = (exchange){0};
    for (int r = 0; r < RANKS; r++) {
        for (int i = 0; i < WHOLE; i++)
            e.in[r][i] = r * 100 + i, e.out[r][i] = -1;
        e.ranks[r].at[OPERAND_collective_in].data = e.in[r];
        e.ranks[r].at[OPERAND_collective_out].data = e.out[r];
    }
    ref_collective_ranks(&o, e.ranks);
    return e;
}

Test(ref_collective, all_reduce_leaves_every_rank_the_sum) {
    exchange e = run(collective_pattern_all_reduce);
    for (int r = 0; r < RANKS; r++)
        for (int i = 0; i < WHOLE; i++)
            cr_expect_eq(e.out[r][i], 300 + 3 * i);
}

Test(ref_collective, all_gather_joins_parts_in_order) {
    exchange e = run(collective_pattern_all_gather);
    const double joined[WHOLE] = {0, 1, 100, 101, 200, 201};
    for (int r = 0; r < RANKS; r++)
        for (int i = 0; i < WHOLE; i++)
            cr_expect_eq(e.out[r][i], joined[i]);
}

Test(ref_collective, reduce_scatter_leaves_a_rank_its_part_of_the_sum) {
    exchange e = run(collective_pattern_reduce_scatter);
    for (int r = 0; r < RANKS; r++) {
        for (int i = 0; i < PART; i++)
            cr_expect_eq(e.out[r][i], 300 + 3 * (r * PART + i));
        cr_expect_eq(e.out[r][PART], -1);
    }
}

Test(ref_collective, alltoall_transposes_parts) {
    exchange e = run(collective_pattern_alltoall);
    for (int r = 0; r < RANKS; r++)
        for (int from = 0; from < RANKS; from++)
            for (int i = 0; i < PART; i++)
                cr_expect_eq(e.out[r][from * PART + i], from * 100 + r * PART + i);
}

Test(ref_collective, operands_are_what_one_rank_holds) {
    op o = {
        .kind = OP_collective,
        .as.collective = {.ranks = 4, .bytes = 64, .dtype = DTYPE_bf16, .collective = collective_pattern_all_gather}};
    operand_list list;
    operands_of(&o, &list);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_collective_in]), 16);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_collective_out]), 64);
    o.as.collective.collective = collective_pattern_reduce_scatter;
    operands_of(&o, &list);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_collective_in]), 64);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_collective_out]), 16);
}
