/* Attention over a context: tiles of queries that walk the keys.
 *
 *   step  = max((tensor + softmax) / clock, keys and values of a tile / one SM's share of L2)
 *   block = cta_latencies x latency + queries and outputs / share of L2 + steps x step
 *   time  = start + max(longest block, all blocks / SMs + tail, FLOPs / peak, L2, HBM) + exposed part + helper kernels
 *
 * The naive implementation is its three kernels; decoding is in cost_attention_decode.c. */
#include "sim/engine/cost_attention.h"

/* Asynchronous kernels run one warp group's softmax beside the other's products (FlashAttention-3, section 3): a step
 * takes the longer of the two and so much of the shorter. */
static const double ASYNCHRONOUS_EXPOSED_FRAC = 0.4;
/* Blackwell's products keep their sums in tensor memory and leave the registers to the softmax, which runs beside them
 * at the rate of exponentials: so much of the shorter of the two is exposed. GB200 reaches 1,157 (cuDNN) and 1,225
 * TFLOP/s (FlashAttention-4) at width 64, that is 14.4 and 15.3 of 16 exponentials a clock, and 1,428 at width 128
 * (Dao-AILab/flash-attention pull request 2605). */
static const double TENSOR_MEMORY_EXPOSED_FRAC = 0.15;
/* FLOPs a clock that an SM's instructions of one warp reach where the tensor cores are made for those of four:
 * FlashAttention-2 attains 328 (Azure/AI-benchmarking-guide) to 370 TFLOP/s (FlashAttention-3, figure 5) on an H100 and
 * 374 on a GB200. */
static const double WARP_FLOPS_PER_CLK = 2200;
/* Two products, a multiply and an add each. */
static const double FLOPS_PER_SCORE_ELEMENT = 4;
static const int32_t NARROW_WIDTH = 64;
/* A causal tile's diagonal fills its last step in part. */
static const double CAUSAL_STEP_EXCESS = 0.25;
/* The grid of the cache write is a block a token, of this many threads at least and at most (vLLM's cache_kernels.cu).
 */
static const double TOKEN_BLOCK_THREADS_MIN = 64;
static const double TOKEN_BLOCK_THREADS_MAX = 512;
/* The quantising kernel's blocks of 1024 threads: two fit an SM. */
static const double QUANTISE_BLOCKS_PER_SM = 2;
/* Helper kernels: FlashAttention-3's scheduler metadata; a cache write; TensorRT-LLM's sequence bookkeeping, rotation
 * and cache write. */
static const double FA3_HELPERS = 1;
static const double PAGED_HELPERS = 1;
static const double FLASHINFER_DECODE_HELPERS = 2;
static const double FMHA_CONTEXT_HELPERS = 4;
static const double FMHA_DECODE_HELPERS = 2;

/* The fitted parameters of one kernel: arrays of the block. */
typedef struct context_parameters {
    const double *efficiency, *efficiency8, *softmax_ops, *cta_latencies;
    const double *convert_ops; /* NULL: nothing is converted in the key loop */
    const double *rope_clk;    /* NULL: queries arrive rotated */
} context_parameters;

#define CONTEXT(group, ...)                                                                                            \
    (context_parameters) {                                                                                             \
        .efficiency = m->group##_tensor_efficiency_frac, .softmax_ops = m->group##_softmax_ops,                        \
        .cta_latencies = m->group##_cta_latencies, __VA_ARGS__                                                         \
    }

static context_parameters parameters_of(attention_kernel kernel, const machine_block *m) {
    const double *efficiency8 = m->attention_fa3_paged_tensor8_efficiency_frac;
    const double *transpose_ops = m->attention_fa3_paged_convert_ops;
    const double *convert_ops = m->attention_flashinfer_convert_ops;
    switch (kernel) {
    case KERNEL_FA2_PAGED:
        return CONTEXT(attention_fa2_paged, .convert_ops = convert_ops);
    case KERNEL_FA3:
        return CONTEXT(attention_fa3, .efficiency8 = efficiency8, .convert_ops = transpose_ops);
    case KERNEL_FA3_PAGED:
        return CONTEXT(attention_fa3_paged, .efficiency8 = efficiency8, .convert_ops = transpose_ops);
    case KERNEL_FLASHINFER:
        return CONTEXT(attention_flashinfer, .convert_ops = convert_ops);
    case KERNEL_FMHA:
        return CONTEXT(attention_fmha, .rope_clk = m->attention_fmha_rope_clk);
    case KERNEL_FMHA_HOPPER:
        return CONTEXT(attention_fmha_hopper, .efficiency8 = m->attention_fmha_hopper_tensor8_efficiency_frac,
                       .rope_clk = m->attention_fmha_hopper_rope_clk);
    default:
        return CONTEXT(attention_fa2, .convert_ops = convert_ops);
    }
}

