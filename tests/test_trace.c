/* Traces: reading, linking, idle and its causes, steps; and every kind of file that is no trace. */
#include "core/base/json_stream.h"
#include "validate/trace.h"
#include "validate/trace_idle.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* A file of its own for each test; the caller unlinks it. */
static char *write_file(const char *text, size_t bytes, bool gzip) {
    char *path = strdup("/tmp/ingot_trace_XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    if (gzip) {
        gzFile file = gzdopen(fd, "wb");
        cr_assert(gzwrite(file, text, (unsigned)bytes) == (int)bytes);
        gzclose(file);
    } else {
        cr_assert(write(fd, text, bytes) == (ssize_t)bytes);
        close(fd);
    }
    return path;
}

static status read_text(const char *text, bool gzip, bool any_order, trace *t, error *err) {
    char *path = write_file(text, strlen(text), gzip);
    status result = trace_read(path, any_order, t, err);
    unlink(path);
    free(path);
    return result;
}

#define HEAD "{\"deviceProperties\": [{\"id\": 0, \"name\": \"Test GPU\"}], \"traceEvents\": [\n"
#define TAIL "{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": 0, \"tid\": 0, \"args\": {\"name\": \"python\"}}]}"
#define HOST(cat, name, ts, dur, correlation)                                                                          \
    "{\"ph\": \"X\", \"cat\": \"" cat "\", \"name\": \"" name "\", \"pid\": 9, \"tid\": 9, \"ts\": " ts                \
    ", \"dur\": " dur ", \"args\": {\"External id\": 1, \"correlation\": " correlation "}},\n"
#define GPU(cat, name, ts, dur, stream, correlation)                                                                   \
    "{\"ph\": \"X\", \"cat\": \"" cat "\", \"name\": \"" name "\", \"pid\": 0, \"tid\": " stream ", \"ts\": " ts       \
    ", \"dur\": " dur ", \"args\": {\"stream\": " stream ", \"correlation\": " correlation                             \
    ", \"grid\": [4, 2, 1], \"block\": [128, 1, 1]}},\n"

/* Host and GPU on a clock of microseconds, by hand:
 *   op 100..110 holds a launch 102..105; the kernel runs 108..118: idle 100..105 launch-bound, 105..108 latency
 *   op 110..114 holds a launch 111..113 in time: the kernel runs 119..129, so 118..119 is queued
 *   the host waits 115..135: 129..135 idle are sync
 *   op 140..150 holds a copy's launch 141..149, the copy runs 151..152: 135..149 is the copy's issue, 149..151 latency
 */
static const char by_hand[] = HEAD                               /* */
    HOST("cpu_op", "aten::linear", "100.000", "10.000", "0")     /* */
    HOST("cpu_op", "aten::mm", "101.000", "8.000", "0")          /* */
    HOST("cuda_runtime", "cudaLaunchKernel", "102.0", "3", "11") /* */
    HOST("cpu_op", "aten::mul", "110.000", "4", "0")             /* */
    HOST("cuda_runtime", "cudaLaunchKernel", "111", "2", "12")   /* */
    HOST("cuda_runtime", "cudaDeviceSynchronize", "115", "20", "13") HOST("cpu_op", "aten::copy_", "140", "10", "0")
        HOST("cuda_runtime", "cudaMemcpyAsync", "141", "8", "14") /* */
    GPU("kernel", "ampere_gemm", "108", "10", "7", "11")          /* */
    GPU("kernel", "elementwise_kernel", "119", "10", "7", "12")   /* */
    GPU("gpu_memcpy", "Memcpy DtoH", "151", "1.5", "7", "14") TAIL;

static void check_by_hand(const trace *t) {
    cr_expect_str_eq(t->device, "Test GPU");
    cr_assert_eq(t->gpu_count, 3);
    cr_expect_eq(t->host_count, 8);
    cr_expect_float_eq(trace_busy_s(t, 0, 3), 21.5e-6, 1e-15);
    const trace_event *launch = trace_launch(t, &t->gpu[0]);
    cr_assert_not_null(launch);
    cr_expect_str_eq(trace_name(t, trace_host_op(t, launch)->name), "aten::mm");
    cr_expect_str_eq(trace_name(t, trace_root_op(t, launch)->name), "aten::linear");
    cr_expect_eq(t->gpu[0].ctas, 8);
    trace_window w = trace_window_of(t);
    cr_expect_eq(w.start_ns, 100000);
    cr_expect_eq(w.end_ns, 152500);
}

