/* Model descriptions: configs/workloads/NAME.yaml read into shapes and task length distributions. */
#ifndef INGOT_MODEL_H
#define INGOT_MODEL_H

#include "core/base/config.h"
#include "core/op.h"

/* A length over requests. Tokens. */
typedef struct length_distribution {
    double min, mean, p50, p90, p99, max;
} length_distribution;

typedef struct task {
    const char *name, *source;
    length_distribution prompt_tokens;
    length_distribution decode_steps; /* steps after the prefill, one token each */
} task;

enum { MODEL_TASKS_MAX = 8 };

/* A decoder-only transformer of the Llama family. */
typedef struct model {
    const char *name, *family, *source, *dtype_text;
    double layers, hidden, heads, kv_heads, head_dim, ffn, vocabulary, context, rope_theta;
    data_type dtype; /* weights and activations as published */
    size_t task_count;
    task tasks[MODEL_TASKS_MAX];
} model;

/* Reads one file; all text is owned by the arena. */
status model_load(arena *a, const char *path, model *out, error *err);

/* Parameters in all, and those of the matrices that a decode step multiplies with (the embedding is gathered). */
double model_parameter_count(const model *m);
double model_gemm_weight_count(const model *m);

#endif