double attention_helpers(const attention_shape *s, bool decodes) {
    double scheduler = attention_is_asynchronous(s->kernel) ? FA3_HELPERS : 0;
    switch (s->kernel) {
    case KERNEL_FA2_PAGED:
    case KERNEL_FA3_PAGED:
        return PAGED_HELPERS + scheduler;
    case KERNEL_FLASHINFER:
        return decodes ? FLASHINFER_DECODE_HELPERS : PAGED_HELPERS;
    case KERNEL_FMHA:
    case KERNEL_FMHA_HOPPER:
        return decodes ? FMHA_DECODE_HELPERS : FMHA_CONTEXT_HELPERS;
    default: /* only FlashAttention-3's own interface for ragged batches computes a schedule */
        return s->backend == attention_backend_fa3 ? scheduler : 0;
    }
}

double attention_cache_write_s(const attention_shape *s, const machine_block *m, size_t i, double tokens,
                               double footprint_bytes) {
    double elements = s->kv_heads * s->width, latency_s = memory_latency_s(m, i);
    double bytes = elements * 2 * tokens * (ATTENTION_ELEMENT_BYTES + s->kv_element_bytes);
    double threads = larger(TOKEN_BLOCK_THREADS_MIN, smaller(TOKEN_BLOCK_THREADS_MAX, elements));
    double blocks_per_sm = smaller(m->sm_max_ctas[i], m->sm_max_threads[i] / threads);
    double kept = s->hot_frac * attention_kept_frac(m, i, bytes + footprint_bytes);
    double write_s = tokens / (m->sm_count[i] * blocks_per_sm) * m->attention_token_block_latencies[i] * latency_s;
    write_s = larger(write_s, bytes / l2_bytes_per_s(m, i, m->attention_l2_efficiency_frac[i]));
    write_s = larger(write_s, bytes * (1 - kept) / hbm_bytes_per_s(m, i, m->attention_hbm_efficiency_frac[i]));
    if (s->kernel == KERNEL_FA3_PAGED && s->eight_bit)
        write_s += tokens / (m->sm_count[i] * QUANTISE_BLOCKS_PER_SM) * m->attention_fa3_paged_quantise_latencies[i] *
                   latency_s;
    return write_s;
}

double attention_block8(const attention_shape *s, const machine_block *m, size_t i) {
    static const double QUOTED_WIDTH = 128;
    return 1 + m->attention_fa3_paged_block8_frac[i] * s->width / QUOTED_WIDTH;
}

/* Steps over keys of all query tiles of one head, and of the longest one. */
typedef struct key_steps {
    double tiles, total, longest;
} key_steps;

static key_steps steps_of(const attention_shape *s, const plan *t, const attention_params *p) {
    double packed = attention_packs_group(s->kernel) ? s->group : 1, tile_queries = t->tile_m / packed;
    double tiles = ceil_quotient(s->queries / tile_queries), all = (double)p->kv_len;
    double seen = tiles * all;
    if (s->causal)
        seen =
            tiles * (all - s->queries) + tile_queries * tiles * (tiles + 1) / 2 - (tiles * tile_queries - s->queries);
    double longest = ceil_quotient(all / t->tile_n), total = tiles * longest;
    if (s->causal && tiles > 1)
        total = larger(tiles, seen / t->tile_n + CAUSAL_STEP_EXCESS * tiles);
    double window = s->keys + tile_queries; /* a tile sees the window and its own queries */
    if (p->window > 0 && window < all) {
        double cut = s->causal ? smaller(tiles, ceil_quotient((all - window) / tile_queries)) : tiles;
        double hidden = cut * (all - window) - (s->causal ? tile_queries * cut * (cut - 1) / 2 : 0);
        longest = smaller(longest, ceil_quotient(window / t->tile_n));
        total = smaller(larger(tiles, total - hidden / t->tile_n), tiles * longest);
    }
    return (key_steps){tiles, total, longest};
}

