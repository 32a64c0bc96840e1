/* Attention over a cache for few queries: decoding and verification, any cache type, any of its heads' queries in one
 * tile; also prefill over caches of 8 and 4 bits. Bound by the cache's bytes.
 *
 * The rows of a tile are the queries of all heads that share a key-value head, query after query. A block's 8 warps
 * take tiles of 16 rows (1, 2 or 4 of them) times parts of the keys; each streams its own keys from device memory
 * straight into fragments, 16 bytes a lane: while scores are computed the values are on their way, while values are
 * weighed the next keys are. Nothing is shared between warps until the end, when they rescale to a common maximum and
 * add. Blocks that share a sequence's keys leave normalised results and logarithms of sums for combine_kernel.
 *
 * Fragments (mma.cuh; lane = 4 g + j). Scores: a lane reads KD elements of key g of each 8 keys, at KD * j of each
 * chunk of 4 KD; queries are read the same way. Values: a lane reads VD elements, at VD * g of each chunk of 8 VD, of
 * the four keys 2j, 2j + 1, 2j + 8, 2j + 9 that the weights' fragment gives it; byte permutations pair two keys'
 * elements. Element VD * n + t of a chunk is then column n of tile t, so that a lane ends with VD consecutive
 * elements. */
#include "kernels/attention.cuh"

enum { SPLIT_WARPS = 8, SPLIT_THREADS = SPLIT_WARPS * WARP_SIZE, COMBINE_THREADS = 128, COMBINE_UNROLL = 8 };

constexpr int smaller_of(int a, int b) {
    return a < b ? a : b;
}

template <typename KV, int WIDTH> struct split_shape {
    static constexpr int bits = element_bits<KV>::value;
    static constexpr int KD = smaller_of(8 * VECTOR_BYTES / bits, WIDTH / 4), K_CHUNKS = WIDTH / (4 * KD);
    static constexpr int VD = smaller_of(8 * VECTOR_BYTES / bits, WIDTH / 8), V_CHUNKS = WIDTH / (8 * VD);
    static constexpr int K_WORDS = KD * bits / 32, V_WORDS = VD * bits / 32;
    static constexpr int KEYS = bits == 16 ? 16 : 32; /* of a warp's step */
    static constexpr int KEY_TILES = KEYS / MMA_N, VALUE_STEPS = KEYS / MMA_K, TILES = WIDTH / MMA_N;
};

template <int WORDS> __device__ static void load_words(const char *from, uint32_t *to) {
    if (WORDS == 4) {
        uint4 x = __ldg(reinterpret_cast<const uint4 *>(from));
        to[0] = x.x, to[1] = x.y, to[2] = x.z, to[3] = x.w;
    } else if (WORDS == 2) {
        uint2 x = __ldg(reinterpret_cast<const uint2 *>(from));
        to[0] = x.x, to[1] = x.y;
    } else {
        to[0] = __ldg(reinterpret_cast<const uint32_t *>(from));
    }
}

/* Where a warp's lane stands: its sequence, heads and keys. */
struct split_place {
    int sequence, kv_head, g, j, length;
};

/* Keys of one step, as read. */
template <typename KV, int WIDTH> struct raw_keys {
    using S = split_shape<KV, WIDTH>;
    uint32_t words[S::KEY_TILES][S::K_CHUNKS][S::K_WORDS];
    __half scales[S::KEY_TILES][2];

    template <bool PAGED> __device__ void load(const attention_arguments &s, const split_place &at, int first) {
#pragma unroll
        for (int t = 0; t < S::KEY_TILES; t++) {
            int64_t key = min(first + t * MMA_N + at.g, at.length - 1); /* what lies behind may be anything */
            int64_t element = key_place<PAGED>(s, s.k, at.sequence, key) + at.kv_head * s.head_dim;
#pragma unroll
            for (int c = 0; c < S::K_CHUNKS; c++) {
                int column = (c * 4 + at.j) * S::KD;
#pragma unroll
                for (int w = 0; w < S::K_WORDS; w++)
                    words[t][c][w] = 0;
                if (column < s.head_dim)
                    load_words<S::K_WORDS>(static_cast<const char *>(s.k.data) + (element + column) * S::bits / 8,
                                           words[t][c]);
            }
            if (kv_is_scaled<KV>())
                load_scales<PAGED>(s, s.k_scales, at, first + t * MMA_N + 2 * at.j, scales[t]);
        }
    }
    /* Of a key and the next. */
    template <bool PAGED>
    __device__ static void load_scales(const attention_arguments &s, const attention_tensor &from,
                                       const split_place &at, int key, __half *to) {
        const __half *scales = static_cast<const __half *>(from.data) + at.kv_head;
        for (int i = 0; i < 2; i++)
            to[i] = scales[key_place<PAGED>(s, from, at.sequence, min(key + i, at.length - 1))];
    }
};

