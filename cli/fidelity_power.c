/* Section of `ingot fidelity`: board power, clock and rate of what goes on until they are steady. */
#include "cli/command.h"
#include "cli/fidelity_silicon.h"
#include "cli/fidelity_verdict.h"
#include "cli/setup.h"
#include "core/base/csv.h"
#include "core/base/si.h"
#include "sim/engine/power.h"
#include "sim/explore/row_prediction.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MEASURED INGOT_SOURCE_DIR "/validate/measured/"
#define PUBLISHED INGOT_SOURCE_DIR "/validate/published/"

/* Products and copies, long repeated. */
static op copy_of_bytes(double bytes, data_type type) {
    enum { COLS = 4096 };
    op o = {.kind = OP_copy};
    o.as.copy.cols = COLS;
    o.as.copy.rows = (int64_t)(bytes / COLS / dtype_bytes(type));
    o.as.copy.dtype = o.as.copy.out_dtype = type;
    return o;
}

static op square_gemm(int64_t n, data_type type) {
    return (op){.kind = OP_gemm, .as.gemm = {.m = n, .n = n, .k = n, .batch = 1, .dtype = type, .weights_dtype = type}};
}

/* A load that went on until power and clock were steady; NaN: not told. */
typedef struct power_line {
    op o;
    double data, power_w, clock_hz, flops_per_s;
    bool set; /* power and clock set a key of the machine */
} power_line;

/* One quantity beside its measurement; the latter NaN where there is none. */
static void print_beside(double measured, double predicted, double unit, double bar, bool by_construction) {
    if (isnan(measured)) {
        printf(" %7s %7.0f %6s %-8s", "", predicted / unit, "", "");
        return;
    }
    double off = predicted / measured - 1;
    printf(" %7.0f %7.0f %+6.1f %-8s", measured / unit, predicted / unit, 100 * off,
           by_construction ? "(set)" : fidelity_verdict(fabs(off) <= bar));
}

/* A number, or NaN where the field is empty. */
static status optional_number(const csv_reader *r, const csv_row *row, int column, double *out, error *err) {
    static const double MAX = 1e18;
    *out = NAN;
    return row->fields[column].length_bytes > 0 ? csv_number(r, row, column, 0, MAX, out, err) : STATUS_OK;
}

static void print_power_line(const char *text, const power_line *line, const machine_block *block) {
    static const double POWER_BAR = 0.10, CLOCK_BAR = 0.06, RATE_BAR = 0.06, LONG_S = 60;
    power_point p = power_repeated(&line->o, RESIDENCY_PREDECESSORS, LONG_S, line->data, block);
    printf("%-40s", text);
    print_beside(line->power_w, p.power_w, 1, POWER_BAR, line->set);
    print_beside(line->clock_hz, p.clock_hz, HZ_PER_MHZ, CLOCK_BAR, line->set);
    if (line->o.kind == OP_gemm)
        print_beside(line->flops_per_s, op_work_of(&line->o).flops / p.time_s, FLOPS_PER_TFLOP, RATE_BAR, false);
    printf("\n");
}

/* Calls `row` for every row of a file with columns of these names. */
typedef status power_row(const csv_reader *r, const csv_row *row, const int *columns, const machine_block *block,
                         error *err);

