/* Section of `ingot fidelity`: board power, clock and rate of what goes on until they are steady. */
#include "cli/fidelity_power.h"
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

/* Copies, reads and products, long repeated. */
static op copy_of_bytes(double bytes, data_type type) {
    enum { COLS = 4096 };
    op o = {.kind = OP_copy};
    o.as.copy.cols = COLS;
    o.as.copy.rows = (int64_t)(bytes / COLS / dtype_bytes(type));
    o.as.copy.dtype = o.as.copy.out_dtype = type;
    return o;
}

/* Sums of rows: little but reads. */
static op read_of_bytes(double bytes, data_type type) {
    enum { COLS = 4096 };
    op o = {.kind = OP_reduce};
    o.as.reduce.cols = COLS;
    o.as.reduce.rows = (int64_t)(bytes / COLS / dtype_bytes(type));
    o.as.reduce.dtype = type;
    return o;
}

static op square_gemm(int64_t n, data_type type) {
    return (op){.kind = OP_gemm, .as.gemm = {.m = n, .n = n, .k = n, .batch = 1, .dtype = type, .weights_dtype = type}};
}

/* A load that went on until power and clock were steady; NaN: not told. */
typedef struct power_line {
    op o;
    double data, power_w, clock_hz, flops_per_s;
    bool set;       /* power and clock set a key of the machine */
    bool rate_part; /* the rate had a part in tensor_hold_ratio */
} power_line;

void power_beside(double measured, double predicted, double unit, double bar, const char *set) {
    if (isnan(measured)) {
        printf(" %7s %7.0f %6s %-8s", "", predicted / unit, "", "");
        return;
    }
    double off = predicted / measured - 1;
    printf(" %7.0f %7.0f %+6.1f %-8s", measured / unit, predicted / unit, 100 * off,
           set ? set : fidelity_verdict(fabs(off) <= bar));
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
    power_beside(line->power_w, p.power_w, 1, POWER_BAR, line->set ? "(set)" : NULL);
    power_beside(line->clock_hz, p.clock_hz, HZ_PER_MHZ, CLOCK_BAR, line->set ? "(set)" : NULL);
    if (line->o.kind == OP_gemm)
        power_beside(line->flops_per_s, op_work_of(&line->o).flops / p.time_s, FLOPS_PER_TFLOP, RATE_BAR,
                     line->rate_part ? "(part)" : NULL);
    printf("\n");
}

