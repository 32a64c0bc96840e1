/* What a fit says of its own certainty: residuals by class of prediction, and the shapes that were measured.
 *
 * Classes form chains from the kind of operator to source, bound and duration (spread.h). A class has a centre and a
 * scale, the means of its residuals and of their absolute values, as much as it has rows, and its parent's, as much as
 * PARENT_ROWS of those; a kind has a shape, the quantiles of its residuals so standardised. With a class's own
 * quantiles as much as it has rows,
 *
 *   range = (n own + SHAPE_ROWS (centre + scale shape)) / (n + SHAPE_ROWS)
 *
 * for a mean says more of a class of 20 rows than its outermost two do. Rows of one sweep (an exchange from 512 bytes
 * to 512 MB) are off together: a row is standardised by centres and scales that its whole sweep has no part in, as a
 * new sweep's will be. A kind of few rows takes part of its shape from all kinds. Weights and chains were chosen by
 * cross-validation among fitted rows, left out by sweeps: with own quantiles alone, exchanges on A100 and L40S were
 * covered to 82 and 81 %, now to 87 and 86 %, others as before. */
#include "core/base/hash.h"
#include "sim/explore/calibrate_private.h"
#include "sim/explore/row_prediction.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PARENT_ROWS = 10, SHAPE_ROWS = 30, KIND_ROWS = 100;
enum { CLASS_ROWS_MIN = 3 };
/* Of the level, on either side: nominally 87 %, within the 85 to 90 that an interval of 90 may cover at
 * least, because residuals have heavier tails than a normal distribution and the last of them would double the width.
 */
static const double TAIL_FRAC = (1 - SPREAD_LEVEL) / 2 * 1.3;

typedef struct residual_sum {
    double rows, sum, absolute;
} residual_sum;

/* A row in one of its classes. */
typedef struct class_row {
    char name[SPREAD_CLASS_TEXT];
    uint64_t sweep;
    size_t row;
    int level;
    double residual;            /* ln(measured / predicted) */
    residual_sum whole, others; /* of the class; of its other sweeps */
} class_row;

typedef struct residual_classes {
    class_row *all; /* coarse classes first, each in order of its sweeps */
    size_t count;
    size_t *place; /* a row's places in `all`, SPREAD_CLASS_LEVELS each */
} residual_classes;

typedef struct center_scale {
    double center, scale;
} center_scale;

typedef struct tails {
    double lower, upper;
} tails;

static int by_class(const void *a, const void *b) {
    const class_row *x = a, *y = b;
    int order = x->level != y->level ? y->level - x->level : strcmp(x->name, y->name);
    return order ? order : (x->sweep > y->sweep) - (x->sweep < y->sweep);
}

static uint64_t add_size(uint64_t state, double size) {
    return hash_fnv1a64(state, &size, sizeof size);
}

/* What rows have in common that differ in how much there is to do: a product's weights, attention's heads, an exchange
 * among so many. Of other kinds: the operator, however and on however many SMs it was measured. */
static uint64_t sweep_of(const op *o) {
    const op_info *info = op_info_get(o->kind);
    uint64_t sweep = HASH_FNV1A64_BASIS;
    switch (o->kind) {
    case OP_gemm:
        return add_size(add_size(sweep, (double)o->as.gemm.n), (double)o->as.gemm.k);
    case OP_attention:
        sweep = add_size(add_size(sweep, (double)o->as.attention.heads), (double)o->as.attention.kv_heads);
        return add_size(add_size(sweep, (double)o->as.attention.head_dim), (double)o->as.attention.batch);
    case OP_collective:
        return add_size(add_size(sweep, (double)o->as.collective.collective), (double)o->as.collective.ranks);
    default:
        for (size_t p = 0; p < info->param_count; p++)
            sweep = add_size(sweep, op_param_get(o, &info->params[p]));
        return sweep;
    }
}

