/* The pattern of kernels that reduce each row. A row of whole vectors is held in registers and read once: short rows
 * share a warp, several rows a thread, so that enough bytes are on their way; longer ones take a block each.
 *
 *     shape               vectors a row   lanes a row      a thread holds
 *     <1, 4, true, -1>    up to 32        a power of two   a vector of each of 4 rows
 *     <3, 1, true, 4>     up to 48        16               3 vectors of a row
 *     <2, 2, true, 5>     up to 64        32               2 vectors of each of 2 rows
 *     <4, 1, true, 5>     up to 128       32               4 vectors of a row
 *     <4, 1, false, -1>   up to 4,096     a block          4 vectors of a row, 1 where rows are few */
#ifndef INGOT_ROWS_CUH
#define INGOT_ROWS_CUH

#include "kernels/device.cuh"

enum {
    ROWS_THREADS_MAX = 1024,
    ROWS_VECTORS = 4,       /* vectors a thread holds */
    ROWS_WARPS_A_BLOCK = 8, /* where a warp has a row or more */
    ROWS_MANY = 1024,       /* several blocks an SM on the largest GPUs */
};

/* LOG: lanes of a warp that share a row, as a power of two; -1: as the launch says. */
template <int V, int R, bool W, int LOG> struct row_shape {
    static constexpr int VECTORS = V, ROWS = R, LANES_LOG = LOG;
    static constexpr bool WARP = W;
    /* For __launch_bounds__: registers for so many blocks an SM. */
    static constexpr int THREADS = W ? ROWS_WARPS_A_BLOCK * WARP_SIZE : ROWS_THREADS_MAX, BLOCKS = W ? 4 : 1;
};

/* Rows that a launch spreads, and how. */
typedef struct row_span {
    int64_t rows;
    int vectors;   /* a row */
    int lanes_log; /* lanes that share a row, as a power of two; blocks take all their threads */
} row_span;

/* Where a thread stands: its lane among those of a row; its rows first, first + step, ..., of which `left` are there;
 * `base`: its first vector in the tensor. */
struct row_place {
    int lane, lanes, step, left;
    int64_t first, base;
};

template <typename Shape> __device__ inline row_place place_in(const row_span &span) {
    row_place at = {static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x), 1, 1, blockIdx.x, 0};
    if constexpr (Shape::WARP) {
        int lanes_log = Shape::LANES_LOG < 0 ? span.lanes_log : Shape::LANES_LOG, lane = threadIdx.x % WARP_SIZE;
        int64_t warp = static_cast<int64_t>(blockIdx.x) * ROWS_WARPS_A_BLOCK + threadIdx.x / WARP_SIZE;
        at.lanes = 1 << lanes_log; /* a constant where the shape says */
        at.lane = lane & (at.lanes - 1);
        at.step = WARP_SIZE >> lanes_log;
        at.first = (warp * Shape::ROWS << (5 - lanes_log)) + (lane >> lanes_log);
        int64_t left = span.rows - at.first;
        at.left = static_cast<int>(left < WARP_SIZE * Shape::ROWS ? left : WARP_SIZE * Shape::ROWS);
    }
    at.base = at.first * span.vectors + at.lane;
    return at;
}

/* Row u of the thread, and whether there is one; its vector j, and whether a row has so many. */
__device__ inline int64_t row_of(const row_place &at, int u) {
    return at.first + u * at.step;
}
__device__ inline bool has_row(const row_place &at, int u) {
    return u * at.step < at.left;
}
__device__ inline int vector_of(const row_place &at, int j) {
    return at.lane + j * at.lanes;
}
__device__ inline bool has_vector(const row_span &span, const row_place &at, int j) {
    return vector_of(at, j) < span.vectors;
}
/* Both, in the tensor. */
__device__ inline int64_t place_of(const row_span &span, const row_place &at, int u, int j) {
    return at.base + (u * at.step * span.vectors + j * at.lanes);
}

/* Loads all vectors that the thread holds; zeros where there are none. ONCE: as load_vector_once. */
template <typename Shape, bool ONCE = false, typename V>
__device__ inline void load_rows(const void *from, const row_span &span, const row_place &at,
                                 V (*held)[Shape::VECTORS]) {
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            held[u][j] = V{};
            const V *place = static_cast<const V *>(from) + place_of(span, at, u, j);
            if (has_row(at, u) && has_vector(span, at, j))
                held[u][j] = ONCE ? load_vector_once(place) : load_vector(place);
        }
}

/* Before they are used again (keep_packed). */
template <typename Shape, typename V> __device__ inline void keep_rows_packed(V (*held)[Shape::VECTORS]) {
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++)
            keep_packed(&held[u][j]);
}

