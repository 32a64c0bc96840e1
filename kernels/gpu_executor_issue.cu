/* Issues a step's operators on their streams, one by one or into a CUDA graph's capture. */
#include "kernels/gpu_executor_private.h"

#include "core/base/clock.h"

static void spin(double seconds) {
    if (seconds <= 0)
        return;
    double end = clock_now_s() + seconds;
    while (clock_now_s() < end)
        ;
}

/* Rows that lie apart, or blocks of rows that do, one behind the other to `to`. */
static gpu_status gather(gpu_executor *x, const tensor_view *v, char *to, gpu_stream stream) {
    operand piece = v->item, row_apart = v->item, block_apart = v->item;
    bool by_block = v->row_stride == v->item.cols || v->item.rows == 1;
    piece.cols = by_block ? v->item.rows * v->item.cols : v->item.cols;
    row_apart.cols = by_block ? v->block_stride : v->row_stride;
    block_apart.cols = v->block_stride;
    int64_t pieces = by_block ? v->item.blocks : v->item.rows, blocks = by_block ? 1 : v->item.blocks;
    size_t piece_bytes = static_cast<size_t>(operand_row_bytes(&piece));
    gpu_status code = 0;
    for (int64_t b = 0; b < blocks && code == 0; b++)
        code = cudaMemcpy2DAsync(to + static_cast<size_t>(b * pieces) * piece_bytes, piece_bytes,
                                 x->memory + v->offset_bytes +
                                     static_cast<size_t>(b) * static_cast<size_t>(operand_row_bytes(&block_apart)),
                                 static_cast<size_t>(operand_row_bytes(&row_apart)), piece_bytes,
                                 static_cast<size_t>(pieces), cudaMemcpyDeviceToDevice, stream);
    return code;
}

/* Inputs that a step copies itself lie ready in host memory, at their place in the plan. */
static gpu_status copy_from_host(gpu_executor *x, const tensor_view *v, gpu_stream stream) {
    operand row_apart = v->item;
    row_apart.cols = v->row_stride;
    size_t pitch = static_cast<size_t>(operand_row_bytes(&row_apart));
    return cudaMemcpy2DAsync(x->memory + v->offset_bytes, pitch, x->staged + (v->offset_bytes - x->staged_offset),
                             pitch, static_cast<size_t>(operand_row_bytes(&v->item)), static_cast<size_t>(v->item.rows),
                             cudaMemcpyHostToDevice, stream);
}

static gpu_status launch_op(gpu_executor *x, const flat_op *flat, const op_views *views) {
    int32_t number = stream_of(&x->streams, flat->node);
    gpu_stream stream = x->streams.at[number];
    char *scratch = x->scratch + static_cast<size_t>(number) * (x->gather_bytes + x->workspace_bytes);
    if (views->count == 0)
        return 0; /* the host's: every step is waited for at its end */
    if (executor_copies_from_host(&flat->op))
        return copy_from_host(x, &views->at[OPERAND_copy_destination], stream);
    gpu_operands operands = {};
    operands.context = x->context;
    char *packed = scratch;
    for (size_t i = 0; i < views->count; i++) {
        const tensor_view *v = &views->at[i];
        if (!v->present)
            continue;
        operands.at[i] = {x->memory + v->offset_bytes, v->row_stride, v->block_stride};
        if (v->gathered) {
            gpu_status code = gather(x, v, packed, stream);
            if (code != 0)
                return code;
            operands.at[i] = {packed, v->packed_row_stride, v->item.rows * v->item.cols};
            packed += executor_packed_bytes(v);
        }
    }
    return gpu_launcher_of(flat->op.kind)(&flat->op, nullptr, &operands, scratch + x->gather_bytes, stream);
}

gpu_status executor_issue_op(gpu_executor *x, const graph_view *view, size_t i) {
    gpu_status code = streams_before(&x->streams, view, i);
    if (code == 0)
        code = launch_op(x, &view->ops[i], &x->views[i]);
    if (code == 0)
        code = streams_after(&x->streams, view, i);
    return code == 0 && i + 1 == view->count ? streams_join(&x->streams) : code;
}

/* All operators of a step; `counting` asks how many nodes a capture has after each. */
static status issue_step(gpu_executor *x, const graph_view *view, bool emulate, bool counting, double begin_s,
                         error *err) {
    size_t nodes_before = 0;
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        gpu_op_time *time = &x->times[i];
        time->issue_s = clock_now_s() - begin_s;
        if (emulate)
            spin(flat->node->host_calls * x->options.dispatch_s_per_call + x->options.launch_s);
        gpu_status code = executor_issue_op(x, view, i);
        time->issue_end_s = clock_now_s() - begin_s;
        if (code != 0)
            return gpu_check(code, flat->node->id, err);
        if (counting) {
            cudaStreamCaptureStatus capture;
            cudaGraph_t captured = nullptr;
            size_t nodes = 0;
            cudaStreamGetCaptureInfo(x->context->stream, &capture, nullptr, &captured, nullptr, nullptr, nullptr);
            if (captured)
                cudaGraphGetNodes(captured, nullptr, &nodes);
            time->kernels = static_cast<int32_t>(nodes - nodes_before);
            nodes_before = nodes;
        }
    }
    return STATUS_OK;
}

status executor_capture(gpu_executor *x, const graph_view *view, cudaGraph_t *out, error *err) {
    *out = nullptr;
    status result = gpu_check(cudaStreamBeginCapture(x->context->stream, cudaStreamCaptureModeThreadLocal),
                              "beginning a capture", err);
    if (result != STATUS_OK)
        return result;
    result = issue_step(x, view, false, true, clock_now_s(), err);
    gpu_status ended = cudaStreamEndCapture(x->context->stream, out);
    if (result == STATUS_OK)
        result = gpu_check(ended, "ending a capture", err);
    cudaGetLastError();
    return result;
}

status executor_run_once(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, timed_run *out, error *err) {
    double begin = clock_now_s();
    status result;
    if (replay) {
        spin(x->options.launch_s);
        result = gpu_check(cudaGraphLaunch(replay, x->context->stream), "replaying a graph", err);
    } else {
        result = issue_step(x, view, true, false, begin, err);
    }
    out->issue_s = clock_now_s() - begin;
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(x->context->stream), "running a step", err);
    out->wall_s = clock_now_s() - begin;
    return result;
}
