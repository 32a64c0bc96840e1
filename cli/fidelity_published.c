#include "cli/fidelity_published.h"

#include "cli/command.h"
#include "core/base/number.h"
#include "core/base/si.h"
#include "sim/engine/cost_memory.h"
#include "sim/engine/power.h"
#include "sim/explore/row_prediction.h"
#include "validate/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PUBLISHED INGOT_SOURCE_DIR "/validate/published/figures.csv"

/* Columns of the file beside those of operator rows. */
typedef struct published_columns {
    size_t machine, series_s, figure, unit, sets;
} published_columns;

/* Figures of one machine, kind and type; some of them set a prior. */
typedef struct published_line {
    const char *machine;
    op_kind kind;
    const char *type;
    size_t count, setting;
    double error_sum, setting_error_sum, log_sum, worst;
    const operator_row *worst_row;
} published_line;

enum { LINES_MAX = 128 };

static status find_column(const row_table *table, const char *name, size_t *out, error *err) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i], name) == 0) {
            *out = i;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_BAD_INPUT, "%s: no column '%s'", table->path, name);
}

static status find_columns(const row_table *table, published_columns *c, error *err) {
    status result = find_column(table, "machine", &c->machine, err);
    if (result == STATUS_OK)
        result = find_column(table, "series_s", &c->series_s, err);
    if (result == STATUS_OK)
        result = find_column(table, "figure", &c->figure, err);
    if (result == STATUS_OK)
        result = find_column(table, "unit", &c->unit, err);
    return result == STATUS_OK ? find_column(table, "sets", &c->sets, err) : result;
}

/* Repeated for so long on the same operands, which a product finds in L2 where they fit; a gap lies between two runs.
 */
static double predict(const operator_row *row, double series_s, const machine_block *block) {
    op o = row_part(row, 0);
    if (o.kind == OP_gemm)
        o.as.gemm.activations_only = true;
    double gap_s = o.kind == OP_gemm ? steady_gap_s(block, 0) : 0;
    return gap_s + power_repeated(&o, RESIDENCY_PREDECESSORS, series_s, 1, block).time_s;
}

/* Blank: once. */
static status series_of(const row_table *table, const operator_row *row, const published_columns *c, double *out,
                        error *err) {
    const char *text = row->fields[c->series_s];
    *out = 0;
    if (*text && (!number_parse(text, out) || *out < 0))
        return error_at(err, table->path, row->line, 1, "series_s is '%.40s': expected seconds", text);
    return STATUS_OK;
}

static const char *type_of(const op *o) {
    return o->kind == OP_gemm ? dtype_name(o->as.gemm.dtype) : "";
}

static published_line *line_of(published_line *lines, size_t *count, const char *name, const op *o) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(lines[i].machine, name) == 0 && lines[i].kind == o->kind && strcmp(lines[i].type, type_of(o)) == 0)
            return &lines[i];
    if (*count == LINES_MAX)
        return NULL;
    lines[*count] = (published_line){.machine = name, .kind = o->kind, .type = type_of(o)};
    return &lines[(*count)++];
}

static void add_figure(published_line *line, const operator_row *row, bool sets, double predicted_s) {
    double off = predicted_s / row->measured_s - 1;
    line->count++;
    line->error_sum += fabs(off);
    line->log_sum += log1p(off);
    if (sets) {
        line->setting++;
        line->setting_error_sum += fabs(off);
    }
    if (fabs(off) >= fabs(line->worst))
        line->worst = off, line->worst_row = row;
}

static void print_shape(const op *o) {
    if (o->kind == OP_gemm)
        printf("%lld x %lld x %lld", (long long)o->as.gemm.m, (long long)o->as.gemm.n, (long long)o->as.gemm.k);
    else if (o->kind == OP_attention)
        printf("%lld tokens, width %lld%s", (long long)o->as.attention.q_len, (long long)o->as.attention.head_dim,
               o->as.attention.causal ? ", causal" : "");
    else if (o->kind == OP_collective)
        printf("%lld ranks, %lld bytes", (long long)o->as.collective.ranks, (long long)o->as.collective.bytes);
}

