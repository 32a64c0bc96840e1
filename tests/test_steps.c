#include "validate/steps.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SHIPPED[] = INGOT_SOURCE_DIR "/validate/measured/h200-sxm/codellama-7b-pytorch.jsonl";

static const measured_step *find_step(const step_table *table, const char *lever, const char *phase, int64_t batch,
                                      int64_t prompt_tokens) {
    const measured_step *found = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const measured_step *step = &table->steps[i];
        if (strcmp(step->lever, lever) == 0 && strcmp(step->phase, phase) == 0 && step->batch == batch &&
            step->prompt_tokens == prompt_tokens) {
            cr_assert_null(found, "the combination stands twice");
            found = step;
        }
    }
    cr_assert_not_null(found);
    return found;
}

Test(steps, shipped_file_is_read_whole) {
    step_table table;
    error err = {0};
    cr_assert_eq(steps_load(SHIPPED, &table, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(table.count, 18);
    const measured_step *compiled = find_step(&table, "compile", "decode", 1, 154);
    cr_expect_str_eq(compiled->model, "codellama-7b");
    cr_expect_float_eq(compiled->wall_s, 4955.2e-6, 1e-12);
    cr_expect_float_eq(compiled->busy_s, 4638.4e-6, 1e-12);
    cr_expect_eq(compiled->kv_len, 218);
    cr_expect_eq(find_step(&table, "eager", "decode", 1, 154)->kernels, 1663);
    cr_expect_eq(find_step(&table, "sdpa", "decode", 1, 154)->kernels, 1461);
    cr_expect_eq(find_step(&table, "eager", "prefill", 8, 1024)->kv_len, 1024, "a prefill sees its prompt");
    steps_free(&table);
}

/* The categories are the same kernels as the busy time, which is their union: one stream, so hardly any overlap. */
Test(steps, categories_add_up_to_the_busy_time) {
    step_table table;
    error err = {0};
    cr_assert_eq(steps_load(SHIPPED, &table, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < table.count; i++) {
        double sum = 0;
        for (size_t j = 0; j < table.steps[i].category_count; j++)
            sum += table.steps[i].categories[j].time_s;
        cr_expect(fabs(sum / table.steps[i].busy_s - 1) < 0.003, "line %d: %g", table.steps[i].line,
                  sum / table.steps[i].busy_s);
    }
    steps_free(&table);
}

/* Weights cannot be read faster than memory delivers: 13.21 GB a decode step at 4.8 TB/s (H200's datasheet). */
Test(steps, decode_is_no_faster_than_memory) {
    static const double WEIGHT_BYTES = 13.21e9, BANDWIDTH_BYTES_PER_S = 4.8e12;
    step_table table;
    error err = {0};
    cr_assert_eq(steps_load(SHIPPED, &table, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.steps[i].phase, "decode") == 0)
            cr_expect(table.steps[i].busy_s > WEIGHT_BYTES / BANDWIDTH_BYTES_PER_S, "line %d", table.steps[i].line);
    steps_free(&table);
}

#define GOOD_HEAD "{\"model\": \"m\", \"lever\": \"eager\", \"phase\": \"decode\", \"batch\": 1, \"prompt\": 2, "
#define GOOD_LINE GOOD_HEAD "\"kv_len\": 3, \"wall_us\": 2, \"busy_us\": 1, \"kernels\": 4, \"cats\": {\"x\": 1}}\n"

Test(steps, bad_lines_are_named) {
    static const struct {
        const char *line, *what;
    } cases[] = {
        {GOOD_HEAD "\"wall_us\": 2, \"busy_us\": 1, \"kernels\": 4, \"cats\": {}}", ":2:1: missing key 'kv_len'"},
        {GOOD_HEAD "\"kv_len\": 3, \"wall_us\": 0, \"busy_us\": 1, \"kernels\": 4, \"cats\": {}}", "'wall_us' is 0"},
        {GOOD_HEAD "\"kv_len\": 3, \"wall_us\": -2, \"busy_us\": 1, \"kernels\": 4, \"cats\": {}}", "'wall_us' is -2"},
        {GOOD_HEAD "\"kv_len\": 3.5, \"wall_us\": 2, \"busy_us\": 1, \"kernels\": 4, \"cats\": {}}", "whole number"},
        {GOOD_HEAD "\"kv_len\": 3, \"wall_us\": 2, \"busy_us\": 1, \"kernels\": 4, \"cats\": [1]}", "not an object"},
        {GOOD_HEAD "\"kv_len\": 3, \"wall_us\": 2, \"busy_us\": 1, \"kernels\": 4, \"cats\": {\"x\": \"1\"}}", "'x'"},
        {"{\"model\": 7}", ":2:2: 'model' is not text"},
        {"{\"model\": \"m\", \"lever\": \"e\", \"batch\": 1, \"prompt\": 2, \"phase\": \"both\"}", "'both'"},
        {"[]", "expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[] = "/tmp/ingot_steps_XXXXXX";
        FILE *file = fdopen(mkstemp(path), "w");
        cr_assert_not_null(file);
        fprintf(file, "%s%s\n", GOOD_LINE, cases[i].line);
        fclose(file);
        step_table table;
        error err = {0};
        cr_expect_eq(steps_load(path, &table, &err), STATUS_BAD_INPUT);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        cr_expect(strstr(err.text, ":2:"), "case %zu: %s", i, err.text);
        cr_expect_eq(table.count, 1, "the line before was good");
        steps_free(&table);
        unlink(path);
    }
}

Test(steps, files_without_steps) {
    step_table table;
    error err = {0};
    cr_expect_eq(steps_load("/dev/null", &table, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "no steps"), "%s", err.text);
    steps_free(&table);
    cr_expect_eq(steps_load("/nonexistent", &table, &err), STATUS_BAD_INPUT);
    steps_free(&table);
}
