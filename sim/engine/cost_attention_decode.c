/* Attention of one query a sequence: blocks that stream keys and values, each sequence's keys split over as many blocks
 * as the machine has room for.
 *
 *   block = cta_latencies x latency + keys / 128 x max(step_latencies x latency, bytes / one SM's share of L2)
 *   time  = start + max(block x waves, L2, HBM) + exposed part + combination of the splits + helper kernels
 *
 * A library's choice between kernels is made a lane at a time, for it depends on the number of SMs. */
#include "sim/engine/cost_attention.h"

/* Step and block times are quoted for 128 keys of width 128. */
static const double STEP_KEYS = 128;
static const double REFERENCE_WIDTH = 128;
/* cuDNN leaves 218 keys whole and splits 1,040 (H200, 32 blocks for 132 SMs); a granule between. Into as many parts as
 * SMs hold at once, an estimate: FlashAttention-3's rule, which balances persistent blocks, would start a second wave.
 */
static const double CUDNN_SPLIT_KEYS = 256;
static const double COMPILED_WIDTH_MIN = 64; /* narrower heads are padded */
static const double KEYS_MIN = 16;           /* one mma's worth, however short the cache */
/* Between waves that fill evenly and waves that end together: blocks drift apart. */
static const double DECODE_TAIL_FRAC = 0.5;
/* Steps until a block's loads run ahead of its products: what is exposed of the shorter of the two. */
static const double RAMP_STEPS = 4;
static const double TILE_ROWS = 64; /* query heads of a group that one tile holds */
static const double FLOAT_BYTES = 4;
/* FlashInfer takes a tile of 16 rows up to this group. */
static const double NARROW_GROUP = 16;
/* TensorRT-LLM: XQA is compiled for groups up to 32, and used when it can fill a quarter of the SMs with blocks of at
 * least 128 keys (decoderXQAImplCommon.h, decoderXQARunner.h); otherwise MMHA, a block a query head, two an SM. */
static const double XQA_GROUP_MAX = 32;
static const double XQA_FILL = 4;
static const double XQA_HOPPER_WAVES = 2;
static const double VLLM_PARTS_MAX = 32; /* VLLM_FLASH_ATTN_MAX_NUM_SPLITS_FOR_CUDA_GRAPH */
static const double XQA_PARTS_MAX = 32;
static const double XQA_WAVES = 8; /* parts aim at this many waves of blocks */
static const double MMHA_BLOCKS_PER_SM = 2;
static const double XQA_HOPPER_KEYS = 64;
/* Rows x width of a block that leaves an SM full of others; queries of a group take rows by eights. */
static const double XQA_HOPPER_TILE = 8 * 128;
static const double XQA_HOPPER_ROWS = 8;
static const double XQA_MERGED_WIDTH_MIN = 128; /* narrower 8-bit heads are rotated by a kernel of their own */

/* How a library splits a sequence's keys over blocks. */
typedef enum split_rule {
    SPLIT_NONE,
    SPLIT_FILL,      /* as many parts as there is room for */
    SPLIT_EFFICIENT, /* FlashAttention-2 (num_splits_heuristic): the fewest parts that fill their waves well */
    SPLIT_BALANCED,  /* FlashAttention-3 (prepare_varlen_num_blocks): an SM's even share of all keys, and a tenth */
} split_rule;

/* One decoding kernel. Arrays are by lane. */
typedef struct decode_kernel {
    const double *cta_latencies, *step_latencies;
    const double *element_ops;   /* FP32-lane operations a key or value element; NULL: tensor cores */
    const double *convert_ops;   /* lane operations to convert an 8-bit element; NULL: none */
    lanes cta_ratio, step_ratio; /* of this operator over the fitted 16-bit case */
    double cta_constant_frac;    /* of a block's fixed time that does not grow with the width */
    double step_constant_frac;   /* the same of a step */
    double items;                /* blocks before splitting */
    double reads;                /* times that a key is read from L2 */
    double rows;                 /* queries of a block */
    double blocks_per_sm;        /* that share the SM evenly */
    double fill;                 /* blocks an SM that splitting aims at */
    double parts_max;            /* into which SPLIT_FILL cuts a sequence */
    double split_keys;           /* granule of splitting */
    split_rule rule;
    bool separate_combine; /* a kernel of its own combines, not the last block */
} decode_kernel;

