/* Matrix products: out[m, n] = a[m, k] b[n, k]^T, `batch` times. Routes by type:
 *   16-bit with few rows                                gemm_weight_only.cu, by core/plan_gemm_ingot.h
 *   16-bit, fp32, fp8   cuBLASLt; fp8 scaled by row and column in its epilogue
 *   int8                cuBLASLt into int32 sums, then a kernel that scales them
 *   dynamic_quantise    a kernel that quantises the rows of a comes first, to int8 or fp8
 *   int8 and int4 weights under 16-bit activations      gemm_weight_only.cu
 * Workspace: int32 sums, quantised rows, their scales, then the library's. */
#include "kernels/gemm.h"

#include "core/plan_gemm_ingot.h"
#include "kernels/gemm_library.h"

enum { PART_ALIGNMENT = 256 };

static size_t part(int64_t bytes) {
    return static_cast<size_t>((bytes + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT);
}

typedef struct gemm_workspace {
    size_t sums, values, scales; /* bytes of each part */
} gemm_workspace;

static gemm_workspace workspace_of(const gemm_params *p) {
    gemm_workspace w = {};
    if (p->dtype == DTYPE_int8)
        w.sums = part(p->batch * p->m * p->n * static_cast<int64_t>(sizeof(int32_t)));
    if (p->dynamic_quantise) {
        w.values = part(p->batch * p->m * p->k);
        w.scales = part(p->batch * p->m * static_cast<int64_t>(sizeof(float)));
    }
    return w;
}

/* Batches of int8 products share no scales: not a case that any model has. */
static bool is_supported(const gemm_params *p) {
    bool narrow = p->dtype == DTYPE_int8 || p->dtype == DTYPE_fp8;
    if (narrow && (p->batch != 1 || p->group_size != 0))
        return false;
    /* int8 sums leave the library before they are scaled; batches share no bias. */
    if (p->epilogue != gemm_epilogue_none && (p->dtype == DTYPE_int8 || p->batch != 1))
        return false;
    return !p->dynamic_quantise || narrow;
}

extern "C" size_t gpu_gemm_workspace_bytes(const op *o, const plan *p) {
    const gemm_params *g = &o->as.gemm;
    if (gemm_is_weight_only(g))
        return gpu_gemm_weight_only_workspace_bytes(o, p);
    if (gemm_ingot_is_vector(g))
        return 0;
    gemm_workspace w = workspace_of(g);
    return w.sums + w.values + w.scales + GEMM_LIBRARY_WORKSPACE_BYTES;
}

extern "C" gpu_status gpu_gemm_prepare(gpu_context *context, const op *o, plan *actual) {
    const gemm_params *g = &o->as.gemm;
    if (gemm_is_weight_only(g) && g->epilogue != gemm_epilogue_none)
        return GPU_NO_KERNEL;
    if (gemm_is_weight_only(g) || gemm_ingot_is_vector(g)) {
        if (actual)
            *actual = gemm_ingot_plan(g);
        return 0;
    }
    return is_supported(g) ? gemm_library_prepare(context, g, actual) : GPU_NO_KERNEL;
}

static gpu_status launch_narrow(const gemm_params *g, const gpu_operands *x, char *workspace, gpu_stream stream) {
    gemm_workspace w = workspace_of(g);
    char *sums = workspace, *values = sums + w.sums, *scales = values + w.values, *rest = scales + w.scales;
    const void *a = x->at[OPERAND_gemm_a].data, *a_scales = x->at[OPERAND_gemm_a_scales].data;
    const void *b = x->at[OPERAND_gemm_b].data, *b_scales = x->at[OPERAND_gemm_b_scales].data;
    void *out = x->at[OPERAND_gemm_out].data;
    if (g->dynamic_quantise) {
        gpu_status code = gpu_quantise_rows(DTYPE_bf16, g->dtype, a, g->m, g->k, values, scales, stream);
        if (code)
            return code;
        a = values;
        a_scales = scales;
    }
    if (!a_scales || !b_scales)
        return GPU_BAD_OPERANDS;
    const gemm_vectors vectors = {a_scales, b_scales, x->at[OPERAND_gemm_bias].data};
    if (g->dtype == DTYPE_fp8)
        return gemm_library_launch(x->context, g, a, b, out, &vectors, rest, stream);
    gpu_status code = gemm_library_launch(x->context, g, a, b, sums, &vectors, rest, stream);
    return code ? code : gpu_scale_sums(sums, g->m, g->n, a_scales, b_scales, out, stream);
}

extern "C" gpu_status gpu_gemm(const op *o, const plan *p, const gpu_operands *x, void *workspace, gpu_stream stream) {
    const gemm_params *g = &o->as.gemm;
    const gpu_tensor *t = x->at;
    if (!t[OPERAND_gemm_a].data || !t[OPERAND_gemm_b].data || !t[OPERAND_gemm_out].data)
        return GPU_BAD_OPERANDS;
    if (gemm_has_bias(g) && !t[OPERAND_gemm_bias].data)
        return GPU_BAD_OPERANDS;
    if (gemm_is_weight_only(g))
        return g->epilogue == gemm_epilogue_none ? gpu_gemm_weight_only(o, p, x, workspace, stream)
                                                 : static_cast<gpu_status>(GPU_NO_KERNEL);
    if (gemm_ingot_is_vector(g))
        return gpu_gemv_16bit(o, x, stream);
    if (!is_supported(g))
        return GPU_NO_KERNEL;
    const gemm_vectors vectors = {nullptr, nullptr, t[OPERAND_gemm_bias].data};
    if (g->dtype == DTYPE_int8 || g->dtype == DTYPE_fp8)
        return launch_narrow(g, x, static_cast<char *>(workspace), stream);
    return gemm_library_launch(x->context, g, t[OPERAND_gemm_a].data, t[OPERAND_gemm_b].data, t[OPERAND_gemm_out].data,
                               &vectors, workspace, stream);
}
