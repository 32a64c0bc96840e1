/* ingot bench: operator rows timed on this GPU, or what the GPU can do at most and draws. */
#include "cli/bench_power.h"
#include "cli/command.h"
#include "cli/gpu_setup.h"
#include "cli/row_output.h"
#include "core/base/si.h"
#include "core/base/whole_file.h"
#include "validate/rows.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double CEILING_BYTES = 8e9; /* of each of two buffers */

typedef struct bench_arguments {
    const char *file, *output;
    bench_method method;
    bool ceilings, power, json;
    double bytes, seconds;
    gpu_variant variant;
    argument_failure failure;
    int argc;
    char **argv;
} bench_arguments;

enum { KEY_METHOD = 256, KEY_CEILINGS, KEY_GIGABYTES, KEY_POWER, KEY_SECONDS };

/* Of each buffer of the ceilings: well beyond L2, and within memory. */
static const double GIGABYTES_MIN = 2, GIGABYTES_MAX = 1000;
/* Of a window of power: the board's energy counter moves ten times a second. */
static const double SECONDS_MIN = 0.5, SECONDS_MAX = 600, SECONDS_DEFAULT = 2;

static const struct argp_option option_table[] = {
    {"method", KEY_METHOD, "NAME", 0, "cupti_cold_l2 (default) or graph_steady", 0},
    {"output", 'o', "FILE", 0, "Measured rows; FILE.meta.json says on what", 0},
    {"ceilings", KEY_CEILINGS, 0, 0, "Measure bandwidths, matrix rates, latencies and launch costs instead of rows", 0},
    {"gigabytes", KEY_GIGABYTES, "N", 0, "Size of each of the ceilings' two buffers (default 8)", 0},
    {"power", KEY_POWER, 0, 0, "Measure what simple loads draw: board power, clocks and rates, as CSV", 0},
    {"seconds", KEY_SECONDS, "S", 0, "Of each of these loads, once settled (default 2)", 0},
    GPU_VARIANT_OPTIONS,
    {"json", 'j', 0, 0, "Print JSON (ceilings)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    bench_arguments *o = state->input;
    switch (key) {
    case KEY_METHOD:
        if (strcmp(value, row_method_name(ROW_METHOD_CUPTI_COLD_L2)) == 0)
            o->method = BENCH_CUPTI_COLD_L2;
        else if (strcmp(value, row_method_name(ROW_METHOD_GRAPH_STEADY)) == 0)
            o->method = BENCH_GRAPH_STEADY;
        else
            return EINVAL;
        return 0;
    case KEY_CEILINGS:
        o->ceilings = true;
        return 0;
    case KEY_GIGABYTES:
        o->bytes = argument_number(&o->failure, "gigabytes", value, GIGABYTES_MIN, GIGABYTES_MAX) * BYTES_PER_GB;
        return 0;
    case KEY_POWER:
        o->power = true;
        return 0;
    case KEY_SECONDS:
        o->seconds = argument_number(&o->failure, "seconds", value, SECONDS_MIN, SECONDS_MAX);
        return 0;
    case 'o':
        o->output = value;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->file)
            return EINVAL;
        o->file = value;
        return 0;
    default:
        return gpu_variant_argument(&o->variant, key, value, &o->failure) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

/* ---- ceilings ---- */

static status bench_ceilings(const bench_arguments *o, const gpu_setup *gpu, error *err) {
    ceiling list[CEILINGS_MAX];
    size_t count = 0;
    status result = gpu->api->ceilings(gpu->context, o->bytes, list, CEILINGS_MAX, &count, err);
    if (result != STATUS_OK)
        return result;
    if (!o->json) {
        for (size_t i = 0; i < count; i++)
            printf("%-32s %12.5g  %s\n", list[i].name, list[i].value, list[i].method);
        return STATUS_OK;
    }
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_integer(&w, "schema", 1);
    gpu_environment_json(&w, gpu, o->argc, o->argv);
    for (size_t i = 0; i < count; i++)
        json_number(&w, list[i].name, list[i].value);
    json_object_begin(&w, "methods");
    for (size_t i = 0; i < count; i++)
        json_text(&w, list[i].name, list[i].method);
    json_object_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

/* ---- rows ---- */

/* Columns that a measurement adds or replaces. */
static const char *const added[] = {"measured_us", "least_us",    "most_us",     "method",    "source",
                                    "recorder",    "sm_clock_hz", "actual_plan", "work_bytes"};
enum { ADDED = sizeof added / sizeof added[0] };

typedef struct bench_run {
    const bench_arguments *options;
    const gpu_setup *gpu;
    row_reader *reader;
    FILE *out;
    size_t measured, skipped;
} bench_run;

static row_output output_of(const bench_run *run) {
    return (row_output){.out = run->out, .reader = run->reader, .added = added, .added_count = ADDED};
}

/* "128x256x64 stages 4 cluster 2x1 split 1", blank for our own kernels. */
static void plan_text(const plan *p, char *text, size_t bytes) {
    text[0] = '\0';
    if (p->tile_m > 0)
        snprintf(text, bytes, "%dx%dx%d stages %d cluster %dx%d split %d", p->tile_m, p->tile_n, p->tile_k, p->stages,
                 p->cluster_m, p->cluster_n, p->split_k);
}

static void write_row(const bench_run *run, const operator_row *row, const bench_result *r) {
    char text[128];
    row_output output = output_of(run);
    row_output_fields(&output, row);
    plan_text(&r->actual, text, sizeof text);
    bool steady = run->options->method == BENCH_GRAPH_STEADY;
    char clock[32] = "";
    if (isfinite(r->telemetry.sm_clock_hz))
        snprintf(clock, sizeof clock, "%.0f", r->telemetry.sm_clock_hz);
    op_work work = op_work_of(&row->op); /* each input read and each output written once */
    fprintf(run->out, "%.6g,%.6g,%.6g,%s,ingot,%s,%s,%s,%.10g\n", r->median_s * US_PER_S, r->least_s * US_PER_S,
            r->most_s * US_PER_S, row_method_name(steady ? ROW_METHOD_GRAPH_STEADY : ROW_METHOD_CUPTI_COLD_L2),
            r->recorder, clock, text, work.weight_bytes + work.read_bytes + work.write_bytes);
}

static status bench_rows(bench_run *run, error *err) {
    row_output output = output_of(run);
    row_output_header(&output);
    for (;;) {
        const operator_row *row;
        status result = row_reader_next(run->reader, &row, err);
        if (result != STATUS_OK || !row)
            return result;
        error why = {0};
        bench_result measured;
        const char *reason = row->unsupported;
        if (row->empty)
            reason = "a dimension is 0";
        else if (!reason && row->len_count > 0)
            reason = "ragged lengths are not measured";
        if (!reason) {
            result = run->gpu->api->bench(run->gpu->context, &row->op, run->options->method, &measured, &why);
            if (result == STATUS_ENVIRONMENT)
                return error_set(err, result, "line %d: %.900s", row->line, why.text);
            reason = result == STATUS_OK ? NULL : why.text;
        }
        if (reason) {
            run->skipped++;
            fprintf(stderr, "line %d: not measured: %s\n", row->line, reason);
            continue;
        }
        run->measured++;
        write_row(run, row, &measured);
    }
}

static status write_meta(const bench_run *run, error *err) {
    arena a = {0};
    whole_file *file;
    status result = whole_file_open(arena_printf(&a, "%s.meta.json", run->options->output), &file, err);
    arena_free(&a);
    if (result != STATUS_OK)
        return result;
    json_writer w = json_writer_to_file(whole_file_stream(file), JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_integer(&w, "schema", 1);
    gpu_environment_json(&w, run->gpu, run->options->argc, run->options->argv);
    if (run->reader) {
        json_number(&w, "rows", (double)run->measured);
        json_number(&w, "rows_not_measured", (double)run->skipped);
    }
    json_object_end(&w);
    json_writer_finish(&w, NULL); /* whose failure is the file's */
    return whole_file_close(file, err);
}

static status bench_file(const bench_arguments *o, error *err) {
    source_map sources = {0};
    gpu_setup gpu = {0};
    bench_run run = {.options = o, .gpu = &gpu, .out = stdout};
    status result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result != STATUS_OK) /* a program carried away from its tree: only the backends behind sources are lost */
        sources = (source_map){0};
    result = row_reader_open(o->file, &sources, &run.reader, err); /* what is wrong with it needs no GPU to be told */
    if (result == STATUS_OK)
        result = gpu_setup_open(&o->variant, &gpu, err);
    if (result == STATUS_OK && o->output && !(run.out = fopen(o->output, "w")))
        result = error_set(err, STATUS_ENVIRONMENT, "%.900s: cannot write: %s", o->output, strerror(errno));
    if (result == STATUS_OK)
        result = bench_rows(&run, err);
    bool lost = run.out && ferror(run.out); /* main looks after stdout */
    lost = run.out && run.out != stdout && (fclose(run.out) != 0 || lost);
    if (lost && result == STATUS_OK)
        result = error_set(err, STATUS_ENVIRONMENT, "%.900s: cannot write all rows", o->output);
    if (result == STATUS_OK && o->output)
        result = write_meta(&run, err);
    if (result == STATUS_OK)
        fprintf(stderr, "%zu rows measured, %zu not\n", run.measured, run.skipped);
    gpu_setup_close(&gpu);
    row_reader_close(run.reader);
    sources_free(&sources);
    return result;
}

/* What needs no rows: ceilings or power. */
static status bench_gpu(const bench_arguments *o, error *err) {
    gpu_setup gpu = {0};
    bench_run run = {.options = o, .gpu = &gpu, .out = stdout};
    status result = gpu_setup_open(&o->variant, &gpu, err);
    if (result == STATUS_OK && o->output && !(run.out = fopen(o->output, "w")))
        result = error_set(err, STATUS_ENVIRONMENT, "%.900s: cannot write: %s", o->output, strerror(errno));
    if (result == STATUS_OK)
        result = o->power ? bench_power(&gpu, o->seconds, run.out, err) : bench_ceilings(o, &gpu, err);
    bool lost = run.out && run.out != stdout && fclose(run.out) != 0;
    if (lost && result == STATUS_OK)
        result = error_set(err, STATUS_ENVIRONMENT, "%.900s: cannot write all rows", o->output);
    if (result == STATUS_OK && o->output)
        result = write_meta(&run, err);
    gpu_setup_close(&gpu);
    return result;
}

status command_bench(int argc, char **argv, error *err) {
    static const char doc[] =
        "Times operator rows on this GPU: a CSV in, the same CSV with measured_us out; or measures "
        "what the GPU can do at most, or what it draws.\v"
        "example: ingot bench rows.csv --method graph_steady -o measured.csv\n"
        "example: ingot bench --ceilings --json\n"
        "example: ingot bench --power -o power.csv";
    bench_arguments o = {
        .bytes = CEILING_BYTES, .seconds = SECONDS_DEFAULT, .failure = {.err = err}, .argc = argc, .argv = argv};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "ROWS.csv", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result != STATUS_OK)
        return result;
    if (o.ceilings + o.power + (o.file != NULL) != 1)
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot bench: give a file of rows, or --ceilings, or --power; see --help");
    return o.file ? bench_file(&o, err) : bench_gpu(&o, err);
}