typedef struct decode_time {
    double time_s, launches, hbm_bytes, l2_bytes;
    double ctas, slots_per_sm, issue_s, hbm_s, l2_s; /* of its blocks, without a combination */
    double exposed_frac;                             /* of the shorter of issuing and memory */
    bound_kind bound;
} decode_time;

static void set_lanes(lanes out, double value) {
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out[i] = value;
}

/* The kernel that combines the splits, or the last block of each item doing so. */
static double combine_s(const decode_kernel *k, const attention_shape *s, const machine_block *m, size_t i,
                        double splits, double l2_rate) {
    double latency_s = memory_latency_s(m, i);
    /* FlashAttention-2 adds split after split, each load behind the one before (combine_attn_seqk_parallel). */
    bool in_turn = s->kernel == KERNEL_FA2 || s->kernel == KERNEL_FA2_PAGED;
    double turns_s = in_turn ? splits * m->l2_near_latency_clk[i] / m->sm_clock_max_hz[i] : 0;
    if (k->separate_combine) /* partial results are written and read */
        return m->attention_combine_latencies[i] * latency_s + turns_s +
               splits * s->batch * s->heads * s->width * 2 * FLOAT_BYTES / l2_rate;
    double waves = larger(1, k->items / m->sm_count[i]);
    return m->attention_xqa_combine_latencies[i] * latency_s +
           splits * k->rows * s->width * FLOAT_BYTES / (l2_rate / m->sm_count[i]) * waves;
}

/* How full the waves of n parts are; 0 for a number of parts that changes no part's length. */
static double split_efficiency(double items, double slots, double granules, double n) {
    double waves = items * n / slots;
    if (n > 1 && ceil_quotient(granules / n) == ceil_quotient(granules / (n - 1)))
        return 0;
    return waves / ceil_quotient(waves);
}

/* FlashAttention-2: the fewest parts whose waves are within 15 % of the fullest ones; one where blocks nearly fill the
 * slots anyhow. */
static double efficient_splits(double items, double slots, double granules) {
    enum { PARTS_MAX = 128 };
    static const double NEARLY_FULL = 0.8, NEARLY_BEST = 0.85;
    if (items >= NEARLY_FULL * slots)
        return 1;
    double most = smaller(PARTS_MAX, smaller(slots, granules)), best = 0;
    for (double n = 1; n <= most; n++)
        best = larger(best, split_efficiency(items, slots, granules, n));
    for (double n = 1; n <= most; n++)
        if (split_efficiency(items, slots, granules, n) >= NEARLY_BEST * best)
            return n;
    return 1;
}

static double wanted_splits(const decode_kernel *k, double sms, double granules) {
    static const double BALANCE_MARGIN = 1.1;
    switch (k->rule) {
    case SPLIT_FILL:
        return smaller(k->parts_max, floor(k->fill * sms / k->items + 1e-9));
    case SPLIT_EFFICIENT:
        return efficient_splits(k->items, k->fill * sms, granules);
    case SPLIT_BALANCED:
        return smaller(k->parts_max,
                       ceil_quotient(granules / ceil_quotient(granules * k->items * BALANCE_MARGIN / sms)));
    default:
        return 1;
    }
}

