/* How well one kernel fits one operator. */
#include "validate/match.h"

#include <stdlib.h>
#include <string.h>

/* Fits: what the operator's own kernel is, what a fused or alternative kernel may be, and the least that any pointwise
 * kernel has in common with any pointwise operator. */
static const double EXACT = 1, LIKELY = 0.9, POSSIBLE = 0.6, GENERIC = 0.3, LEFT_OVER = 0.1;
/* A launch of another size is hardly the same work. */
static const double MISFIT_SCALE = 0.1;
/* A launch that prepares a step: no larger. Unknown sizes count as small. */
static const uint32_t SMALL_CTAS_MAX = 64;
/* Weights that one CTA of a matrix product reads at most: the largest known launches have a sixteenth of it. */
static const double WEIGHTS_PER_CTA_MAX = 8e6;
/* Elements a CTA in pointwise kernels: from one warp's to a whole SM's worth of loops. */
static const double ELEMENTS_PER_CTA_MIN = 32, ELEMENTS_PER_CTA_MAX = 16384;

enum {
    POINTWISE = TRAIT_ADD | TRAIT_MUL | TRAIT_NEG | TRAIT_POW | TRAIT_RSQRT | TRAIT_COPY | TRAIT_FILL | TRAIT_COMPARE |
                TRAIT_ANGLE | TRAIT_ACTIVATION,
};

static double best(uint32_t traits, uint32_t exact, uint32_t likely, uint32_t possible) {
    if (traits & exact)
        return EXACT;
    if (traits & likely)
        return LIKELY;
    return traits & possible ? POSSIBLE : 0;
}

/* Positions, masks and tables at the start of a step: graphs tell how many small kernels they are, not which. */
static double small_kernel_fit(const match_event *e) {
    bool small = e->ctas <= SMALL_CTAS_MAX;
    uint32_t any = POINTWISE | TRAIT_CONCAT | TRAIT_MEMCPY | TRAIT_GEMM;
    double fit = small ? best(e->traits, TRAIT_FILL, TRAIT_COMPARE, any) : 0;
    return fit == POSSIBLE ? LEFT_OVER : fit;
}

static double pointwise_fit(uint32_t traits, pointwise_function function) {
    if (traits & (TRAIT_GEMM | TRAIT_ATTENTION | TRAIT_REDUCE | TRAIT_SOFTMAX))
        return 0;
    uint32_t exact = 0, likely = 0;
    switch (function) {
    case pointwise_function_mul:
        exact = TRAIT_MUL;
        break;
    case pointwise_function_scale:
        exact = TRAIT_MUL;
        likely = TRAIT_ADD; /* adds or multiplies by a number */
        break;
    case pointwise_function_neg:
        exact = TRAIT_NEG;
        break;
    case pointwise_function_pow:
        exact = TRAIT_POW;
        break;
    case pointwise_function_rsqrt:
        exact = TRAIT_RSQRT;
        break;
    case pointwise_function_cast:
        exact = TRAIT_COPY;
        break;
    case pointwise_function_cos:
    case pointwise_function_sin:
        exact = TRAIT_ANGLE;
        break;
    case pointwise_function_compare:
    case pointwise_function_where:
        exact = TRAIT_COMPARE;
        likely = TRAIT_ADD; /* masks are added as well as selected by */
        break;
    default:
        break;
    }
    double fit = best(traits, exact, likely, 0);
    if (fit == 0 && (traits & (POINTWISE | TRAIT_CONCAT | TRAIT_MEMCPY)))
        return GENERIC;
    return fit;
}

static double gemm_fit(const match_event *e, const gemm_params *p) {
    if (!(e->traits & TRAIT_GEMM))
        return 0;
    if (p->activations_only)
        return EXACT;
    if (e->ctas > 0 && (double)p->n * (double)p->k > WEIGHTS_PER_CTA_MAX * e->ctas)
        return 0;
    if (e->k == 0)
        return EXACT;
    bool same = e->k == p->k && e->n == p->n && e->m == p->m;
    return same ? EXACT : 0;
}

