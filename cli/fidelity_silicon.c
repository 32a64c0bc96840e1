#include "cli/fidelity_silicon.h"

#include "cli/command.h"
#include "cli/fidelity_verdict.h"
#include "core/base/csv.h"
#include "core/base/json_reader.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/hbm.h"
#include "sim/engine/power.h"
#include "sim/explore/row_prediction.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MEASURED INGOT_SOURCE_DIR "/validate/measured/"

/* ---- device memory ---- */

typedef enum memory_pattern {
    PATTERN_READ,
    PATTERN_READ_GRID, /* by a loop over the grid, four loads of a thread on their way */
    PATTERN_WRITE,
    PATTERN_COPY,
    PATTERN_COPY_GRID,
    PATTERN_GATHER,
    PATTERN_STRIDE
} memory_pattern;

typedef struct memory_line {
    const char *text, *key; /* of the ceilings' file */
    memory_pattern pattern;
    int32_t item_bytes; /* gather: of an item; stride: between sectors */
    bool by_construction;
} memory_line;

static const memory_line h200_lines[] = {
    {"4 H200 read (sets the read path)", "read_GBps", PATTERN_READ, 0, true},
    {"4 H200 write (sets the write path)", "write_GBps", PATTERN_WRITE, 0, true},
    {"4 H200 copy (sets the write batch)", "copy_GBps", PATTERN_COPY, 0, true},
};
static const memory_line h100_lines[] = {
    {"4 H100 read by a loop over the grid", "read_bytes_per_s", PATTERN_READ_GRID, 0, false},
    {"4 H100 write", "write_bytes_per_s", PATTERN_WRITE, 0, false},
    {"4 H100 copy by the copy call", "memcpy_bytes_per_s", PATTERN_COPY, 0, false},
    {"4 H100 copy by a loop over the grid", "copy_bytes_per_s", PATTERN_COPY_GRID, 0, false},
    {"4 H100 gather of 128 bytes (sets the read queue)", "gather_128_bytes_per_s", PATTERN_GATHER, 128, true},
    {"4 H100 32 bytes of every 128", "strided_32_of_128_bytes_per_s", PATTERN_STRIDE, 128, false},
    {"4 H100 32 bytes of every 512", "strided_32_of_512_bytes_per_s", PATTERN_STRIDE, 512, false},
    {"4 H100 32 bytes of every 4096", "strided_32_of_4096_bytes_per_s", PATTERN_STRIDE, 4096, false},
};
enum { H200_LINES = sizeof h200_lines / sizeof *h200_lines, H100_LINES = sizeof h100_lines / sizeof *h100_lines };

/* Where a machine's ceilings lie. */
typedef struct memory_file {
    const char *machine, *path;
    const memory_line *lines;
    size_t count;
    double unit, bytes; /* of its rates, in bytes a second; what each stream moved in one direction */
    /* Each rate is that of one launch between two events. The GPU was idle at the first, so that the host's time for
     * the launch lies between them; NULL: of many. */
    const char *launch_key;
} memory_file;

static const memory_file memory_files[] = {
    {"h200-sxm", MEASURED "h200-sxm/ceilings.json", h200_lines, H200_LINES, 1e9, 4e9, NULL},
    {"h100-sxm", MEASURED "h100-sxm/ceilings.json", h100_lines, H100_LINES, 1, 8e9, "launch_host_s"},
};

static size_t table_index(int32_t bytes) {
    size_t index = 0;
    for (int32_t at = HBM_GATHER_BYTES_MIN; at < bytes; at *= 2)
        index++;
    return index;
}

/* What the device gives to the loops of kernels/ceilings.cu: four loads of a thread a grid apart, then four stores. */
static status set_grid_loops(const machine *m, hbm_efficiency *e, error *err) {
    enum { BLOCKS_PER_SM = 8, THREADS = 256, LOADS = 4, LOAD_BYTES = 16 };
    hbm_memory memory;
    hbm_counts counts;
    hbm_pattern pattern = {
        .kind = HBM_STREAM, .ways = LOADS, .apart_bytes = m->sm.count * BLOCKS_PER_SM * THREADS * LOAD_BYTES};
    status result = hbm_memory_of(m, &memory, err);
    if (result != STATUS_OK)
        return result;
    e->read_frac = hbm_pattern_busy_frac(&memory, &pattern, &counts);
    pattern.write_frac = 0.5;
    e->copy_frac = hbm_pattern_busy_frac(&memory, &pattern, &counts);
    return STATUS_OK;
}