/* One lane, without the main kernel's start. */
static decode_time decode_lane(const decode_kernel *k, const attention_shape *s, const machine_block *m, size_t i) {
    double latency_s = memory_latency_s(m, i), sms = m->sm_count[i];
    double l2_rate = l2_bytes_per_s(m, i, m->attention_l2_efficiency_frac[i]);
    double granules = ceil_quotient(s->keys / k->split_keys);
    double wanted = larger(1, smaller(granules, wanted_splits(k, sms, granules)));
    double keys = smaller(ceil_quotient(s->keys / wanted / k->split_keys) * k->split_keys, larger(s->keys, KEYS_MIN));
    double splits = ceil_quotient(s->keys / keys), ctas = k->items * splits;
    double width = larger(s->width, COMPILED_WIDTH_MIN) / REFERENCE_WIDTH;
    double step_s = k->step_latencies[i] * latency_s * k->step_ratio[i] *
                    (k->step_constant_frac + (1 - k->step_constant_frac) * width);
    step_s = larger(step_s, STEP_KEYS * s->width * 2 * s->kv_element_bytes / (l2_rate / sms));
    if (k->convert_ops)
        step_s = larger(step_s,
                        STEP_KEYS * s->width * 2 * k->convert_ops[i] / ATTENTION_ISSUE_LANES / m->sm_clock_max_hz[i]);
    double fixed_s = k->cta_latencies[i] * latency_s;
    double block_s = fixed_s * k->cta_ratio[i] * (k->cta_constant_frac + (1 - k->cta_constant_frac) * width) +
                     keys / STEP_KEYS * step_s;
    double waves = ctas / sms / k->blocks_per_sm;
    double issue_s = larger(block_s, block_s * (waves + DECODE_TAIL_FRAC * (ceil_quotient(waves) - waves)));
    if (k->element_ops)
        issue_s = larger(issue_s, fixed_s * larger(waves, 1) + ctas / sms * keys * s->width * 2 * k->element_ops[i] *
                                                                   k->step_ratio[i] / fp32_lanes(m, i) /
                                                                   m->sm_clock_max_hz[i]);
    double footprint = s->kv_bytes + 2 * s->query_bytes;
    double kept = s->hot_frac * attention_kept_frac(m, i, footprint);
    decode_time out = {.launches = 1 + (splits > 1 && k->separate_combine),
                       .hbm_bytes = footprint * (1 - kept),
                       .l2_bytes = s->kv_bytes * k->reads + 2 * s->query_bytes};
    double hbm_s = out.hbm_bytes / hbm_bytes_per_s(m, i, m->attention_hbm_efficiency_frac[i]);
    double l2_s = out.l2_bytes / l2_rate, memory_s = larger(l2_s, hbm_s), peak = m->peak_flops_per_s[s->rate][i];
    double ramp_s = smaller(smaller(issue_s, memory_s), fixed_s + RAMP_STEPS * step_s);
    out.time_s = larger(issue_s, memory_s) + m->attention_exposed_frac[i] * ramp_s;
    out.exposed_frac = m->attention_exposed_frac[i] * ramp_s / smaller(issue_s, memory_s);
    out.time_s = larger(out.time_s, peak > 0 ? s->flops / peak : 0);
    out.ctas = ctas, out.slots_per_sm = k->blocks_per_sm;
    out.issue_s = larger(issue_s, peak > 0 ? s->flops / peak : 0), out.hbm_s = hbm_s, out.l2_s = l2_s;
    out.bound = memory_s < issue_s ? BOUND_LATENCY : hbm_s > l2_s ? BOUND_HBM : BOUND_L2;
    if (splits > 1)
        out.time_s += combine_s(k, s, m, i, splits, l2_rate);
    return out;
}

static void rows_ratio(lanes out, const double *group_ratio, double amount) {
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out[i] = 1 + group_ratio[i] * amount;
}

