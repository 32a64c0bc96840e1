/* What a fit says of its own certainty: residuals by class of prediction, and the shapes that were measured.
 *
 * Classes form chains from the kind of operator to source, bound and duration (spread.h). A class's range is its rows'
 * own quantiles, as much as it has rows, and its parent's, as much as PARENT_ROWS of those:
 *
 *   range = (n own + PARENT_ROWS parent) / (n + PARENT_ROWS)
 *
 * so that classes of a few rows neither copy their few residuals nor fall back to the width of all. The weight was
 * chosen by cross-validation among fitted rows (of 5, 10, 15 and 20), as were the chains. */
#include "sim/explore/calibrate_private.h"
#include "sim/explore/row_prediction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PARENT_ROWS = 10;
enum { CLASS_ROWS_MIN = 3 };
/* Of the level, on either side: nominally 87.5 %, in the middle of the 85 to 90 that an interval of 90 may cover at
 * least, because residuals have heavier tails than a normal distribution and the last of them would double the width.
 */
static const double TAIL_FRAC = (1 - SPREAD_LEVEL) / 2 * 1.25;

typedef struct class_row {
    int level;
    char name[SPREAD_CLASS_TEXT], parent[SPREAD_CLASS_TEXT];
    double residual; /* ln(measured / predicted) */
} class_row;

/* Coarse classes first, each in order of its residuals. */
static int by_class(const void *a, const void *b) {
    const class_row *x = a, *y = b;
    int order = x->level != y->level ? y->level - x->level : strcmp(x->name, y->name);
    return order ? order : (x->residual > y->residual) - (x->residual < y->residual);
}

/* By ranks out of n + 1, so that a class of few rows foresees the next one as often as one of many. */
static double quantile(const class_row *sorted, size_t count, double part) {
    double last = (double)(count - 1), at = fmin(fmax(part * (double)(count + 1) - 1, 0), last), below = floor(at);
    size_t i = (size_t)below, j = i + 1 < count ? i + 1 : i;
    return sorted[i].residual + (at - below) * (sorted[j].residual - sorted[i].residual);
}

static const residual_range *range_named(const calibrate_result *out, const char *name) {
    for (size_t i = 0; i < out->residual_count; i++)
        if (strcmp(out->residuals[i].name, name) == 0)
            return &out->residuals[i];
    return NULL;
}

static residual_range range_of(const class_row *sorted, size_t count, const residual_range *parent) {
    residual_range r = {sorted[0].name, quantile(sorted, count, TAIL_FRAC), quantile(sorted, count, 1 - TAIL_FRAC)};
    if (!parent)
        return r;
    double own = (double)count / ((double)count + PARENT_ROWS);
    r.lower = own * r.lower + (1 - own) * parent->lower;
    r.upper = own * r.upper + (1 - own) * parent->upper;
    return r;
}

/* A row in each of its classes. */
static size_t add_classes(const operator_row *row, const row_prediction *p, double residual, class_row *out) {
    const spread_subject subject = {&row->op, row->source, row_method_name(row->method), bound_name(p->bound),
                                    p->time_s};
    for (int level = 0; level < SPREAD_CLASS_LEVELS; level++) {
        out[level].level = level, out[level].residual = residual, out[level].parent[0] = '\0';
        spread_class_name(&subject, level, out[level].name);
        if (spread_class_parent(level) < SPREAD_CLASS_LEVELS)
            spread_class_name(&subject, spread_class_parent(level), out[level].parent);
    }
    return SPREAD_CLASS_LEVELS;
}

void calibrate_residual_classes(arena *a, const fit_rows *rows, const double *residuals, calibrate_result *out) {
    const machine *machines[] = {out->machine};
    const calibration *calibrations[] = {&out->fitted};
    machine_block *block = ARENA_NEW(a, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    size_t count = 0;
    class_row *all = ARENA_ARRAY(a, class_row, rows->count * SPREAD_CLASS_LEVELS);
    for (size_t r = 0; r < rows->count; r++) {
        row_prediction p = predict_row(rows->rows[r], block);
        count += add_classes(rows->rows[r], &p, -residuals[r], &all[count]);
    }
    qsort(all, count, sizeof *all, by_class);
    out->residuals = ARENA_ARRAY(a, residual_range, count + 1);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && strcmp(all[end].name, all[first].name) == 0; end++)
            ;
        if (end - first >= CLASS_ROWS_MIN)
            out->residuals[out->residual_count++] =
                range_of(all + first, end - first, range_named(out, all[first].parent));
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
