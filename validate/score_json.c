/* Scores as JSON. */
#include "validate/score_rows.h"

#include "core/base/si.h"

#include <math.h>

enum { SHAPE_TEXT_BYTES = 256 };

void score_json(json_writer *w, const char *key, const score *s) {
    bool any = s->n > 0;
    json_object_begin(w, key);
    json_integer(w, "n", (int64_t)s->n);
    json_number(w, "mean_abs_err", any ? s->mean_abs_err : NAN);
    json_number(w, "median_abs_err", any ? s->median_abs_err : NAN);
    json_number(w, "bias", any ? s->bias : NAN);
    json_number(w, "p90", any ? s->p90 : NAN);
    json_number(w, "coverage", s->coverage);
    json_number(w, "kendall_tau", s->n > 1 ? s->kendall_tau : NAN);
    json_number(w, "median_half_width", s->median_half_width);
    json_object_end(w);
}

typedef const score *pick_function(const split_score *s);

static const score *pick_all(const split_score *s) {
    return &s->all;
}

static const score *pick_fit(const split_score *s) {
    return &s->fit;
}

static const score *pick_held(const split_score *s) {
    return &s->held;
}

static void all_and_kinds(json_writer *w, const row_scores *scores, pick_function *pick) {
    score_json(w, "all", pick(&scores->all));
    json_object_begin(w, "by_kind");
    for (int kind = 0; kind < OP_KIND_COUNT; kind++)
        if (scores->kinds[kind].all.n > 0)
            score_json(w, op_info_get((op_kind)kind)->name, pick(&scores->kinds[kind]));
    json_object_end(w);
}

static const char *type_text(data_type type) {
    return type == DTYPE_COUNT ? NULL : dtype_name(type);
}

static void group_json(json_writer *w, const row_group *group) {
    json_object_begin(w, NULL);
    json_text(w, "kind", op_info_get(group->key.kind)->name);
    json_text(w, "dtype", type_text(group->key.dtype));
    if (group->key.kind == OP_gemm)
        json_text(w, "weights_dtype", type_text(group->key.second_dtype));
    if (group->key.kind == OP_attention)
        json_text(w, "kv_dtype", type_text(group->key.second_dtype));
    if (group->key.phase)
        json_text(w, "phase", group->key.phase);
    json_text(w, "source", group->key.source);
    score_json(w, "all", &group->scores.all);
    score_json(w, "fit", &group->scores.fit);
    score_json(w, "held", &group->scores.held);
    json_object_end(w);
}

static void worst_json(json_writer *w, const scored_row *item) {
    char shape[SHAPE_TEXT_BYTES];
    const operator_row *row = item->row;
    op_shape_text(&row->op, shape, sizeof shape);
    json_object_begin(w, NULL);
    json_text(w, "file", item->file);
    json_integer(w, "line", row->line);
    json_text(w, "kind", op_info_get(row->op.kind)->name);
    json_text(w, "shape", shape);
    json_text(w, "source", row->source);
    json_text(w, "split", row_is_held(row) ? "held" : "fit");
    json_number(w, "measured_us", row->measured_s * US_PER_S);
    json_number(w, "predicted_us", item->predicted_s * US_PER_S);
    json_number(w, "error", item->predicted_s / row->measured_s - 1);
    json_object_end(w);
}

void row_scores_json(json_writer *w, const row_scores *scores) {
    all_and_kinds(w, scores, pick_all);
    json_object_begin(w, "fit");
    all_and_kinds(w, scores, pick_fit);
    json_object_end(w);
    json_object_begin(w, "held");
    all_and_kinds(w, scores, pick_held);
    json_object_end(w);
    json_array_begin(w, "groups");
    for (size_t i = 0; i < scores->group_count; i++)
        group_json(w, &scores->groups[i]);
    json_array_end(w);
    json_array_begin(w, "worst");
    for (size_t i = 0; i < scores->worst_count; i++)
        worst_json(w, &scores->worst[i]);
    json_array_end(w);
}