template <typename KV, int WIDTH> struct raw_values {
    using S = split_shape<KV, WIDTH>;
    uint32_t words[S::VALUE_STEPS][4][S::V_CHUNKS][S::V_WORDS];
    __half scales[S::KEY_TILES][2];

    template <bool PAGED> __device__ void load(const attention_arguments &s, const split_place &at, int first) {
#pragma unroll
        for (int i = 0; i < S::VALUE_STEPS * 4; i++) {
            int64_t key = min(first + i / 4 * MMA_K + 2 * at.j + i % 4 / 2 * 8 + i % 2, at.length - 1);
            int64_t element = key_place<PAGED>(s, s.v, at.sequence, key) + at.kv_head * s.head_dim;
#pragma unroll
            for (int c = 0; c < S::V_CHUNKS; c++) {
                int column = (c * 8 + at.g) * S::VD;
#pragma unroll
                for (int w = 0; w < S::V_WORDS; w++)
                    words[i / 4][i % 4][c][w] = 0;
                if (column < s.head_dim)
                    load_words<S::V_WORDS>(static_cast<const char *>(s.v.data) + (element + column) * S::bits / 8,
                                           words[i / 4][i % 4][c]);
            }
        }
        if (kv_is_scaled<KV>())
#pragma unroll
            for (int t = 0; t < S::KEY_TILES; t++)
                raw_keys<KV, WIDTH>::template load_scales<PAGED>(s, s.v_scales, at, first + t * MMA_N + 2 * at.j,
                                                                 scales[t]);
    }
};

/* Two rows of a lane (g and g + 8): what they see, and the running softmax. */
struct row_state {
    key_range keys[2];
    float top[2], total[2];
};

/* Scores of a step's keys: scores[t][i] is row g + 8 (i / 2), key 8 t + 2 j + i % 2. */
template <typename T, typename KV, int WIDTH>
__device__ static void score_keys(const raw_keys<KV, WIDTH> &keys, const uint32_t (*queries)[4], float (*scores)[4]) {
    using S = split_shape<KV, WIDTH>;
#pragma unroll
    for (int c = 0; c < S::K_CHUNKS; c++)
#pragma unroll
        for (int t = 0; t < S::KEY_TILES; t++) {
            uint32_t pairs[S::KD / 2];
#pragma unroll
            for (int w = 0; w < S::K_WORDS; w++)
                widen<T, KV>::word(keys.words[t][c][w], pairs + w * pairs_a_word<KV>());
#pragma unroll
            for (int i = 0; i < S::KD / 4; i++)
                mma_16816<T>(scores[t], queries[c * S::KD / 4 + i], pairs[2 * i], pairs[2 * i + 1]);
        }
}

/* Scores to weights; returns how far earlier sums must shrink, by row. */
template <typename KV, int TILES>
__device__ static void soften(float (*scores)[4], row_state *row, int first_key, float scale,
                              const __half (*k_scales)[2], float *shrink) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float top = row->top[r];
#pragma unroll
        for (int i = 0; i < TILES * 2; i++) {
            float *x = &scores[i / 2][2 * r + i % 2];
            int key = first_key + i / 2 * MMA_N + i % 2;
            float factor = kv_is_scaled<KV>() ? scale * __half2float(k_scales[i / 2][i % 2]) : scale;
            *x = key >= row->keys[r].begin && key < row->keys[r].end ? *x * factor : -INFINITY;
            top = fmaxf(top, *x);
        }
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1)); /* the four lanes of a row */
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
        float reference = top == -INFINITY ? 0.0f : top; /* no key seen yet */
        shrink[r] = exp2f(row->top[r] - reference);
        row->top[r] = top;
        float total = row->total[r] * shrink[r];
#pragma unroll
        for (int i = 0; i < TILES * 2; i++) {
            float *x = &scores[i / 2][2 * r + i % 2];
            *x = exp2f(*x - reference);
            total += *x;
        }
        row->total[r] = total;
    }
}

