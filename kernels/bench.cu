/* One operator, timed. cupti_cold_l2: its kernels' own time (CUPTI, first start to last end) with L2 flushed before
 * each run, the median of several. graph_steady: a CUDA graph of the operator many times over, replayed back to back,
 * so that what fits L2 stays there; the mean an operator. */
#include "kernels/bench.h"

#include "core/base/si.h"
#include "kernels/device.cuh"
#include "kernels/ranks.h"
#include "kernels/recorder.h"
#include "kernels/variant.h"

#include <algorithm>
#include <math.h>
#include <string.h>
#include <vector>

enum {
    COLD_RUNS = 9,
    STEADY_REPLAYS = 5,
    STEADY_OPS_MAX = 100,
    FLUSH_FACTOR = 3, /* L2 sizes that a flush writes */
    BENCH_ALIGNMENT = 256,
    FILL_BLOCKS = 2048,
    FILL_THREADS = 256,
};

/* Long enough that a replay is far above the cost of its launch. */
static const double STEADY_SECONDS = 2e-3;

typedef struct bench_run {
    gpu_context *context;
    const op *o;
    bench_operands x;
    char *flush;
    size_t flush_bytes;
    cudaEvent_t before, after;
} bench_run;

/* Random bits that make small finite numbers of 16- and 32-bit floats, and any integer below a limit. */
static __global__ void fill_words(uint32_t *words, size_t count, uint32_t keep, uint32_t set, uint32_t limit) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        uint32_t x = static_cast<uint32_t>(i) * 2654435761u + 12345u;
        x = (x ^ x >> 16) * 2246822519u;
        x = (x ^ x >> 13) * 3266489917u;
        x ^= x >> 16;
        words[i] = limit ? x % limit : (x & keep) | set;
    }
}

/* 0, 1, 2, ...: slots must differ. */
static __global__ void fill_sequence(uint32_t *words, size_t count, uint32_t last) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
        words[i] = last ? last : static_cast<uint32_t>(i);
}

static void fill_operand(const operand *item, void *memory, size_t bytes, gpu_stream stream) {
    uint32_t *words = static_cast<uint32_t *>(memory);
    size_t count = (bytes + 3) / 4;
    uint32_t keep = 0xffffffffu, set = 0, limit = 0;
    if (item->content == CONTENT_SLOTS || item->content == CONTENT_LENGTHS) {
        uint32_t last = item->content == CONTENT_LENGTHS ? static_cast<uint32_t>(item->index_limit) : 0;
        fill_sequence<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(words, count, last);
        return;
    }
    if (item->content == CONTENT_INDICES)
        limit = static_cast<uint32_t>(std::max<int64_t>(1, item->index_limit));
    else if (item->content == CONTENT_UNIFORMS || item->type == DTYPE_fp32)
        keep = 0x007fffffu, set = 0x3f000000u; /* [0.5, 1) */
    else if (item->type == DTYPE_bf16)
        keep = 0x80ff80ffu, set = 0x3d003d00u;
    else if (item->type == DTYPE_fp16)
        keep = 0x83ff83ffu, set = 0x28002800u;
    else if (item->type == DTYPE_fp8)
        keep = 0x87878787u, set = 0x28282828u;
    if (item->content == CONTENT_SCALES) /* positive */
        keep &= 0x7fff7fffu;
    fill_words<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(words, count, keep, set, limit);
}

static size_t aligned(size_t bytes) {
    return (bytes + BENCH_ALIGNMENT - 1) / BENCH_ALIGNMENT * BENCH_ALIGNMENT;
}

status bench_operands_make(gpu_context *context, const op *o, bench_operands *out, error *err) {
    operand_list list;
    operands_of(o, &list);
    size_t total = 0, offsets[OPERANDS_MAX];
    for (size_t i = 0; i < list.count; i++) {
        offsets[i] = total;
        total += aligned(static_cast<size_t>(operand_bytes(&list.at[i])));
    }
    *out = bench_operands{};
    out->operands.context = context;
    out->memory_bytes = total;
    gpu_workspace *wanted = gpu_workspace_of(o->kind);
    size_t workspace_bytes = wanted ? wanted(o, nullptr) : 0;
    status result = gpu_check(cudaMalloc(&out->memory, total + BENCH_ALIGNMENT), "allocating operands", err);
    if (result == STATUS_OK && workspace_bytes > 0)
        result = gpu_check(cudaMalloc(&out->workspace, workspace_bytes), "allocating a workspace", err);
    if (result != STATUS_OK)
        return result;
    for (size_t i = 0; i < list.count; i++) {
        const operand *item = &list.at[i];
        if (!operand_present(item))
            continue;
        out->operands.at[i] = {out->memory + offsets[i], item->cols, item->rows * item->cols};
        fill_operand(item, out->memory + offsets[i], static_cast<size_t>(operand_bytes(item)), context->stream);
    }
    return gpu_check(cudaStreamSynchronize(context->stream), "filling operands", err);
}

void bench_operands_free(bench_operands *b) {
    cudaFree(b->memory);
    cudaFree(b->workspace);
    *b = bench_operands{};
}

gpu_status bench_operands_launch(gpu_context *context, const op *o, const bench_operands *b) {
    return gpu_launcher_of(o->kind)(o, nullptr, &b->operands, b->workspace, context->stream);
}

static gpu_status launch(bench_run *r) {
    return bench_operands_launch(r->context, r->o, &r->x);
}