static void print_line(const published_line *line, const published_columns *c) {
    const operator_row *worst = line->worst_row;
    char setting[24] = "";
    if (line->setting > 0)
        snprintf(setting, sizeof setting, "%zu", line->setting);
    printf("%-16s %-12s %-6s %6zu %4s %7.1f %+7.1f  worst %+6.1f (", line->machine, op_info_get(line->kind)->name,
           line->type, line->count, setting, 100 * line->error_sum / (double)line->count,
           100 * expm1(line->log_sum / (double)line->count), 100 * line->worst);
    print_shape(&worst->op);
    printf("%s%s %s)\n", line->kind == OP_copy || line->kind == OP_add ? "" : ": ", worst->fields[c->figure],
           worst->fields[c->unit]);
}

static void print_figure(const operator_row *row, const published_columns *c, double predicted_s) {
    printf("%-16s %-6s %10.1f us, predicted %10.1f (%+6.1f %%)  ", row->fields[c->machine], type_of(&row->op),
           US_PER_S * row->measured_s, US_PER_S * predicted_s, 100 * (predicted_s / row->measured_s - 1));
    print_shape(&row->op);
    printf("  %s %s\n", row->fields[c->figure], row->fields[c->unit]);
}

static status score_table(arena *a, const row_table *table, const published_columns *c, bool each,
                          published_line *lines, size_t *count, error *err) {
    const char *loaded = "";
    machine_block *block = ARENA_NEW(a, machine_block);
    for (size_t i = 0; i < table->count; i++) {
        const operator_row *row = &table->rows[i];
        const char *name = row->fields[c->machine];
        status result = STATUS_OK;
        if (strcmp(name, loaded) != 0)
            result = load_machine_block(a, command_config_dir(), name, block, err);
        if (result != STATUS_OK)
            return result;
        loaded = name;
        published_line *line = line_of(lines, count, name, &row->op);
        if (!line)
            return error_set(err, STATUS_BAD_INPUT, "%s: more than %d machines and kinds", table->path, LINES_MAX);
        double series_s;
        result = series_of(table, row, c, &series_s, err);
        if (result != STATUS_OK)
            return result;
        double predicted_s = predict(row, series_s, block);
        if (each)
            print_figure(row, c, predicted_s);
        add_figure(line, row, *row->fields[c->sets] != '\0', predicted_s);
    }
    return STATUS_OK;
}

/* Figures that set a prior judge nothing but whether its form can follow them. */
static void print_means(const published_line *lines, size_t count) {
    size_t figures = 0, setting = 0;
    double error_sum = 0, setting_error_sum = 0;
    for (size_t i = 0; i < count; i++) {
        figures += lines[i].count;
        setting += lines[i].setting;
        error_sum += lines[i].error_sum;
        setting_error_sum += lines[i].setting_error_sum;
    }
    if (figures > setting)
        printf("%-36s %6zu %12.1f\n", "all that set no prior", figures - setting,
               100 * (error_sum - setting_error_sum) / (double)(figures - setting));
    if (setting > 0)
        printf("%-36s %6zu %12.1f\n", "all that set one", setting, 100 * setting_error_sum / (double)setting);
}

status fidelity_published(arena *a, const source_map *sources, bool each, error *err) {
    row_table table = {0};
    published_columns columns = {0};
    published_line *lines = ARENA_ARRAY(a, published_line, LINES_MAX);
    size_t count = 0;
    status result = rows_load(PUBLISHED, sources, EMPTY_ROWS_ARE_ERRORS, &table, err);
    if (result == STATUS_OK)
        result = find_columns(&table, &columns, err);
    if (result == STATUS_OK)
        result = score_table(a, &table, &columns, each, lines, &count, err);
    if (result == STATUS_OK)
        printf("%-36s %6s %4s %7s %7s\n", "published, GPUs without rows, time", "rows", "set", "error %", "bias %");
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        print_line(&lines[i], &columns);
    if (result == STATUS_OK)
        print_means(lines, count);
    rows_free(&table);
    return result;
}