/* Blocks over which FlashAttention-3 splits the keys of a tile, where tiles leave SMs without work: an SM's even share
 * of all steps and a tenth (prepare_varlen_num_blocks); never so few keys. */
static double context_splits(const attention_shape *s, const key_steps *steps, double tiles, double sms) {
    static const double NEARLY_FULL = 0.8, BALANCE_MARGIN = 1.1, STEPS_UNSPLIT = 4;
    bool splits = s->kernel == KERNEL_FA3 || s->kernel == KERNEL_FA3_PAGED;
    if (!splits || tiles >= NEARLY_FULL * sms || steps->longest <= STEPS_UNSPLIT)
        return 1;
    double share = ceil_quotient(tiles / steps->tiles * steps->total * BALANCE_MARGIN / sms);
    return larger(1, ceil_quotient(steps->longest / share));
}

/* The kernel that combines splits. */
static double context_combine_s(const attention_shape *s, const machine_block *m, size_t i, double splits,
                                double l2_rate) {
    static const double PARTIAL_BYTES = 2 * 4; /* fp32, written and read */
    if (splits <= 1)
        return 0;
    return m->attention_combine_latencies[i] * memory_latency_s(m, i) +
           splits * s->query_bytes / ATTENTION_ELEMENT_BYTES * PARTIAL_BYTES / l2_rate;
}

/* The 16-bit tensor rate that the kernel's instructions can reach. */
static double instruction_rate(const attention_shape *s, double flops_per_clk) {
    bool warpgroups = generation_has_warpgroups(s->generation);
    return warpgroups && !attention_is_asynchronous(s->kernel) ? smaller(flops_per_clk, WARP_FLOPS_PER_CLK)
                                                               : flops_per_clk;
}

/* Clocks of products and softmax of one step. */
static double issue_clk(const attention_shape *s, const context_parameters *k, const machine_block *m, size_t i,
                        double scores, double tensor_clk, double converted) {
    if (attention_is_asynchronous(s->kernel) && s->generation == GENERATION_BLACKWELL) {
        double softmax_clk = scores / m->sm_sfu_ops_per_clk[i] + scores * s->score_ops / ATTENTION_ISSUE_LANES;
        return larger(tensor_clk, softmax_clk) + TENSOR_MEMORY_EXPOSED_FRAC * smaller(tensor_clk, softmax_clk);
    }
    double operations = scores * (k->softmax_ops[i] + s->score_ops);
    if (s->eight_bit && k->convert_ops)
        operations += converted * k->convert_ops[i];
    double softmax_clk = operations / ATTENTION_ISSUE_LANES;
    double exposed = attention_is_asynchronous(s->kernel) ? ASYNCHRONOUS_EXPOSED_FRAC : 1;
    return larger(tensor_clk, softmax_clk) + exposed * smaller(tensor_clk, softmax_clk);
}

/* One step of the key loop of one block. */
static double step_s(const attention_shape *s, const plan *t, const context_parameters *k, const machine_block *m,
                     size_t i, double share_bytes_per_s) {
    double scores = (double)t->tile_m * t->tile_n, loaded = 2.0 * smaller(t->tile_n, s->keys) * t->tile_k;
    bool eight = s->rate == DTYPE_fp8;
    double rate = eight ? m->sm_tensor_fp8_flops_per_clk[i] * k->efficiency8[i]
                        : instruction_rate(s, m->sm_tensor_bf16_flops_per_clk[i]) * k->efficiency[i];
    if (rate <= 0)
        rate = m->sm_fp32_flops_per_clk[i];
    double tensor_clk = FLOPS_PER_SCORE_ELEMENT * scores * t->tile_k / rate;
    double issue_s = issue_clk(s, k, m, i, scores, tensor_clk, loaded) / m->sm_clock_max_hz[i];
    return larger(issue_s, loaded * s->kv_element_bytes / share_bytes_per_s);
}

/* The rotation of queries and new keys that TensorRT-LLM runs first, in place: what it wrote is among what attention
 * reads. */
static double rotate_s(const attention_shape *s, const context_parameters *k, const machine_block *m, size_t i,
                       double footprint_bytes, double hbm_bytes_per_s) {
    double bytes = 2 * s->query_bytes, elements = s->batch * s->queries * (s->heads + s->kv_heads) * s->width;
    double kept = s->hot_frac * attention_kept_frac(m, i, footprint_bytes);
    return larger(bytes * (1 - kept) / hbm_bytes_per_s,
                  elements * k->rope_clk[i] / m->sm_count[i] / m->sm_clock_max_hz[i]);
}

