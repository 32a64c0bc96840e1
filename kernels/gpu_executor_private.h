/* What the files of the GPU executor share: gpu_executor.cu opens it and measures steps, gpu_executor_issue.cu issues
 * them, gpu_executor_record.cu finds the times of their operators. */
#ifndef INGOT_GPU_EXECUTOR_PRIVATE_H
#define INGOT_GPU_EXECUTOR_PRIVATE_H

#include "kernels/gpu_executor.h"
#include "kernels/gpu_streams.h"

#include <cuda_runtime.h>
#include <vector>

struct gpu_executor {
    gpu_context *context;
    const memory_plan *plan;
    gpu_run_options options;
    char *memory;  /* the plan's */
    char *scratch; /* a stream's behind the other's: gathered rows, then the launchers' workspace */
    size_t gather_bytes, workspace_bytes;
    gpu_streams streams;
    char *staged; /* pinned: the inputs, from `staged_offset` of the plan on; steps copy some of them themselves */
    size_t staged_offset;
    const char *why; /* operators have no times */
    arena step_memory;
    std::vector<gpu_op_time> times;
    std::vector<op_views> views;
    std::vector<cudaEvent_t> events; /* where CUPTI is not: one before each operator and one after the last */
};

typedef struct timed_run {
    double wall_s, issue_s;
} timed_run;

static inline size_t executor_aligned(size_t bytes) {
    const size_t alignment = MEMORY_ALIGNMENT;
    return (bytes + alignment - 1) / alignment * alignment;
}

static inline bool executor_copies_from_host(const op *o) {
    return o->kind == OP_copy && o->as.copy.direction == copy_direction_to_device;
}

/* Of scratch memory, where the operand's rows must be gathered before a launcher sees them. */
static inline size_t executor_packed_bytes(const tensor_view *v) {
    return v->present && v->gathered ? executor_aligned(static_cast<size_t>(operand_bytes(&v->item))) : 0;
}

/* Launches one operator of the view, behind what it depends on; the last one joins all streams into the first. */
gpu_status executor_issue_op(gpu_executor *x, const graph_view *view, size_t i);

/* The step as a CUDA graph (destroy it, also after an error); counts each operator's kernels on the way. */
status executor_capture(gpu_executor *x, const graph_view *view, cudaGraph_t *out, error *err);

/* Issues a step, or replays it where `replay` is not NULL, once and waits. */
status executor_run_once(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, timed_run *out, error *err);

/* Runs the step once more and fills in when its operators ran, or why that is not known (times->recorder). */
status executor_record(gpu_executor *x, const graph_view *view, cudaGraph_t captured, gpu_step_times *times,
                       error *err);

#endif
