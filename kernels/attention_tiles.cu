/* Attention of many queries over a 16-bit cache: tiles of queries by tiles of keys on tensor cores, running softmax.
 * Bound by tensor cores at long lengths.
 *
 * A block takes 64 queries of one head, 16 a warp. Queries stay in registers as fragments. Tiles of 64 keys and their
 * values come into shared memory by asynchronous copies, two stages deep: keys of the next tile while scores are
 * computed, its values while values are weighed. Rows are padded by 16 bytes, so that the eight rows of an ldmatrix
 * lie in different banks. Blocks begin with the last queries, which see the most keys under a causal mask. */
#include "kernels/attention.cuh"
#include "kernels/tiles.cuh"

enum { TILES_WARPS = 4, TILES_THREADS = TILES_WARPS * WARP_SIZE, TILE_QUERIES = TILES_WARPS * MMA_M, TILE_KEYS = 64 };

template <int WIDTH> struct tiles_shape {
    static constexpr int ROW = WIDTH + 8;         /* elements between rows of a stage */
    static constexpr int STAGE = TILE_KEYS * ROW; /* elements */
    static constexpr int BYTES = 4 * STAGE * 2;   /* keys and values, two stages each */
    static constexpr int STEPS = WIDTH / MMA_K, TILES = WIDTH / MMA_N, KEY_TILES = TILE_KEYS / MMA_N;
};

/* Copies a tile of rows; those at or behind `end` are zeros, as are columns behind the head's width. */
template <typename T, int WIDTH>
__device__ static void fetch_tile(T *to, const T *from, int64_t row_stride, int first, int end, int width) {
    constexpr int N = vector_elements<T>(), VECTORS = WIDTH / N;
    static_assert(TILE_KEYS * VECTORS % TILES_THREADS == 0, "whole rounds");
#pragma unroll
    for (int i = 0; i < TILE_KEYS * VECTORS / TILES_THREADS; i++) {
        int at = i * TILES_THREADS + threadIdx.x, row = at / VECTORS, column = at % VECTORS * N;
        bool inside = first + row < end && column < width;
        const T *source = inside ? from + (first + row) * row_stride + column : from;
        copy_async_16(to + row * tiles_shape<WIDTH>::ROW + column, source, inside);
    }
}

/* Rows g and g + 8 of a warp: what they see, and the running softmax. */
struct tile_rows {
    key_range keys[2];
    float top[2], total[2];
};

template <int WIDTH> struct tile_state {
    using S = tiles_shape<WIDTH>;
    uint32_t queries[S::STEPS][4];
    float sums[S::TILES][4];
    tile_rows rows;
};

template <typename T, int WIDTH>
__device__ static void score_tile(const tile_state<WIDTH> &w, const T *keys, float (*scores)[4]) {
    using S = tiles_shape<WIDTH>;
    int lane = threadIdx.x % WARP_SIZE;
    /* ldmatrix x4: lanes 8 m to 8 m + 7 name the rows of matrix m: keys 0-7 and 8-15, each of 8 then 8 further columns
     */
    const T *place = keys + (lane % 8 + lane / 16 * 8) * S::ROW + lane / 8 % 2 * 8;
#pragma unroll
    for (int t = 0; t < S::KEY_TILES; t += 2)
#pragma unroll
        for (int step = 0; step < S::STEPS; step++) {
            uint32_t b[4];
            load_matrices(b, place + t * MMA_N * S::ROW + step * MMA_K);
            mma_16816<T>(scores[t], w.queries[step], b[0], b[1]);
            mma_16816<T>(scores[t + 1], w.queries[step], b[2], b[3]);
        }
}

/* Scores to weights, and earlier sums to the new maximum. */
template <int WIDTH>
__device__ static void soften_tile(tile_state<WIDTH> *w, float (*scores)[4], int first, float scale, bool masked) {
    using S = tiles_shape<WIDTH>;
    int j = threadIdx.x % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float top = w->rows.top[r];
#pragma unroll
        for (int i = 0; i < S::KEY_TILES * 2; i++) {
            float *x = &scores[i / 2][2 * r + i % 2];
            int key = first + i / 2 * MMA_N + 2 * j + i % 2;
            if (masked && (key < w->rows.keys[r].begin || key >= w->rows.keys[r].end))
                *x = -INFINITY;
            top = fmaxf(top, *x);
        }
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
        float reference = top == -INFINITY ? 0.0f : top * scale; /* no key seen yet */
        float shrink = exp2f(w->rows.top[r] * scale - reference);
        w->rows.top[r] = top;
        float total = w->rows.total[r] * shrink;
#pragma unroll
        for (int i = 0; i < S::KEY_TILES * 2; i++) {
            float *x = &scores[i / 2][2 * r + i % 2];
            *x = exp2f(*x * scale - reference);
            total += *x;
        }
        w->rows.total[r] = total;
#pragma unroll
        for (int i = 0; i < S::TILES * 2; i++)
            w->sums[i / 2][2 * r + i % 2] *= shrink;
    }
}