/* Time under the power limit, measured alone: dynamic power grows as clock^x, so the clock that keeps within the limit
 * has a closed form; an operator shorter than the limit's lag shares it with cooler neighbours (as in cost_gemm.c).
 * Products and softmax both take energy. */
static double throttled_s(const attention_shape *s, const plan *t, const machine_block *m, size_t i, double softmax_ops,
                          double time_s) {
    if (s->in_graph)
        return time_s; /* the clock follows from all of a step's operators (power.h) */
    double flop_j = m->power_energy_per_fp16_flop_j[i], exponent = 1 + 2 * m->power_voltage_slope_ratio[i];
    if (s->rate == DTYPE_fp8)
        flop_j = m->power_energy_per_fp8_flop_j[i] > 0 ? m->power_energy_per_fp8_flop_j[i] : flop_j / 2;
    double scores = s->flops / (FLOPS_PER_SCORE_ELEMENT * s->width);
    double padded = t->tile_k / s->width; /* tensor cores multiply whole tiles */
    double energy_j =
        s->flops * padded * flop_j + scores * softmax_ops * FLOPS_PER_FMA * m->power_energy_per_fp32_flop_j[i];
    energy_j *= m->attention_switching_frac[i];
    double excess = energy_j / time_s / (m->power_limit_w[i] - m->power_idle_w[i] - m->power_clock_w[i]);
    double stretch = excess > 1 ? pow(excess, 1 / exponent) - 1 : 0;
    return time_s * (1 + stretch * time_s / (time_s + m->attention_power_lag_s[i]));
}