/* A row in each of its classes. */
static void add_classes(const operator_row *row, const row_prediction *p, size_t index, double residual,
                        residual_classes *classes) {
    const spread_subject subject = {&row->op, row->source, row_method_name(row->method), bound_name(p->bound),
                                    p->time_s};
    for (int level = 0; level < SPREAD_CLASS_LEVELS; level++) {
        class_row *out = &classes->all[classes->count++];
        *out = (class_row){.sweep = sweep_of(&row->op), .row = index, .level = level, .residual = residual};
        spread_class_name(&subject, level, out->name);
    }
}

static bool same_class(const class_row *x, const class_row *y) {
    return x->level == y->level && strcmp(x->name, y->name) == 0;
}

static residual_sum sum_of(const class_row *rows, size_t count) {
    residual_sum s = {.rows = (double)count};
    for (size_t i = 0; i < count; i++)
        s.sum += rows[i].residual, s.absolute += fabs(rows[i].residual);
    return s;
}

/* Of one class: its own sums, and what is left of them without each sweep. */
static void sum_class(class_row *rows, size_t count) {
    residual_sum whole = sum_of(rows, count);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && rows[end].sweep == rows[first].sweep; end++)
            ;
        residual_sum sweep = sum_of(rows + first, end - first);
        for (size_t i = first; i < end; i++) {
            rows[i].whole = whole;
            rows[i].others =
                (residual_sum){whole.rows - sweep.rows, whole.sum - sweep.sum, whole.absolute - sweep.absolute};
        }
    }
}

static residual_classes classes_of(arena *a, const fit_rows *rows, const double *residuals,
                                   const machine_block *block) {
    residual_classes classes = {.all = ARENA_ARRAY(a, class_row, rows->count * SPREAD_CLASS_LEVELS),
                                .place = ARENA_ARRAY(a, size_t, rows->count * SPREAD_CLASS_LEVELS)};
    for (size_t r = 0; r < rows->count; r++) {
        row_prediction p = predict_row(rows->rows[r], block);
        add_classes(rows->rows[r], &p, r, -residuals[r], &classes);
    }
    qsort(classes.all, classes.count, sizeof *classes.all, by_class);
    for (size_t first = 0, end; first < classes.count; first = end) {
        for (end = first; end < classes.count && same_class(&classes.all[end], &classes.all[first]); end++)
            classes.place[classes.all[end].row * SPREAD_CLASS_LEVELS + (size_t)classes.all[end].level] = end;
        sum_class(&classes.all[first], end - first);
    }
    return classes;
}

/* Down the chain of a row's classes to `level`, with all rows or with those of other sweeps. */
static center_scale center_at(const residual_classes *classes, size_t row, int level, bool others) {
    const class_row *at = &classes->all[classes->place[row * SPREAD_CLASS_LEVELS + (size_t)level]];
    const residual_sum *own = others ? &at->others : &at->whole;
    int parent = spread_class_parent(level);
    if (parent >= SPREAD_CLASS_LEVELS)
        return own->rows > 0 ? (center_scale){own->sum / own->rows, own->absolute / own->rows} : (center_scale){0, 0};
    center_scale up = center_at(classes, row, parent, others);
    return (center_scale){(own->sum + PARENT_ROWS * up.center) / (own->rows + PARENT_ROWS),
                          (own->absolute + PARENT_ROWS * up.scale) / (own->rows + PARENT_ROWS)};
}

/* By ranks out of n + 1, so that few rows foresee the next one as often as many. */
static double quantile(const double *sorted, size_t count, double part) {
    double last = (double)(count - 1), at = fmin(fmax(part * (double)(count + 1) - 1, 0), last), below = floor(at);
    size_t i = (size_t)below, j = i + 1 < count ? i + 1 : i;
    return sorted[i] + (at - below) * (sorted[j] - sorted[i]);
}

/* The quantiles of `values`, which are sorted, as much as there are of them, and `other`'s, as much as `other_rows`. */
static tails tails_of(double *values, size_t count, tails other, double other_rows) {
    if (count == 0)
        return other;
    gsl_sort(values, 1, count);
    double own = (double)count / ((double)count + other_rows);
    return (tails){own * quantile(values, count, TAIL_FRAC) + (1 - own) * other.lower,
                   own * quantile(values, count, 1 - TAIL_FRAC) + (1 - own) * other.upper};
}

