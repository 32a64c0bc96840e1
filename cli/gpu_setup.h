/* What `run`, `bench` and `detect` begin with: the GPU library, and an open GPU. */
#ifndef INGOT_GPU_SETUP_H
#define INGOT_GPU_SETUP_H

#include "cli/arguments.h"
#include "core/base/json_writer.h"
#include "kernels/gpu.h"

typedef struct gpu_setup {
    const gpu_api *api;
    gpu_context *context;
    gpu_device_info info;
    gpu_variant variant; /* wanted */
    gpu_variant_actual actual;
} gpu_setup;

/* Options of a GPU's variants, for argp tables and parsers. */
enum { KEY_SMS = 512, KEY_L2_SET_ASIDE, KEY_L2_SHARE, KEY_BANDWIDTH_SHARE };
#define GPU_VARIANT_OPTIONS                                                                                            \
    {"sms", KEY_SMS, "N", 0, "Run on N of the SMs, an even number (a green context)", 1},                              \
        {"l2-set-aside-mb", KEY_L2_SET_ASIDE, "MB", 0, "Take so much of L2 away", 1},                                  \
        {"l2-share", KEY_L2_SHARE, "FRAC", 0, "Leave this share of L2", 1}, {                                          \
        "bandwidth-share", KEY_BANDWIDTH_SHARE, "FRAC", 0,                                                             \
            "Leave this share of the memory bandwidth (SMs that are not measured draw the rest)", 1                    \
    }

/* Takes one option; false when it is none of these. */
bool gpu_variant_argument(gpu_variant *out, int key, const char *value, argument_failure *failure);

/* STATUS_BAD_INPUT where a variant asks for what excludes each other, before a GPU is looked for. STATUS_ENVIRONMENT,
 * saying why, when there is no library or no GPU. A zeroed variant is the GPU as it is. */
status gpu_setup_open(const gpu_variant *variant, gpu_setup *out, error *err);
void gpu_setup_close(gpu_setup *gpu); /* a zeroed one is fine */

/* Members of the object that is open: what was measured on, with what, when. */
void gpu_environment_json(json_writer *w, const gpu_setup *gpu, int argc, char **argv);
void gpu_telemetry_json(json_writer *w, const char *key, const gpu_telemetry *t);

#endif