static status each_power_row(const char *path, const char *const *names, size_t count, power_row *row,
                             const machine_block *block, error *err) {
    enum { COLUMNS_MAX = 8 }; /* of a file, that are read */
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

/* A copy or a read of `size` bytes, or a product of matrices of `size` rows and columns; bf16 where no type is told. */
static status power_row_op(const csv_row *row, int name_column, int type_column, double size, op *out, error *err) {
    const char *name = row->fields[name_column].text;
    error why;
    data_type type = DTYPE_bf16;
    if (row->fields[type_column].length_bytes > 0 &&
        dtype_parse(row->fields[type_column].text, &type, &why) != STATUS_OK)
        return CSV_ERROR(row, type_column, err, "%s", why.text);
    if (strcmp(name, "copy") == 0)
        *out = copy_of_bytes(size, type);
    else if (strcmp(name, "read") == 0)
        *out = read_of_bytes(size, type);
    else if (strcmp(name, "gemm") == 0)
        *out = square_gemm((int64_t)size, type);
    else
        return CSV_ERROR(row, name_column, err, "'%.40s' is none of copy, read, gemm", name);
    return STATUS_OK;
}

static status own_power_row(const csv_reader *r, const csv_row *row, const int *columns, const machine_block *block,
                            error *err) {
    static const double LARGEST = 1e12; /* rows or bytes */
    double size;
    const char *sets = row->fields[columns[OWN_SETS]].text;
    power_line line = {.set = strstr(sets, "energy_") != NULL, .rate_part = strstr(sets, "tensor_hold_ratio") != NULL};
    const char *name = row->fields[columns[OWN_OP]].text, *dtype = row->fields[columns[OWN_DTYPE]].text;
    status result = csv_number(r, row, columns[OWN_SIZE], 1, LARGEST, &size, err);
    if (result == STATUS_OK)
        result = power_row_op(row, columns[OWN_OP], columns[OWN_DTYPE], size, &line.o, err);
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

/* Loads of one H100, of which products, copies and reads by all SMs are operators. What their reading set is declared
 * where it stands, in the machine's file. */
enum { LOAD_NAME, LOAD_DTYPE, LOAD_SIZE, LOAD_DATA, LOAD_SMS, LOAD_POWER, LOAD_CLOCK, LOAD_RATE, LOAD_COLUMNS };
static const char *const load_columns[LOAD_COLUMNS] = {"load",     "dtype",   "size",          "data",
                                                       "sm_count", "power_w", "nvml_clock_hz", "flops_per_s"};

static status load_row(const csv_reader *r, const csv_row *row, const int *columns, const machine_block *block,
                       error *err) {
    static const double LARGEST = 1e12, SMS_MAX = 1e6; /* rows or bytes */
    const char *name = row->fields[columns[LOAD_NAME]].text, *dtype = row->fields[columns[LOAD_DTYPE]].text;
    bool read = strcmp(name, "read") == 0;
    if (!read && strcmp(name, "copy") != 0 && strcmp(name, "gemm") != 0)
        return STATUS_OK;
    double size, sms;
    power_line line = {.set = read};
    status result = csv_number(r, row, columns[LOAD_SIZE], 1, LARGEST, &size, err);
    if (result == STATUS_OK)
        result = power_row_op(row, columns[LOAD_NAME], columns[LOAD_DTYPE], size, &line.o, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[LOAD_DATA], 0, 1, &line.data, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[LOAD_SMS], 0, SMS_MAX, &sms, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[LOAD_POWER], &line.power_w, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[LOAD_CLOCK], &line.clock_hz, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, columns[LOAD_RATE], &line.flops_per_s, err);
    if (result != STATUS_OK || isnan(line.power_w) || sms < block->sm_count[0])
        return result; /* the first milliseconds of a product have no power */
    char text[64];
    snprintf(text, sizeof text, "6 H100 %s%s%s %.0f%s", name, *dtype ? " " : "", dtype, size,
             line.data > 0 ? "" : ", zeros");
    line.o.own = true;
    line.rate_part = line.data > 0;
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

status fidelity_power(arena *a, error *err) {
    machine_block *h200 = ARENA_NEW(a, machine_block), *h100 = ARENA_NEW(a, machine_block);
    status result = load_machine_block(a, command_config_dir(), "h200-sxm", h200, err);
    if (result == STATUS_OK)
        result = load_machine_block(a, command_config_dir(), "h100-sxm", h100, err);
    if (result != STATUS_OK)
        return result;
    printf("%-40s %7s %7s %6s %-8s %7s %7s %6s %-8s %7s %7s\n", "sustained", "W", "model", "%", "", "MHz", "model", "%",
           "", "TFLOP/s", "model");
    result = each_power_row(MEASURED "h200-sxm/power.csv", own_columns, OWN_COLUMNS, own_power_row, h200, err);
    if (result == STATUS_OK)
        result =
            each_power_row(PUBLISHED "power.csv", published_columns, PUBLISHED_COLUMNS, published_power_row, h200, err);
    if (result == STATUS_OK)
        result = each_power_row(MEASURED "h100-sxm/power-loads.csv", load_columns, LOAD_COLUMNS, load_row, h100, err);
    if (result == STATUS_OK)
        result = each_power_row(MEASURED "h100-sxm/power.csv", step_power_columns, STEP_POWER_COLUMNS, step_power_line,
                                h100, err);
    return result;
}
