/* Decoder-only models from the config.json of Hugging Face transformers. */
#ifndef INGOT_HF_CONFIG_H
#define INGOT_HF_CONFIG_H

#include "workloads/model.h"

/* Dense and mixture-of-experts models whose layer is Llama's (`model_type` llama, mistral, mixtral, qwen2, qwen3, gemma
 * and others are told apart by their keys, and by name where a file says nothing: tied embeddings and norms of Gemma,
 * norms of Qwen3's heads, biases of Qwen2, windows). Keys that do not bear on operators are ignored, as transformers
 * does; a missing, impossible or unmodelled one that does is an error at its place. The model is named after the
 * file's folder. */
status hf_config_load(arena *a, const char *path, model *out, error *err);

#endif
