/* Several GPUs in one process, joined by NCCL, which is loaded when it is first wanted: building needs none of it. */
#ifndef INGOT_RANKS_H
#define INGOT_RANKS_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of the table in gpu.h. */
status ranks_open(int32_t ranks, gpu_context **out, error *err);
gpu_status launch_ranks(gpu_context *const *contexts, int32_t ranks, const op *o, const gpu_operands *operands);

/* Makes a rank's GPU the calling thread's. Nothing on a context that works alone, whose thread stays where it is. */
void rank_enter(const gpu_context *context);
void rank_free(struct rank_state *rank); /* NULL is fine; after the last of its ranks NCCL is closed */

/* Times a collective on ranks of its own, which the context keeps for the next one; graph_steady alone. */
status bench_collective(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err);
void bench_ranks_free(gpu_context *context);

/* Calls f(context, rank, data) on a thread a rank, and waits for all; the first status that is not 0. */
typedef gpu_status rank_function(gpu_context *context, int32_t rank, void *data);
gpu_status on_every_rank(gpu_context *const *contexts, int32_t ranks, rank_function *f, void *data);

#ifdef __cplusplus
}
#endif
#endif
