/* A row a lever, a row a preset (design.md 5; facts: paper and torchao, gpt-fast and LayerSkip sources). */
#include "workloads/levers.h"

#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CHOICES(list) list, COUNT_OF(list), 0, 0
#define NUMBER(max) NULL, 0, 1, max

/* Bounds of arguments: wide enough for any real system, narrow enough to catch slips. */
static const double EXIT_MAX = 1000, TOKENS_MAX = 1e7;
enum { DRAFTS_MAX = 16, PAGE_MAX = 4096, STREAMS_MAX = 8, RANKS_MAX = 64 };

#define DRAFTS                                                                                                         \
    { "drafts", offsetof(levers, speculation.drafts), 1, DRAFTS_MAX, true, false }
#define ACCEPTANCE                                                                                                     \
    { "acceptance", offsetof(levers, speculation.acceptance), 0, 1, false, false }

static const lever_choice attention_choices[] = {{"naive", ATTENTION_NAIVE, true, {{0}}},
                                                 {"flash", ATTENTION_FLASH, true, {{0}}}};
static const lever_choice launch_choices[] = {{"eager", LAUNCH_EAGER, true, {{0}}},
                                              {"graph", LAUNCH_GRAPH, true, {{0}}}};
static const lever_choice fuse_choices[] = {
    {"none", FUSE_NONE, true, {{0}}}, {"standard", FUSE_STANDARD, true, {{0}}}, {"maximal", FUSE_MAXIMAL, true, {{0}}}};
static const lever_choice kv_cache_choices[] = {
    {"dynamic", KV_DYNAMIC, true, {{0}}},
    {"static", KV_STATIC, true, {{0}}},
    {"paged", KV_PAGED, true, {{"page_tokens", offsetof(levers, page_tokens), 1, PAGE_MAX, true, false}}}};
static const lever_choice kv_dtype_choices[] = {{"bf16", DTYPE_bf16, true, {{0}}},
                                                {"fp8", DTYPE_fp8, true, {{0}}},
                                                {"int8", DTYPE_int8, true, {{0}}},
                                                {"int4", DTYPE_int4, true, {{0}}}};
static const lever_choice kv_keep_choices[] = {
    {"full", KEEP_FULL, true, {{0}}},
    {"window",
     KEEP_WINDOW,
     true,
     {{"sinks", offsetof(levers, keep.sinks), 0, TOKENS_MAX, true, false},
      {"recent", offsetof(levers, keep.recent), 1, TOKENS_MAX, true, false}}},
    {"topk", KEEP_TOPK, true, {{"tokens", offsetof(levers, keep.tokens), 1, TOKENS_MAX, true, false}}}};
static const lever_choice weights_choices[] = {
    {"bf16", DTYPE_bf16, true, {{0}}},
    {"fp16", DTYPE_fp16, true, {{0}}},
    {"fp8", DTYPE_fp8, true, {{0}}},
    {"int8", DTYPE_int8, true, {{0}}},
    {"int4", DTYPE_int4, true, {{0}}},
    {"autoquant", WEIGHTS_AUTOQUANT, true, {{0}}},
    {"autoquant-int4", WEIGHTS_AUTOQUANT_INT4, true, {{0}}},
    {"autoquant-fp8", WEIGHTS_AUTOQUANT_FP8, true, {{0}}},
};
static const lever_choice activations_choices[] = {{"bf16", DTYPE_bf16, true, {{0}}},
                                                   {"fp16", DTYPE_fp16, true, {{0}}},
                                                   {"fp8", DTYPE_fp8, true, {{0}}},
                                                   {"int8", DTYPE_int8, true, {{0}}}};
static const lever_choice flavour_choices[] = {{"hf", FLAVOUR_HF, true, {{0}}},
                                               {"gptfast", FLAVOUR_GPTFAST, true, {{0}}},
                                               {"ingot", FLAVOUR_INGOT, true, {{0}}},
                                               {"fairseq2", FLAVOUR_FAIRSEQ2, true, {{0}}},
                                               {"meta", FLAVOUR_META, true, {{0}}}};
static const lever_choice cfg_mode_choices[] = {{"none", CFG_NONE, true, {{0}}},
                                                {"batched_3x", CFG_BATCHED_3X, true, {{0}}},
                                                {"sequential_2x", CFG_SEQUENTIAL_2X, true, {{0}}}};