/* FlashAttention, FlashInfer, and TensorRT-LLM where it has one kernel for all groups. */
static decode_kernel flash_kernel(const attention_shape *s, const machine_block *m) {
    double tiles = ceil_quotient(s->group / TILE_ROWS);
    decode_kernel k = {.items = s->batch * s->kv_heads * tiles,
                       .reads = tiles,
                       .rows = s->group,
                       .blocks_per_sm = 1,
                       .fill = 1,
                       .split_keys = STEP_KEYS,
                       .rule = SPLIT_BALANCED,
                       .parts_max = INFINITY,
                       .separate_combine = true,
                       .cta_constant_frac = 0.7};
    set_lanes(k.cta_ratio, 1);
    set_lanes(k.step_ratio, 1);
    if (s->kernel == KERNEL_FA2_PAGED || s->kernel == KERNEL_FA2)
        k.cta_constant_frac = 1.0;
    switch (s->kernel) {
    case KERNEL_FLASHINFER:
        k.rule = SPLIT_FILL;
        k.blocks_per_sm = k.fill = 2; /* planned for so (num_blocks_per_sm of its scheduler) */
        k.cta_latencies = m->attention_flashinfer_decode_cta_latencies;
        k.step_latencies = m->attention_flashinfer_decode_step_latencies;
        k.step_constant_frac = 0.5;
        rows_ratio(k.cta_ratio, m->attention_flashinfer_wide_group_ratio, s->group > NARROW_GROUP);
        rows_ratio(k.step_ratio, m->attention_flashinfer_wide_group_ratio, s->group > NARROW_GROUP);
        break;
    case KERNEL_FA3_PAGED:
        k.parts_max = VLLM_PARTS_MAX;
        k.cta_latencies = m->attention_fa3_paged_decode_cta_latencies;
        k.step_latencies = m->attention_fa3_paged_decode_step_latencies;
        if (s->eight_bit)
            for (size_t i = 0; i < MACHINE_LANES; i++)
                k.step_ratio[i] = m->attention_fa3_paged_decode8_step_ratio[i],
                k.cta_ratio[i] = attention_block8(s, m, i);
        break;
    case KERNEL_FMHA_HOPPER: /* TensorRT-LLM's on Blackwell: as many parts as SMs have room for */
        k.cta_latencies = m->attention_fa3_decode_cta_latencies;
        k.step_latencies = m->attention_fa3_decode_step_latencies;
        k.rule = SPLIT_FILL;
        break;
    case KERNEL_FA3:
        k.cta_latencies = m->attention_fa3_decode_cta_latencies;
        k.step_latencies = m->attention_fa3_decode_step_latencies;
        if (s->backend == attention_backend_cudnn)
            k.split_keys = CUDNN_SPLIT_KEYS, k.rule = SPLIT_FILL;
        if (s->backend == attention_backend_cudnn)
            for (size_t i = 0; i < MACHINE_LANES; i++)
                k.cta_ratio[i] = m->attention_cudnn_cta_ratio[i];
        break;
    case KERNEL_FA2_PAGED: /* splits only when it has regrouped query heads (flash_api.cpp, mha_varlen_fwd) */
        k.cta_latencies = m->attention_fa2_paged_decode_cta_latencies;
        k.step_latencies = m->attention_fa2_paged_decode_step_latencies;
        k.rule = s->group > 1 ? SPLIT_EFFICIENT : SPLIT_NONE;
        k.fill = 2; /* num_splits_heuristic is told of twice the SMs */
        k.split_keys = s->width <= 64 ? 256 : s->width <= 128 ? 128 : 64;
        break;
    default:
        k.cta_latencies = m->attention_fa2_decode_cta_latencies;
        k.step_latencies = m->attention_fa2_decode_step_latencies;
        k.rule = SPLIT_EFFICIENT;
        k.fill = 2;
    }
    return k;
}

/* 8-bit over 16-bit block time: before Hopper the elements are also converted by FP32-lane instructions. */
static double mmha_ratio8(const attention_shape *s, const machine_block *m, size_t i) {
    bool native = attention_is_asynchronous(s->kernel);
    double convert = native ? 0 : m->attention_flashinfer_convert_ops[i] / m->attention_mmha_element_ops[i];
    return m->attention_mmha_decode8_ratio[i] * (1 + convert);
}

