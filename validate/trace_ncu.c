/* Nsight Compute's CSV (`ncu --csv --log-file FILE`, or `ncu --import REPORT --csv`): a row a metric of a kernel, or
 * with
 * `--page raw` a row a kernel and a row of units. It has durations and no times: kernels stand back to back here, and
 * idle time is not to be told. */
#include "core/base/csv.h"
#include "core/base/number.h"
#include "validate/trace_build.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool trace_is_ncu(const char *path) {
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".csv") == 0;
}

typedef struct columns {
    int kernel, stream, grid;
    int name, unit, value; /* a row a metric */
    int duration;          /* a row a kernel; -1 where the others are */
} columns;

typedef struct ncu_reader {
    csv_reader *csv;
    columns c;
    trace_builder *b;
    double scale; /* a row a kernel: ns a unit; 0 until the row of units */
    int64_t now_ns;
} ncu_reader;

static double ns_per_unit(const char *unit) {
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1},   {"nsecond", 1},   {"us", 1e3}, {"usecond", 1e3},
                 {"ms", 1e6}, {"msecond", 1e6}, {"s", 1e9},  {"second", 1e9}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ns;
    return 0;
}

/* "1,234.56": thousands are set apart. */
static bool read_value(const char *text, double *out) {
    char plain[64];
    size_t length = 0;
    for (; *text && length + 1 < sizeof plain; text++)
        if (*text != ',')
            plain[length++] = *text;
    plain[length] = '\0';
    return number_parse(plain, out);
}

static uint32_t read_grid(const char *text) {
    unsigned x, y, z;
    if (sscanf(text, "(%u, %u, %u)", &x, &y, &z) != 3)
        return 0;
    double ctas = (double)x * y * z;
    return ctas < (double)UINT32_MAX ? (uint32_t)ctas : 0;
}

static status find_columns(ncu_reader *r, error *err) {
    static const char DURATION[] = "gpu__time_duration.sum";
    columns *c = &r->c;
    c->stream = csv_find_column(r->csv, "Stream");
    c->grid = csv_find_column(r->csv, "Grid Size");
    c->duration = csv_find_column(r->csv, DURATION);
    c->name = c->unit = c->value = -1;
    status result = csv_require_column(r->csv, "Kernel Name", &c->kernel, err);
    if (result != STATUS_OK || c->duration >= 0)
        return result;
    result = csv_require_column(r->csv, "Metric Name", &c->name, err);
    if (result == STATUS_OK)
        result = csv_require_column(r->csv, "Metric Unit", &c->unit, err);
    return result == STATUS_OK ? csv_require_column(r->csv, "Metric Value", &c->value, err) : result;
}

static const char *field_or_empty(const csv_row *row, int column) {
    return column < 0 ? "" : row->fields[column].text;
}

static status add_kernel(ncu_reader *r, const csv_row *row, int value_column, double scale, error *err) {
    double value;
    if (!read_value(row->fields[value_column].text, &value) || value < 0 || value > 1e9)
        return CSV_ERROR(row, value_column, err, "'%.40s' is no duration", row->fields[value_column].text);
    if (scale == 0)
        return CSV_ERROR(row, value_column, err, "a duration without a unit of time");
    const csv_field *name = &row->fields[r->c.kernel];
    trace_input in = {.kind = TRACE_KERNEL,
                      .name = name->text,
                      .name_bytes = name->length_bytes,
                      .process = "GPU",
                      .thread = field_or_empty(row, r->c.stream),
                      .start_ns = r->now_ns,
                      .duration_ns = llround(value * scale),
                      .ctas = read_grid(field_or_empty(row, r->c.grid))};
    r->now_ns += in.duration_ns;
    error inner = {""};
    status result = trace_build(r->b, &in, &inner);
    return result == STATUS_OK ? result : CSV_ERROR(row, r->c.kernel, err, "%s", inner.text);
}

static status take_row(ncu_reader *r, const csv_row *row, error *err) {
    const columns *c = &r->c;
    if (c->duration >= 0) {
        if (row->fields[c->kernel].length_bytes == 0) { /* the row of units */
            r->scale = ns_per_unit(row->fields[c->duration].text);
            return STATUS_OK;
        }
        return add_kernel(r, row, c->duration, r->scale, err);
    }
    const char *metric = row->fields[c->name].text;
    if (strcmp(metric, "Duration") != 0 && strcmp(metric, "gpu__time_duration.sum") != 0)
        return STATUS_OK;
    return add_kernel(r, row, c->value, ns_per_unit(row->fields[c->unit].text), err);
}

status trace_parse_ncu(const char *path, trace *out, error *err) {
    trace_builder b = {.t = out};
    ncu_reader r = {.b = &b};
    status result = csv_open(path, &r.csv, err);
    if (result != STATUS_OK)
        return result;
    result = find_columns(&r, err);
    const csv_row *row = NULL;
    while (result == STATUS_OK) {
        result = csv_next(r.csv, &row, err);
        if (result != STATUS_OK || !row)
            break;
        result = take_row(&r, row, err);
    }
    csv_close(r.csv);
    if (result == STATUS_OK && out->gpu_count == 0)
        result = error_set(err, STATUS_BAD_INPUT, "%s: no kernel with a duration", path);
    return result;
}