static const lever_choice beam_reorder_choices[] = {
    {"copy", BEAM_COPY, true, {{0}}}, {"indirect", BEAM_INDIRECT, true, {{0}}}, {"auto", BEAM_AUTO, true, {{0}}}};
static const lever_choice speculate_choices[] = {
    {"none", SPECULATE_NONE, true, {{0}}},
    {"layerskip",
     SPECULATE_LAYERSKIP,
     true,
     {{"exit", offsetof(levers, speculation.exit), 0, EXIT_MAX, true, false}, DRAFTS, ACCEPTANCE}},
    {"draft",
     SPECULATE_DRAFT,
     true,
     {{"model", offsetof(levers, speculation.model), 0, 0, false, true}, DRAFTS, ACCEPTANCE}},
    {"auto", SPECULATE_AUTO, true, {{0}}}};
static const lever_choice schedule_choices[] = {
    {"static", SCHEDULE_STATIC, true, {{0}}}, {"continuous", 0, false, {{0}}}, {"chunked", 0, false, {{0}}}};

/* clang-format off */
static const lever_info table[] = {
    {"speculate", "application", "tokens drafted by the first layers (layerskip) or a small model, verified together",
     "drafts and verification in place of a step a token: the weights are read once for all verified rows; an accept "
     "kernel a round; a draft model adds its weights and cache",
     "none: the verifier's distribution is kept; how often drafts are accepted is an assumption (0.7) to be set",
     offsetof(levers, speculate), CHOICES(speculate_choices)},
    {"schedule", "application", "how requests share the machine; static: one batch from start to end",
     "continuous and chunked batching belong to serving", "none",
     offsetof(levers, schedule), CHOICES(schedule_choices)},
    {"cfg_mode", "application", "image tokens guided by three sequences in one forward, by two forwards, or not at all",
     "three times the rows and cache, or twice the forwards and cache; nothing where no images are made", "without guidance images follow the prompt less",
     offsetof(levers, cfg_mode), CHOICES(cfg_mode_choices)},
    {"launch", "system", "eager issues every kernel from the host; graph replays a captured CUDA graph a step",
     "same kernels; host cost a step instead of a kernel", "none",
     offsetof(levers, launch), CHOICES(launch_choices)},
    {"fuse", "system", "pointwise kernels joined to their neighbours: norm with residual, RoPE with cache write, gate; maximal joins "
     "what standard does so far",
     "fewer launches, and the bytes of intermediate tensors saved; Seamless's compiled and own operators are fused "
     "whatever it says", "none",
     offsetof(levers, fuse), CHOICES(fuse_choices)},
    {"attention", "system", "naive materialises the scores in three steps; flash streams them through on-chip memory",
     "one kernel for seven or so; no matrix of scores in memory", "none",
     offsetof(levers, attention), CHOICES(attention_choices)},
    {"kv_cache", "system", "dynamic concatenates a new cache each step, static reserves it, paged holds whole pages",
     "dynamic copies every cache each step; static attends and reserves the whole length; paged reserves what is used, "
     "rounded up to pages, and uploads a table of pages a step", "none",
     offsetof(levers, kv_cache), CHOICES(kv_cache_choices)},
    {"kv_dtype", "system", "element type of cached keys and values, a 16-bit scale for each token and head",
     "cache bytes and memory shrink with the type; attention widens what it reads",
     "8 bits lose little, 4 bits more: not modelled",
     offsetof(levers, kv_dtype), CHOICES(kv_dtype_choices)},
    {"kv_keep", "system", "which tokens stay in the cache: all, the first and the last, or those attended to most",
     "attention and memory stop growing; window adds no kernel, topk adds products that recompute the scores, their "
     "sum, a selection and a move for every layer",
     "evicted context is lost: long-range recall suffers, not modelled",
     offsetof(levers, kv_keep), CHOICES(kv_keep_choices)},
    {"beam_reorder", "system", "copy moves every beam's cache each step; indirect reads it through an index of beams; "
     "auto: indirect where there are beams",
     "no copies of caches; attention reads an index; nothing without beams", "none",
     offsetof(levers, beam_reorder), CHOICES(beam_reorder_choices)},
    {"weights", "hardware-near", "element type of the weights of every matrix multiply; bf16: the model's own 16 bits; fp16: the whole model; int4 in "
     "groups of 128; "
     "autoquant: the fastest of 16 bits, int8 and dynamic int8 for each matrix, -int4 and -fp8 try these too",
     "weight bytes and memory shrink with the type; dynamic int8 adds a kernel that quantises the activations",
     "int8 a column loses little, int4 more: not modelled",
     offsetof(levers, weights), CHOICES(weights_choices)},
    {"activations", "hardware-near", "element type that activations are multiplied in; 8 bits need weights of the same",
     "a kernel that quantises them before each product, which then runs at the 8-bit rate",
     "outliers in activations lose precision: not modelled",
     offsetof(levers, activations), CHOICES(activations_choices)},
    {"streams", "hardware-near", "independent operators of a layer side by side on so many streams",
     "same kernels; those that leave the machine idle overlap, at an event to fork and one to join; nothing where "
     "such products are joined into one (gate and up, with fusion)", "none",
     offsetof(levers, streams), NUMBER(STREAMS_MAX)},
    {"tp", "hardware-near", "tensor parallelism: heads, FFN and vocabulary split over so many GPUs",
     "a rank's share of weights, products and cache; all-reduces behind the embedding, attention and FFN, and an "
     "all-gather of the logits", "none",
     offsetof(levers, tp), NUMBER(RANKS_MAX)},
    {"pp", "hardware-near", "pipeline parallelism: layers split over so many GPUs, one after the other",
     "a stage's share of weights and cache; a send between stages; one request gains no speed", "none",
     offsetof(levers, pp), NUMBER(RANKS_MAX)},
    {"ep", "hardware-near", "expert parallelism: experts split over so many GPUs",
     "a rank's share of the experts; an all-to-all before and after them", "none",
     offsetof(levers, ep), NUMBER(RANKS_MAX)},
    {"flavour", "run setting", "whose operators: Hugging Face eager, gpt-fast, fairseq2, Chameleon's authors' (hf on their tasks), or ingot's own executor",
     "the same mathematics in other kernels", "none",
     offsetof(levers, flavour), CHOICES(flavour_choices)},
};

