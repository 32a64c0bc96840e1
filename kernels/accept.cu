/* Speculation: how many drafted tokens the verifier agrees with, up to the first that differs. Latency bound: a warp a
 * sequence, 32 drafts at a time. */
#include "kernels/device.cuh"

static __global__ void __launch_bounds__(WARP_SIZE)
    accept_kernel(const int32_t *drafted, const int32_t *verified, int32_t *count, int drafts) {
    int64_t base = static_cast<int64_t>(blockIdx.x) * drafts;
    int agreed = 0;
    for (int first = 0; first < drafts; first += WARP_SIZE) {
        int i = first + static_cast<int>(threadIdx.x);
        bool differs = i < drafts && drafted[base + i] != verified[base + i];
        unsigned differing = __ballot_sync(0xffffffffu, differs);
        int rest = drafts - first;
        int chunk = rest < WARP_SIZE ? rest : static_cast<int>(WARP_SIZE);
        if (differing) {
            agreed += __ffs(static_cast<int>(differing)) - 1;
            break;
        }
        agreed += chunk;
    }
    if (threadIdx.x == 0)
        count[blockIdx.x] = agreed;
}

extern "C" gpu_status gpu_accept(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const accept_params *p = &o->as.accept;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    accept_kernel<<<static_cast<unsigned>(p->rows), WARP_SIZE, 0, stream>>>(
        static_cast<const int32_t *>(x->at[OPERAND_accept_drafted].data),
        static_cast<const int32_t *>(x->at[OPERAND_accept_verified].data),
        static_cast<int32_t *>(x->at[OPERAND_accept_count].data), static_cast<int>(p->drafts));
    return gpu_last_error();
}
