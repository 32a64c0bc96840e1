/* Exported traces are read back as what was written; run files likewise. */
#include "core/timeline.h"
#include "reports/chrome_trace.h"
#include "validate/run_reader.h"
#include "validate/trace.h"
#include "validate/trace_class.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_example(const char *path) {
    chrome_trace *c;
    error err = {0};
    cr_assert_eq(chrome_trace_open(path, "Example \"GPU\"", &c, &err), STATUS_OK, "%s", err.text);
    chrome_trace_process(c, 0, "predicted: GPU");
    chrome_trace_thread(c, 0, 7, "stream 7");
    for (int i = 0; i < 3; i++) {
        double at_s = 100e-6 * i;
        chrome_event mark = {.category = "user_annotation",
                             .name = "ProfilerStep#1",
                             .pid = 1,
                             .tid = 1,
                             .start_s = at_s,
                             .duration_s = 90e-6};
        chrome_event call = {.category = "cuda_runtime",
                             .name = "cudaLaunchKernel",
                             .pid = 1,
                             .tid = 1,
                             .start_s = at_s + 2e-6,
                             .duration_s = 3e-6,
                             .correlation = i + 1};
        chrome_event kernel = {.category = "kernel",
                               .name = "gate (linear)",
                               .pid = 0,
                               .tid = 7,
                               .start_s = at_s + 9e-6,
                               .duration_s = 12.345e-6,
                               .correlation = i + 1,
                               .phase = "decode",
                               .step = i};
        chrome_trace_event(c, &mark);
        chrome_trace_event(c, &call);
        chrome_trace_event(c, &kernel);
        chrome_trace_flow(c, i + 1, 1, 1, call.start_s, 0, 7, kernel.start_s);
        chrome_trace_counter(c, 0, "HBM GB/s", kernel.start_s, 4000);
    }
    cr_assert_eq(chrome_trace_close(c, &err), STATUS_OK, "%s", err.text);
}

static void check_example(const char *path) {
    trace t;
    error err = {0};
    cr_assert_eq(trace_read(path, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(t.device, "Example \"GPU\"");
    cr_assert_eq(t.gpu_count, 3);
    cr_expect_eq(t.step_count, 3);
    cr_expect_float_eq(trace_busy_s(&t, 0, 3), 3 * 12.345e-6, 1e-9);
    cr_expect_str_eq(trace_name(&t, trace_launch(&t, &t.gpu[2])->name), "cudaLaunchKernel");
    classified *classes = trace_classify(&t);
    cr_expect_eq(classes[0].category, CATEGORY_LINEAR);
    free(classes);
    trace_free(&t);
}

Test(chrome_trace, reads_back) {
    char path[] = "/tmp/ingot_export_XXXXXX", packed[64];
    close(mkstemp(path));
    write_example(path);
    check_example(path);
    snprintf(packed, sizeof packed, "%s.gz", path);
    write_example(packed);
    check_example(packed);
    struct stat plain, small;
    cr_assert(stat(path, &plain) == 0 && stat(packed, &small) == 0);
    cr_expect(small.st_size < plain.st_size / 2, ".gz compresses");
    unlink(path);
    unlink(packed);
}

Test(chrome_trace, abandoned_leaves_nothing) {
    char path[] = "/tmp/ingot_export_XXXXXX", partial[64];
    close(mkstemp(path));
    unlink(path);
    chrome_trace *c;
    error err = {0};
    cr_assert_eq(chrome_trace_open(path, "GPU", &c, &err), STATUS_OK);
    chrome_trace_abandon(c);
    snprintf(partial, sizeof partial, "%s.partial", path);
    cr_expect(access(path, F_OK) != 0 && access(partial, F_OK) != 0);
    cr_expect_eq(chrome_trace_open("/nonexistent/x.json", "GPU", &c, &err), STATUS_ENVIRONMENT);
}

/* ---- run files ---- */

Test(run_reader, reads_what_the_writer_wrote) {
    char path[] = "/tmp/ingot_run_XXXXXX";
    close(mkstemp(path));
    run_writer *writer;
    error err = {0};
    cr_assert_eq(run_writer_open(path, "{\"schema\":1,\"machine\":\"h200-sxm\",\"host\":\"c-runner\"}", &writer, &err),
                 STATUS_OK, "%s", err.text);
    timeline_sink sink = run_writer_sink(writer);
    interval items[] = {
        {.phase = "decode",
         .op_id = "q",
         .category = CATEGORY_LINEAR,
         .step = 2,
         .layer = 3,
         .lane = LANE_HOST,
         .start_s = 1e-6,
         .duration_s = 2e-6},
        {.phase = "decode",
         .op_id = "q",
         .category = CATEGORY_LINEAR,
         .step = 2,
         .layer = 3,
         .stream = 1,
         .lane = LANE_GPU,
         .start_s = 5e-6,
         .duration_s = 7e-6},
    };
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(sink.emit(sink.context, &items[i], &err), STATUS_OK);
    cr_assert_eq(run_writer_close(writer, &err), STATUS_OK);
    arena a = {0};
    run r;
    cr_assert_eq(run_read(&a, path, &r, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(r.header.machine, "h200-sxm");
    cr_expect_str_eq(r.header.workload, "");
    cr_assert_eq(r.count, 2);
    cr_expect_str_eq(r.intervals[1].op_id, "q");
    cr_expect_eq(r.intervals[1].category, CATEGORY_LINEAR);
    cr_expect_eq(r.intervals[1].lane, LANE_GPU);
    cr_expect_eq(r.intervals[1].stream, 1);
    cr_expect_eq(r.intervals[1].layer, 3);
    cr_expect_float_eq(r.intervals[1].duration_s, 7e-6, 1e-15);
    arena_free(&a);
    unlink(path);
}

Test(run_reader, bad_lines_are_named) {
    static const struct {
        const char *line, *what;
    } cases[] = {
        {"", "no intervals"},
        {"{\"phase\":\"d\",\"op\":\"q\",\"step\":0,\"layer\":0,\"lane\":\"gpu\",\"start_s\":0}", ":2:1: "},
        {"{\"phase\":\"d\",\"op\":\"q\",\"step\":0,\"layer\":0,\"lane\":\"tpu\",\"start_s\":0,\"duration_s\":1}",
         "'tpu'"},
        {"{\"phase\":\"d\",\"op\":\"q\",\"step\":0,\"layer\":0,\"lane\":\"gpu\",\"start_s\":0,\"duration_s\":-1}",
         ":2:"},
        {"nonsense", ":2:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[] = "/tmp/ingot_run_XXXXXX";
        FILE *file = fdopen(mkstemp(path), "w");
        fprintf(file, "{\"schema\":1}\n%s%s", cases[i].line, cases[i].line[0] ? "\n" : "");
        fclose(file);
        arena a = {0};
        run r;
        error err = {0};
        cr_expect_eq(run_read(&a, path, &r, &err), STATUS_BAD_INPUT);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        arena_free(&a);
        unlink(path);
    }
}
