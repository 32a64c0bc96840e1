/* Model descriptions: configs/workloads/NAME.yaml read into shapes and task length distributions. */
#ifndef INGOT_MODEL_H
#define INGOT_MODEL_H

#include "core/base/config.h"
#include "core/op.h"
#include "workloads/lengths.h"

struct family;

/* A model of any family; the numbers are those of a decoder-only transformer, zero where a family has none. */
typedef struct model {
    const char *name, *source;
    const struct family *family;
    double parameters; /* in all; set by the family */
    const void *shape; /* what a family describes beyond the numbers below; owned by the arena, its own type */
    double layers, hidden, heads, kv_heads, head_dim, ffn, vocabulary, context, rope_theta;
    bool qk_norm;         /* LayerNorm of each query and key head, before the rotation (Chameleon) */
    bool head_rms_norm;   /* RMSNorm of each query and key head, before the rotation (Qwen3, Gemma 3) */
    bool sandwich_norm;   /* norms precede and follow attention and FFN (Gemma 2 and 3) */
    bool post_norm;       /* norms follow attention and FFN instead of preceding them (Chameleon 34B's swin norm) */
    bool qkv_bias;        /* the projections of queries, keys and values add a bias (Qwen2) */
    bool tied_embeddings; /* the head multiplies with the embedding table: stored once */
    bool beams;           /* decodes with beam search */
    bool decoder_only;    /* nothing but a Llama-like decoder generates; what its cache and ranks can do applies */
    bool speculates;      /* its decode steps can draft and verify */
    double experts, experts_per_token;     /* mixture of experts: `ffn` is one expert's; 0: a dense FFN */
    double window_tokens, windowed_layers; /* so many layers attend to the last window_tokens keys alone; 0: none */
    double layerskip_exit_layer;           /* that a published LayerSkip checkpoint drafts from; 0: there is none */
    data_type dtype;                       /* weights and activations as published */
    size_t task_count;
    task tasks[MODEL_TASKS_MAX];
} model;

/* Reads one file; all text is owned by the arena. */
status model_load(arena *a, const char *path, model *out, error *err);

/* ---- for families ---- */

/* What every model file states; a family binds it with its own keys into a struct that begins with model_file. */
typedef struct model_file {
    const char *name, *family, *source, *dtype;
    const config_node *schema, *tasks;
} model_file;

enum { MODEL_OWN_FIELDS_MAX = 32 };

/* Reads the whole file into `file`, which begins with a model_file: the keys that all share and the family's own. */
status model_bind(const config_node *root, const config_field *own, size_t own_count, void *file, error *err);

/* Copies the shared part into the model; `dtype` must be a 16-bit or 32-bit float. */
status model_take_common(const config_node *root, const model_file *file, model *out, error *err);

/* A decoder-only transformer's whole file: the `model:` group and tasks of prompt_tokens and decode_steps. */
status decoder_load(const config_node *root, model *out, error *err);

const char *model_family_name(const model *m);

/* Of a decoder-only transformer: parameters in all, and those of the matrices that a decode step multiplies with (the
 * embedding is gathered). */
double model_parameter_count(const model *m);
double model_gemm_weight_count(const model *m);

#endif