Test(trace, idle_by_cause_adds_up) {
    trace t;
    error err = {0};
    cr_assert_eq(read_text(by_hand, false, false, &t, &err), STATUS_OK, "%s", err.text);
    check_by_hand(&t);
    trace_idle idle;
    trace_idle_of(&t, trace_window_of(&t), &idle);
    cr_expect_float_eq(idle.cause_s[IDLE_launch_bound], 5e-6, 1e-15);
    cr_expect_float_eq(idle.cause_s[IDLE_launch_latency], 5e-6, 1e-15, "3 before the first, 2 before the copy");
    cr_expect_float_eq(idle.cause_s[IDLE_queued], 1e-6, 1e-15);
    cr_expect_float_eq(idle.cause_s[IDLE_sync], 6e-6, 1e-15);
    cr_expect_float_eq(idle.cause_s[IDLE_copy], 14e-6, 1e-15);
    cr_expect_eq(idle.gap_count, 3);
    trace_free(&t);
}

Test(trace, gzip_reads_the_same) {
    trace t;
    error err = {0};
    cr_assert_eq(read_text(by_hand, true, false, &t, &err), STATUS_OK, "%s", err.text);
    check_by_hand(&t);
    trace_free(&t);
}

Test(trace, host_costs_by_operator) {
    trace t;
    error err = {0};
    cr_assert_eq(read_text(by_hand, false, false, &t, &err), STATUS_OK, "%s", err.text);
    size_t count;
    host_cost *costs = trace_host_ops(&t, &count);
    cr_assert_eq(count, 3, "aten::mm is inside aten::linear");
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(costs[i].launches, 1);
        if (strcmp(trace_name(&t, costs[i].name), "aten::linear") == 0) {
            cr_expect_float_eq(costs[i].total_s, 10e-6, 1e-15);
            cr_expect_float_eq(costs[i].self_s, 2e-6, 1e-15);
        }
    }
    free(costs);
    trace_free(&t);
}