template <typename T, int WIDTH>
__device__ static void weigh_tile(tile_state<WIDTH> *w, const T *values, const float (*weights)[4]) {
    using S = tiles_shape<WIDTH>;
    int lane = threadIdx.x % WARP_SIZE;
    /* Transposed: matrices are keys 0-7, then 8-15, of 8 columns, then of the 8 further ones. */
    const T *place = values + lane % 16 * S::ROW + lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < S::KEY_TILES / 2; k++) {
        const uint32_t a[4] = {pack2<T>(weights[2 * k][0], weights[2 * k][1]),
                               pack2<T>(weights[2 * k][2], weights[2 * k][3]),
                               pack2<T>(weights[2 * k + 1][0], weights[2 * k + 1][1]),
                               pack2<T>(weights[2 * k + 1][2], weights[2 * k + 1][3])};
#pragma unroll
        for (int t = 0; t < S::TILES; t += 2) {
            uint32_t b[4];
            load_matrices_transposed(b, place + k * MMA_K * S::ROW + t * MMA_N);
            mma_16816<T>(w->sums[t], a, b[0], b[1]);
            mma_16816<T>(w->sums[t + 1], a, b[2], b[3]);
        }
    }
}

template <typename T, int WIDTH>
__device__ static void start_warp(const attention_arguments &s, int sequence, int head, int first_query, int length,
                                  tile_state<WIDTH> *w) {
    using S = tiles_shape<WIDTH>;
    int lane = threadIdx.x % WARP_SIZE, g = lane / 4, j = lane % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int query = first_query + g + 8 * r;
        bool inside = query < s.q_len;
        const T *q = static_cast<const T *>(s.q.data) + sequence * s.q.block + (inside ? query : 0) * s.q.row +
                     head * s.head_dim;
#pragma unroll
        for (int i = 0; i < S::STEPS * 2; i++) {
            int column = i * 8 + 2 * j;
            w->queries[i / 2][i % 2 * 2 + r] =
                inside && column < s.head_dim ? *reinterpret_cast<const uint32_t *>(q + column) : 0u;
        }
        w->rows.keys[r] = visible_keys(s, length, min(query, s.q_len - 1));
        w->rows.top[r] = -INFINITY;
        w->rows.total[r] = 0;
    }
#pragma unroll
    for (int i = 0; i < S::TILES * 4; i++)
        w->sums[i / 4][i % 4] = 0;
}

template <typename T, int WIDTH>
__device__ static void store_warp(const attention_arguments &s, int sequence, int head, int first_query,
                                  const tile_state<WIDTH> &w) {
    using S = tiles_shape<WIDTH>;
    int lane = threadIdx.x % WARP_SIZE, g = lane / 4, j = lane % 4;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int query = first_query + g + 8 * r;
        float total = w.rows.total[r];
        total += __shfl_xor_sync(0xffffffffu, total, 1);
        total += __shfl_xor_sync(0xffffffffu, total, 2);
        float inverse = total > 0 ? 1 / total : 0.0f;
        if (query >= s.q_len)
            continue;
        T *out = static_cast<T *>(s.out) + item_row(s, sequence, query, head);
#pragma unroll
        for (int t = 0; t < S::TILES; t++) {
            int column = t * MMA_N + 2 * j;
            if (column < s.head_dim)
                *reinterpret_cast<uint32_t *>(out + column) =
                    pack2<T>(w.sums[t][2 * r] * inverse, w.sums[t][2 * r + 1] * inverse);
        }
    }
}

