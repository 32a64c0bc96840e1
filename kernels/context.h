/* What a GPU context holds; inside libingot_gpu.so alone. */
#ifndef INGOT_GPU_CONTEXT_H
#define INGOT_GPU_CONTEXT_H

#include "kernels/launch.h"

struct gemm_cache;    /* gemm_library.cu */
struct nvml;          /* telemetry.cu */
struct rank_state;    /* ranks.cu */
struct variant_state; /* variant.cu */

struct gpu_context {
    int32_t device;
    gpu_device_info info;
    gpu_stream stream;
    struct gemm_cache *gemm;       /* made on first use, freed by gemm_cache_free */
    struct nvml *nvml;             /* likewise, by nvml_free */
    struct variant_state *variant; /* NULL: the GPU as it is */
    struct rank_state *rank;       /* NULL: this GPU works alone */
    gpu_context **measured_ranks;  /* opened by the bench for its collectives; as many as measured_rank_count */
    int32_t measured_rank_count;
};

#ifdef __cplusplus
extern "C" {
#endif

status gpu_context_open(int32_t device, gpu_context **out, gpu_device_info *info, error *err);
void gpu_context_close(gpu_context *context); /* NULL is fine */

void gemm_cache_free(struct gemm_cache *cache) __attribute__((weak)); /* NULL is fine */

gpu_telemetry telemetry_read(gpu_context *context);
void nvml_free(struct nvml *nvml); /* NULL is fine */

/* STATUS_OK, or STATUS_ENVIRONMENT with what was being done and the error's name. */
status gpu_check(gpu_status code, const char *doing, error *err);
const char *gpu_status_text(gpu_status code);

#ifdef __cplusplus
}
#endif
#endif