/* `details` may be NULL. */
static void context_cost(const attention_shape *s, const attention_params *p, const plan *t, const machine_block *m,
                         cost_times *out, cost_block *details) {
    context_parameters k = parameters_of(s->kernel, m);
    key_steps steps = steps_of(s, t, p);
    bool packs = attention_packs_group(s->kernel);
    double heads = packs ? s->batch * s->kv_heads : s->batch * s->heads;
    double rows = smaller(t->tile_m, s->queries * (packs ? s->group : 1)); /* that hold queries */
    double ctas = heads * steps.tiles, tile_bytes = 2.0 * rows * t->tile_k * ATTENTION_ELEMENT_BYTES;
    double footprint = 2 * s->query_bytes + s->kv_bytes, helpers = attention_helpers(s, false);
    double l2_bytes = ctas * tile_bytes + heads * steps.total * 2.0 * t->tile_n * t->tile_k * s->kv_element_bytes;
    bool by_phase = s->kernel == KERNEL_FMHA || s->kernel == KERNEL_FMHA_HOPPER;
    bool writes_cache = s->kernel == KERNEL_FA2_PAGED || s->kernel == KERNEL_FA3_PAGED ||
                        s->kernel == KERNEL_FLASHINFER || (by_phase && s->causal);
    bool cudnn = s->kernel == KERNEL_FA3 && s->backend == attention_backend_cudnn;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double latency_s = memory_latency_s(m, i), sms = m->sm_count[i];
        double l2_rate = l2_bytes_per_s(m, i, m->attention_l2_efficiency_frac[i]);
        double hbm_rate = hbm_bytes_per_s(m, i, m->attention_hbm_efficiency_frac[i]);
        double step = step_s(s, t, &k, m, i, l2_rate / sms) * (cudnn ? m->attention_cudnn_step_ratio[i] : 1);
        double prologue_s = k.cta_latencies[i] * latency_s * (cudnn ? m->attention_cudnn_cta_ratio[i] : 1);
        if (s->kernel == KERNEL_FA3_PAGED && s->eight_bit)
            prologue_s *= attention_block8(s, m, i);
        if (s->kernel == KERNEL_FA3 && !cudnn && t->tile_k <= NARROW_WIDTH)
            prologue_s *= m->attention_fa3_narrow_ratio[i];
        double fixed_s = prologue_s + tile_bytes * sms / l2_rate;
        double splits = context_splits(s, &steps, ctas, sms), per_sm = ctas * splits / sms;
        double all_s = heads * (steps.tiles * splits * fixed_s + steps.total * step);
        double tail_s = m->attention_tail_frac[i] * (ceil_quotient(per_sm) - per_sm) * all_s / (ctas * splits);
        double peak = m->peak_flops_per_s[s->rate][i];
        double compute_s = larger(fixed_s + ceil_quotient(steps.longest / splits) * step, all_s / sms + tail_s);
        compute_s = larger(compute_s, peak > 0 ? s->flops / peak : 0);
        compute_s = throttled_s(s, t, m, i, k.softmax_ops[i] + s->score_ops, compute_s);
        double kept = s->hot_frac * attention_kept_frac(m, i, footprint);
        double hbm_bytes = footprint * (1 - kept), hbm_s = hbm_bytes / hbm_rate, l2_s = l2_bytes / l2_rate;
        double main_s = larger(compute_s, larger(l2_s, hbm_s));
        main_s += m->attention_exposed_frac[i] * smaller(compute_s, hbm_s);
        double combine_s = context_combine_s(s, m, i, splits, l2_rate);
        main_s += combine_s;
        double time_s =
            (m->attention_start_latencies[i] + helpers * m->attention_helper_latencies[i]) * latency_s + main_s;
        if (writes_cache)
            time_s += attention_cache_write_s(s, m, i, s->batch * s->queries, footprint);
        if (writes_cache && by_phase)
            time_s += rotate_s(s, &k, m, i, footprint, hbm_rate);
        out->time_s[i] = time_s;
        out->hbm_bytes[i] = hbm_bytes;
        out->l2_bytes[i] = l2_bytes;
        out->launches[i] = 1 + helpers + (splits > 1);
        out->clocked_s[i] = clocked_part(larger(compute_s, l2_s), hbm_s);
        if (!details)
            continue;
        details->bound[i] = 2 * main_s < time_s || 2 * steps.longest * step < fixed_s ? BOUND_LATENCY
                            : hbm_s > larger(compute_s, l2_s)                         ? BOUND_HBM
                            : l2_s > compute_s                                        ? BOUND_L2
                                                                                      : BOUND_COMPUTE;
        details->picked[i] = *t;
        double drift = 1 - m->attention_tail_frac[i], begin_s = m->attention_start_latencies[i] * latency_s;
        details->ctas[i] = (cta_work){.time_s = time_s,
                                      .ctas = ctas * splits,
                                      .slots_per_sm = 1,
                                      .before_s = begin_s,
                                      .after_s = time_s - begin_s - (main_s - combine_s),
                                      .least_s = compute_s / effective_waves(per_sm, drift),
                                      .l2_s = l2_s,
                                      .hbm_s = hbm_s,
                                      .hbm_bytes = hbm_bytes,
                                      .hbm_write_frac = s->query_bytes / footprint,
                                      .exposed_frac = m->attention_exposed_frac[i],
                                      .drift_frac = drift,
                                      .l2_in_loop = true};
    }
}

static void add_cost(cost_block *sum, const cost_block *part) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        if (part->time_s[i] > sum->time_s[i])
            sum->bound[i] = part->bound[i], sum->picked[i] = part->picked[i];
        sum->time_s[i] += part->time_s[i];
        sum->hbm_bytes[i] += part->hbm_bytes[i];
        sum->l2_bytes[i] += part->l2_bytes[i];
        sum->launches[i] += part->launches[i];
        sum->clocked_s[i] += part->clocked_s[i];
        sum->limited_s[i] += part->limited_s[i];
        sum->ctas[i] = (cta_work){0}; /* several kernels, one behind the other */
    }
}

naive_attention naive_attention_of(const op *o, residency where) {
    const attention_params *p = &o->as.attention;
    int64_t keys = (int64_t)attention_visible_keys(p), group = p->heads / p->kv_heads;
    naive_attention n = {.after = where == RESIDENCY_COLD ? RESIDENCY_PREDECESSORS : where};
    /* One product a key-value head: a group's queries are rows of it. */
    n.scores = (op){.kind = OP_gemm,
                    .as.gemm = {.m = p->q_len * group,
                                .n = keys,
                                .k = p->head_dim,
                                .batch = p->batch * p->kv_heads,
                                .dtype = p->dtype,
                                .weights_dtype = p->kv_dtype,
                                .activations_only = true}};
    n.values = n.scores;
    n.values.as.gemm.n = p->head_dim, n.values.as.gemm.k = keys;
    int64_t rows = p->batch * p->heads * p->q_len;
    if (p->score == attention_score_silu)
        n.weights = (op){.kind = OP_activation, .as.activation = {.rows = rows, .cols = keys, .dtype = p->dtype}};
    else
        n.weights = (op){.kind = OP_softmax, .as.softmax = {.rows = rows, .cols = keys, .dtype = p->dtype}};
    return n;
}

