/* Operators: kinds and parameters from ops.def, and the work (FLOPs, bytes) that follows from the parameters. */
#ifndef INGOT_OP_H
#define INGOT_OP_H

#include "core/machine.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum op_kind {
#define OP(kind, category, text) OP_##kind,
#include "core/ops.def"
    OP_KIND_COUNT
} op_kind;

/* The categories of the paper's breakdown (facts: its profiling scripts), in the order they are reported. */
typedef enum op_category {
    CATEGORY_LINEAR,
    CATEGORY_ATTENTION,
    CATEGORY_NORM,
    CATEGORY_EMBEDDING,
    CATEGORY_CONV,
    CATEGORY_COPY,
    CATEGORY_KV_REORDER,
    CATEGORY_MISC,
    CATEGORY_IDLE,
    CATEGORY_COUNT
} op_category;

const char *op_category_name(op_category category); /* "linear" */

/* Enumerated parameter sets. CHOICE parameters hold one of these; names are what files and reports show. */
#define ATTENTION_BACKENDS(X)                                                                                          \
    X(best) X(naive) X(flash) X(fa3) X(cudnn) X(ingot) X(trtllm) X(flashinfer) X(triton) X(vllm) X(vllm_fa2)
#define GEMM_EPILOGUES(X) X(none) X(bias) X(relu) X(gelu) X(bias_relu) X(bias_gelu)
#define ATTENTION_SCORES(X) X(softmax) X(silu)
#define ACTIVATION_FUNCTIONS(X) X(silu) X(gelu) X(relu) X(sigmoid) X(tanh) X(leaky_relu)
#define POINTWISE_FUNCTIONS(X) X(mul) X(neg) X(scale) X(pow) X(rsqrt) X(cast) X(cos) X(sin) X(compare) X(where) X(fill)
#define SAMPLE_METHODS(X) X(argmax) X(top_p) X(multinomial)
#define COLLECTIVE_PATTERNS(X) X(all_reduce) X(all_gather) X(reduce_scatter) X(alltoall) X(send)
#define COPY_DIRECTIONS(X) X(device) X(to_device) X(to_host)

typedef enum gemm_epilogue {
#define X(name) gemm_epilogue_##name,
    GEMM_EPILOGUES(X)
#undef X
        gemm_epilogue_count
} gemm_epilogue;
typedef enum attention_backend {
#define X(name) attention_backend_##name,
    ATTENTION_BACKENDS(X)
#undef X
        attention_backend_count
} attention_backend;
typedef enum attention_score {
#define X(name) attention_score_##name,
    ATTENTION_SCORES(X)
#undef X
        attention_score_count
} attention_score;
typedef enum activation_function {
#define X(name) activation_function_##name,
    ACTIVATION_FUNCTIONS(X)
#undef X
        activation_function_count
} activation_function;
typedef enum pointwise_function {
#define X(name) pointwise_function_##name,
    POINTWISE_FUNCTIONS(X)
#undef X
        pointwise_function_count
} pointwise_function;
typedef enum sample_method {
#define X(name) sample_method_##name,
    SAMPLE_METHODS(X)
#undef X
        sample_method_count
} sample_method;
typedef enum collective_pattern {
#define X(name) collective_pattern_##name,
    COLLECTIVE_PATTERNS(X)
#undef X
        collective_pattern_count
} collective_pattern;
typedef enum copy_direction {
#define X(name) copy_direction_##name,
    COPY_DIRECTIONS(X)
#undef X
        copy_direction_count
} copy_direction;

/* One parameter struct a kind: gemm_params, attention_params, ... */
#define OP(kind, category, text)                                                                                       \
    typedef struct kind##_params {                                                                                     \
        char unused; /* a kind may have no parameters */
#define DIM(kind, name, text) int64_t name;
#define TYPE(kind, name, text) data_type name;
#define FLAG(kind, name, text) bool name;
#define CHOICE(kind, name, set, text) set name;
#define END_OP(kind)                                                                                                   \
    }                                                                                                                  \
    kind##_params;
#include "core/ops.def"

typedef struct op {
    op_kind kind;
    bool own; /* one of our own kernels (kernels/) runs it, or the library as our launchers call it */
    /* What stands around it in a graph (graph_op_at); of our own kernels alone, 0: unknown. Bytes that the operator
     * before it brought into L2 beside what it wrote there; bytes of operands whose rows lie apart, which the executor
     * packs first. */
    double streamed_bytes, packed_bytes;
    union {
#define OP(kind, category, text) kind##_params kind;
#include "core/ops.def"
    } as;
} op;

/* ---- the table of kinds ---- */

typedef enum op_param_type { PARAM_DIM, PARAM_TYPE, PARAM_FLAG, PARAM_CHOICE } op_param_type;

typedef struct op_param {
    const char *name;
    op_param_type type;
    size_t offset;              /* in struct op */
    const char *const *choices; /* PARAM_CHOICE: names by value */
    size_t choice_count;
    const char *text;
} op_param;

typedef struct op_info {
    const char *name;
    op_category category;
    const char *text;
    const op_param *params;
    size_t param_count;
} op_info;

const op_info *op_info_get(op_kind kind);
status op_kind_parse(const char *name, op_kind *out);

/* Parameters by descriptor. A dimension is read and written as a double so that sweeps and files share one path. */
double op_param_get(const op *o, const op_param *param);
void op_param_set(op *o, const op_param *param, double value);

/* Whether two operators are the same: kind, kernels, every parameter, and what stands around them. */
bool op_same(const op *a, const op *b);

/* "m=1 n=8192 k=22016 bf16": dimensions and types that are set, for people. Writes at most `bytes`. */
void op_shape_text(const op *o, char *text, size_t bytes);

/* Parameters that a kind cannot do without, and that agree with each other; STATUS_BAD_INPUT names the first that is
 * wrong. */
status op_check(const op *o, error *err);

/* Whether a product's epilogue adds a bias, one an output feature. */
bool gemm_has_bias(const gemm_params *p);

/* ---- work ---- */

/* What the mathematics needs, once each: the fewest FLOPs and bytes, before any implementation's overhead. */
typedef struct op_work {
    double flops;          /* multiply and add counted separately */
    bool tensor_flops;     /* whether tensor cores do them */
    data_type flops_dtype; /* whose rate bounds them */
    double weight_bytes;   /* parameters read */
    double read_bytes;     /* activations, caches, logits read */
    double write_bytes;
} op_work;

op_work op_work_of(const op *o);

/* Output positions of a convolution along one axis (pixels of a side, for conv2d). */
int64_t conv1d_out_len(const conv1d_params *p);
int64_t conv2d_out_height(const conv2d_params *p);
int64_t conv2d_out_width(const conv2d_params *p);

#ifdef __cplusplus
}
#endif
#endif