/* Adds a second tensor to the rows held, rounds the sums and stores them. */
template <typename T, typename Shape, typename V>
__device__ inline void add_rows(const T *residual, T *sum, const row_span &span, const row_place &at,
                                V (*held)[Shape::VECTORS]) {
    constexpr int N = sizeof(V) / sizeof(T);
    V added[Shape::ROWS][Shape::VECTORS];
    load_rows<Shape>(residual, span, at, added);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            if (!has_row(at, u) || !has_vector(span, at, j))
                continue;
            float x[N], y[N];
            floats_of(held[u][j], x);
            floats_of(added[u][j], y);
#pragma unroll
            for (int i = 0; i < N; i++)
                x[i] += y[i];
            held[u][j] = vector_from_floats<T, N>(x);
            store_vector(reinterpret_cast<V *>(sum) + place_of(span, at, u, j), held[u][j]);
        }
}

/* Reductions over the lanes of a row, of all the thread's rows at once. Every thread of a block must call them. */
template <typename Shape> __device__ inline void sum_rows(float *x, const row_place &at) {
    if constexpr (Shape::WARP) {
        for (int offset = at.lanes >> 1; offset > 0; offset >>= 1)
#pragma unroll
            for (int u = 0; u < Shape::ROWS; u++)
                x[u] += __shfl_xor_sync(0xffffffffu, x[u], offset);
    } else {
        x[0] = block_sum(x[0]);
    }
}
template <typename Shape> __device__ inline void max_rows(float *x, const row_place &at) {
    if constexpr (Shape::WARP) {
        for (int offset = at.lanes >> 1; offset > 0; offset >>= 1)
#pragma unroll
            for (int u = 0; u < Shape::ROWS; u++)
                x[u] = fmaxf(x[u], __shfl_xor_sync(0xffffffffu, x[u], offset));
    } else {
        x[0] = block_max(x[0]);
    }
}

/* `held`: vectors that a thread of a block holds. */
inline bool rows_fit(int64_t vectors, int held = ROWS_VECTORS) {
    return vectors <= static_cast<int64_t>(ROWS_THREADS_MAX) * held;
}

/* Blocks of whole warps: a thread for every `each` vectors. */
inline int row_threads(int64_t vectors, int each) {
    int64_t threads = divide_up(divide_up(vectors, each), WARP_SIZE) * WARP_SIZE;
    return threads < ROWS_THREADS_MAX ? static_cast<int>(threads) : static_cast<int>(ROWS_THREADS_MAX);
}

/* Calls launch(shape, span, blocks, threads) with the shape for rows that fit (rows_fit). TIMES: vectors are so much
 * shorter than 16 bytes that a thread holds as many times more. */
template <int TIMES = 1, typename F> gpu_status with_row_shape(int64_t rows, int64_t vectors, F launch) {
    row_span span = {rows, static_cast<int>(vectors), 0};
    const int threads = ROWS_WARPS_A_BLOCK * WARP_SIZE;
    constexpr int warp_log = 5;
    auto lanes = [&](int64_t wanted) { /* the least power of two */
                                       while (wanted > 1 << span.lanes_log && span.lanes_log < warp_log)
                                           span.lanes_log++;
    };
    auto warps_of = [&](int held) { /* blocks, where a thread holds so many rows */
                                    return static_cast<unsigned>(
                                        divide_up(rows, static_cast<int64_t>(threads >> span.lanes_log) * held));
    };
    if (vectors <= TIMES * WARP_SIZE) {
        lanes(divide_up(vectors, TIMES));
        return launch(row_shape<TIMES, 4, true, -1>(), span, warps_of(4), threads);
    }
    if (TIMES == 1 && vectors <= WARP_SIZE * 3 / 2) {
        lanes(WARP_SIZE / 2);
        return launch(row_shape<3, 1, true, warp_log - 1>(), span, warps_of(1), threads);
    }
    lanes(WARP_SIZE);
    if (vectors <= 2 * TIMES * WARP_SIZE)
        return launch(row_shape<2 * TIMES, 2, true, warp_log>(), span, warps_of(2), threads);
    if (vectors <= 4 * TIMES * WARP_SIZE)
        return launch(row_shape<4 * TIMES, 1, true, warp_log>(), span, warps_of(1), threads);
    /* Many rows: few threads with several vectors each, so that more rows are on their way; few: all threads at once.
     */
    int each = rows >= ROWS_MANY || vectors > ROWS_THREADS_MAX ? ROWS_VECTORS * TIMES : 1;
    return launch(row_shape<ROWS_VECTORS * TIMES, 1, false, -1>(), span, static_cast<unsigned>(rows),
                  row_threads(vectors, each));
}

#endif
