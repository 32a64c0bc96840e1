#include "sim/engine/recipe.h"

#include "sim/engine/cost_attention.h"
#include "sim/engine/cost_gemm.h"
#include "sim/engine/cost_rowwise.h"

typedef enum recipe_kind { RECIPE_ROWS, RECIPE_GEMM, RECIPE_ATTENTION, RECIPE_SUM, RECIPE_OTHER } recipe_kind;

enum { PARTS = 3 };

struct cost_recipe {
    recipe_kind kind;
    op o;
    residency where;
    union {
        row_recipe rows;
        const gemm_recipe *gemm;
        attention_recipe attention;
        const cost_recipe *parts[PARTS]; /* one kernel behind the other */
    } as;
};

const cost_recipe *cost_prepare(const op *o, residency where, const plan_limits *limits, arena *memory) {
    cost_recipe *r = ARENA_NEW(memory, cost_recipe);
    *r = (cost_recipe){.kind = RECIPE_OTHER, .o = *o, .where = where};
    if (o->own) /* costs of our own kernels have no part to be worked out beforehand */
        return r;
    if (o->kind == OP_gemm) {
        r->kind = RECIPE_GEMM;
        r->as.gemm = gemm_prepare(o, gemm_left_bytes(o), where, limits, memory);
    } else if (o->kind == OP_attention && attention_prepare(o, where, limits->generation, &r->as.attention)) {
        r->kind = RECIPE_ATTENTION;
    } else if (o->kind == OP_attention) {
        naive_attention n = naive_attention_of(o, where);
        r->kind = RECIPE_SUM;
        r->as.parts[0] = cost_prepare(&n.scores, where, limits, memory);
        r->as.parts[1] = cost_prepare(&n.weights, n.after, limits, memory);
        r->as.parts[2] = cost_prepare(&n.values, n.after, limits, memory);
    } else if (row_recipe_of(o, where, limits, &r->as.rows)) {
        r->kind = RECIPE_ROWS;
    }
    return r;
}

static void sum_times(const cost_recipe *r, const machine_block *machines, cost_times *out) {
    cost_times_of(r->as.parts[0], machines, out);
    for (size_t p = 1; p < PARTS; p++) {
        cost_times part;
        cost_times_of(r->as.parts[p], machines, &part);
        EACH_LANE {
            out->time_s[i] += part.time_s[i];
            out->hbm_bytes[i] += part.hbm_bytes[i];
            out->l2_bytes[i] += part.l2_bytes[i];
            out->launches[i] += part.launches[i];
            out->clocked_s[i] += part.clocked_s[i];
            out->limited_s[i] += part.limited_s[i];
        }
    }
}

void cost_times_of(const cost_recipe *r, const machine_block *machines, cost_times *out) {
    EACH_LANE out->limited_s[i] = 0; /* unless the kind says more */
    switch (r->kind) {
    case RECIPE_ROWS:
        row_times(&r->as.rows, machines, out);
        break;
    case RECIPE_GEMM:
        gemm_times(r->as.gemm, machines, out);
        break;
    case RECIPE_ATTENTION:
        attention_times(&r->as.attention, machines, out);
        break;
    case RECIPE_SUM:
        sum_times(r, machines, out);
        break;
    case RECIPE_OTHER: {
        cost_block cost;
        cost_analytic(&r->o, r->where, machines, &cost);
        *out = cost.times;
    }
    }
}
