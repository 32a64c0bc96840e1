/* What `run`, `bench` and `detect` begin with: the GPU library, and an open GPU. */
#ifndef INGOT_GPU_SETUP_H
#define INGOT_GPU_SETUP_H

#include "core/base/json_writer.h"
#include "kernels/gpu.h"

typedef struct gpu_setup {
    const gpu_api *api;
    gpu_context *context;
    gpu_device_info info;
} gpu_setup;

/* STATUS_ENVIRONMENT, saying why, when there is no library or no GPU. */
status gpu_setup_open(gpu_setup *out, error *err);
void gpu_setup_close(gpu_setup *gpu); /* a zeroed one is fine */

/* Members of the object that is open: what was measured on, with what, when. */
void gpu_environment_json(json_writer *w, const gpu_setup *gpu, int argc, char **argv);
void gpu_telemetry_json(json_writer *w, const char *key, const gpu_telemetry *t);

#endif
