/* Collectives timed: every rank captures as many of them as fill a few milliseconds into a CUDA graph and replays it.
 * The ranks' threads do not begin at the same moment, and who comes first waits inside its first kernel: what the last
 * one sees is the time, so the least over the ranks counts. */
#include "kernels/ranks.h"

#include "core/base/si.h"

#include <algorithm>
#include <cuda_runtime.h>
#include <math.h>
#include <stdlib.h>
#include <vector>

enum { WARM_UPS = 5, ESTIMATES = 10, REPLAYS = 5, OPS_MAX = 100, FILL_BYTE = 0x11 };

/* Long above the launch of a graph and the difference between threads. */
static const double REPLAY_SECONDS = 5e-3;

typedef struct rank_buffers {
    gpu_operands x;
    cudaEvent_t before, after;
    cudaGraph_t graph;
    cudaGraphExec_t replay;
    double seconds; /* of what was timed last */
} rank_buffers;

typedef struct collective_run {
    const op *o;
    int ops; /* in a graph */
    std::vector<rank_buffers> ranks;
} collective_run;

static gpu_status launch(const collective_run *run, gpu_context *context, const rank_buffers *b) {
    return gpu_launcher_of(OP_collective)(run->o, nullptr, &b->x, nullptr, context->stream);
}

static gpu_status elapsed(gpu_context *context, rank_buffers *b) {
    gpu_status code = cudaEventRecord(b->after, context->stream);
    if (code == 0)
        code = cudaStreamSynchronize(context->stream);
    float ms = 0;
    if (code == 0)
        code = cudaEventElapsedTime(&ms, b->before, b->after);
    b->seconds = ms * S_PER_MS;
    return code;
}

static gpu_status make(gpu_context *context, int32_t rank, void *data) {
    collective_run *run = static_cast<collective_run *>(data);
    rank_buffers *b = &run->ranks[static_cast<size_t>(rank)];
    operand_list list;
    operands_of(run->o, &list);
    b->x.context = context;
    gpu_status code = cudaEventCreate(&b->before);
    if (code == 0)
        code = cudaEventCreate(&b->after);
    for (size_t i = 0; i < list.count && code == 0; i++) {
        size_t bytes = static_cast<size_t>(operand_bytes(&list.at[i]));
        code = cudaMalloc(&b->x.at[i].data, bytes);
        if (code == 0)
            code = cudaMemsetAsync(b->x.at[i].data, FILL_BYTE, bytes, context->stream);
    }
    for (int i = 0; i < WARM_UPS && code == 0; i++)
        code = launch(run, context, b);
    if (code == 0)
        code = cudaStreamSynchronize(context->stream);
    if (code == 0)
        code = cudaEventRecord(b->before, context->stream);
    for (int i = 0; i < ESTIMATES && code == 0; i++)
        code = launch(run, context, b);
    return code ? code : elapsed(context, b);
}

static gpu_status capture(gpu_context *context, int32_t rank, void *data) {
    collective_run *run = static_cast<collective_run *>(data);
    rank_buffers *b = &run->ranks[static_cast<size_t>(rank)];
    gpu_status code = cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal);
    for (int i = 0; i < run->ops && code == 0; i++)
        code = launch(run, context, b);
    gpu_status ended = cudaStreamEndCapture(context->stream, &b->graph);
    code = code ? code : ended;
    if (code == 0)
        code = cudaGraphInstantiate(&b->replay, b->graph, 0);
    if (code == 0)
        code = cudaGraphUpload(b->replay, context->stream);
    return code ? code : cudaStreamSynchronize(context->stream);
}

static gpu_status replay(gpu_context *context, int32_t rank, void *data) {
    rank_buffers *b = &static_cast<collective_run *>(data)->ranks[static_cast<size_t>(rank)];
    gpu_status code = cudaEventRecord(b->before, context->stream);
    if (code == 0)
        code = cudaGraphLaunch(b->replay, context->stream);
    return code ? code : elapsed(context, b);
}

static gpu_status release(gpu_context *, int32_t rank, void *data) {
    rank_buffers *b = &static_cast<collective_run *>(data)->ranks[static_cast<size_t>(rank)];
    if (b->replay)
        cudaGraphExecDestroy(b->replay);
    if (b->graph)
        cudaGraphDestroy(b->graph);
    for (gpu_tensor &tensor : b->x.at)
        cudaFree(tensor.data);
    for (cudaEvent_t event : {b->before, b->after})
        if (event)
            cudaEventDestroy(event);
    return 0;
}

static double least_seconds(const collective_run *run) {
    double least = INFINITY;
    for (const rank_buffers &b : run->ranks)
        least = std::min(least, b.seconds);
    return least;
}

static status measure(gpu_context *const *contexts, collective_run *run, bench_result *out, error *err) {
    int32_t ranks = static_cast<int32_t>(run->ranks.size());
    status result = gpu_check(on_every_rank(contexts, ranks, make, run), "exchanging", err);
    if (result != STATUS_OK)
        return result;
    double once_s = least_seconds(run) / ESTIMATES;
    run->ops = static_cast<int>(std::min<double>(OPS_MAX, std::max(1.0, ceil(REPLAY_SECONDS / once_s))));
    result = gpu_check(on_every_rank(contexts, ranks, capture, run), "capturing an exchange", err);
    std::vector<double> times;
    for (int i = 0; i <= REPLAYS && result == STATUS_OK; i++) {
        result = gpu_check(on_every_rank(contexts, ranks, replay, run), "replaying an exchange", err);
        if (i > 0)
            times.push_back(least_seconds(run) / run->ops);
    }
    if (result != STATUS_OK)
        return result;
    std::sort(times.begin(), times.end());
    out->median_s = times[times.size() / 2];
    out->least_s = times.front();
    out->most_s = times.back();
    out->runs = static_cast<int32_t>(times.size());
    out->recorder = "events";
    return STATUS_OK;
}

void bench_ranks_free(gpu_context *context) {
    for (int32_t r = 0; r < context->measured_rank_count; r++)
        gpu_context_close(context->measured_ranks[r]);
    free(context->measured_ranks);
    context->measured_ranks = nullptr;
    context->measured_rank_count = 0;
}

static status open_ranks(gpu_context *context, int32_t ranks, error *err) {
    if (context->measured_rank_count == ranks)
        return STATUS_OK;
    bench_ranks_free(context);
    gpu_context **opened = static_cast<gpu_context **>(calloc(static_cast<size_t>(ranks), sizeof *opened));
    if (!opened)
        abort();
    status result = ranks_open(ranks, opened, err);
    if (result != STATUS_OK) {
        free(opened);
        return STATUS_NEGATIVE; /* other rows can still be measured */
    }
    context->measured_ranks = opened;
    context->measured_rank_count = ranks;
    return STATUS_OK;
}

status bench_collective(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err) {
    if (method != BENCH_GRAPH_STEADY)
        return error_set(err, STATUS_NEGATIVE, "exchanges between GPUs are measured by graph_steady alone");
    if (context->variant)
        return error_set(err, STATUS_NEGATIVE, "exchanges are measured on whole GPUs alone");
    int32_t ranks = static_cast<int32_t>(o->as.collective.ranks);
    status result = open_ranks(context, ranks, err);
    if (result != STATUS_OK)
        return result;
    collective_run run = {o, 0, std::vector<rank_buffers>(static_cast<size_t>(ranks))};
    result = measure(context->measured_ranks, &run, out, err);
    on_every_rank(context->measured_ranks, ranks, release, &run);
    cudaSetDevice(context->device);
    out->telemetry = telemetry_read(context);
    return result;
}