/* Two streams overlap from 5 to 10: the union is 15, and each category gets half of the shared 5. */
Test(trace, overlap_counts_once_and_is_shared) {
    static const char text[] =
        HEAD GPU("kernel", "gemm", "0", "10", "7", "1") GPU("kernel", "flash_fwd", "5", "10", "8", "2") TAIL;
    trace t;
    error err = {0};
    cr_assert_eq(read_text(text, false, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_float_eq(trace_busy_s(&t, 0, 2), 15e-6, 1e-15);
    classified *classes = trace_classify(&t);
    double category_s[CATEGORY_COUNT];
    trace_categories(&t, classes, trace_window_of(&t), category_s);
    cr_expect_float_eq(category_s[CATEGORY_LINEAR], 7.5e-6, 1e-15);
    cr_expect_float_eq(category_s[CATEGORY_ATTENTION], 7.5e-6, 1e-15);
    cr_expect_float_eq(category_s[CATEGORY_IDLE], 0, 1e-15);
    free(classes);
    trace_free(&t);
}

/* Nanoseconds survive timestamps that a double of microseconds cannot hold. */
Test(trace, timestamps_are_exact) {
    static const char text[] = HEAD GPU("kernel", "k", "999999999999999.001", "0.001", "7", "1")
        GPU("kernel", "k", "999999999999999.003", "0.002", "7", "2") TAIL;
    trace t;
    error err = {0};
    cr_assert_eq(read_text(text, false, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(t.gpu[0].start_ns, INT64_C(999999999999999001));
    cr_expect_eq(t.gpu[1].start_ns - trace_end_ns(&t.gpu[0]), 1);
    trace_free(&t);
}

Test(trace, steps_by_period) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    fputs("[", file); /* a bare array is a trace too */
    static const char *const names[] = {"embed", "a", "b", "a", "b", "head"};
    for (int i = 0; i < 18; i++)
        fprintf(file, "%s{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"%s\",\"pid\":0,\"tid\":7,\"ts\":%d,\"dur\":5}",
                i ? "," : "", names[i % 6], 10 * i);
    fputs("]", file);
    fclose(file);
    trace t;
    error err = {0};
    cr_assert_eq(read_text(text, false, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(t.step_source, "period");
    cr_assert_eq(t.step_count, 3);
    cr_expect_eq(t.steps[2].first, 12);
    cr_expect_eq(t.steps[2].count, 6);
    trace_free(&t);
    free(text);
}

/* XLA's profiler (JAX, TensorFlow) names streams instead of giving categories; ids are text there. */
Test(trace, streams_by_name) {
    static const char text[] =
        "{\"displayTimeUnit\": \"ns\", \"traceEvents\": ["
        "{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", \"args\": {\"name\": \"/device:GPU:0\"}},"
        "{\"ph\": \"M\", \"pid\": 1, \"tid\": 20, \"name\": \"thread_name\", \"args\": {\"name\": \"Stream "
        "#20(Compute)\"}},"
        "{\"ph\": \"M\", \"pid\": 1, \"tid\": 21, \"name\": \"thread_name\", \"args\": {\"name\": \"XLA Ops\"}},"
        "{\"ph\": \"X\", \"pid\": 701, \"tid\": 9, \"ts\": 10, \"dur\": 5, \"name\": \"cuLaunchKernel\", "
        "\"args\": {\"correlation_id\": \"77\"}},"
        "{\"ph\": \"X\", \"pid\": 701, \"tid\": 9, \"ts\": 9, \"dur\": 50, \"name\": \"PjitFunction\"},"
        "{\"ph\": \"X\", \"pid\": 1, \"tid\": 20, \"ts\": 18, \"dur\": 4, \"name\": \"gemm_fusion_dot\", "
        "\"args\": {\"correlation_id\": \"77\"}},"
        "{\"ph\": \"X\", \"pid\": 1, \"tid\": 20, \"ts\": 30, \"dur\": 1, \"name\": \"MemcpyD2H\"},"
        "{\"ph\": \"X\", \"pid\": 1, \"tid\": 21, \"ts\": 18, \"dur\": 4, \"name\": \"fusion.1\"}]}";
    trace t;
    error err = {0};
    cr_assert_eq(read_text(text, false, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(t.gpu_count, 2, "derived lines are no GPU activity");
    cr_expect_eq(t.gpu[1].kind, TRACE_MEMCPY);
    cr_expect_str_eq(trace_name(&t, trace_launch(&t, &t.gpu[0])->name), "cuLaunchKernel");
    cr_expect_float_eq(trace_busy_s(&t, 0, 2), 5e-6, 1e-15);
    trace_free(&t);
}

Test(trace, steps_by_annotation) {
    static const char text[] = HEAD HOST("user_annotation", "ProfilerStep#4", "0", "50", "0")
        HOST("cuda_runtime", "cudaLaunchKernel", "10", "2", "1")
            HOST("user_annotation", "ProfilerStep#5", "50", "50", "0")
                HOST("cuda_runtime", "cudaLaunchKernel", "60", "2", "2") GPU("kernel", "k", "70", "5", "7", "1")
                    GPU("kernel", "k", "80", "5", "7", "2") TAIL; /* both run late: the launch decides */
    trace t;
    error err = {0};
    cr_assert_eq(read_text(text, false, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(t.step_source, "annotations");
    cr_assert_eq(t.step_count, 2);
    cr_expect_eq(t.steps[1].first, 1);
    trace_free(&t);
}

Test(trace, time_that_goes_backward) {
    static const char text[] =
        HEAD GPU("kernel", "later", "50", "5", "7", "1") GPU("kernel", "earlier", "20", "5", "7", "2") TAIL;
    trace t;
    error err = {0};
    cr_expect_eq(read_text(text, false, false, &t, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, ":3:") && strstr(err.text, "backward on stream 7"), "%s", err.text);
    cr_assert_eq(read_text(text, false, true, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(t.backward_count, 1);
    cr_expect_str_eq(trace_name(&t, t.gpu[0].name), "earlier");
    trace_free(&t);
}

Test(trace, files_that_are_no_trace) {
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"", "is empty"},
        {"hello", ":1:1: lexical error"},
        {"{\"a\": 1}", "no 'traceEvents'"},
        {"{\"traceEvents\": []}", "no GPU activity"},
        {"{\"traceEvents\": [1]}", "no object"},
        {HEAD GPU("kernel", "k", "1", "1", "7", "1"), ":3:1: the JSON ends early: truncated"},
        {HEAD GPU("kernel", "k", "\"1\"", "1", "7", "1") TAIL, "'ts'"},
        {HEAD GPU("kernel", "k", "1", "null", "7", "1") TAIL, "'dur'"},
        {HEAD GPU("kernel", "k", "1", "-1", "7", "1") TAIL, "before it begins"},
        {HEAD GPU("kernel", "k", "1", "1", "7", "1") TAIL "]", "trailing garbage"},
        {HEAD HOST("cpu_op", "aten::mul", "1", "1", "0") TAIL, "no GPU activity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trace t;
        error err = {0};
        cr_expect_eq(read_text(cases[i].text, false, false, &t, &err), STATUS_BAD_INPUT, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        cr_expect_null(strchr(err.text, '\n'), "case %zu", i);
    }
}

static void expect_failure(const char *text, size_t bytes, bool gzip, const char *what) {
    char *path = write_file(text, bytes, gzip);
    trace t;
    error err = {0};
    cr_expect_eq(trace_read(path, false, &t, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, what), "%s", err.text);
    unlink(path);
    free(path);
}

Test(trace, gigantic_names) {
    enum { LONG = TRACE_NAME_MAX_BYTES + 1, HUGE_NAME = 2 * JSON_TOKEN_MAX_BYTES };
    static const char start[] = "{\"traceEvents\": [{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"";
    char *text = malloc(HUGE_NAME + 256);
    memcpy(text, start, sizeof start - 1);
    memset(text + sizeof start - 1, 'k', HUGE_NAME);
    expect_failure(text, sizeof start - 1 + HUGE_NAME, false, "more than 4 MiB");
    strcpy(text + sizeof start - 1 + LONG, "\", \"ts\": 1, \"dur\": 1}]}");
    expect_failure(text, strlen(text), false, "a name of 65537 bytes");
    free(text);
}

Test(trace, gzip_bombs) {
    enum { EVENTS = 1500000 };
    static const char event[] = "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"k\",\"ts\":1,\"dur\":1},";
    char path[] = "/tmp/ingot_trace_XXXXXX";
    gzFile file = gzdopen(mkstemp(path), "wb9");
    gzputs(file, "[");
    for (int i = 0; i < EVENTS; i++)
        gzputs(file, event);
    gzclose(file);
    trace t;
    error err = {0};
    cr_expect_eq(trace_read(path, false, &t, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "expands more than 200 times"), "%s", err.text);
    unlink(path);
    char *blank = malloc(3 * JSON_TOKEN_MAX_BYTES);
    memset(blank, ' ', 3 * JSON_TOKEN_MAX_BYTES);
    expect_failure(blank, 3 * JSON_TOKEN_MAX_BYTES, true, "more than 4 MiB");
    free(blank);
}

Test(trace, damaged_gzip) {
    char *path = write_file(by_hand, sizeof by_hand - 1, true);
    FILE *file = fopen(path, "rb");
    char packed[4096];
    size_t bytes = fread(packed, 1, sizeof packed, file);
    fclose(file);
    unlink(path);
    free(path);
    expect_failure(packed, bytes / 2, false, "truncated");
    packed[bytes - 6] ^= 1; /* of the checksum */
    expect_failure(packed, bytes, false, "damaged gzip data");
}

Test(trace, every_prefix_of_a_trace_is_refused) {
    for (size_t bytes = 0; bytes < sizeof by_hand - 1; bytes += 7)
        expect_failure(by_hand, bytes, false, bytes == 0 ? "empty" : "truncated");
}

/* The traces of an H200, against counts and times that an independent reader found (Python's json and a union of
 * intervals): kernels, busy microseconds, steps. */
Test(trace, measured_traces) {
    static const struct {
        const char *name;
        size_t kernels, steps;
        double busy_us;
    } cases[] = {
        {"compile-b1-p154-decode", 1935, 3, 13915.053},
        {"eager-b1-p154-decode", 4989, 3, 18569.054},
        {"sdpa-b1-p154-decode", 4383, 3, 17653.326},
        {"sdpa-b1-p154-prefill", 1333, 1, 8590.813},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, INGOT_SOURCE_DIR "/../shared/measured/h200-pytorch/codellama-7b-%s.json.gz",
                 cases[i].name);
        if (access(path, R_OK) != 0)
            cr_skip_test("skipped: no %s", path);
        trace t;
        error err = {0};
        cr_assert_eq(trace_read(path, false, &t, &err), STATUS_OK, "%s", err.text);
        cr_expect_eq(t.gpu_count, cases[i].kernels);
        cr_expect_eq(t.step_count, cases[i].steps, "%s: %zu", cases[i].name, t.step_count);
        cr_expect_float_eq(trace_busy_s(&t, 0, t.gpu_count) * 1e6, cases[i].busy_us, 0.001 * cases[i].busy_us);
        trace_free(&t);
    }
}