template <typename T, typename KV, int WIDTH>
__device__ static void weigh_values(const raw_values<KV, WIDTH> &values, const float (*weights)[4], float (*sums)[4]) {
    using S = split_shape<KV, WIDTH>;
#pragma unroll
    for (int step = 0; step < S::VALUE_STEPS; step++) {
        uint32_t a[4];
#pragma unroll
        for (int i = 0; i < 4; i++) { /* rows g, g + 8 of the first 8 keys, then of the others */
            const float *w = &weights[2 * step + i / 2][i % 2 * 2];
            const __half *scales = values.scales[2 * step + i / 2];
            a[i] = kv_is_scaled<KV>() ? pack2<T>(w[0] * __half2float(scales[0]), w[1] * __half2float(scales[1]))
                                      : pack2<T>(w[0], w[1]);
        }
#pragma unroll
        for (int c = 0; c < S::V_CHUNKS; c++)
#pragma unroll
            for (int w = 0; w < S::V_WORDS; w++) {
                constexpr int PAIRS = pairs_a_word<KV>();
                uint32_t pairs[4][PAIRS];
#pragma unroll
                for (int k = 0; k < 4; k++)
                    widen<T, KV>::word(values.words[step][k][c][w], pairs[k]);
#pragma unroll
                for (int p = 0; p < PAIRS; p++) {
                    float(*tile)[4] = sums + c * S::VD + (w * PAIRS + p) * 2;
                    mma_16816<T>(tile[0], a, __byte_perm(pairs[0][p], pairs[1][p], 0x5410),
                                 __byte_perm(pairs[2][p], pairs[3][p], 0x5410));
                    mma_16816<T>(tile[1], a, __byte_perm(pairs[0][p], pairs[1][p], 0x7632),
                                 __byte_perm(pairs[2][p], pairs[3][p], 0x7632));
                }
            }
    }
}

/* Brings the warps that share rows to a common maximum and total, and adds their sums into the first's. */
template <int TILES> __device__ static void merge_warps(row_state *row, float (*sums)[4], int row_tiles) {
    __shared__ float tops[SPLIT_WARPS][MMA_M], totals[SPLIT_WARPS][MMA_M];
    __shared__ float parts[SPLIT_WARPS / 2][TILES * 4][WARP_SIZE];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, part = warp / row_tiles;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float total = row->total[r]; /* a lane's own columns so far */
        total += __shfl_xor_sync(0xffffffffu, total, 1);
        total += __shfl_xor_sync(0xffffffffu, total, 2);
        if (lane % 4 == 0) {
            tops[warp][lane / 4 + 8 * r] = row->top[r];
            totals[warp][lane / 4 + 8 * r] = total;
        }
    }
    __syncthreads();
    float factor[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int index = lane / 4 + 8 * r;
        float top = -INFINITY, total = 0;
        for (int w = warp % row_tiles; w < SPLIT_WARPS; w += row_tiles)
            top = fmaxf(top, tops[w][index]);
        float reference = top == -INFINITY ? 0.0f : top;
        for (int w = warp % row_tiles; w < SPLIT_WARPS; w += row_tiles)
            total += totals[w][index] * exp2f(tops[w][index] - reference);
        factor[r] = exp2f(row->top[r] - reference);
        row->top[r] = top;
        row->total[r] = total;
    }
#pragma unroll
    for (int i = 0; i < TILES * 4; i++)
        sums[i / 4][i % 4] *= factor[i % 4 / 2];
    for (int step = SPLIT_WARPS / row_tiles / 2; step >= 1; step /= 2) {
        if (part >= step && part < 2 * step)
#pragma unroll
            for (int i = 0; i < TILES * 4; i++)
                parts[warp - step * row_tiles][i][lane] = sums[i / 4][i % 4];
        __syncthreads();
        if (part < step)
#pragma unroll
            for (int i = 0; i < TILES * 4; i++)
                sums[i / 4][i % 4] += parts[warp][i][lane];
        __syncthreads();
    }
}

