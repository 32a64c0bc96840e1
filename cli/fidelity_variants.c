/* Line 5 of the fidelity table, variants of one GPU: by how much each changes an operator's or a step's time, predicted
 * over measured. What a knob leaves of the machine is what its own calibration measured. Where a knob takes SMs of its
 * own (less L2, less bandwidth), the reference is the same number of SMs undisturbed. */
#include "cli/command.h"
#include "cli/fidelity_own.h"
#include "cli/fidelity_verdict.h"
#include "cli/setup.h"
#include "core/base/csv.h"
#include "core/base/json_reader.h"
#include "core/base/si.h"
#include "sim/explore/row_prediction.h"
#include "validate/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOLDER OWN_FOLDER "/variants"
#define STEPS_FILE OWN_FOLDER "/variant-steps.csv"
static const char whole_name[] = "whole", meta_ending[] = ".csv.meta.json";
static const double BAR = 0.05;

enum { VARIANTS_MAX = 64, VARIANT_PHASES = 2 };
static const char *const phase_names[VARIANT_PHASES] = {"prefill", "decode"};

/* What a knob left, over what there is without it. */
typedef struct variant {
    const char *name;
    double sm_count;
    double l2_share, l2_rate_share, read_share, write_share; /* 1 where nothing takes a part */
    bool resident;                                           /* something takes L2 or bandwidth */
    row_table rows;
    machine_block block;
    double measured_s[VARIANT_PHASES], predicted_s[VARIANT_PHASES]; /* a step; NaN where none was measured */
} variant;

/* A number of a recording's `variant`, or of an object in it; NaN where it is not there. */
static double number_of(const json_object *meta, const char *group, const char *key) {
    const char *outer[] = {"variant", key, NULL}, *inner[] = {"variant", group, key, NULL};
    yajl_val value = yajl_tree_get(meta->root, group ? inner : outer, yajl_t_number);
    return YAJL_IS_NUMBER(value) ? YAJL_GET_DOUBLE(value) : NAN;
}

static double share_of(const json_object *meta, const char *key) {
    double share = number_of(meta, "left", key) / number_of(meta, "alone", key);
    return isnan(share) ? 1 : share;
}

static status load_variant(arena *a, const char *name, const source_map *sources, variant *out, error *err) {
    json_object meta = {0};
    *out = (variant){.name = name};
    status result = json_object_load(arena_printf(a, FOLDER "/%s%s", name, meta_ending), &meta, err);
    if (result != STATUS_OK)
        return result;
    out->sm_count = number_of(&meta, NULL, "sm_count");
    out->l2_share = share_of(&meta, "l2_bytes");
    out->l2_rate_share = share_of(&meta, "l2_read_bytes_per_s");
    out->read_share = share_of(&meta, "read_bytes_per_s");
    out->write_share = share_of(&meta, "write_bytes_per_s");
    out->resident = number_of(&meta, NULL, "resident_blocks") > 0;
    json_object_free(&meta);
    if (!(out->sm_count >= 1))
        return error_set(err, STATUS_BAD_INPUT, FOLDER "/%s%s: no sm_count", name, meta_ending);
    for (size_t p = 0; p < VARIANT_PHASES; p++)
        out->measured_s[p] = out->predicted_s[p] = NAN;
    return rows_load(arena_printf(a, FOLDER "/%s.csv", name), sources, EMPTY_ROWS_SKIPPED, &out->rows, err);
}

/* Stores go by efficiencies of their own: relative to the bandwidth that reads keep. A knob's calibration has the same
 * loads on their way with and without what takes bandwidth, so by Little's law each takes longer as their rate falls:
 * memory is kept busy, and everybody queues. */
static void apply_variant(const variant *v, machine *m, calibration *c) {
    double write_ratio = v->write_share / v->read_share;
    m->sm.count = v->sm_count;
    m->l2.bytes *= v->l2_share;
    m->l2.bytes_per_clk *= v->l2_rate_share;
    m->hbm.latency_clk /= v->read_share;
    m->hbm.bandwidth_bytes_per_s *= v->read_share;
    c->own.write_efficiency_frac *= write_ratio;
}

/* Steps of Code Llama 7B as they were measured: prompt 512, three tokens, our executor's operators in CUDA graphs. */
static status predict_steps(arena *a, const setup *base, variant *v, error *err) {
    engine_result run;
    setup s = *base;
    apply_variant(v, &s.machine, &s.calibration);
    const machine *machines[] = {&s.machine};
    const calibration *calibrations[] = {&s.calibration};
    machine_block_fill(&v->block, machines, calibrations, 1);
    s.block = v->block;
    s.options.host = &s.host;
    status result = engine_run(&s.graph, &s.scenario, &s.block, &s.options, a, &run, NULL, err);
    for (size_t p = 0; result == STATUS_OK && p < s.graph.phase_count; p++)
        for (size_t k = 0; k < VARIANT_PHASES; k++)
            if (strcmp(s.graph.phases[p].name, phase_names[k]) == 0)
                v->predicted_s[k] = run.phases[p].latency_s[0] / s.scenario.values[s.graph.phases[p].steps];
    return result;
}