/* grid: tiles of queries, heads, sequences. */
template <typename T, int WIDTH>
static __global__ void __launch_bounds__(TILES_THREADS, WIDTH > 64 ? 2 : 3) tiles_kernel(attention_arguments s) {
    using S = tiles_shape<WIDTH>;
    extern __shared__ __align__(16) char memory[];
    T *keys = reinterpret_cast<T *>(memory), *values = keys + 2 * S::STAGE;
    int sequence = blockIdx.z, head = blockIdx.y, kv_head = head / s.group, warp = threadIdx.x / WARP_SIZE;
    int first_query = (gridDim.x - 1 - blockIdx.x) * TILE_QUERIES, length = keys_of_sequence(s, sequence);
    int last_query = min(first_query + static_cast<int>(TILE_QUERIES), s.q_len) - 1;
    int begin = visible_keys(s, length, first_query).begin / TILE_KEYS * TILE_KEYS;
    int end = visible_keys(s, length, last_query).end;
    const T *k = static_cast<const T *>(s.k.data) + sequence * s.k.block + kv_head * s.head_dim;
    const T *v = static_cast<const T *>(s.v.data) + sequence * s.v.block + kv_head * s.head_dim;

    if (begin < end) {
        fetch_tile<T, WIDTH>(keys, k, s.k.row, begin, end, s.head_dim);
        commit_copies();
        fetch_tile<T, WIDTH>(values, v, s.v.row, begin, end, s.head_dim);
        commit_copies();
    }
    int warp_query = first_query + warp * MMA_M;
    tile_state<WIDTH> w;
    start_warp<T, WIDTH>(s, sequence, head, warp_query, length, &w);
    /* Keys that every row of the warp sees need no mask. */
    int warp_last = min(warp_query + MMA_M, s.q_len) - 1;
    int all_begin = visible_keys(s, length, max(warp_last, 0)).begin;
    int all_end = visible_keys(s, length, min(warp_query, s.q_len - 1)).end;
    for (int first = begin, stage = 0; first < end; first += TILE_KEYS, stage ^= 1) {
        bool more = first + TILE_KEYS < end;
        float scores[S::KEY_TILES][4] = {};
        if (more)
            fetch_tile<T, WIDTH>(keys + (stage ^ 1) * S::STAGE, k, s.k.row, first + TILE_KEYS, end, s.head_dim);
        commit_copies();  /* an empty group keeps the count */
        wait_copies<2>(); /* this tile's keys */
        __syncthreads();
        score_tile<T, WIDTH>(w, keys + stage * S::STAGE, scores);
        soften_tile<WIDTH>(&w, scores, first, s.scale, first < all_begin || first + TILE_KEYS > all_end);
        if (more)
            fetch_tile<T, WIDTH>(values + (stage ^ 1) * S::STAGE, v, s.v.row, first + TILE_KEYS, end, s.head_dim);
        commit_copies();
        wait_copies<2>(); /* this tile's values */
        __syncthreads();
        weigh_tile<T, WIDTH>(&w, values + stage * S::STAGE, scores);
        /* The next round's first barrier lies before anything is written over these values, and this round's second
         * one lay behind the last look at these keys. */
    }
    store_warp<T, WIDTH>(s, sequence, head, warp_query, w);
}

template <typename T, int WIDTH> static gpu_status launch_width(const attention_arguments &s, gpu_stream stream) {
    constexpr int bytes = tiles_shape<WIDTH>::BYTES;
    gpu_status code = cudaFuncSetAttribute(tiles_kernel<T, WIDTH>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (code)
        return code;
    dim3 grid(static_cast<unsigned>(divide_up(s.q_len, TILE_QUERIES)), static_cast<unsigned>(s.heads),
              static_cast<unsigned>(s.batch));
    tiles_kernel<T, WIDTH><<<grid, TILES_THREADS, bytes, stream>>>(s);
    return gpu_last_error();
}

template <typename T> static gpu_status launch_type(const attention_arguments &s, gpu_stream stream) {
    if (s.head_dim <= 64)
        return launch_width<T, 64>(s, stream);
    return s.head_dim <= 80 ? launch_width<T, 80>(s, stream) : launch_width<T, 128>(s, stream);
}

gpu_status attention_tiles(const attention_params *p, const attention_arguments *s, gpu_stream stream) {
    return p->dtype == DTYPE_fp16 ? launch_type<__half>(*s, stream) : launch_type<__nv_bfloat16>(*s, stream);
}