/* VD consecutive elements of a row, 16 bytes a store. */
template <typename Out, int VD>
__device__ static void store_elements(Out *to, const float (*sums)[4], int i, float by) {
    constexpr int N = vector_elements<Out>();
#pragma unroll
    for (int v = 0; v < VD / N; v++) {
        vector<Out, N> out;
#pragma unroll
        for (int e = 0; e < N; e++)
            out.at[e] = from_float<Out>(sums[v * N + e][i] * by);
        reinterpret_cast<vector<Out, N> *>(to)[v] = out;
    }
}

template <typename T, typename KV, int WIDTH>
__device__ static void store_rows(const attention_arguments &s, const split_place &at, const row_state &row,
                                  const float (*sums)[4], int first_row) {
    using S = split_shape<KV, WIDTH>;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int index = first_row + at.g + 8 * r;
        if (index >= s.q_len * s.group)
            continue;
        int64_t item = item_row(s, at.sequence, index / s.group, at.kv_head * s.group + index % s.group) / s.head_dim;
        float inverse = row.total[r] > 0 ? 1 / row.total[r] : 0.0f;
        int64_t partial = item * s.splits + blockIdx.x;
        if (s.splits > 1 && at.j == 0)
            s.partial_log[partial] = row.total[r] > 0 ? row.top[r] + log2f(row.total[r]) : -INFINITY;
#pragma unroll
        for (int i = 0; i < 2 * S::V_CHUNKS; i++) {
            int column = (i / 2 * 8 + 2 * at.j + i % 2) * S::VD;
            if (column >= s.head_dim)
                continue;
            const float(*tiles)[4] = sums + i / 2 * S::VD;
            if (s.splits > 1)
                store_elements<float, S::VD>(s.partial_out + partial * s.head_dim + column, tiles, 2 * r + i % 2,
                                             inverse);
            else
                store_elements<T, S::VD>(static_cast<T *>(s.out) + item * s.head_dim + column, tiles, 2 * r + i % 2,
                                         inverse);
        }
    }
}

/* Queries as fragments, in the order in which keys are read. */
template <typename T, typename KV, int WIDTH>
__device__ static void load_queries(const attention_arguments &s, const split_place &at, int first_row,
                                    uint32_t (*queries)[4]) {
    using S = split_shape<KV, WIDTH>;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int index = first_row + at.g + 8 * r;
        bool inside = index < s.q_len * s.group;
        const T *q = static_cast<const T *>(s.q.data) + at.sequence * s.q.block;
        if (inside)
            q += index / s.group * s.q.row + (at.kv_head * s.group + index % s.group) * s.head_dim;
#pragma unroll
        for (int i = 0; i < WIDTH / MMA_K; i++) {
            int column = (i * 4 / S::KD * 4 + at.j) * S::KD + i * 4 % S::KD;
            uint2 x = make_uint2(0, 0);
            if (inside && column < s.head_dim)
                x = *reinterpret_cast<const uint2 *>(q + column);
            queries[i][r] = x.x;
            queries[i][2 + r] = x.y;
        }
    }
}

/* grid: splits, key-value heads times blocks of rows, sequences. */
template <typename T, typename KV, int WIDTH, bool PAGED>
static __global__ void __launch_bounds__(SPLIT_THREADS, 1) split_kernel(attention_arguments s, int row_tiles) {
    using S = split_shape<KV, WIDTH>;
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE;
    int rows = row_tiles * MMA_M, first_row = blockIdx.y / s.kv_heads * rows;
    split_place at = {static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y % s.kv_heads), lane / 4, lane % 4, 0};
    at.length = keys_of_sequence(s, at.sequence);
    int last_row = min(first_row + rows, s.q_len * s.group) - 1;
    int begin = visible_keys(s, at.length, first_row / s.group).begin;
    int end = visible_keys(s, at.length, last_row / s.group).end;
    int share = (max(end - begin, 0) + s.splits - 1) / s.splits;
    share = (share + S::KEYS - 1) / S::KEYS * S::KEYS;
    begin += static_cast<int>(blockIdx.x) * share;
    end = min(end, begin + share);

    int own_row = first_row + warp % row_tiles * MMA_M;
    row_state row;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int query = min((own_row + at.g + 8 * r) / s.group, s.q_len - 1);
        row.keys[r] = visible_keys(s, at.length, query);
        row.keys[r].end = min(row.keys[r].end, end);
        row.top[r] = -INFINITY;
        row.total[r] = 0;
    }
    uint32_t queries[WIDTH / MMA_K][4];
    load_queries<T, KV, WIDTH>(s, at, own_row, queries);
    float sums[S::TILES][4] = {};
    raw_keys<KV, WIDTH> keys;
    raw_values<KV, WIDTH> values;
    int stride = SPLIT_WARPS / row_tiles * S::KEYS, first = begin + warp / row_tiles * S::KEYS;
    if (first < end) {
        keys.template load<PAGED>(s, at, first);
        values.template load<PAGED>(s, at, first);
    }
    for (; first < end; first += stride) {
        bool more = first + stride < end;
        float scores[S::KEY_TILES][4] = {}, shrink[2];
        score_keys<T, KV, WIDTH>(keys, queries, scores);
        soften<KV, S::KEY_TILES>(scores, &row, first + 2 * at.j, s.scale, keys.scales, shrink);
        if (more)
            keys.template load<PAGED>(s, at, first + stride);
#pragma unroll
        for (int i = 0; i < S::TILES * 4; i++)
            sums[i / 4][i % 4] *= shrink[i % 4 / 2];
        weigh_values<T, KV, WIDTH>(values, scores, sums);
        if (more)
            values.template load<PAGED>(s, at, first + stride);
    }
    merge_warps<S::TILES>(&row, sums, row_tiles);
    if (warp < row_tiles)
        store_rows<T, KV, WIDTH>(s, at, row, sums, own_row);
}