static void naive_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    naive_attention n = naive_attention_of(o, where);
    cost_block part;
    cost_gemm(&n.scores, where, m, out);
    if (n.weights.kind == OP_activation)
        cost_activation(&n.weights, n.after, m, &part);
    else
        cost_softmax(&n.weights, n.after, m, &part);
    add_cost(out, &part);
    cost_gemm(&n.values, n.after, m, &part);
    add_cost(out, &part);
}

/* Operands that may be found in L2: all, when the same operator ran before; queries, and the keys and values of a
 * fresh context, when their producers did. */
static double hot_frac_of(const attention_shape *s, const attention_params *p, residency where) {
    double total = 2 * s->query_bytes + s->kv_bytes;
    if (where == RESIDENCY_REPEATED)
        return 1;
    if (where == RESIDENCY_COLD)
        return 0;
    return (s->query_bytes + (p->q_len == p->kv_len ? s->kv_bytes : 0)) / total;
}

/* What SiLU costs a score beyond a softmax: a reciprocal (a special function, as long as four lanes' operations) and
 * the products with it and with 1 / length, less the maximum and the sum of the row. */
static const double SILU_FURTHER_OPS = 5;
/* A relative position's product is looked up (an address, a load from shared memory) and added. */
static const double RELATIVE_OPS = 3;

static double score_ops_of(const attention_params *p) {
    return (p->score == attention_score_silu ? SILU_FURTHER_OPS : 0) + (p->relative > 0 ? RELATIVE_OPS : 0);
}

bool attention_prepare(const op *o, residency where, generation family, attention_recipe *out) {
    const attention_params *p = &o->as.attention;
    if (p->backend == attention_backend_naive)
        return false;
    attention_shape s = {.kernel = attention_kernel_of(p->backend, family),
                         .backend = p->backend,
                         .generation = family,
                         .batch = (double)p->batch,
                         .heads = (double)p->heads,
                         .kv_heads = (double)p->kv_heads,
                         .width = (double)p->head_dim,
                         .queries = (double)p->q_len,
                         .keys = attention_visible_keys(p),
                         .kv_element_bytes = dtype_bytes(p->kv_dtype),
                         .causal = p->causal,
                         .score_ops = score_ops_of(p),
                         .in_graph = where == RESIDENCY_PREDECESSORS,
                         .rate = DTYPE_bf16};
    s.group = s.heads / s.kv_heads;
    s.eight_bit = s.kv_element_bytes < ATTENTION_ELEMENT_BYTES;
    s.query_bytes = s.batch * s.heads * s.queries * s.width * ATTENTION_ELEMENT_BYTES;
    s.kv_bytes = 2 * s.batch * s.kv_heads * s.keys * s.width * s.kv_element_bytes;
    s.hot_frac = hot_frac_of(&s, p, where);
    *out = (attention_recipe){.p = *p, .decodes = attention_decodes(p, s.kernel)};
    if (!out->decodes && s.eight_bit && attention_is_asynchronous(s.kernel))
        s.rate = DTYPE_fp8;
    double seen = s.causal && s.queries > 1 ? (double)p->kv_len - (s.queries - 1) / 2 : (double)p->kv_len;
    s.flops = 4 * s.batch * s.heads * s.queries * smaller(seen, s.keys) * s.width;
    out->s = s;
    if (!out->decodes)
        out->t = attention_context_plan(p, s.kernel);
    return true;
}

static void recipe_cost(const attention_recipe *r, const machine_block *m, cost_times *out, cost_block *details) {
    if (r->decodes)
        attention_decode_cost(&r->s, m, out, details);
    else
        context_cost(&r->s, &r->p, &r->t, m, out, details);
}

void attention_times(const attention_recipe *r, const machine_block *m, cost_times *out) {
    recipe_cost(r, m, out, NULL);
}

void cost_attention(const op *o, residency where, const machine_block *machines, cost_block *out) {
    attention_recipe r;
    if (attention_prepare(o, where, machines->generation, &r))
        recipe_cost(&r, machines, &out->times, out);
    else
        naive_cost(o, where, machines, out);
}
