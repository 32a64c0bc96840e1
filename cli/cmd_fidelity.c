/* ingot fidelity: how predictions compare with what was measured, line by line of a table, and what each modelling term
 * is worth. */
#include "cli/command.h"
#include "cli/fidelity_engines.h"
#include "cli/fidelity_order.h"
#include "cli/fidelity_own.h"
#include "cli/fidelity_published.h"
#include "cli/fidelity_silicon.h"
#include "cli/fidelity_verdict.h"
#include "cli/step_prediction.h"
#include "core/base/clock.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/ablation.h"
#include "sim/explore/ensemble.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct fidelity_options {
    const char *measured;
    bool no_ablation, published;
} fidelity_options;

enum { KEY_NO_ABLATION = 256, KEY_PUBLISHED, SPEED_ROWS = 200000 };

static const struct argp_option option_table[] = {
    {"no-ablation", KEY_NO_ABLATION, 0, 0, "Leave out the table of terms", 0},
    {"published", KEY_PUBLISHED, 0, 0, "Only what others published for GPUs that nothing was fitted to, each figure",
     0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    fidelity_options *o = state->input;
    switch (key) {
    case KEY_NO_ABLATION:
        o->no_ablation = true;
        break;
    case KEY_PUBLISHED:
        o->published = true;
        break;
    case ARGP_KEY_ARG:
        if (o->measured)
            return EINVAL;
        o->measured = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Which rows of a file a line is about. */
typedef enum row_half { HALF_ALL, HALF_HELD } row_half;

typedef struct fidelity_line {
    const char *text, *machine, *calibration, *file;
    const char *dtype; /* of a gemm's activations; NULL: all */
    row_half half;
    double bar; /* mean absolute error at most */
} fidelity_line;

static const fidelity_line lines_of_table[] = {
    {"2 H200 GEMM bf16", "h200-sxm", NULL, "h200_sxm-gemm", "bf16", HALF_ALL, 0.06},
    {"2 H200 GEMM fp8", "h200-sxm", NULL, "h200_sxm-gemm", "fp8", HALF_ALL, 0.08},
    {"2 H200 attention", "h200-sxm", NULL, "h200_sxm-attention", NULL, HALF_ALL, 0.09},
    {"2 H200 collectives", "h200-sxm", NULL, "h200_sxm-collective", NULL, HALF_ALL, 0.15},
    {"2 H200 GEMM, held half", "h200-sxm", NULL, "h200_sxm-gemm", NULL, HALF_HELD, 0.08},
    {"2 H200 attention, held half", "h200-sxm", NULL, "h200_sxm-attention", NULL, HALF_HELD, 0.09},
    {"2 H200 collectives, held half", "h200-sxm", NULL, "h200_sxm-collective", NULL, HALF_HELD, 0.15},
    {"3 A100 GEMM, fitted on H200 alone", "a100-sxm-80gb", "hopper", "a100_sxm-gemm", NULL, HALF_ALL, 0.12},
    {"3 A100 attention, fitted on H200 alone", "a100-sxm-80gb", "hopper", "a100_sxm-attention", NULL, HALF_ALL, 0.15},
    {"3 L40S GEMM, fitted on H200 alone", "l40s", "hopper", "l40s-gemm", NULL, HALF_ALL, 0.12},
    {"3 L40S attention, fitted on H200 alone", "l40s", "hopper", "l40s-attention", NULL, HALF_ALL, 0.15},
    {"3 A100 GEMM, own generation, odd hash", "a100-sxm-80gb", NULL, "a100_sxm-gemm", NULL, HALF_HELD, 0.07},
    {"3 A100 attention, own generation, odd hash", "a100-sxm-80gb", NULL, "a100_sxm-attention", NULL, HALF_HELD, 0.10},
    {"3 L40S GEMM, own generation, odd hash", "l40s", NULL, "l40s-gemm", NULL, HALF_HELD, 0.07},
    {"3 L40S attention, own generation, odd hash", "l40s", NULL, "l40s-attention", NULL, HALF_HELD, 0.10},
    {"- A100 collectives, own generation, odd hash", "a100-sxm-80gb", NULL, "a100_sxm-collective", NULL, HALF_HELD,
     0.15},
    {"- L40S collectives, own generation, odd hash", "l40s", NULL, "l40s-collective", NULL, HALF_HELD, 0.15},
};

static status load_for(arena *a, const fidelity_line *line, ensemble *e, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, command_config_dir(), line->machine, &m, NULL, err);
    if (line->calibration)
        m.calibration_name = line->calibration;
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &m, &c, err);
    return result == STATUS_OK ? ensemble_fill(a, command_config_dir(), &m, &c, e, err) : result;
}

static bool belongs(const fidelity_line *line, const operator_row *row) {
    if (row->unsupported || row->empty || !(row->measured_s > 0))
        return false;
    if (line->half == HALF_HELD && !row_is_held(row))
        return false;
    return !line->dtype || strcmp(dtype_name(row->op.as.gemm.dtype), line->dtype) == 0;
}

static score score_line(arena *a, const fidelity_line *line, const row_table *table, const ensemble *e) {
    double *predicted = ARENA_ARRAY(a, double, table->count + 1), *measured = ARENA_ARRAY(a, double, table->count + 1);
    double *lower = ARENA_ARRAY(a, double, table->count + 1), *upper = ARENA_ARRAY(a, double, table->count + 1);
    size_t n = 0;
    for (size_t i = 0; i < table->count; i++) {
        const operator_row *row = &table->rows[i];
        if (!belongs(line, row))
            continue;
        row_interval p = predict_row_interval(row, e);
        predicted[n] = p.prediction.time_s, measured[n] = row->measured_s;
        lower[n] = p.lower_s, upper[n++] = p.upper_s;
    }
    return score_of(predicted, measured, lower, upper, n);
}

static void print_score(const fidelity_line *line, const score *s) {
    printf("%-48s %6zu %7.1f %7.1f  %-7s %7.1f %7.1f", line->text, s->n, 100 * s->mean_abs_err, 100 * line->bar,
           fidelity_verdict(s->mean_abs_err <= line->bar), 100 * s->coverage, 100 * s->median_half_width);
    bool home = line->half == HALF_HELD; /* line 7 is about held rows */
    bool covered = s->coverage >= 0.85 && s->coverage <= 0.95 && s->median_half_width <= 2 * s->mean_abs_err;
    printf("  %s\n", home ? fidelity_verdict(covered) : "");
}

static status print_public(arena *a, const char *measured, const source_map *sources, error *err) {
    printf("%-48s %6s %7s %7s  %-7s %7s %7s  %s\n", "line of the table", "rows", "error %", "bar %", "", "cover %",
           "half %", "line 7");
    for (size_t i = 0; i < sizeof lines_of_table / sizeof lines_of_table[0]; i++) {
        const fidelity_line *line = &lines_of_table[i];
        const char *path = arena_printf(a, "%s/%s.csv", measured, line->file);
        if (access(path, R_OK) != 0) {
            printf("%-48s skipped: no %s\n", line->text, path);
            continue;
        }
        row_table table = {0};
        ensemble *e = ARENA_NEW(a, ensemble);
        status result = load_for(a, line, e, err);
        if (result == STATUS_OK)
            result = rows_load(path, sources, EMPTY_ROWS_SKIPPED, &table, err);
        if (result == STATUS_OK) {
            score s = score_line(a, line, &table, e);
            print_score(line, &s);
        }
        rows_free(&table);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* Measured steps that ship with the program. */
static status print_steps(arena *a, error *err) {
    static const char path[] = INGOT_SOURCE_DIR "/validate/measured/h200-sxm/codellama-7b-pytorch.jsonl";
    static const double BAR = 0.05;
    step_table table = {0};
    step_scores scores;
    status result = steps_load(path, &table, err);
    if (result == STATUS_OK)
        result = steps_predict(a, &table, "h200-sxm", &scores, err);
    if (result == STATUS_OK) {
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "5 PyTorch steps, GPU busy", scores.busy.n,
               100 * scores.busy.mean_abs_err, 100 * BAR, fidelity_verdict(scores.busy.mean_abs_err <= BAR));
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "5 PyTorch steps, wall of compiled ones", scores.graph_wall.n,
               100 * scores.graph_wall.mean_abs_err, 100 * BAR,
               fidelity_verdict(scores.graph_wall.mean_abs_err <= BAR));
    }
    steps_free(&table);
    return result;
}

/* GEMM rows a second through the analytic engine, eight machines a call and one. */
static status print_speed(arena *a, error *err) {
    static const double BAR = 300000;
    machine_block *block = ARENA_NEW(a, machine_block);
    status result = load_machine_block(a, command_config_dir(), "h200-sxm", block, err);
    if (result != STATUS_OK)
        return result;
    double begin_s = clock_cpu_s();
    double sum = 0;
    for (int i = 0; i < SPEED_ROWS; i++) {
        op o = {.kind = OP_gemm,
                .as.gemm = {.m = 1 + i % 4096,
                            .n = 128 * (1 + i % 97),
                            .k = 64 * (1 + i % 89),
                            .batch = 1,
                            .dtype = DTYPE_bf16,
                            .weights_dtype = DTYPE_bf16}};
        cost_block cost;
        cost_analytic(&o, RESIDENCY_COLD, block, &cost);
        sum += cost.time_s[0];
    }
    double took_s = clock_cpu_s() - begin_s;
    double calls_per_s = sum > 0 ? SPEED_ROWS / took_s : 0;
    printf("8 GEMM rows a second a core: %.0f on one machine, %.0f over blocks of %d (bar %.0f: %s)\n", calls_per_s,
           calls_per_s * MACHINE_LANES, MACHINE_LANES, BAR, fidelity_verdict(calls_per_s * MACHINE_LANES >= BAR));
    return STATUS_OK;
}

static status print_ablation(arena *a, const char *measured, const source_map *sources, error *err) {
    static const struct {
        const char *name, *machine;
    } files[] = {{"h200_sxm-gemm", "h200-sxm"},
                 {"h200_sxm-attention", "h200-sxm"},
                 {"h200_sxm-collective", "h200-sxm"},
                 {"a100_sxm-gemm", "a100-sxm-80gb"},
                 {"l40s-gemm", "l40s"}};
    size_t count;
    ablation_terms(&count);
    puts("\n10 mean error on rows of public tables, and with a term removed, %:");
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        const char *path = arena_printf(a, "%s/%s.csv", measured, files[f].name);
        if (access(path, R_OK) != 0) {
            printf("skipped: no %s\n", path);
            continue;
        }
        row_table table = {0};
        ensemble *e = ARENA_NEW(a, ensemble);
        const fidelity_line all = {.machine = files[f].machine};
        status result = load_for(a, &all, e, err);
        if (result == STATUS_OK)
            result = rows_load(path, sources, EMPTY_ROWS_SKIPPED, &table, err);
        if (result == STATUS_OK) {
            ablation_row *rows = ARENA_ARRAY(a, ablation_row, count);
            size_t scored = ablate(&table, &e->machine, &e->center, rows);
            double with = score_line(a, &all, &table, e).mean_abs_err;
            printf("%-48s %7.1f\n", files[f].name, 100 * with);
            for (size_t i = 0; i < scored; i++)
                printf("  without %-60s %7.1f  %+6.1f\n", rows[i].term->text, 100 * rows[i].mean_abs_err,
                       100 * (rows[i].mean_abs_err - with));
        }
        rows_free(&table);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status fidelity(arena *a, const fidelity_options *o, error *err) {
    source_map sources = {0};
    const char *measured = o->measured ? o->measured : INGOT_SOURCE_DIR "/../shared/measured";
    status result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result == STATUS_OK && o->published) {
        result = fidelity_published(a, &sources, true, err);
        sources_free(&sources);
        return result;
    }
    if (result == STATUS_OK)
        result = print_public(a, measured, &sources, err);
    if (result == STATUS_OK)
        result = fidelity_own_rows(a, &sources, err);
    if (result == STATUS_OK)
        result = print_steps(a, err);
    if (result == STATUS_OK)
        result = fidelity_own_runs(a, err);
    if (result == STATUS_OK)
        result = fidelity_own_variants(a, &sources, err);
    if (result == STATUS_OK)
        result = fidelity_print_order(a, measured, &sources, err);
    if (result == STATUS_OK)
        result = print_speed(a, err);
    if (result == STATUS_OK)
        result = fidelity_engines(a, &sources, err);
    if (result == STATUS_OK)
        result = fidelity_memory(a, err);
    if (result == STATUS_OK)
        result = fidelity_power(a, err);
    if (result == STATUS_OK)
        result = fidelity_published(a, &sources, false, err);
    if (result == STATUS_OK)
        puts("9 bounds and monotony: tests/test_bounds.c");
    if (result == STATUS_OK && !o->no_ablation)
        result = print_ablation(a, measured, &sources, err);
    sources_free(&sources);
    return result;
}

status command_fidelity(int argc, char **argv, error *err) {
    static const char doc[] = "How predictions compare with measurements, and what each modelling term is worth. "
                              "Rows of public tables are read from DIRECTORY where it has them.\v"
                              "example: ingot fidelity ../shared/measured";
    fidelity_options o = {0};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "[DIRECTORY]", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK && o.published && o.measured)
        result = error_set(err, STATUS_BAD_INPUT, "ingot fidelity: --published reads no DIRECTORY: leave it out");
    if (result != STATUS_OK)
        return result;
    arena a = {0};
    result = fidelity(&a, &o, err);
    arena_free(&a);
    return result;
}
