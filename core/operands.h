/* Operands of an operator: what a kernel reads and writes, by shape, type and role, from the operator's parameters.
 *
 * One description drives launchers, CPU references, the executors' binding and memory, and the kernel test (what is
 * allocated, what random inputs look like, how far a result may be off). */
#ifndef INGOT_OPERANDS_H
#define INGOT_OPERANDS_H

#include "core/op.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum operand_role {
    ROLE_INPUT,
    ROLE_WEIGHT,
    ROLE_STATE, /* caches: read, or read and written in part; what is not written stays */
    ROLE_OUTPUT /* every element is written */
} operand_role;

/* What the elements mean, and so which values a test may put there. */
typedef enum operand_content {
    CONTENT_VALUES,   /* numbers of the operand's type, in [-1, 1] where they are real */
    CONTENT_SCALES,   /* positive factors of quantised values */
    CONTENT_UNIFORMS, /* random numbers in [0, 1) */
    CONTENT_INDICES,  /* int32 in [0, index_limit) */
    CONTENT_LENGTHS,  /* int32 in [1, index_limit] */
    CONTENT_SLOTS,    /* int32 in [0, index_limit), no two alike */
} operand_content;

/* A tensor of `blocks` blocks of `rows` rows of `cols` elements. Blocks and rows may lie apart (gpu_tensor and
 * ref_tensor hold the strides) where `strided`; else the tensor is contiguous. */
typedef struct operand {
    const char *name, *text;
    operand_role role;
    operand_content content;
    data_type type; /* of values, scales and uniforms; indices, lengths and slots are int32 whatever it says */
    int64_t blocks, rows, cols; /* 0 blocks: the operator has no such operand */
    int64_t index_limit;
    bool strided;  /* rows and blocks may lie apart */
    bool optional; /* may be left out (NULL) although present */
    bool written;  /* outputs, and states that the operator writes to */
    /* How far a right kernel may be from exact arithmetic on such inputs: |got - exact| <= error_absolute +
     * error_relative * |exact| + error_row * root mean square of the exact row. Derived in operands.c. */
    double error_relative, error_absolute, error_row;
} operand;

enum { OPERANDS_MAX = 10 };

/* By operand index, the absent ones included. */
typedef struct operand_list {
    size_t count; /* operands of the kind */
    operand at[OPERANDS_MAX];
} operand_list;

void operands_of(const op *o, operand_list *out);

bool operand_present(const operand *item);
int64_t operand_elements(const operand *item);

/* Bytes of one row; 4-bit elements lie two a byte, the even column in the low half, and a row begins at a byte. */
int64_t operand_row_bytes(const operand *item);
int64_t operand_bytes(const operand *item);   /* contiguous; 0 when absent */
bool operand_is_integer(const operand *item); /* int32 elements */

/* Indices of operands: OPERAND_gemm_a, ... and their number, OPERAND_COUNT_gemm. */
#define OPERANDS(kind) enum {
#define OPERAND(kind, name, role, text) OPERAND_##kind##_##name,
#define END_OPERANDS(kind)                                                                                             \
    OPERAND_COUNT_##kind                                                                                               \
    }                                                                                                                  \
    ;
#include "core/operands.def"

/* What models agree on and no parameter says: Llama's and Chameleon's rmsnorm epsilon (config.json, rms_norm_eps). */
static const double RMSNORM_EPSILON = 1e-5;
/* torch.nn.LayerNorm's default, which Chameleon's head norms and Seamless keep. */
static const double LAYERNORM_EPSILON = 1e-5;
/* Top-p of the models' own sampling settings (Chameleon: 0.9 for text and images). */
static const double SAMPLE_TOP_P = 0.9;
/* Scaling of seen tokens' logits (Chameleon's text sampling). */
static const double REPETITION_PENALTY = 1.2;
/* Guidance weights: of the image and of the whole prompt with three conditions (facebookresearch/chameleon,
 * InBatchInstructCFG), of the prompt with two (the paper's harness). */
static const double CFG_IMAGE_WEIGHT = 1.2, CFG_FULL_WEIGHT = 3, CFG_TWO_WAY_WEIGHT = 6;
/* Least largest magnitude of a row that is quantised: keeps a row of zeros from dividing by zero (torchao). */
static const double QUANTISE_EPSILON = 1e-5;
/* Largest number of E4M3. */
static const double FP8_LARGEST = 448;
/* The constant operand of pointwise functions of one tensor (scale, compare, where, fill): frameworks' kernels take
 * one, and its value bears on nothing that is modelled. */
static const double POINTWISE_CONSTANT = 0.25;
/* GELU as products' epilogues compute it, by tanh: x / 2 (1 + tanh(sqrt(2 / pi) (x + c x^3))) (cuBLASLt, and
 * torch.nn.GELU(approximate='tanh')); the exact one is `activation`'s. */
static const double GELU_TANH_CUBIC = 0.044715;
/* Slope of a leaky ReLU below zero (code HiFi-GAN, Seamless's vocoder). */
static const double LEAKY_RELU_SLOPE = 0.1;

#ifdef __cplusplus
}
#endif
#endif
