#include "validate/trace_class.h"

#include <stdlib.h>
#include <string.h>

typedef struct word {
    const char *text;
    uint32_t traits;
} word;

/* Kernels that say what they are, whatever launched them. The first that occurs in the name decides. */
static const word certain[] = {
    {"splitKreduce", TRAIT_GEMM_HELPER},
    {"splitK_reduce", TRAIT_GEMM_HELPER},
    {"split_k_reduce", TRAIT_GEMM_HELPER},
    {"ncclDevKernel", TRAIT_COLLECTIVE},
    {"ncclKernel", TRAIT_COLLECTIVE},
    {"cross_device_reduce", TRAIT_COLLECTIVE},
    {"all_reduce", TRAIT_COLLECTIVE},
    {"_sdpa_", TRAIT_ATTENTION},
    {"flash_fwd", TRAIT_ATTENTION},
    {"flash_attn", TRAIT_ATTENTION},
    {"flash::", TRAIT_ATTENTION},
    {"FlashAttn", TRAIT_ATTENTION},
    {"fmha", TRAIT_ATTENTION},
    {"paged_attention", TRAIT_ATTENTION},
    {"unified_attention", TRAIT_ATTENTION},
    {"BatchDecode", TRAIT_ATTENTION},
    {"BatchPrefill", TRAIT_ATTENTION},
    {"flex_attention", TRAIT_ATTENTION},
    {"attention_kernel", TRAIT_ATTENTION},
    {"reshape_and_cache", TRAIT_INDEX_WRITE},
    {"rotary_embedding", TRAIT_ROPE},
    {"rms_norm", TRAIT_NORM},
    {"RMSNorm", TRAIT_NORM},
    {"rmsnorm", TRAIT_NORM},
    {"layer_norm", TRAIT_NORM},
    {"LayerNorm", TRAIT_NORM},
    {"silu_and_mul", TRAIT_ACTIVATION | TRAIT_MUL},
    {"act_and_mul", TRAIT_ACTIVATION | TRAIT_MUL},
    {"vllm::act_", TRAIT_ACTIVATION},
    {"implicit_gemm", TRAIT_CONV},
    {"conv2d", TRAIT_CONV},
    {"conv1d", TRAIT_CONV},
    {"nvjet_", TRAIT_GEMM},
    {"gemv", TRAIT_GEMM},
    {"gemm", TRAIT_GEMM},
    {"Gemm", TRAIT_GEMM},
    {"GEMM", TRAIT_GEMM},
    {"marlin", TRAIT_GEMM},
    {"softmax", TRAIT_SOFTMAX},
    {"SoftMax", TRAIT_SOFTMAX},
    {"Softmax", TRAIT_SOFTMAX},
};

/* Framework operators, by the name behind "aten::". */
static const word operators[] = {
    {"mm", TRAIT_GEMM},
    {"addmm", TRAIT_GEMM},
    {"bmm", TRAIT_GEMM},
    {"baddbmm", TRAIT_GEMM},
    {"matmul", TRAIT_GEMM},
    {"linear", TRAIT_GEMM},
    {"_scaled_mm", TRAIT_GEMM},
    {"_int_mm", TRAIT_GEMM},
    {"cat", TRAIT_CONCAT},
    {"copy_", TRAIT_COPY},
    {"clone", TRAIT_COPY},
    {"add", TRAIT_ADD},
    {"add_", TRAIT_ADD},
    {"sub", TRAIT_ADD},
    {"rsub", TRAIT_ADD},
    {"mul", TRAIT_MUL},
    {"mul_", TRAIT_MUL},
    {"div", TRAIT_MUL},
    {"div_", TRAIT_MUL},
    {"neg", TRAIT_NEG},
    {"pow", TRAIT_POW},
    {"rsqrt", TRAIT_RSQRT},
    {"mean", TRAIT_REDUCE},
    {"sum", TRAIT_REDUCE},
    {"_softmax", TRAIT_SOFTMAX},
    {"silu", TRAIT_ACTIVATION},
    {"gelu", TRAIT_ACTIVATION},
    {"relu", TRAIT_ACTIVATION},
    {"clamp_min", TRAIT_ACTIVATION},
    {"cos", TRAIT_ANGLE},
    {"sin", TRAIT_ANGLE},
    {"arange", TRAIT_FILL},
    {"fill_", TRAIT_FILL},
    {"zero_", TRAIT_FILL},
    {"le", TRAIT_COMPARE},
    {"lt", TRAIT_COMPARE},
    {"ge", TRAIT_COMPARE},
    {"gt", TRAIT_COMPARE},
    {"eq", TRAIT_COMPARE},
    {"ne", TRAIT_COMPARE},
    {"bitwise_and", TRAIT_COMPARE},
    {"where", TRAIT_COMPARE},
    {"masked_fill_", TRAIT_COMPARE},
    {"index_select", TRAIT_GATHER},
    {"gather", TRAIT_GATHER},
    {"index", TRAIT_GATHER},
    {"embedding", TRAIT_GATHER},
    {"index_put_", TRAIT_INDEX_WRITE},
    {"_index_put_impl_", TRAIT_INDEX_WRITE},
    {"index_copy_", TRAIT_INDEX_WRITE},
    {"scatter_", TRAIT_INDEX_WRITE},
    {"native_layer_norm", TRAIT_NORM},
    {"_fused_rms_norm", TRAIT_NORM},
    {"argmax", TRAIT_SAMPLE},
    {"topk", TRAIT_SAMPLE},
    {"sort", TRAIT_SAMPLE},
    {"multinomial", TRAIT_SAMPLE},
    {"cumsum", TRAIT_SAMPLE},
    {"convolution", TRAIT_CONV},
    {"cudnn_convolution", TRAIT_CONV},
    {"_foreach_copy_", TRAIT_COPY},
};

