/* Exchanges between GPUs, through NCCL: one rank's part of each. All ranks must launch theirs, each on a thread of its
 * own (ranks.cu), or they wait for each other for ever. */
#include "kernels/nccl.h"

#include "kernels/device.cuh"

static int nccl_type(data_type type) {
    switch (type) {
    case DTYPE_fp32:
        return NCCL_FLOAT32;
    case DTYPE_fp16:
        return NCCL_FLOAT16;
    case DTYPE_bf16:
        return NCCL_BFLOAT16;
    case DTYPE_int8:
        return NCCL_INT8;
    default:
        return NCCL_NO_TYPE;
    }
}

/* Every rank's part r goes to rank r. */
static nccl_result exchange_parts(const struct rank_state *r, const char *in, char *out, size_t part, int type,
                                  size_t element_bytes, gpu_stream stream) {
    const nccl_library *n = r->library;
    nccl_result code = n->group_begin();
    for (int32_t other = 0; other < r->ranks && code == 0; other++) {
        size_t place = static_cast<size_t>(other) * part * element_bytes;
        code = n->send(in + place, part, type, other, r->comm, stream);
        if (code == 0)
            code = n->receive(out + place, part, type, other, r->comm, stream);
    }
    nccl_result ended = n->group_end();
    return code ? code : ended;
}

extern "C" gpu_status gpu_collective(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const collective_params *p = &o->as.collective;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    const struct rank_state *r = x->context ? x->context->rank : nullptr;
    if (!r || r->ranks != p->ranks)
        return GPU_NO_RANKS;
    int type = nccl_type(p->dtype);
    size_t element_bytes = static_cast<size_t>(dtype_bytes(p->dtype));
    if (type == NCCL_NO_TYPE || p->bytes % (p->ranks * static_cast<int64_t>(element_bytes)) != 0)
        return GPU_NO_KERNEL;
    const char *in = static_cast<const char *>(x->at[OPERAND_collective_in].data);
    char *out = static_cast<char *>(x->at[OPERAND_collective_out].data);
    size_t whole = static_cast<size_t>(p->bytes) / element_bytes, part = whole / static_cast<size_t>(p->ranks);
    nccl_result code;
    switch (p->collective) {
    case collective_pattern_all_reduce:
        code = r->library->all_reduce(in, out, whole, type, NCCL_SUM, r->comm, stream);
        break;
    case collective_pattern_all_gather:
        code = r->library->all_gather(in, out, part, type, r->comm, stream);
        break;
    case collective_pattern_reduce_scatter:
        code = r->library->reduce_scatter(in, out, part, type, NCCL_SUM, r->comm, stream);
        break;
    case collective_pattern_alltoall:
        code = exchange_parts(r, in, out, part, type, element_bytes, stream);
        break;
    default:
        return GPU_NO_KERNEL;
    }
    return code == 0 ? gpu_last_error() : GPU_LIBRARY_FAILED;
}
