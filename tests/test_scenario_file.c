/* Scenario files: what is written is what is read, and what no batch can be is refused at its place. Drawn lengths. */
#include "core/scenario_file.h"
#include "tests/lever_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/ingot-scenario-XXXXXX";

static void make_path(void) {
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
}

static void remove_path(void) {
    unlink(path);
}

TestSuite(scenario_file, .init = make_path, .fini = remove_path);

Test(scenario_file, what_is_written_is_what_is_read) {
    lever_fixture f = lever_set_up("codellama-7b", "layerskip", 3, 100, 60);
    scenario_file file = {"path/with \"quotes\" and \\", "layerskip", f.s};
    error err = {0};
    cr_assert_eq(scenario_save(path, &file, &err), STATUS_OK, "%s", err.text);
    scenario_file read;
    cr_assert_eq(scenario_load(&f.memory, path, &read, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(read.workload, file.workload);
    cr_expect_str_eq(read.levers, "layerskip");
    cr_expect_eq(read.scenario.seed, f.s.seed);
    for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++)
        cr_expect_eq(read.scenario.values[v], f.s.values[v], "%s", scenario_variable_name((scenario_variable)v));
    for (int64_t step = 0; step <= (int64_t)f.s.values[SCENARIO_DECODE_STEPS]; step++)
        cr_assert_eq(scenario_progress(&read.scenario, step), scenario_progress(&f.s, step)); /* bit for bit */
    arena_free(&f.memory);
}

/* Replaces the first `from` of a good file. */
static void write_changed(const char *from, const char *to) {
    lever_fixture f = lever_set_up("codellama-7b", "compile speculate=layerskip(8,1,1)", 1, 100, 6);
    scenario_file file = {"codellama-7b", "layerskip", f.s};
    cr_assert_eq(scenario_save(path, &file, NULL), STATUS_OK);
    static char text[16384];
    FILE *in = fopen(path, "r");
    size_t bytes = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[bytes] = '\0';
    char *at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    FILE *out = fopen(path, "w");
    fprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    fclose(out);
    arena_free(&f.memory);
}

Test(scenario_file, what_cannot_be_is_refused_at_its_place) {
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"schema: 1", "schema: 2", ":1:"},
        {"  batch: 1", "  batch: 1.5", ":7:"},
        {"  batch: 1", "  batch: 0", "at least 1"},
        {"  one: 1", "  one: 2", "must be 1"},
        {"  prompt_rows", "  prompt_row", "did you mean"},
        {"seed: 1", "seed: -1", ":4:7: -1"},
        {"progress: [0, 2", "progress: [0, 9", "progress falls"},
        {"progress: [0, ", "progress: [", "decode_steps + 1"},
        {"workload: ", "workloads: ", "workload"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_changed(cases[i].from, cases[i].to);
        arena memory = {0};
        scenario_file read;
        error err = {0};
        cr_expect_eq(scenario_load(&memory, path, &read, &err), STATUS_BAD_INPUT, "%s", cases[i].to);
        cr_expect(strstr(err.text, cases[i].part), "%s: %s", cases[i].to, err.text);
        cr_expect_eq(strncmp(err.text, path, strlen(path)), 0, "%s", err.text);
        arena_free(&memory);
    }
}

static scenario drawn(arena *a, const workload *w, uint64_t seed, int64_t batch) {
    levers l;
    scenario s;
    error err = {0};
    cr_assert_eq(levers_parse("compile", &l, &err), STATUS_OK);
    workload_request request = {.batch = batch, .decode_steps = -1, .statistic = "mean", .seed = seed, .drawn = true};
    cr_assert_eq(workload_scenario(a, w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
    return s;
}

Test(scenario_file, lengths_are_drawn_from_the_task) {
    arena memory = {0};
    workload w;
    error err = {0};
    cr_assert_eq(workload_find(&memory, INGOT_SOURCE_DIR "/configs", "codellama-7b/humaneval", &w, &err), STATUS_OK);
    int below_median = 0, below_p90 = 0;
    enum { DRAWS = 4000 };
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        scenario s = drawn(&memory, &w, seed, 1);
        double prompt = s.values[SCENARIO_PROMPT_TOKENS];
        cr_assert(prompt >= 44 && prompt <= 430);
        below_median += prompt < 134;
        below_p90 += prompt < 260;
    }
    cr_expect_float_eq((double)below_median / DRAWS, 0.5, 0.04); /* five standard deviations */
    cr_expect_float_eq((double)below_p90 / DRAWS, 0.9, 0.025);
    scenario again = drawn(&memory, &w, 7, 1), same = drawn(&memory, &w, 7, 1), many = drawn(&memory, &w, 7, 64);
    cr_expect_eq(again.values[SCENARIO_PROMPT_TOKENS], same.values[SCENARIO_PROMPT_TOKENS]);
    cr_expect_gt(many.values[SCENARIO_PROMPT_TOKENS], again.values[SCENARIO_PROMPT_TOKENS]); /* the longest of all */
    arena_free(&memory);
}

Test(scenario_file, lengths_are_fixed_by_name) {
    arena memory = {0};
    workload w;
    error err = {0};
    cr_assert_eq(workload_find(&memory, INGOT_SOURCE_DIR "/configs", "seamless-m4t-v2/s-s", &w, &err), STATUS_OK);
    request_length fixed;
    cr_assert_eq(workload_read_length(&memory, &w, "units=400", &fixed, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = 1, .decode_steps = -1, .statistic = "mean", .fixed = &fixed, .fixed_count = 1};
    levers l;
    scenario s;
    cr_assert_eq(levers_parse("baseline", &l, &err), STATUS_OK);
    cr_assert_eq(workload_scenario(&memory, &w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(s.values[SCENARIO_UNITS], 400);
    static const char *const bad[] = {"units", "units=", "units=-1", "units=1.5", "units=nan", "unit=4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(workload_read_length(&memory, &w, bad[i], &fixed, &err), STATUS_BAD_INPUT, "%s", bad[i]);
    arena_free(&memory);
}

Test(scenario_file, memory_adds_up) {
    lever_fixture f = lever_set_up("codellama-7b", "compile", 4, 500, 20);
    engine_result r = lever_run(&f, "h200-sxm");
    graph_memory m = r.memory;
    cr_expect_eq(m.total_bytes, m.weight_bytes + m.kv_bytes + m.activation_bytes + m.workspace_bytes);
    cr_expect_eq(m.workspace_bytes, 32.0 * 1024 * 1024);
    /* At least the joined gate's input and output, and the stream beside them. */
    cr_expect_geq(m.activation_bytes, 2.0 * 4 * 500 * (4096 + 2 * 11008 + 4096));
    arena_free(&f.memory);
}