/* Useful bytes of a launch over `bytes`, and how long they take. */
typedef struct memory_time {
    double bytes, s;
} memory_time;

static memory_time predicted_time(const hbm_efficiency *e, const memory_line *line, double bytes) {
    static const double GATHERED_FRAC = 0.25, SECTOR_BYTES = 32; /* kernels/ceilings.cu */
    double written = hbm_written_bytes(e, bytes), useful = bytes;
    switch (line->pattern) {
    case PATTERN_READ:
    case PATTERN_READ_GRID:
        return (memory_time){bytes, hbm_stream_s(e, bytes, 0)};
    case PATTERN_WRITE:
        return (memory_time){bytes, hbm_stream_s(e, 0, written)};
    case PATTERN_COPY:
    case PATTERN_COPY_GRID:
        return (memory_time){2 * bytes, hbm_stream_s(e, bytes, written)};
    case PATTERN_GATHER:
        useful = bytes * GATHERED_FRAC;
        return (memory_time){useful, useful / (e->gather_frac[table_index(line->item_bytes)] * e->peak_bytes_per_s)};
    case PATTERN_STRIDE:
        useful = bytes / line->item_bytes * SECTOR_BYTES;
        return (memory_time){useful, useful / (e->stride_frac[table_index(line->item_bytes)] * e->peak_bytes_per_s)};
    }
    return (memory_time){NAN, NAN};
}

static const char *verdict(double off, double bar) {
    return fidelity_verdict(fabs(off) <= bar);
}

static status print_memory_line(const machine *m, const memory_file *file, const memory_line *line,
                                const json_object *measured, hbm_efficiency e, double launch_s, error *err) {
    static const double STREAM_BAR = 0.02, SCATTERED_BAR = 0.10, RATE_MAX = 1e15;
    double rate;
    status result = json_member_number(measured, line->key, 0, RATE_MAX, &rate, err);
    if (result == STATUS_OK && (line->pattern == PATTERN_READ_GRID || line->pattern == PATTERN_COPY_GRID))
        result = set_grid_loops(m, &e, err);
    if (result != STATUS_OK)
        return result;
    memory_time t = predicted_time(&e, line, file->bytes);
    double predicted = t.bytes / (t.s + launch_s), off = predicted / (rate * file->unit) - 1;
    double bar = line->pattern == PATTERN_GATHER || line->pattern == PATTERN_STRIDE ? SCATTERED_BAR : STREAM_BAR;
    printf("%-48s %8.0f %8.0f %+7.1f %6.0f  %s\n", line->text, rate * file->unit / 1e9, predicted / 1e9, 100 * off,
           100 * bar, line->by_construction ? "by construction" : verdict(off, bar));
    return STATUS_OK;
}

static status print_memory_file(arena *a, const memory_file *file, error *err) {
    static const double LAUNCH_MAX_S = 1;
    machine m;
    hbm_efficiency e;
    json_object measured = {0};
    double launch_s = 0;
    status result = machine_load(a, command_config_dir(), file->machine, &m, NULL, err);
    if (result == STATUS_OK)
        result = hbm_efficiency_of(&m, &e, err);
    if (result == STATUS_OK)
        result = json_object_load(file->path, &measured, err);
    if (result == STATUS_OK && file->launch_key)
        result = json_member_number(&measured, file->launch_key, 0, LAUNCH_MAX_S, &launch_s, err);
    for (size_t i = 0; i < file->count && result == STATUS_OK; i++)
        result = print_memory_line(&m, file, &file->lines[i], &measured, e, launch_s, err);
    json_object_free(&measured);
    return result;
}

