/* Operators of a step on several streams: who waits for whom. Inside libingot_gpu.so alone. */
#ifndef INGOT_GPU_STREAMS_H
#define INGOT_GPU_STREAMS_H

#include "core/graph.h"
#include "kernels/context.h"

#include <cuda_runtime.h>
#include <vector>

enum { GPU_STREAMS_MAX = 8 };

typedef struct gpu_streams {
    int32_t count;                    /* 1: the context's own alone */
    gpu_stream at[GPU_STREAMS_MAX];   /* [0] is the context's */
    std::vector<cudaEvent_t> events;  /* by operator of a view */
    std::vector<bool> awaited;        /* by an operator on another stream */
    bool busy[GPU_STREAMS_MAX];       /* has work that the first stream does not know of yet */
    std::vector<cudaEvent_t> last_of; /* by stream: behind its last operator */
} gpu_streams;

/* As many streams as the graph's nodes name. Free with streams_close, also after an error. */
status streams_open(gpu_context *context, const graph *g, gpu_streams *out, error *err);
void streams_close(gpu_streams *s);

/* Before a view is issued, any number of times: which of its operators others wait for. */
status streams_plan(gpu_streams *s, const graph_view *view, error *err);

int32_t stream_of(const gpu_streams *s, const graph_node *node);

/* Around the launches of operator `i`; and when all are issued, so that the first stream ends last. */
gpu_status streams_before(gpu_streams *s, const graph_view *view, size_t i);
gpu_status streams_after(gpu_streams *s, const graph_view *view, size_t i);
gpu_status streams_join(gpu_streams *s);

#endif
