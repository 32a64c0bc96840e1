/* Models from Hugging Face's config.json: known sizes, and broken files. */
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

/* Parameters as the models' cards state them (safetensors index). Qwen3's heads have norms, Gemma's head is its
 * embedding table although no key says so, and its blocks have norms before and behind them. */
Test(hf_config, published_models_have_their_parameters) {
    static const struct {
        const char *folder;
        double parameters;
    } published[] = {{"llama-3.1-70b", 70553706496.0}, {"mixtral-8x7b", 46702792704.0},
                     {"qwen2.5-7b", 7615616512.0},     {"qwen3-30b-a3b", 30532122624.0},
                     {"gemma-2-9b", 9241705984.0},     {"phi-3-mini-4k", 3821079552.0}};
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

/* Keys that attention reads in decode and pairs of queries and keys in prefill, summed over layers. */
static void attended(const char *folder, const char *preset, int64_t prompt, double *keys, double *pairs) {
    arena a = {0};
    workload w;
    levers l;
    graph g;
    scenario s;
    error err = {0};
    const char *path = arena_printf(&a, INGOT_SOURCE_DIR "/tests/data/hf/%s/config.json", folder);
    workload_request request = {.batch = 1, .prompt_tokens = prompt, .decode_steps = 1, .statistic = "mean"};
    cr_assert_eq(workload_find(&a, CONFIGS, path, &w, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(levers_parse(preset, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_scenario(&a, &w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&a, &w, &l, &g, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(graph_check(&g, &s, &err), STATUS_OK, "%s", err.text);
    *keys = *pairs = 0;
    for (size_t phase = 0; phase < 2; phase++) {
        graph_view view = graph_at(&g, phase, &s, 0, &a);
        for (size_t i = 0; i < view.count; i++) {
            const op *o = &view.ops[i].op;
            if (o->kind != OP_attention)
                continue;
            op bare = *o;
            bare.as.attention.heads = bare.as.attention.kv_heads = bare.as.attention.head_dim = 1;
            /* 4 FLOPs a pair for the products, 5 for softmax */
            *(phase == 0 ? pairs : keys) += phase == 0 ? op_work_of(&bare).flops / 9 : (double)o->as.attention.kv_len;
        }
    }
    arena_free(&a);
}

/* Every second layer of Gemma 2 sees 4,096 keys, every layer of Phi 3 mini 2,047; query i sees min(i, window). */
Test(hf_config, windows_limit_what_attention_reads) {
    double keys, pairs, prompt = 6000, window = 4096;
    double full = prompt * (prompt + 1) / 2, seen = window * (window + 1) / 2 + (prompt - window) * window;
    static const char *const presets[] = {"sdpa", "compile flavour=ingot"};
    for (size_t i = 0; i < 2; i++) {
        attended("gemma-2-9b", presets[i], 6000, &keys, &pairs);
        cr_expect_float_eq(pairs / (21 * (full + seen)), 1, 1e-12, "%s: %.0f", presets[i], pairs);
        cr_expect_float_eq(keys, 21 * (6001 + 4096), 0.5, "%s: %.0f", presets[i], keys);
        attended("phi-3-mini-4k", presets[i], 3000, &keys, &pairs);
        cr_expect_float_eq(keys, 32 * 2047, 0.5, "%s: %.0f", presets[i], keys);
        attended("phi-3-mini-4k", presets[i], 1000, &keys, &pairs);
        cr_expect_float_eq(keys, 32 * 1001, 0.5, "%s: a short prompt is seen in full, not %.0f", presets[i], keys);
        attended("qwen3-30b-a3b", presets[i], 6000, &keys, &pairs);
        cr_expect_float_eq(keys, 48 * 6001, 0.5, "%s: use_sliding_window is false, %.0f", presets[i], keys);
    }
}

Test(hf_config, broken_files_have_their_place) {
    static const struct {
        const char *text;
        int line;
        const char *what;
    } broken[] = {
        {"{\n \"model_type\": \"llama\",\n \"hidden_size\": 4096\n}\n", 1, "num_hidden_layers"},
        {"{\n \"model_type\": \"mamba\"\n}\n", 2, "no decoder"},
        {"{\n \"model_type\": \"deepseek_v3\",\n \"kv_lora_rank\": 512\n}\n", 3, "MLA"},
        {"{\n \"model_type\": \"glm4_moe\",\n \"n_shared_experts\": 1\n}\n", 3, "shared experts"},
        {"{\n \"model_type\": \"gemma3\",\n \"text_config\": {}\n}\n", 3, "text_config"},
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
