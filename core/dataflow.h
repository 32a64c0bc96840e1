/* Dataflow: which tensors a graph's operators read and write, and one memory for all of them.
 *
 * Operands are bound to named registers. A register is a tensor that steps reuse: an activation, a cache (one a layer)
 * or an input that the executor fills before a step. Weights need no register: each belongs to a node id, an operand
 * and a layer, so that the prefill and the decode phase share them by name.
 *
 * The memory plan lays everything out in one allocation: weights, caches, inputs, then activations, which share memory
 * where they are never alive together. The CPU and the GPU executor follow the same plan. */
#ifndef INGOT_DATAFLOW_H
#define INGOT_DATAFLOW_H

#include "core/graph.h"
#include "core/operands.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum register_kind {
    REGISTER_ACTIVATION,
    REGISTER_TOKENS,    /* int32; the tokens that a step chooses */
    REGISTER_CACHE,     /* one a layer; a row a token of a sequence's capacity */
    REGISTER_PROMPT,    /* int32; the token ids that a step starts from: the prompt's, or the scenario's last choice */
    REGISTER_POSITIONS, /* int32; a row's position in its sequence */
    REGISTER_SLOTS,     /* int32; a row's cache row */
    REGISTER_SEEN,      /* int32; token ids that a sequence has seen, random ones */
    REGISTER_UNIFORMS,  /* fp32; random numbers in [0, 1) for draws */
    REGISTER_ZEROS,     /* never written */
    REGISTER_PAGES,     /* int32; the page of a paged cache that holds each piece of each sequence */
} register_kind;

typedef struct graph_register {
    const char *name;
    register_kind kind;
    data_type type; /* of kinds that are not int32 */
    int64_t cols;   /* elements of a row */
    bool kept;      /* an activation that is still there after the step, for whoever looks at it */
    /* Of inputs, in steps after the prefill: tokens a sequence (0 counts as 1), and whether they lie token after token,
     * each of all sequences, or sequence after sequence. A register with `queries` has nothing in the prefill. */
    int64_t queries;
    bool token_major;
    int64_t behind; /* they begin so many tokens before the step's first */
    uint64_t draw;  /* which random token ids: another prompt's have another number */
} graph_register;

enum { REGISTERS_MAX = 64, REGISTER_NONE = -1 };

/* A zeroed binding is register 0: bindings are made by code that sets every operand of a node. */
typedef struct operand_binding {
    int32_t reg;       /* REGISTER_NONE: a weight, or an operand that is left out */
    int32_t first_reg; /* the register at the first layer of the segment; REGISTER_NONE: `reg` there too */
    int64_t column;    /* first column of the register that the operand sees */
    bool last_tokens;  /* sees the last row of each sequence alone ... */
    int64_t tokens;    /* ... of so many; 0: of the prompt's */
    /* Columns of the register's row that the operand's rows share, several to one of them (the heads of a token); 0: a
     * row of the operand is in a row of the register. */
    int64_t width;
    /* The register holds several such operands, one behind the other; which this one is. */
    int64_t block;
    /* Where the register holds its rows token after token, the operand wants them sequence after sequence: they are
     * gathered. */
    bool token_major;
} operand_binding;

/* A fresh array of bindings, none bound. */
operand_binding *operand_bindings_new(arena *a);

/* ---- one memory ---- */

/* How an element of a weight begins: base + spread * u with u in [-1, 1) (fp32 arithmetic, then rounded to the type);
 * integer types: spread * u rounded. */
typedef struct weight_fill {
    float base, spread;
    bool rotary;  /* a table of theta^(-2 i / head_dim) instead */
    double theta; /* of that table */
} weight_fill;

typedef struct plan_weight {
    const char *node, *operand_name;
    operand item;
    weight_fill fill;
    size_t offset_bytes;       /* of the first layer's */
    size_t layer_stride_bytes; /* to the next layer's; a multiple of MEMORY_ALIGNMENT */
    int64_t layers;
    uint64_t stream; /* of random numbers: by its names, so that a weight is the same beside any others */
} plan_weight;

enum { MEMORY_ALIGNMENT = 256 };

typedef struct memory_plan {
    const graph *graph;
    const scenario *scenario;
    plan_weight *weights;
    size_t weight_count;
    size_t register_offset_bytes[REGISTERS_MAX];
    size_t register_bytes[REGISTERS_MAX]; /* a cache: one layer's */
    int64_t cache_tokens;                 /* a sequence's capacity */
    int64_t cache_pages;                  /* the same in pages; 0: the cache is not paged */
    size_t weight_bytes, cache_bytes, input_bytes, activation_bytes, total_bytes;
    size_t activation_bytes_apart; /* what activations would take without sharing */
    int32_t *node_weights;         /* private: which weight each node's operands are */
    size_t node_total;
} memory_plan;

/* Whether a phase can be run: none of its nodes is bound where no kernels exist yet (image tokenizers). Executors pass
 * over such phases. */
bool phase_is_bound(const graph_phase *phase);

/* Whether executors can run the graph: STATUS_BAD_INPUT says in a line what stands in the way, such as a node of a
 * phase that is otherwise bound and which is not. Allocates nothing. */
status graph_can_run(const graph *g, const scenario *s, error *err);

/* Errors as of graph_can_run. Owned by the arena; graph and scenario must outlive it. */
status memory_plan_make(arena *a, const graph *g, const scenario *s, memory_plan *out, error *err);

/* An operand of one operator of a step: where it begins and how its rows lie. */
typedef struct tensor_view {
    operand item;
    size_t offset_bytes;
    int64_t row_stride, block_stride; /* elements */
    bool present;                     /* false: the operator goes without it, and nothing else here is set */
    /* The operand must be contiguous, but its rows are apart: an executor copies them to the plan's end first. */
    bool gathered;
    int64_t packed_row_stride; /* where they lie then */
} tensor_view;

typedef struct op_views {
    size_t count;
    tensor_view at[OPERANDS_MAX];
} op_views;

/* Every operand of an operator of the plan's graph, in the order of operands_of. */
void memory_plan_views(const memory_plan *plan, const flat_op *flat, op_views *out);

/* Bytes of a node's operands that an executor packs before it launches the kernel, caches apart. */
double operands_packed_bytes(const graph *g, const scenario *s, const graph_node *node, const op *o);

/* Fills an input register of a step with register_bytes (uniforms as fp32): token ids are random below the vocabulary
 * (from the scenario's seed, whatever the logits say, so that executors that round differently stay together);
 * positions and slots follow from the scenario. */
void memory_plan_input(const memory_plan *plan, size_t reg, bool prefill, int64_t step, int32_t *out);
bool register_is_input(register_kind kind); /* filled before each step */

/* One element of a weight as it begins; `index` counts over all its layers. Rotary tables: the value alone. */
double weight_element(const memory_plan *plan, const plan_weight *w, int64_t index);

#ifdef __cplusplus
}
#endif
#endif