static const preset_info presets[] = {
    {"baseline", "PyTorch eager: Hugging Face operators, attention written out, a cache that grows",
     "attention=naive launch=eager fuse=none kv_cache=dynamic flavour=hf"},
    {"sdpa", "baseline with fused attention",
     "attention=flash launch=eager fuse=none kv_cache=dynamic flavour=hf"},
    {"compile", "torch.compile and CUDA graphs: fused attention and pointwise kernels, reserved cache",
     "attention=flash launch=graph fuse=standard kv_cache=static flavour=gptfast"},
    {"autoquant", "compile with the fastest weight type a matrix",
     "attention=flash launch=graph fuse=standard kv_cache=static flavour=gptfast weights=autoquant"},
    {"layerskip", "compile with early-exit drafts verified by the whole model",
     "attention=flash launch=graph fuse=standard kv_cache=static flavour=gptfast speculate=layerskip"},
    {"all", "ingot's own executor with every lever that applies: maximal fusion, graphs, autoquant, layerskip",
     "attention=flash launch=graph fuse=maximal kv_cache=static flavour=ingot weights=autoquant speculate=auto "
     "beam_reorder=auto"},
};
/* clang-format on */

/* LayerSkip's README runs Llama-2 7B with 6 drafts. No rate of acceptance is published for any model: 0.7 is an
 * assumption. 4 sinks are what attention sinks were found with, 1,020 more make a cache of 1,024; pages of 16 tokens
 * are what paged caches were introduced with. */
static const speculate_arguments SPECULATION = {.exit = 0, .drafts = 6, .acceptance = 0.7};
static const keep_arguments KEEP = {.sinks = 4, .recent = 1020, .tokens = 1024};
static const double PAGE_TOKENS = 16;

levers levers_defaults(void) {
    return (levers){.attention = ATTENTION_FLASH,
                    .kv_cache = KV_STATIC,
                    .weights = DTYPE_bf16,
                    .activations = DTYPE_bf16,
                    .kv_dtype = DTYPE_bf16,
                    .cfg_mode = CFG_SEQUENTIAL_2X,
                    .speculation = SPECULATION,
                    .keep = KEEP,
                    .page_tokens = PAGE_TOKENS,
                    .streams = 1,
                    .tp = 1,
                    .pp = 1,
                    .ep = 1};
}

const lever_info *lever_table(size_t *count) {
    *count = COUNT_OF(table);
    return table;
}

const preset_info *preset_table(size_t *count) {
    *count = COUNT_OF(presets);
    return presets;
}
