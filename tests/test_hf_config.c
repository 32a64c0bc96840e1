/* Models from Hugging Face's config.json: known sizes, and broken files. */
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

/* Parameters as the models' cards state them (safetensors index): 70,553,706,496, 46,702,792,704, 7,615,616,512. */
Test(hf_config, published_models_have_their_parameters) {
    static const struct {
        const char *folder;
        double parameters;
    } published[] = {{"llama-3.1-70b", 70553706496.0}, {"mixtral-8x7b", 46702792704.0}, {"qwen2.5-7b", 7615616512.0}};
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        arena a = {0};
        workload w;
        error err = {0};
        const char *path = arena_printf(&a, INGOT_SOURCE_DIR "/tests/data/hf/%s/config.json", published[i].folder);
        cr_assert_eq(workload_find(&a, CONFIGS, path, &w, &err), STATUS_OK, "%s", err.text);
        cr_expect_str_eq(w.shape.name, published[i].folder);
        cr_expect_float_eq(w.shape.parameters / published[i].parameters, 1, 1e-3, "%s: %.0f", published[i].folder,
                           w.shape.parameters);
        arena_free(&a);
    }
}

/* One token reads two experts of eight, many tokens read all. */
Test(hf_config, experts_in_use_set_the_weights_that_are_read) {
    arena a = {0};
    workload w;
    error err = {0};
    cr_assert_eq(workload_find(&a, CONFIGS, INGOT_SOURCE_DIR "/tests/data/hf/mixtral-8x7b/config.json", &w, &err),
                 STATUS_OK, "%s", err.text);
    levers l;
    cr_assert_eq(levers_preset("compile", &l, &err), STATUS_OK);
    graph g;
    scenario s;
    double expert_bytes = 3.0 * 4096 * 14336 * 2;
    for (int64_t batch = 1; batch <= 256; batch *= 256) {
        workload_request request = {.batch = batch, .prompt_tokens = 100, .decode_steps = 4, .statistic = "mean"};
        cr_assert_eq(workload_scenario(&a, &w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(workload_build(&a, &w, &l, &g, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(graph_check(&g, &s, &err), STATUS_OK, "%s", err.text);
        graph_view view = graph_at(&g, 1, &s, 0, &a);
        double bytes = 0, rows = 0;
        for (size_t i = 0; i < view.count; i++) {
            if (strncmp(view.ops[i].node->id, "experts_", 8) != 0 || view.ops[i].op.kind != OP_gemm)
                continue;
            bytes += op_work_of(&view.ops[i].op).weight_bytes;
            rows += (double)(view.ops[i].op.as.gemm.m * view.ops[i].op.as.gemm.batch);
        }
        cr_expect_float_eq(bytes / (32 * (batch == 1 ? 2 : 8) * expert_bytes), 1, 1e-9);
        cr_expect_eq(rows, 32 * 2 * 2 * batch, "each token goes to two experts, in two products");
    }
    arena_free(&a);
}

Test(hf_config, broken_files_have_their_place) {
    static const struct {
        const char *text;
        int line;
        const char *what;
    } broken[] = {
        {"{\n \"model_type\": \"llama\",\n \"hidden_size\": 4096\n}\n", 1, "num_hidden_layers"},
        {"{\n \"model_type\": \"mamba\"\n}\n", 2, "no decoder"},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 2.5\n}\n", 3, "whole"},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": \"32\"\n}\n", 3, "not a number"},
        {"{\n \"model_type\": \"llama\",\n \"num_hidden_layers\": 2, \"hidden_size\": 64,\n"
         " \"num_attention_heads\": 6, \"num_key_value_heads\": 4}\n",
         4, "divide"},
        {"{\n \"model_type\": \"llama\",\n", 2, "premature"},
        {"[]\n", 1, ""},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/tmp/ingot_hf_%d_%zu.json", (int)getpid(), i);
        FILE *file = fopen(path, "w");
        cr_assert(file && fputs(broken[i].text, file) >= 0 && fclose(file) == 0);
        arena a = {0};
        workload w;
        error err = {0};
        cr_expect_eq(workload_find(&a, CONFIGS, path, &w, &err), STATUS_BAD_INPUT, "%zu", i);
        char place[96];
        snprintf(place, sizeof place, "%s:%d:", path, broken[i].line);
        cr_expect_eq(strncmp(err.text, place, strlen(place)), 0, "%s", err.text);
        cr_expect(strstr(err.text, broken[i].what) != NULL, "%s", err.text);
        arena_free(&a);
        unlink(path);
    }
}
