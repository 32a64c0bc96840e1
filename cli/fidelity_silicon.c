#include "cli/fidelity_silicon.h"

#include "cli/command.h"
#include "cli/fidelity_verdict.h"
#include "core/base/json_reader.h"
#include "core/base/si.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/hbm.h"

#include <math.h>
#include <stdio.h>

#define MEASURED INGOT_SOURCE_DIR "/validate/measured/"

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
    {"4 H100 read", "read_bytes_per_s", PATTERN_READ_GRID, 0, false},
    {"4 H100 write", "write_bytes_per_s", PATTERN_WRITE, 0, false},
    {"4 H100 copy by the copy call", "memcpy_bytes_per_s", PATTERN_COPY, 0, false},
    {"4 H100 copy by a kernel", "copy_bytes_per_s", PATTERN_COPY_GRID, 0, false},
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
    printf("%-48s %8.0f %8.0f %+7.1f %6.0f  %s\n", line->text, rate * file->unit / BYTES_PER_GB,
           predicted / BYTES_PER_GB, 100 * off, 100 * bar,
           line->by_construction ? "by construction" : verdict(off, bar));
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