status fidelity_memory(arena *a, error *err) {
    printf("%-48s %8s %8s %7s %6s\n", "device memory, GB/s", "measured", "model", "error %", "bar %");
    for (size_t i = 0; i < sizeof memory_files / sizeof *memory_files; i++) {
        status result = print_memory_file(a, &memory_files[i], err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* ---- power ---- */

/* Products and copies, long repeated. */
static op op_of_power_row(const char *name, const char *dtype, double size) {
    op o = {.kind = OP_copy};
    if (strcmp(name, "copy") == 0) {
        enum { COLS = 4096 };
        o.as.copy.cols = COLS;
        o.as.copy.rows = (int64_t)(size / COLS / dtype_bytes(DTYPE_bf16));
        o.as.copy.dtype = o.as.copy.out_dtype = DTYPE_bf16;
        return o;
    }
    data_type type = strcmp(dtype, "fp8") == 0 ? DTYPE_fp8 : DTYPE_bf16;
    int64_t n = (int64_t)size;
    return (op){.kind = OP_gemm, .as.gemm = {.m = n, .n = n, .k = n, .batch = 1, .dtype = type, .weights_dtype = type}};
}

typedef struct power_columns {
    int op, dtype, size, data, power, clock, rate, sets;
} power_columns;

static status find_columns(const csv_reader *r, power_columns *c, error *err) {
    const struct {
        const char *name;
        int *column;
    } wanted[] = {{"op", &c->op},         {"dtype", &c->dtype},       {"size", &c->size},        {"data", &c->data},
                  {"power_w", &c->power}, {"sm_clock_hz", &c->clock}, {"flops_per_s", &c->rate}, {"sets", &c->sets}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        status result = csv_require_column(r, wanted[i].name, wanted[i].column, err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* One quantity beside its measurement; the latter NaN where there is none. */
static void print_beside(double measured, double model, double unit, double bar, bool by_construction) {
    if (isnan(measured)) {
        printf(" %7s %7.0f %6s %-8s", "", model / unit, "", "");
        return;
    }
    double off = model / measured - 1;
    printf(" %7.0f %7.0f %+6.1f %-8s", measured / unit, model / unit, 100 * off,
           by_construction ? "(set)" : verdict(off, bar));
}

/* A number, or NaN where the field is empty. */
static status optional_number(const csv_reader *r, const csv_row *row, int column, double *out, error *err) {
    static const double MAX = 1e18;
    *out = NAN;
    return row->fields[column].length_bytes > 0 ? csv_number(r, row, column, 0, MAX, out, err) : STATUS_OK;
}

static status print_power_row(const csv_reader *r, const csv_row *row, const power_columns *c,
                              const machine_block *block, error *err) {
    static const double POWER_BAR = 0.10, CLOCK_BAR = 0.06, RATE_BAR = 0.06, LONG_S = 60;
    double size, data, power_w, clock_hz, flops_per_s;
    status result = csv_number(r, row, c->size, 1, 1e12, &size, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, c->data, 0, 1, &data, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, c->power, &power_w, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, c->clock, &clock_hz, err);
    if (result == STATUS_OK)
        result = optional_number(r, row, c->rate, &flops_per_s, err);
    if (result != STATUS_OK)
        return result;
    const char *name = row->fields[c->op].text, *dtype = row->fields[c->dtype].text;
    op o = op_of_power_row(name, dtype, size);
    power_point p = power_repeated(&o, RESIDENCY_PREDECESSORS, LONG_S, data, block);
    bool set = row->fields[c->sets].length_bytes > 0;
    char text[64];
    snprintf(text, sizeof text, "6 H200 %s %s%s", name, dtype, data > 0 ? "" : ", zeros");
    printf("%-26s", text);
    print_beside(power_w, p.power_w, 1, POWER_BAR, set);
    print_beside(clock_hz, p.clock_hz, 1e6, CLOCK_BAR, set);
    if (o.kind == OP_gemm)
        print_beside(flops_per_s, op_work_of(&o).flops / p.time_s, 1e12, RATE_BAR, false);
    printf("\n");
    return STATUS_OK;
}

status fidelity_power(arena *a, error *err) {
    machine_block *block = ARENA_NEW(a, machine_block);
    csv_reader *reader = NULL;
    power_columns columns;
    const csv_row *row = NULL;
    status result = load_machine_block(a, command_config_dir(), "h200-sxm", block, err);
    if (result == STATUS_OK)
        result = csv_open(MEASURED "h200-sxm/power.csv", &reader, err);
    if (result == STATUS_OK)
        result = find_columns(reader, &columns, err);
    printf("%-26s %7s %7s %6s %-8s %7s %7s %6s %-8s %7s %7s\n", "sustained", "W", "model", "%", "", "MHz", "model", "%",
           "", "TFLOP/s", "model");
    while (result == STATUS_OK) {
        result = csv_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            break;
        result = print_power_row(reader, row, &columns, block, err);
    }
    csv_close(reader);
    return result;
}