/* Seconds of one launch by events, warm. */
static status event_s(bench_run *r, double *out, error *err) {
    for (int i = 0; i < 2; i++) {
        cudaEventRecord(r->before, r->context->stream);
        status result = gpu_check(launch(r), "launching", err);
        if (result != STATUS_OK)
            return result;
        cudaEventRecord(r->after, r->context->stream);
        result = gpu_check(cudaEventSynchronize(r->after), "running", err);
        if (result != STATUS_OK)
            return result;
    }
    float ms = 0;
    cudaEventElapsedTime(&ms, r->before, r->after);
    *out = ms * S_PER_MS;
    return STATUS_OK;
}

static void summarise(std::vector<double> *times, bench_result *out) {
    std::sort(times->begin(), times->end());
    out->median_s = (*times)[times->size() / 2];
    out->least_s = times->front();
    out->most_s = times->back();
    out->runs = static_cast<int32_t>(times->size());
}

static status run_cold(bench_run *r, bench_result *out, error *err) {
    const char *why = nullptr;
    bool traced = recorder_start(&why);
    r->flush_bytes = FLUSH_FACTOR * static_cast<size_t>(r->context->info.l2_bytes);
    status result = gpu_check(cudaMalloc(&r->flush, r->flush_bytes), "allocating a flush buffer", err);
    std::vector<double> times;
    for (int i = 0; i <= COLD_RUNS && result == STATUS_OK; i++) {
        cudaMemsetAsync(r->flush, i, r->flush_bytes, r->context->stream);
        cudaStreamSynchronize(r->context->stream);
        if (traced)
            recorder_clear();
        if (i > 0) /* the first loads the kernels */
            result = variant_run_begins(r->context, err);
        uint64_t begin_ns = traced ? recorder_now_ns() : 0;
        cudaEventRecord(r->before, r->context->stream);
        if (result == STATUS_OK)
            result = gpu_check(launch(r), "launching", err);
        cudaEventRecord(r->after, r->context->stream);
        if (result == STATUS_OK)
            result = gpu_check(cudaStreamSynchronize(r->context->stream), "running", err);
        variant_run_ends(r->context);
        if (result != STATUS_OK || i == 0)
            continue;
        size_t count = 0;
        const activity *records = traced ? recorder_take(&count) : nullptr;
        while (count > 0 && records->start_ns < begin_ns) { /* background traffic began before */
            records++;
            count--;
        }
        if (count > 0) {
            /* Kernel time alone: what passes between an operator's kernels is the host's, which launches them here. */
            uint64_t busy_ns = 0;
            for (size_t k = 0; k < count; k++)
                busy_ns += records[k].end_ns - records[k].start_ns;
            times.push_back(static_cast<double>(busy_ns) * S_PER_NS);
            out->kernels = static_cast<int32_t>(count);
        } else {
            float ms = 0;
            cudaEventElapsedTime(&ms, r->before, r->after);
            times.push_back(ms * S_PER_MS);
        }
    }
    out->recorder = traced && out->kernels > 0 ? "cupti" : "events";
    if (result == STATUS_OK)
        summarise(&times, out);
    return result;
}

static status run_steady(bench_run *r, bench_result *out, error *err) {
    double once_s = 0;
    status result = event_s(r, &once_s, err);
    if (result != STATUS_OK)
        return result;
    int ops = static_cast<int>(std::min<double>(STEADY_OPS_MAX, std::max(1.0, ceil(STEADY_SECONDS / once_s))));
    gpu_stream stream = r->context->stream;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replay = nullptr;
    gpu_status code = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    for (int i = 0; i < ops && code == 0; i++)
        code = launch(r);
    gpu_status ended = cudaStreamEndCapture(stream, &graph);
    result = gpu_check(code ? code : ended, "capturing", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaGraphInstantiate(&replay, graph, 0), "making a graph", err);
    std::vector<double> times;
    for (int i = 0; i <= STEADY_REPLAYS && result == STATUS_OK; i++) {
        if (i > 0)
            result = variant_run_begins(r->context, err);
        cudaEventRecord(r->before, stream);
        cudaGraphLaunch(replay, stream);
        cudaEventRecord(r->after, stream);
        if (result == STATUS_OK)
            result = gpu_check(cudaEventSynchronize(r->after), "replaying", err);
        variant_run_ends(r->context);
        float ms = 0;
        cudaEventElapsedTime(&ms, r->before, r->after);
        if (i > 0)
            times.push_back(ms * S_PER_MS / ops);
    }
    if (replay)
        cudaGraphExecDestroy(replay);
    if (graph)
        cudaGraphDestroy(graph);
    out->recorder = "events";
    if (result == STATUS_OK)
        summarise(&times, out);
    return result;
}

status bench_op(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err) {
    *out = bench_result{};
    if (o->kind == OP_collective)
        return bench_collective(context, o, method, out, err);
    bench_run r = {};
    r.context = context;
    r.o = o;
    if (!gpu_launcher_of(o->kind))
        return error_set(err, STATUS_NEGATIVE, "%s has no kernel yet", op_info_get(o->kind)->name);
    gpu_preparer *prepare = gpu_preparer_of(o->kind);
    gpu_status code = prepare ? prepare(context, o, &out->actual) : 0;
    if (code == GPU_NO_KERNEL)
        return error_set(err, STATUS_NEGATIVE, "%s has no kernel for these parameters", op_info_get(o->kind)->name);
    status result = gpu_check(code, "preparing", err);
    if (result == STATUS_OK)
        result = bench_operands_make(context, o, &r.x, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaEventCreate(&r.before), "making events", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaEventCreate(&r.after), "making events", err);
    if (result == STATUS_OK)
        result = method == BENCH_CUPTI_COLD_L2 ? run_cold(&r, out, err) : run_steady(&r, out, err);
    out->telemetry = telemetry_read(context);
    bench_operands_free(&r.x);
    cudaFree(r.flush);
    if (r.before)
        cudaEventDestroy(r.before);
    if (r.after)
        cudaEventDestroy(r.after);
    return result;
}
