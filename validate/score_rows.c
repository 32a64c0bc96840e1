#include "validate/score_rows.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

static data_type type_param(const op *o, const char *name, data_type otherwise) {
    const op_info *info = op_info_get(o->kind);
    for (size_t i = 0; i < info->param_count; i++)
        if (info->params[i].type == PARAM_TYPE && strcmp(info->params[i].name, name) == 0)
            return (data_type)op_param_get(o, &info->params[i]);
    return otherwise;
}

/* A row's group, and the row's position, which keeps equal rows in order. */
typedef struct keyed_row {
    row_key key;
    size_t index;
} keyed_row;

static row_key key_of(const operator_row *row) {
    row_key key = {.kind = row->op.kind, .phase = row_phase(row), .source = row->source};
    key.dtype = type_param(&row->op, "dtype", DTYPE_COUNT);
    key.second_dtype = type_param(&row->op, "weights_dtype", type_param(&row->op, "kv_dtype", key.dtype));
    return key;
}

static int compare_optional(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_keys(const row_key *a, const row_key *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->dtype != b->dtype)
        return a->dtype < b->dtype ? -1 : 1;
    if (a->second_dtype != b->second_dtype)
        return a->second_dtype < b->second_dtype ? -1 : 1;
    int by_phase = compare_optional(a->phase, b->phase);
    return by_phase ? by_phase : strcmp(a->source, b->source);
}

static int compare_keyed(const void *a, const void *b) {
    const keyed_row *left = a, *right = b;
    int by_key = compare_keys(&left->key, &right->key);
    return by_key ? by_key : (left->index > right->index) - (left->index < right->index);
}

/* ---- scores of a selection ---- */

typedef enum half { HALF_FIT, HALF_HELD, HALF_BOTH } half;

/* Room for one selection, shared by all. */
typedef struct selection {
    double *predicted, *measured, *lower, *upper;
} selection;

static score score_half(const scored_row *rows, const keyed_row *order, size_t count, half which, selection *room) {
    size_t n = 0;
    bool intervals = true;
    for (size_t i = 0; i < count; i++) {
        const scored_row *item = &rows[order[i].index];
        if (which != HALF_BOTH && row_is_held(item->row) != (which == HALF_HELD))
            continue;
        assert(item->row->measured_s > 0 && !item->row->unsupported && !item->row->empty);
        room->predicted[n] = item->predicted_s;
        room->measured[n] = item->row->measured_s;
        room->lower[n] = item->lower_s;
        room->upper[n] = item->upper_s;
        intervals = intervals && !isnan(item->lower_s) && !isnan(item->upper_s);
        n++;
    }
    return score_of(room->predicted, room->measured, intervals ? room->lower : NULL, intervals ? room->upper : NULL, n);
}

static split_score score_split(const scored_row *rows, const keyed_row *order, size_t count, selection *room) {
    return (split_score){
        .all = score_half(rows, order, count, HALF_BOTH, room),
        .fit = score_half(rows, order, count, HALF_FIT, room),
        .held = score_half(rows, order, count, HALF_HELD, room),
    };
}

/* ---- worst rows ---- */

static double absolute_error(const scored_row *item) {
    return fabs(item->predicted_s / item->row->measured_s - 1);
}

static void find_worst(const scored_row *rows, size_t count, row_scores *out) {
    for (size_t i = 0; i < count; i++) {
        double size = absolute_error(&rows[i]);
        size_t place = out->worst_count;
        while (place > 0 && absolute_error(&out->worst[place - 1]) < size)
            place--;
        if (place == WORST_ROWS_MAX)
            continue;
        size_t moved = out->worst_count - place;
        if (out->worst_count == WORST_ROWS_MAX)
            moved--;
        else
            out->worst_count++;
        memmove(&out->worst[place + 1], &out->worst[place], moved * sizeof out->worst[0]);
        out->worst[place] = rows[i];
    }
}

/* ---- all ---- */

/* Length of the run at the front of rows that agree in kind, or in everything. */
static size_t run_length(const keyed_row *order, size_t count, bool kind_only) {
    size_t n = 1;
    while (n < count &&
           (kind_only ? order[n].key.kind == order[0].key.kind : compare_keys(&order[n].key, &order[0].key) == 0))
        n++;
    return n;
}

static void score_groups(const scored_row *rows, const keyed_row *order, size_t count, selection *room, arena *memory,
                         row_scores *out) {
    for (size_t i = 0; i < count; i += run_length(order + i, count - i, false))
        out->group_count++;
    out->groups = ARENA_ARRAY(memory, row_group, out->group_count);
    row_group *group = out->groups;
    for (size_t i = 0, n; i < count; i += n, group++) {
        n = run_length(order + i, count - i, false);
        group->key = order[i].key;
        group->scores = score_split(rows, order + i, n, room);
    }
}

row_scores score_rows(const scored_row *rows, size_t count, arena *memory) {
    row_scores out = {0};
    arena scratch = {0};
    keyed_row *order = ARENA_ARRAY(&scratch, keyed_row, count);
    selection room = {ARENA_ARRAY(&scratch, double, count), ARENA_ARRAY(&scratch, double, count),
                      ARENA_ARRAY(&scratch, double, count), ARENA_ARRAY(&scratch, double, count)};
    for (size_t i = 0; i < count; i++)
        order[i] = (keyed_row){.key = key_of(rows[i].row), .index = i};
    qsort(order, count, sizeof *order, compare_keyed);
    out.all = score_split(rows, order, count, &room);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++)
        out.kinds[kind] = score_split(rows, order, 0, &room);
    for (size_t i = 0, n; i < count; i += n) {
        n = run_length(order + i, count - i, true);
        out.kinds[order[i].key.kind] = score_split(rows, order + i, n, &room);
    }
    score_groups(rows, order, count, &room, memory, &out);
    find_worst(rows, count, &out);
    arena_free(&scratch);
    return out;
}