static decode_kernel mmha_kernel(const attention_shape *s, const machine_block *m) {
    decode_kernel k = {.cta_latencies = m->attention_mmha_cta_latencies,
                       .step_latencies = m->attention_mmha_step_latencies,
                       .element_ops = m->attention_mmha_element_ops,
                       .cta_constant_frac = 0.7,
                       .step_constant_frac = 0.7,
                       .items = s->batch * s->heads,
                       .reads = s->group,
                       .rows = 1,
                       .blocks_per_sm = MMHA_BLOCKS_PER_SM,
                       .fill = MMHA_BLOCKS_PER_SM,
                       .parts_max = INFINITY,
                       .split_keys = STEP_KEYS,
                       .rule = SPLIT_FILL};
    for (size_t i = 0; i < MACHINE_LANES; i++)
        k.cta_ratio[i] = k.step_ratio[i] = s->eight_bit ? mmha_ratio8(s, m, i) : 1;
    return k;
}

static decode_kernel xqa_kernel(const attention_shape *s, const machine_block *m) {
    decode_kernel k = {.cta_latencies = m->attention_xqa_cta_latencies,
                       .step_latencies = m->attention_xqa_step_latencies,
                       .cta_constant_frac = 0.7,
                       .step_constant_frac = 0.6,
                       .items = s->batch * s->kv_heads,
                       .reads = 1,
                       .rows = s->group,
                       .blocks_per_sm = 1,
                       .fill = XQA_WAVES,
                       .parts_max = XQA_PARTS_MAX,
                       .split_keys = STEP_KEYS,
                       /* 8-bit caches are not split on Ada: measured time grows with the keys at one block's rate */
                       .rule = s->eight_bit && s->generation == GENERATION_ADA ? SPLIT_NONE : SPLIT_FILL};
    if (s->eight_bit) /* one block's stream, element by element */
        k.step_constant_frac = 0, k.convert_ops = m->attention_xqa_convert_ops;
    rows_ratio(k.cta_ratio, m->attention_xqa_group_ratio, s->group / XQA_GROUP_MAX);
    set_lanes(k.step_ratio, 1);
    if (s->eight_bit && attention_is_asynchronous(s->kernel)) {
        k.convert_ops = NULL; /* its tensor cores take 8 bits */
        k.cta_latencies = m->attention_xqa_hopper_cta_latencies;
        k.step_latencies = m->attention_xqa_hopper_step_latencies;
        k.cta_constant_frac = k.step_constant_frac = 1;
        k.split_keys = XQA_HOPPER_KEYS, k.fill = XQA_HOPPER_WAVES;
        double tile = ceil_quotient(s->group / XQA_HOPPER_ROWS) * XQA_HOPPER_ROWS * s->width / XQA_HOPPER_TILE;
        set_lanes(k.cta_ratio, larger(1, tile));
        set_lanes(k.step_ratio, larger(1, tile));
    }
    return k;
}

static bool has_xqa(const attention_shape *s) {
    bool compiled = s->width == 64 || s->width == 128 || s->width == 192 || s->width == 256;
    return compiled && s->group > 1 && s->group <= XQA_GROUP_MAX;
}

/* Whether TensorRT-LLM takes XQA on this lane. */
static bool picks_xqa(const attention_shape *s, const machine_block *m, size_t i) {
    double blocks = s->batch * s->kv_heads * ceil_quotient(s->keys / STEP_KEYS);
    return has_xqa(s) && (s->eight_bit || blocks * XQA_FILL >= m->sm_count[i]);
}

/* Copies that regroup queries and results around FlashAttention-2, where their memory order demands it. */
static double regroup_copies(const attention_shape *s) {
    if (s->kernel != KERNEL_FA2_PAGED || s->backend == attention_backend_triton || s->group == 1)
        return 0;
    return s->batch > 1 && s->kv_heads > 1 ? 3 : 1;
}