static variant *find_variant(variant *all, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

/* Walls of steps that nothing recorded. */
static status load_steps(variant *all, size_t count, error *err) {
    static const double MS_MAX = 1e9;
    static const char *const names[] = {"variant", "phase", "step_wall_ms"};
    enum { NAME, PHASE, WALL, COLUMNS };
    int columns[COLUMNS];
    csv_reader *reader = NULL;
    status result = csv_open(STEPS_FILE, &reader, err);
    for (int c = 0; c < COLUMNS && result == STATUS_OK; c++)
        result = csv_require_column(reader, names[c], &columns[c], err);
    while (result == STATUS_OK) {
        const csv_row *row = NULL;
        double wall_ms = NAN;
        result = csv_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            break;
        variant *v = find_variant(all, count, row->fields[columns[NAME]].text);
        result = csv_number(reader, row, columns[WALL], 0, MS_MAX, &wall_ms, err);
        for (size_t k = 0; v && k < VARIANT_PHASES; k++)
            if (strcmp(row->fields[columns[PHASE]].text, phase_names[k]) == 0)
                v->measured_s[k] = wall_ms * S_PER_MS;
    }
    csv_close(reader);
    return result;
}

static const operator_row *same_row(const row_table *table, const operator_row *row) {
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].hash == row->hash)
            return &table->rows[i];
    return NULL;
}

/* Sum over rows of how far the predicted ratio is from the measured one; `count` receives how many have one. */
static double ratio_error(const variant *base, const variant *v, size_t *count) {
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < v->rows.count; i++) {
        const operator_row *row = &v->rows.rows[i], *other = same_row(&base->rows, row);
        if (!other || !(row->measured_s > 0) || !(other->measured_s > 0))
            continue;
        double predicted = predict_row(row, &v->block).time_s / predict_row(other, &base->block).time_s;
        sum += fabs(predicted / (row->measured_s / other->measured_s) - 1);
        ++*count;
    }
    return sum;
}

typedef struct variant_totals {
    double rows_error, steps_error; /* sums */
    size_t rows, steps;
} variant_totals;

static void print_steps(const variant *base, const variant *v, variant_totals *totals) {
    for (size_t k = 0; k < VARIANT_PHASES; k++) {
        double measured = v->measured_s[k] / base->measured_s[k], predicted = v->predicted_s[k] / base->predicted_s[k];
        if (!isfinite(measured / predicted))
            continue;
        printf("  %s %.2f, predicted %.2f", phase_names[k], measured, predicted);
        totals->steps_error += fabs(predicted / measured - 1);
        totals->steps++;
    }
}

static void print_variant(const variant *base, const variant *v, variant_totals *totals) {
    size_t count;
    double sum = ratio_error(base, v, &count), mean = count > 0 ? sum / (double)count : 0;
    printf("5 ratio to %-8s %-28s %6zu %7.1f %7.1f  %-6s", base->name, v->name, count, 100 * mean, 100 * BAR,
           fidelity_verdict(mean <= BAR));
    print_steps(base, v, totals);
    putchar('\n');
    totals->rows_error += sum, totals->rows += count;
}

static void print_total(const char *text, size_t count, double sum) {
    if (count > 0)
        printf("%-48s %6zu %7.1f %7.1f  %s\n", text, count, 100 * sum / (double)count, 100 * BAR,
               fidelity_verdict(sum <= BAR * (double)count));
}

static status load_all(arena *a, const source_map *sources, variant *all, size_t *loaded, error *err) {
    const char *names[VARIANTS_MAX];
    size_t count = fidelity_list_files(a, FOLDER, meta_ending, names, VARIANTS_MAX);
    status result = STATUS_OK;
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        const char *name = arena_printf(a, "%.*s", (int)(strlen(names[i]) - strlen(meta_ending)), names[i]);
        result = load_variant(a, name, sources, &all[i], err);
        *loaded = i + 1;
    }
    return result == STATUS_OK && count > 0 ? load_steps(all, count, err) : result;
}

static status predict_all(arena *a, variant *all, size_t count, error *err) {
    enum { PROMPT_TOKENS = 512, DECODE_STEPS = 3 };
    setup_options options = {.machine = OWN_MACHINE,
                             .engine = "analytic",
                             .workload = "codellama-7b",
                             .preset = "compile flavour=ingot",
                             .request = {.batch = 1, .prompt_tokens = PROMPT_TOKENS, .decode_steps = DECODE_STEPS}};
    setup *base = ARENA_NEW(a, setup);
    status result = setup_load(a, &options, base, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        result = predict_steps(a, base, &all[i], err);
    return result;
}

status fidelity_own_variants(arena *a, const source_map *sources, error *err) {
    variant *all = ARENA_ARRAY(a, variant, VARIANTS_MAX);
    variant_totals totals = {0};
    size_t count = 0;
    status result = load_all(a, sources, all, &count, err);
    if (result == STATUS_OK && count > 0)
        result = predict_all(a, all, count, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        const char *name = all[i].resident ? arena_printf(a, "sms-%.0f", all[i].sm_count) : whole_name;
        variant *base = find_variant(all, count, name);
        if (!base)
            result = error_set(err, STATUS_BAD_INPUT, FOLDER "/%s.csv: is needed beside %s", name, all[i].name);
        else if (base != &all[i])
            print_variant(base, &all[i], &totals);
    }
    if (result == STATUS_OK) {
        print_total("5 ratio to the GPU without, all variants", totals.rows, totals.rows_error);
        print_total("5 the same, steps of Code Llama 7B", totals.steps, totals.steps_error);
    }
    for (size_t i = 0; i < count; i++)
        rows_free(&all[i].rows);
    return result;
}