static status each_power_row(const char *path, const char *const *names, size_t count, power_row *row,
                             const machine_block *block, error *err) {
    enum { COLUMNS_MAX = 8 };
    int columns[COLUMNS_MAX];
    csv_reader *reader = NULL;
    const csv_row *at = NULL;
    status result = csv_open(path, &reader, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        result = csv_require_column(reader, names[i], &columns[i], err);
    while (result == STATUS_OK) {
        result = csv_next(reader, &at, err);
        if (result != STATUS_OK || !at)
            break;
        result = row(reader, at, columns, block, err);
    }
    csv_close(reader);
    return result;
}

/* One H200 of ours. */
enum { OWN_OP, OWN_DTYPE, OWN_SIZE, OWN_DATA, OWN_POWER, OWN_CLOCK, OWN_RATE, OWN_SETS, OWN_COLUMNS };
static const char *const own_columns[OWN_COLUMNS] = {"op",      "dtype",       "size",        "data",
                                                     "power_w", "sm_clock_hz", "flops_per_s", "sets"};

/* A copy of `size` bytes, or a product of matrices of `size` rows and columns. */
static status power_row_op(const csv_row *row, const int *columns, double size, op *out, error *err) {
    const char *name = row->fields[columns[OWN_OP]].text;
    error why;
    data_type type;
    if (dtype_parse(row->fields[columns[OWN_DTYPE]].text, &type, &why) != STATUS_OK)
        return CSV_ERROR(row, columns[OWN_DTYPE], err, "%s", why.text);
    if (strcmp(name, "copy") == 0)
        *out = copy_of_bytes(size, type);
    else if (strcmp(name, "gemm") == 0)
        *out = square_gemm((int64_t)size, type);
    else
        return CSV_ERROR(row, columns[OWN_OP], err, "'%.40s' is neither copy nor gemm", name);
    return STATUS_OK;
}

static status own_power_row(const csv_reader *r, const csv_row *row, const int *columns, const machine_block *block,
                            error *err) {
    static const double LARGEST = 1e12; /* rows or bytes */
    double size;
    power_line line = {.set = row->fields[columns[OWN_SETS]].length_bytes > 0};
    const char *name = row->fields[columns[OWN_OP]].text, *dtype = row->fields[columns[OWN_DTYPE]].text;
    status result = csv_number(r, row, columns[OWN_SIZE], 1, LARGEST, &size, err);
    if (result == STATUS_OK)
        result = power_row_op(row, columns, size, &line.o, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[OWN_DATA], 0, 1, &line.data, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[OWN_POWER], &line.power_w, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[OWN_CLOCK], &line.clock_hz, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[OWN_RATE], &line.flops_per_s, err);
    if (result != STATUS_OK)
        return result;
    char text[64];
    snprintf(text, sizeof text, "6 H200 %s %s%s", name, dtype, line.data > 0 ? "" : ", zeros");
    print_power_line(text, &line, block);
    return STATUS_OK;
}

/* Others' H200s, whose figures set nothing. */
enum { PUBLISHED_M, PUBLISHED_N, PUBLISHED_K, PUBLISHED_POWER, PUBLISHED_RATE, PUBLISHED_COLUMNS };
static const char *const published_columns[PUBLISHED_COLUMNS] = {"m", "n", "k", "power_w", "flops_per_s"};

static status published_power_row(const csv_reader *r, const csv_row *row, const int *columns,
                                  const machine_block *block, error *err) {
    static const double SIDE_MAX = 1 << 20;
    double side[PUBLISHED_K + 1];
    power_line line = {.data = 1, .clock_hz = NAN};
    status result = STATUS_OK;
    for (int i = 0; i <= PUBLISHED_K && result == STATUS_OK; i++)
        result = csv_number(r, row, columns[i], 1, SIDE_MAX, &side[i], err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[PUBLISHED_POWER], &line.power_w, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[PUBLISHED_RATE], &line.flops_per_s, err);
    if (result != STATUS_OK)
        return result;
    line.o = (op){.kind = OP_gemm,
                  .as.gemm = {.m = (int64_t)side[PUBLISHED_M],
                              .n = (int64_t)side[PUBLISHED_N],
                              .k = (int64_t)side[PUBLISHED_K],
                              .batch = 1,
                              .dtype = DTYPE_bf16,
                              .weights_dtype = DTYPE_bf16}};
    char text[64];
    snprintf(text, sizeof text, "6 H200 gemm bf16, others': %.0f %.0f %.0f", side[PUBLISHED_M], side[PUBLISHED_N],
             side[PUBLISHED_K]);
    print_power_line(text, &line, block);
    return STATUS_OK;
}

/* Steps of models that our executor repeated for seconds on one H100; they set nothing. */
enum { STEP_WORKLOAD, STEP_PHASE, STEP_BATCH, STEP_PROMPT, STEP_POWER, STEP_CLOCK, STEP_WALL, STEP_COLUMNS };
static const char *const step_columns[STEP_COLUMNS] = {"workload", "phase",       "batch",      "prompt_tokens",
                                                       "power_w",  "sm_clock_hz", "step_wall_s"};

typedef struct step_power_row {
    const char *workload, *phase;
    double batch, prompt_tokens, power_w, clock_hz, wall_s;
} step_power_row;

static status read_step(const csv_reader *r, const csv_row *row, const int *columns, step_power_row *out, error *err) {
    static const double TOKENS_MAX = 1e6, POWER_MAX_W = 1e5, CLOCK_MAX_HZ = 1e11, WALL_MAX_S = 1e4;
    *out = (step_power_row){.workload = row->fields[columns[STEP_WORKLOAD]].text,
                            .phase = row->fields[columns[STEP_PHASE]].text};
    status result = csv_number(r, row, columns[STEP_BATCH], 1, TOKENS_MAX, &out->batch, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_PROMPT], 1, TOKENS_MAX, &out->prompt_tokens, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_POWER], 0, POWER_MAX_W, &out->power_w, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_CLOCK], 0, CLOCK_MAX_HZ, &out->clock_hz, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_WALL], 0, WALL_MAX_S, &out->wall_s, err);
    return result;
}