static void finish_lane(const attention_shape *s, const machine_block *m, size_t i, decode_time t, double helpers,
                        cost_times *out, cost_block *details) {
    double latency_s = memory_latency_s(m, i), copies = regroup_copies(s);
    bool by_phase = s->kernel == KERNEL_FMHA || s->kernel == KERNEL_FMHA_HOPPER;
    double helper = by_phase ? m->attention_xqa_helper_latencies[i] : m->attention_helper_latencies[i];
    double start = by_phase ? m->attention_xqa_start_latencies[i] : m->attention_start_latencies[i];
    double time_s = t.time_s + (start + helpers * helper + copies * m->attention_copy_latencies[i]) * latency_s;
    if (s->kernel != KERNEL_FA2 && s->kernel != KERNEL_FA3)
        time_s += attention_cache_write_s(s, m, i, s->batch, 0);
    out->time_s[i] = time_s;
    out->launches[i] = t.launches + helpers + copies;
    out->hbm_bytes[i] = t.hbm_bytes;
    out->l2_bytes[i] = t.l2_bytes;
    out->clocked_s[i] = clocked_part(larger(t.issue_s, t.l2_s), t.hbm_s);
    if (!details)
        return;
    details->bound[i] = 2 * t.time_s < time_s ? BOUND_LATENCY : t.bound;
    details->picked[i] = (plan){.tile_m = (int32_t)TILE_ROWS,
                                .tile_n = (int32_t)STEP_KEYS,
                                .tile_k = (int32_t)s->width,
                                .cluster_m = 1,
                                .cluster_n = 1,
                                .split_k = 1,
                                .stages = 2,
                                .ctas_per_sm = 1,
                                .launches = (int32_t)out->launches[i],
                                .ctas = s->batch * s->kv_heads};
    double begin_s = start * latency_s;
    double memory_s = larger(t.hbm_s, t.l2_s), waves = t.ctas / m->sm_count[i] / t.slots_per_sm;
    double body_s = larger(t.issue_s, memory_s) + t.exposed_frac * smaller(t.issue_s, memory_s);
    details->ctas[i] = (cta_work){.time_s = time_s,
                                  .ctas = t.ctas,
                                  .slots_per_sm = t.slots_per_sm,
                                  .before_s = begin_s,
                                  .after_s = larger(0, time_s - begin_s - body_s),
                                  .least_s = t.issue_s / effective_waves(waves, DECODE_TAIL_FRAC),
                                  .l2_s = t.l2_s,
                                  .hbm_s = t.hbm_s,
                                  .hbm_bytes = t.hbm_bytes,
                                  .hbm_write_frac = s->query_bytes / (s->kv_bytes + 2 * s->query_bytes),
                                  .exposed_frac = t.exposed_frac,
                                  .drift_frac = DECODE_TAIL_FRAC};
}

void attention_decode_cost(const attention_shape *s, const machine_block *m, cost_times *out, cost_block *details) {
    double helpers = attention_helpers(s, true);
    bool chooses =
        s->kernel == KERNEL_FMHA || (s->kernel == KERNEL_FMHA_HOPPER && s->generation != GENERATION_BLACKWELL);
    if (!chooses) {
        decode_kernel k = flash_kernel(s, m);
        for (size_t i = 0; i < MACHINE_LANES; i++)
            finish_lane(s, m, i, decode_lane(&k, s, m, i), helpers, out, details);
        return;
    }
    decode_kernel xqa = xqa_kernel(s, m), mmha = mmha_kernel(s, m);
    /* needs one helper less */
    bool merged = s->eight_bit && attention_is_asynchronous(s->kernel) && s->width >= XQA_MERGED_WIDTH_MIN;
    double rotated = s->batch * (s->heads + s->kv_heads) * s->width;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        bool use_xqa = picks_xqa(s, m, i);
        decode_time t = decode_lane(use_xqa ? &xqa : &mmha, s, m, i);
        if (use_xqa)
            t.time_s += rotated * m->attention_xqa_rope_clk[i] / m->sm_count[i] / m->sm_clock_max_hz[i];
        finish_lane(s, m, i, t, helpers - (use_xqa && merged), out, details);
    }
}