/* What occurs in the names of generic kernels and of compiled ones, which list the operators they fuse. */
static const word hints[] = {
    {"CatArray", TRAIT_CONCAT},
    {"_cat", TRAIT_CONCAT},
    {"to_copy", TRAIT_COPY},
    {"direct_copy", TRAIT_COPY},
    {"copy_kernel", TRAIT_COPY},
    {"_clone", TRAIT_COPY},
    {"_copy", TRAIT_COPY},
    {"Functor_add", TRAIT_ADD},
    {"FunctorOnSelf_add", TRAIT_ADD},
    {"_add", TRAIT_ADD},
    {"MulFunctor", TRAIT_MUL},
    {"_mul", TRAIT_MUL},
    {"neg_kernel", TRAIT_NEG},
    {"_neg", TRAIT_NEG},
    {"pow_tensor", TRAIT_POW},
    {"_pow", TRAIT_POW},
    {"rsqrt", TRAIT_RSQRT},
    {"MeanOps", TRAIT_REDUCE},
    {"sum_functor", TRAIT_REDUCE},
    {"_mean", TRAIT_REDUCE},
    {"_sum", TRAIT_REDUCE},
    {"silu", TRAIT_ACTIVATION},
    {"gelu", TRAIT_ACTIVATION},
    {"Gelu", TRAIT_ACTIVATION},
    {"relu", TRAIT_ACTIVATION},
    {"cos_kernel", TRAIT_ANGLE},
    {"sin_kernel", TRAIT_ANGLE},
    {"_cos", TRAIT_ANGLE},
    {"_sin", TRAIT_ANGLE},
    {"arange", TRAIT_FILL},
    {"FillFunctor", TRAIT_FILL},
    {"where", TRAIT_COMPARE},
    {"CompareFunctor", TRAIT_COMPARE},
    {"masked_fill", TRAIT_COMPARE},
    {"indexSelect", TRAIT_GATHER},
    {"gather_kernel", TRAIT_GATHER},
    {"embedding", TRAIT_GATHER},
    {"index_put", TRAIT_INDEX_WRITE},
    {"index_copy", TRAIT_INDEX_WRITE},
    {"scatter", TRAIT_INDEX_WRITE},
    {"ArgMax", TRAIT_SAMPLE},
    {"argmax", TRAIT_SAMPLE},
    {"topk", TRAIT_SAMPLE},
    {"RadixSort", TRAIT_SAMPLE},
    {"cub::", TRAIT_SAMPLE},
    {"convolution", TRAIT_CONV},
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint32_t operator_traits(const char *framework_op) {
    static const char prefix[] = "aten::";
    if (strncmp(framework_op, prefix, sizeof prefix - 1) != 0)
        return 0;
    for (size_t i = 0; i < COUNT(operators); i++)
        if (strcmp(operators[i].text, framework_op + sizeof prefix - 1) == 0)
            return operators[i].traits;
    return 0;
}

static uint32_t hinted(const char *kernel) {
    uint32_t traits = 0;
    for (size_t i = 0; i < COUNT(hints); i++)
        if (strstr(kernel, hints[i].text))
            traits |= hints[i].traits;
    return traits;
}

uint32_t kernel_traits(trace_kind kind, const char *kernel, const char *framework_op) {
    if (kind == TRACE_MEMCPY)
        return TRAIT_MEMCPY;
    if (kind == TRACE_MEMSET)
        return TRAIT_MEMSET;
    if (strncmp(kernel, "triton_", strlen("triton_")) == 0 && !strstr(kernel, "flex_attention"))
        return hinted(kernel) | TRAIT_FUSED;
    for (size_t i = 0; i < COUNT(certain); i++)
        if (strstr(kernel, certain[i].text))
            return certain[i].traits;
    uint32_t traits = operator_traits(framework_op);
    return traits ? traits : hinted(kernel);
}

/* ---- surroundings ---- */

static op_category category_alone(uint32_t traits) {
    if (traits & TRAIT_ATTENTION)
        return CATEGORY_ATTENTION;
    if (traits & TRAIT_CONV)
        return CATEGORY_CONV;
    if (traits & (TRAIT_GEMM | TRAIT_GEMM_HELPER))
        return CATEGORY_LINEAR;
    if ((traits & TRAIT_NORM) || ((traits & TRAIT_RSQRT) && (traits & TRAIT_REDUCE)))
        return CATEGORY_NORM;
    if (traits & (TRAIT_GATHER | TRAIT_ROPE | TRAIT_ANGLE))
        return CATEGORY_EMBEDDING;
    if (traits & TRAIT_SOFTMAX)
        return CATEGORY_ATTENTION;
    if (traits & (TRAIT_CONCAT | TRAIT_INDEX_WRITE | TRAIT_MEMCPY | TRAIT_MEMSET))
        return CATEGORY_COPY;
    if ((traits & TRAIT_COPY) && !(traits & ~(uint32_t)(TRAIT_COPY | TRAIT_FUSED | TRAIT_ADD)))
        return CATEGORY_COPY;
    return CATEGORY_MISC;
}

/* Sets the category of consecutive events whose traits follow a pattern around `at`, as far as they do. */
static void spread(classified *list, size_t count, size_t at, const uint32_t *before, size_t before_count,
                   const uint32_t *after, size_t after_count, op_category category) {
    list[at].category = category;
    for (size_t i = 0; i < before_count && at > i && (list[at - 1 - i].traits & before[i]); i++)
        list[at - 1 - i].category = category;
    for (size_t i = 0; i < after_count && at + 1 + i < count && (list[at + 1 + i].traits & after[i]); i++)
        list[at + 1 + i].category = category;
}

/* A product of activations on both sides of a softmax is attention, and so is what lies between. */
static void mark_attention(classified *list, size_t count, size_t at) {
    enum { REACH = 6 };
    size_t first = at, last = at;
    for (size_t i = 1; i <= REACH && i <= at && first == at; i++)
        if (list[at - i].traits & TRAIT_GEMM)
            first = at - i;
    for (size_t i = 1; i <= REACH && at + i < count && last == at; i++)
        if (list[at + i].traits & TRAIT_GEMM)
            last = at + i;
    if (first == at || last == at)
        return;
    for (size_t i = first; i <= last; i++)
        list[i].category = CATEGORY_ATTENTION;
}

static void by_surroundings(classified *list, size_t count) {
    /* x -> fp32, ^2, mean, + eps, [rsqrt], * x, -> bf16, * weight */
    static const uint32_t norm_before[] = {TRAIT_ADD, TRAIT_REDUCE, TRAIT_POW, TRAIT_COPY};
    static const uint32_t norm_after[] = {TRAIT_MUL, TRAIT_COPY, TRAIT_MUL};
    /* x * cos, [-x2], cat(-x2, x1), * sin, + */
    static const uint32_t rotary_before[] = {TRAIT_MUL}, rotary_after[] = {TRAIT_CONCAT, TRAIT_MUL, TRAIT_ADD};
    for (size_t i = 0; i < count; i++) {
        if (list[i].traits == TRAIT_RSQRT)
            spread(list, count, i, norm_before, COUNT(norm_before), norm_after, COUNT(norm_after), CATEGORY_NORM);
        else if (list[i].traits == TRAIT_NEG)
            spread(list, count, i, rotary_before, COUNT(rotary_before), rotary_after, COUNT(rotary_after),
                   CATEGORY_EMBEDDING);
        else if (list[i].traits == TRAIT_SOFTMAX)
            mark_attention(list, count, i);
    }
}

/* Whether the launch happened inside an attention operator of the framework. */
static bool inside_attention(const trace *t, const trace_event *host) {
    for (; host; host = host->parent == TRACE_NONE ? NULL : &t->host[host->parent])
        if (host->kind == TRACE_HOST_OP && strstr(trace_name(t, host->name), "attention"))
            return true;
    return false;
}

/* Kernels of the project's own exports are named "operator (category)". */
static bool own_category(const char *kernel, op_category *out) {
    const char *open = strrchr(kernel, '(');
    for (int c = 0; open && c < CATEGORY_COUNT; c++) {
        const char *name = op_category_name((op_category)c);
        size_t length = strlen(name);
        if (strncmp(open + 1, name, length) == 0 && strcmp(open + 1 + length, ")") == 0) {
            *out = (op_category)c;
            return true;
        }
    }
    return false;
}

classified *trace_classify(const trace *t) {
    classified *list = calloc(t->gpu_count + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *e = &t->gpu[i], *launch = trace_launch(t, e), *inner = trace_host_op(t, launch);
        list[i].traits =
            kernel_traits((trace_kind)e->kind, trace_name(t, e->name), inner ? trace_name(t, inner->name) : "");
        list[i].category = category_alone(list[i].traits);
        if (inside_attention(t, launch))
            list[i].category = CATEGORY_ATTENTION;
    }
    by_surroundings(list, t->gpu_count);
    for (size_t i = 0; i < t->gpu_count; i++)
        if (own_category(trace_name(t, t->gpu[i].name), &list[i].category))
            list[i].traits |= TRAIT_FUSED;
    return list;
}