/* The phase's step, repeated until the clock is the sustained one. */
static status predict_step(arena *a, const step_power_row *row, phase_totals *out, error *err) {
    setup_options options = {.machine = "h100-sxm",
                             .workload = row->workload,
                             .preset = "compile flavour=ingot",
                             .engine = engine_name(ENGINE_ANALYTIC),
                             .thermal = thermal_name(THERMAL_SUSTAINED),
                             .request = {.batch = (int64_t)row->batch,
                                         .prompt_tokens = (int64_t)row->prompt_tokens,
                                         .decode_steps = 1,
                                         .statistic = "mean"}};
    setup *s = ARENA_NEW(a, setup);
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = setup_load(a, &options, s, err);
    if (result == STATUS_OK)
        result = engine_run(&s->graph, &s->scenario, &s->block, &s->options, a, r, NULL, err);
    if (result != STATUS_OK)
        return result;
    for (size_t p = 0; p < r->phase_count; p++) {
        if (strcmp(s->graph.phases[p].name, row->phase) != 0)
            continue;
        *out = r->phases[p];
        out->clocks[0] *= s->block.sm_clock_max_hz[0] / out->latency_s[0];
        return STATUS_OK;
    }
    return error_set(err, STATUS_BAD_INPUT, "%s has no phase '%s'", row->workload, row->phase);
}

static status step_row(const csv_reader *r, const csv_row *at, const int *columns, const machine_block *block,
                       error *err) {
    (void)block;
    static const double POWER_BAR = 0.10, CLOCK_BAR = 0.06;
    step_power_row row;
    phase_totals *step = NULL;
    arena a = {0};
    status result = read_step(r, at, columns, &row, err);
    if (result == STATUS_OK) {
        step = ARENA_NEW(&a, phase_totals);
        result = predict_step(&a, &row, step, err);
    }
    if (result == STATUS_OK) {
        char text[64];
        snprintf(text, sizeof text, "6 H100 %.20s, %.0f x %.0f, %.10s", row.workload, row.batch, row.prompt_tokens,
                 row.phase);
        printf("%-40s", text);
        print_beside(row.power_w, step->energy_j[0] / step->latency_s[0], 1, POWER_BAR, false);
        print_beside(row.clock_hz, step->clocks[0], HZ_PER_MHZ, CLOCK_BAR, false);
        printf(" %7.2f %7.2f ms\n", row.wall_s * MS_PER_S, step->latency_s[0] * MS_PER_S);
    }
    arena_free(&a);
    return result;
}

status fidelity_power(arena *a, error *err) {
    machine_block *block = ARENA_NEW(a, machine_block);
    status result = load_machine_block(a, command_config_dir(), "h200-sxm", block, err);
    if (result != STATUS_OK)
        return result;
    printf("%-40s %7s %7s %6s %-8s %7s %7s %6s %-8s %7s %7s\n", "sustained", "W", "model", "%", "", "MHz", "model", "%",
           "", "TFLOP/s", "model");
    result = each_power_row(MEASURED "h200-sxm/power.csv", own_columns, OWN_COLUMNS, own_power_row, block, err);
    if (result == STATUS_OK)
        result = each_power_row(PUBLISHED "power.csv", published_columns, PUBLISHED_COLUMNS, published_power_row, block,
                                err);
    if (result == STATUS_OK)
        result = each_power_row(MEASURED "h100-sxm/power.csv", step_columns, STEP_COLUMNS, step_row, block, err);
    return result;
}