static double class_fit(const match_event *e, const op *o) {
    uint32_t t = e->traits;
    switch (o->kind) {
    case OP_gemm:
        return gemm_fit(e, &o->as.gemm);
    case OP_attention:
        return best(t, TRAIT_ATTENTION, 0, 0);
    case OP_embedding:
        return best(t, TRAIT_GATHER, 0, 0);
    case OP_rmsnorm:
    case OP_layernorm:
    case OP_groupnorm:
        return best(t, TRAIT_NORM | TRAIT_RSQRT, 0, 0);
    case OP_conv1d:
    case OP_conv2d:
        return best(t, TRAIT_CONV, TRAIT_GEMM, 0);
    case OP_rope:
        return best(t, TRAIT_ROPE | TRAIT_ANGLE, 0, (t & TRAIT_MUL) && (t & TRAIT_FUSED) ? TRAIT_FUSED : 0);
    case OP_kv_append:
        return best(t, TRAIT_INDEX_WRITE, 0, TRAIT_COPY);
    case OP_kv_concat:
        return best(t, TRAIT_CONCAT, TRAIT_COPY, 0);
    case OP_kv_reorder:
        return best(t, TRAIT_GATHER, 0, TRAIT_COPY);
    case OP_activation:
        return best(t, TRAIT_ACTIVATION, 0, 0);
    case OP_add: /* a normalisation that adds first is rather the norm with its residual */
        return (t & TRAIT_RSQRT) && (t & TRAIT_REDUCE) ? best(t, 0, 0, TRAIT_ADD) : best(t, TRAIT_ADD, 0, 0);
    case OP_elementwise:
        return match_takes_leftovers(o) ? small_kernel_fit(e) : pointwise_fit(t, o->as.elementwise.function);
    case OP_reduce:
        return best(t, TRAIT_REDUCE, 0, 0);
    case OP_softmax:
        return best(t, TRAIT_SOFTMAX, 0, 0);
    case OP_sample:
    case OP_topk:
        return best(t, TRAIT_SAMPLE, 0, TRAIT_REDUCE);
    case OP_collective:
        return best(t, TRAIT_COLLECTIVE, 0, 0);
    case OP_copy:
        return best(t, TRAIT_COPY, TRAIT_CONCAT | TRAIT_MEMCPY, 0);
    case OP_host_call:
    case OP_sync:
        return 0;
    default: /* kinds that no framework kernel is known for yet */
        return best(t, 0, 0, POINTWISE);
    }
}

double match_elements(const op *o) {
    switch (o->kind) {
    case OP_elementwise:
        if (match_takes_leftovers(o))
            return 0;
        return (double)o->as.elementwise.rows * (double)o->as.elementwise.cols;
    case OP_add:
        return (double)o->as.add.rows * (double)o->as.add.cols;
    case OP_activation:
        return (double)o->as.activation.rows * (double)o->as.activation.cols;
    default:
        return 0;
    }
}

bool match_size_fits(const match_event *e, const op *o) {
    double elements = match_elements(o);
    if (elements == 0 || e->ctas == 0)
        return true;
    bool too_small = elements > ELEMENTS_PER_CTA_MAX * e->ctas;
    bool too_large = e->ctas > 1 && elements < ELEMENTS_PER_CTA_MIN * (e->ctas - 1);
    return !too_small && !too_large;
}

double match_fit(const match_event *e, const op *o) {
    double fit = class_fit(e, o);
    return fit > 0 && !match_size_fits(e, o) ? fit * MISFIT_SCALE : fit;
}

bool match_takes_leftovers(const op *o) {
    return o->kind == OP_elementwise && o->as.elementwise.function == pointwise_function_fill;
}

bool match_op_launches(const op *o) {
    return o->kind != OP_host_call && o->kind != OP_sync;
}

/* ---- recorded shapes ---- */

enum { SHAPE_DIMS_MAX = 8 };

typedef struct shape {
    int64_t dims[SHAPE_DIMS_MAX];
    int count;
} shape;

/* The next innermost list of "[[1,154,4096],[4096,4096],[]]" from *text on; false at the end. */
static bool next_shape(const char **text, shape *out) {
    const char *open = strchr(*text, '[');
    while (open && open[1] == '[')
        open++;
    if (!open)
        return false;
    out->count = 0;
    const char *at = open + 1;
    while (*at && *at != ']' && out->count < SHAPE_DIMS_MAX) {
        char *end;
        out->dims[out->count++] = strtoll(at, &end, 10);
        if (end == at)
            return false;
        at = *end == ',' ? end + 1 : end;
    }
    *text = at;
    return true;
}

static bool has_weight(const char *name) {
    static const char *const names[] = {"aten::mm", "aten::addmm", "aten::linear"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void match_read_shape(const trace *t, const trace_event *gpu, match_event *e) {
    const trace_event *launcher = trace_host_op(t, trace_launch(t, gpu));
    if (!launcher || launcher->dims == TRACE_NONE || !has_weight(trace_name(t, launcher->name)))
        return;
    const char *text = trace_name(t, launcher->dims);
    shape matrices[2] = {0}, next;
    int count = 0;
    while (count < 2 && next_shape(&text, &next))
        if (next.count >= 2)
            matrices[count++] = next;
    if (count < 2 || matrices[1].count != 2)
        return;
    const shape *a = &matrices[0], *b = &matrices[1];
    int64_t k = a->dims[a->count - 1], rows = 1;
    for (int i = 0; i + 1 < a->count; i++)
        rows *= a->dims[i];
    bool transposed = b->dims[0] != k; /* linear keeps [n, k] */
    if (k <= 0 || (transposed && b->dims[1] != k))
        return;
    *e = (match_event){.traits = e->traits,
                       .index = e->index,
                       .ctas = e->ctas,
                       .m = rows,
                       .n = transposed ? b->dims[0] : b->dims[1],
                       .k = k};
}
