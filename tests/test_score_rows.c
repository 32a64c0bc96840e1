#include "core/base/json_reader.h"
#include "core/base/random.h"
#include "validate/rows.h"
#include "validate/score_rows.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCORED = 300 };

/* Predictions for a table of gemms and attentions, with errors drawn from a fixed stream. */
static void make_scored(scored_row *scored, row_table *table) {
    char path[] = "/tmp/ingot_rows_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    cr_assert_not_null(file);
    fprintf(file, "op,dtype,m,n,k,heads,head_dim,q_len,kv_len,measured_us,source\n");
    for (int i = 0; i < SCORED; i++) {
        double measured_us = 1 + 100 * random_uniform(11, 0, (uint64_t)i);
        if (i % 3)
            fprintf(file, "gemm,%s,%d,64,64,,,,,%.6f,s%d\n", i % 2 ? "bf16" : "w8a16", i + 1, measured_us, i % 5);
        else
            fprintf(file, "attention,bf16,,,,8,64,%d,%d,%.6f,s%d\n", i % 2 ? 1 : 77, 100 + i, measured_us, i % 5);
    }
    fclose(file);
    error err = {0};
    cr_assert_eq(rows_load(path, NULL, EMPTY_ROWS_ARE_ERRORS, table, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    for (size_t i = 0; i < SCORED; i++) {
        double factor = 0.5 + random_uniform(12, 0, i);
        double predicted_s = table->rows[i].measured_s * factor;
        scored[i] = (scored_row){&table->rows[i], "t.csv", predicted_s, predicted_s * 0.9, predicted_s * 1.1};
    }
}

typedef bool member_function(const operator_row *row, const row_key *key);

static bool in_all(const operator_row *row, const row_key *key) {
    (void)row;
    (void)key;
    return true;
}

static bool in_kind(const operator_row *row, const row_key *key) {
    return row->op.kind == key->kind;
}

static bool in_group(const operator_row *row, const row_key *key) {
    if (row->op.kind != key->kind || strcmp(row->source, key->source) != 0)
        return false;
    if (row->op.kind == OP_gemm)
        return row->op.as.gemm.dtype == key->dtype && row->op.as.gemm.weights_dtype == key->second_dtype;
    return strcmp(key->phase, row->op.as.attention.q_len == 1 ? "decode" : "prefill") == 0;
}

/* half: 0 fit, 1 held, 2 both. */
static void expect_score(const score *got, const scored_row *scored, member_function *member, const row_key *key,
                         int half) {
    double predicted[SCORED], measured[SCORED], lower[SCORED], upper[SCORED];
    size_t n = 0;
    for (size_t i = 0; i < SCORED; i++) {
        if (!member(scored[i].row, key) || (half < 2 && row_is_held(scored[i].row) != (half == 1)))
            continue;
        predicted[n] = scored[i].predicted_s;
        measured[n] = scored[i].row->measured_s;
        lower[n] = scored[i].lower_s;
        upper[n++] = scored[i].upper_s;
    }
    score expected = score_of(predicted, measured, lower, upper, n);
    cr_assert_eq(got->n, n);
    cr_expect_float_eq(got->mean_abs_err, expected.mean_abs_err, 1e-12);
    cr_expect_float_eq(got->p90, expected.p90, 1e-12);
    cr_expect_float_eq(got->kendall_tau, expected.kendall_tau, 1e-12);
    if (n > 0)
        cr_expect_float_eq(got->coverage, expected.coverage, 1e-12);
}

static void expect_split(const split_score *got, const scored_row *scored, member_function *member,
                         const row_key *key) {
    expect_score(&got->fit, scored, member, key, 0);
    expect_score(&got->held, scored, member, key, 1);
    expect_score(&got->all, scored, member, key, 2);
}

Test(score_rows, groups_are_their_members) {
    scored_row scored[SCORED];
    row_table table;
    arena memory = {0};
    make_scored(scored, &table);
    row_scores scores = score_rows(scored, SCORED, &memory);
    expect_split(&scores.all, scored, in_all, NULL);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++)
        expect_split(&scores.kinds[kind], scored, in_kind, &(row_key){.kind = (op_kind)kind});
    /* Two types of gemm and two phases of attention, each from five sources. */
    cr_expect_eq(scores.group_count, 20);
    size_t members = 0;
    for (size_t i = 0; i < scores.group_count; i++) {
        expect_split(&scores.groups[i].scores, scored, in_group, &scores.groups[i].key);
        members += scores.groups[i].scores.all.n;
    }
    cr_expect_eq(members, SCORED);
    arena_free(&memory);
    rows_free(&table);
}

Test(score_rows, worst_rows_are_the_worst) {
    scored_row scored[SCORED];
    row_table table;
    arena memory = {0};
    make_scored(scored, &table);
    row_scores scores = score_rows(scored, SCORED, &memory);
    cr_assert_eq(scores.worst_count, WORST_ROWS_MAX);
    double last = INFINITY;
    for (size_t i = 0; i < scores.worst_count; i++) {
        double size = fabs(scores.worst[i].predicted_s / scores.worst[i].row->measured_s - 1);
        cr_expect(size <= last);
        last = size;
    }
    size_t larger = 0;
    for (size_t i = 0; i < SCORED; i++)
        larger += fabs(scored[i].predicted_s / scored[i].row->measured_s - 1) > last;
    cr_expect_eq(larger, WORST_ROWS_MAX - 1);
    cr_expect_eq(score_rows(scored, 3, &memory).worst_count, 3);
    arena_free(&memory);
    rows_free(&table);
}

Test(score_rows, a_missing_interval_makes_coverage_unknown) {
    scored_row scored[SCORED];
    row_table table;
    arena memory = {0};
    make_scored(scored, &table);
    scored[7].lower_s = NAN; /* a gemm */
    row_scores scores = score_rows(scored, SCORED, &memory);
    cr_expect(isnan(scores.all.all.coverage));
    cr_expect(isnan(scores.kinds[OP_gemm].all.coverage));
    cr_expect_not(isnan(scores.kinds[OP_attention].all.coverage));
    arena_free(&memory);
    rows_free(&table);
}

Test(score_rows, json_says_the_same) {
    scored_row scored[SCORED];
    row_table table;
    arena memory = {0};
    make_scored(scored, &table);
    row_scores scores = score_rows(scored, SCORED, &memory);
    json_writer w = json_writer_to_buffer(JSON_PRETTY);
    json_object_begin(&w, NULL);
    row_scores_json(&w, &scores);
    json_object_end(&w);
    char *text = json_writer_take_text(&w);
    json_object object;
    error err = {0};
    cr_assert_eq(json_object_parse("t", text, &object, &err), STATUS_OK, "%s", err.text);
    static const char *const paths[][5] = {
        {"all", "n", NULL}, {"by_kind", "gemm", "n", NULL}, {"held", "all", "n", NULL}};
    size_t expected[] = {SCORED, scores.kinds[OP_gemm].all.n, scores.all.held.n};
    for (size_t i = 0; i < 3; i++) {
        yajl_val value = yajl_tree_get(object.root, (const char **)(uintptr_t)paths[i], yajl_t_number);
        cr_assert_not_null(value);
        cr_expect_eq((size_t)YAJL_GET_INTEGER(value), expected[i]);
    }
    static const char *const keys[] = {"n",   "mean_abs_err", "median_abs_err", "bias",
                                       "p90", "coverage",     "kendall_tau",    "median_half_width"};
    yajl_val all = json_member(&object, "all");
    cr_expect_eq(all->u.object.len, sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        cr_expect_str_eq(all->u.object.keys[i], keys[i]);
    cr_expect_eq(json_member(&object, "worst")->u.array.len, WORST_ROWS_MAX);
    cr_expect_eq(json_member(&object, "groups")->u.array.len, scores.group_count);
    json_object_free(&object);
    free(text);
    arena_free(&memory);
    rows_free(&table);
}

Test(score_rows, scores_of_nothing_are_null) {
    arena memory = {0};
    row_scores scores = score_rows(NULL, 0, &memory);
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_object_begin(&w, NULL);
    score_json(&w, "all", &scores.all.all);
    json_object_end(&w);
    char *text = json_writer_take_text(&w);
    cr_expect_str_eq(text, "{\"all\": {\"n\": 0, \"mean_abs_err\": null, \"median_abs_err\": null, \"bias\": null, "
                           "\"p90\": null, \"coverage\": null, \"kendall_tau\": null, \"median_half_width\": null}}");
    free(text);
    arena_free(&memory);
}