/* The rows of a kind in units of their classes' scales; how many there are. */
static size_t standardise(const residual_classes *classes, const class_row *kind, size_t count, double *out) {
    size_t standard = 0;
    for (size_t i = 0; i < count; i++) {
        center_scale others = center_at(classes, kind[i].row, 0, true);
        if (others.scale > 0) /* else there is no other sweep of its kind */
            out[standard++] = (kind[i].residual - others.center) / others.scale;
    }
    return standard;
}

/* The end of the class that begins at `first`. */
static size_t class_end(const residual_classes *classes, size_t first) {
    size_t end = first;
    while (end < classes->count && same_class(&classes->all[end], &classes->all[first]))
        end++;
    return end;
}

static void shapes_of(arena *a, const fit_rows *rows, const residual_classes *classes, tails shapes[OP_KIND_COUNT]) {
    double *values = ARENA_ARRAY(a, double, rows->count + 1);
    tails all = tails_of(values, standardise(classes, classes->all, rows->count, values), (tails){0, 0}, 0);
    for (size_t first = 0, end; first < rows->count; first = end) { /* kinds come first */
        end = class_end(classes, first);
        size_t standard = standardise(classes, &classes->all[first], end - first, values);
        shapes[rows->rows[classes->all[first].row]->op.kind] = tails_of(values, standard, all, KIND_ROWS);
    }
}

void calibrate_residual_classes(arena *a, const fit_rows *rows, const double *residuals, calibrate_result *out) {
    const machine *machines[] = {out->machine};
    const calibration *calibrations[] = {&out->fitted};
    machine_block *block = ARENA_NEW(a, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    residual_classes classes = classes_of(a, rows, residuals, block);
    tails shapes[OP_KIND_COUNT] = {0};
    shapes_of(a, rows, &classes, shapes);
    double *values = ARENA_ARRAY(a, double, rows->count + 1);
    out->residuals = ARENA_ARRAY(a, residual_range, classes.count + 1);
    for (size_t first = 0, end; first < classes.count; first = end) {
        const class_row *class = &classes.all[first];
        end = class_end(&classes, first);
        if (end - first < CLASS_ROWS_MIN)
            continue;
        for (size_t i = first; i < end; i++)
            values[i - first] = classes.all[i].residual;
        center_scale at = center_at(&classes, class->row, class->level, false);
        const tails *shape = &shapes[rows->rows[class->row]->op.kind];
        tails scaled = {at.center + at.scale * shape->lower, at.center + at.scale * shape->upper};
        tails range = tails_of(values, end - first, scaled, SHAPE_ROWS);
        out->residuals[out->residual_count++] = (residual_range){class->name, range.lower, range.upper};
    }
}

static void widen_shape(arena *a, calibrate_result *out, const op *o, const op_param *param) {
    const char *name = arena_printf(a, "%s.%s", op_info_get(o->kind)->name, param->name);
    double value = op_param_get(o, param);
    for (size_t i = 0; i < out->shape_count; i++)
        if (strcmp(out->shapes[i].name, name) == 0) {
            out->shapes[i].min = fmin(out->shapes[i].min, value);
            out->shapes[i].max = fmax(out->shapes[i].max, value);
            return;
        }
    out->shapes[out->shape_count++] = (shape_range){name, value, value};
}

void calibrate_shapes(arena *a, const fit_rows *rows, calibrate_result *out) {
    size_t most = 0;
    for (int kind = 0; kind < OP_KIND_COUNT; kind++)
        most += op_info_get((op_kind)kind)->param_count;
    out->shapes = ARENA_ARRAY(a, shape_range, most);
    for (size_t r = 0; r < rows->count; r++) {
        const op *o = &rows->rows[r]->op;
        const op_info *info = op_info_get(o->kind);
        for (size_t p = 0; p < info->param_count; p++)
            if (info->params[p].type == PARAM_DIM)
                widen_shape(a, out, o, &info->params[p]);
    }
}