/* A block a query and head: splits weigh what their sums of weights were. */
template <typename T> static __global__ void __launch_bounds__(COMBINE_THREADS) combine_kernel(attention_arguments s) {
    __shared__ float weights[ATTENTION_SPLITS_MAX];
    int64_t item = blockIdx.x;
    const float *logs = s.partial_log + item * s.splits;
    float own = threadIdx.x < s.splits ? logs[threadIdx.x] : -INFINITY, top = block_max(own);
    float weight = top == -INFINITY ? 0.0f : exp2f(own - top), total = block_sum(weight);
    if (threadIdx.x < s.splits)
        weights[threadIdx.x] = total > 0 ? weight / total : 0.0f;
    __syncthreads();
    const float *parts = s.partial_out + item * s.splits * s.head_dim;
    for (int c = threadIdx.x; c < s.head_dim; c += COMBINE_THREADS) {
        float sum = 0;
#pragma unroll COMBINE_UNROLL
        for (int i = 0; i < s.splits; i++)
            sum += weights[i] * parts[i * s.head_dim + c];
        static_cast<T *>(s.out)[item * s.head_dim + c] = from_float<T>(sum);
    }
}

template <typename T, typename KV, int WIDTH>
static void launch_width(const attention_arguments &s, dim3 grid, int row_tiles, gpu_stream stream) {
    if (s.pages)
        split_kernel<T, KV, WIDTH, true><<<grid, SPLIT_THREADS, 0, stream>>>(s, row_tiles);
    else
        split_kernel<T, KV, WIDTH, false><<<grid, SPLIT_THREADS, 0, stream>>>(s, row_tiles);
}

template <typename T, typename KV> static gpu_status launch_split(const attention_arguments &s, gpu_stream stream) {
    int rows = s.q_len * s.group, row_tiles = attention_ingot_row_tiles(rows);
    int64_t row_blocks = divide_up(rows, row_tiles * MMA_M);
    dim3 grid(static_cast<unsigned>(s.splits), static_cast<unsigned>(s.kv_heads * row_blocks),
              static_cast<unsigned>(s.batch));
    if (s.head_dim <= 64)
        launch_width<T, KV, 64>(s, grid, row_tiles, stream);
    else
        launch_width<T, KV, 128>(s, grid, row_tiles, stream);
    if (s.splits > 1) {
        unsigned items = static_cast<unsigned>(s.batch * s.q_len * s.heads);
        combine_kernel<T><<<items, COMBINE_THREADS, 0, stream>>>(s);
    }
    return gpu_last_error();
}

gpu_status attention_split(const attention_params *p, const attention_arguments *s, gpu_stream stream) {
    return with_kv_type(p->dtype, p->kv_dtype, [&](auto *type, auto *kv_type) -> gpu_status {
        using T = std::remove_pointer_t<decltype(type)>;
        using KV = std::remove_pointer_t<decltype(kv_type)>;
        if constexpr (std::is_same<T, float>::value)
            return GPU_NO_KERNEL;
        else
            return launch_split<T, KV>(*s, stream);
    });
}
