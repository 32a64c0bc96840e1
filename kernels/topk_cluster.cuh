/* What a block of topk_cluster.cu does with its part of a row: tile after tile of it, the few elements that reach a
 * bound kept in a list. Loops are left rolled, and little is there twice: a kernel's code comes from memory, too, and
 * costs more than its few turns. */
#ifndef INGOT_TOPK_CLUSTER_CUH
#define INGOT_TOPK_CLUSTER_CUH

#include "kernels/cluster.cuh"
#include "kernels/ordered.cuh"
#include "kernels/tiles.cuh"

enum {
    CLUSTER_TOP_MAX = 128,
    CLUSTER_SM_THREADS = 1024,                   /* of a block that has an SM to itself, or of two */
    CLUSTER_VECTORS = 4,                         /* of a thread and tile */
    CLUSTER_AHEAD = 2,                           /* tiles on their way */
    CLUSTER_LIST = 2048,                         /* keys a block keeps at most */
    CLUSTER_ROOM = CLUSTER_LIST - WARP_SIZE,     /* of these, without elements beside vectors */
    CLUSTER_INBOX = 4 * CLUSTER_TOP_MAX,         /* keys that the first block gets from the other at most */
    CLUSTER_PUBLISHED = 256,                     /* keys that a block's warps publish at most */
    CLUSTER_COUNTING = 8,                        /* lanes that count for a key */
    CLUSTER_KEYS = WARP_SIZE / CLUSTER_COUNTING, /* that a warp counts for at once */
};

template <typename T> struct cluster_arguments {
    const T *x;
    T *values;
    int32_t *columns;
    int cols, top;
    int blocks;    /* a row: 1 or 2 */
    int published; /* keys a warp publishes */
};

template <int THREADS> struct cluster_memory {
    uint4 tiles[CLUSTER_AHEAD][CLUSTER_VECTORS][THREADS]; /* a thread reads what it copied itself */
    ordered_key list[CLUSTER_LIST];
    ordered_key published[CLUSTER_PUBLISHED];
    ordered_key inbox[CLUSTER_INBOX], inbox_count;
    ordered_key bound;
    cluster_barrier arrived;
    int count; /* of the list, and of what found no room in it */
};

/* A block's vectors of its row, and the column where they begin; and an element beside them that a thread of the row's
 * first block may have: of the first warp before the row's vectors, of the second behind them. */
template <typename T> struct cluster_part {
    const T *from;
    int vectors, column;
    int rank;
    int single; /* its column; -1: none */
};

#if __CUDA_ARCH__ >= 900

template <typename T> static __device__ cluster_part<T> part_of(const cluster_arguments<T> &s) {
    constexpr int N = vector_elements<T>();
    int thread = static_cast<int>(threadIdx.x), row = static_cast<int>(blockIdx.x) / s.blocks;
    int rank = static_cast<int>(blockIdx.x) - row * s.blocks;
    int64_t begin = static_cast<int64_t>(row) * s.cols;
    int head = static_cast<int>(-begin & (N - 1)), all = (s.cols - head) / N;
    int share = (all + s.blocks - 1) / s.blocks, first = rank * share;
    int column = thread < WARP_SIZE ? thread : head + all * N + thread - WARP_SIZE;
    bool single = rank == 0 && column < (thread < WARP_SIZE ? head : s.cols);
    return {s.x + begin + head + static_cast<int64_t>(first) * N, min(all - first, share), head + first * N, rank,
            single ? column : -1};
}

/* How many of the list's keys are larger. The lanes of a key call it together, and all of a warp. */
static __device__ __noinline__ int place_of(ordered_key key, const ordered_key *list, int count) {
    int place = 0;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x) % CLUSTER_COUNTING; i < count; i += CLUSTER_COUNTING)
        place += list[i] > key;
#pragma unroll
    for (int offset = 1; offset < CLUSTER_COUNTING; offset *= 2)
        place += __shfl_xor_sync(0xffffffffu, place, offset);
    return place;
}

/* Calls f(key, how many of the list's keys are larger) for each of them, in one thread. Every thread calls it. */
template <int THREADS, typename F> static __device__ void for_places(const ordered_key *list, int count, F f) {
    int lane = static_cast<int>(threadIdx.x) % CLUSTER_COUNTING;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) / CLUSTER_COUNTING; (i & -CLUSTER_KEYS) < count;
         i += THREADS / CLUSTER_COUNTING) {
        ordered_key key = i < count ? list[i] : ORDERED_NONE;
        int place = place_of(key, list, count);
        if (lane == 0 && key != ORDERED_NONE)
            f(key, place);
    }
}

/* Joins the list; whether there was room. */
template <int THREADS> static __device__ bool keep(ordered_key key, cluster_memory<THREADS> *memory) {
    int place = atomicAdd(&memory->count, 1);
    if (place < CLUSTER_LIST)
        memory->list[place] = key;
    return place < CLUSTER_ROOM;
}

/* The thread's keys of the list, ORDERED_NONE for those of columns from `dropped` on. */
template <int THREADS>
static __device__ void take_list(ordered_key (&listed)[CLUSTER_LIST / THREADS], uint32_t dropped,
                                 const cluster_memory<THREADS> *memory) {
    int count = min(memory->count, static_cast<int>(CLUSTER_LIST));
#pragma unroll
    for (int i = 0; i < CLUSTER_LIST / THREADS; i++) {
        int at = i * THREADS + static_cast<int>(threadIdx.x);
        listed[i] = at < count ? memory->list[at] : ORDERED_NONE;
        listed[i] = ordered_column(listed[i]) < dropped ? listed[i] : ORDERED_NONE;
    }
}

/* Raises the bound to the top-th of what warps publish of their lanes' best, and drops from the list what is below it,
 * and columns from `dropped` on. Behind a barrier. */
template <int THREADS>
static __device__ void raise_bound(ordered_key best, int top, int published, uint32_t dropped,
                                   cluster_memory<THREADS> *memory) {
    int thread = static_cast<int>(threadIdx.x);
    ordered_key listed[CLUSTER_LIST / THREADS];
    take_list(listed, dropped, memory);
#pragma unroll 1
    for (int j = 0; j < published; j++) {
        uint32_t mine = static_cast<uint32_t>(best >> 32), high = __reduce_max_sync(0xffffffffu, mine);
        uint32_t low = __reduce_max_sync(0xffffffffu, mine == high ? static_cast<uint32_t>(best) : 0);
        ordered_key largest = static_cast<ordered_key>(high) << 32 | low;
        best = best == largest ? ORDERED_NONE : best;
        if (thread % WARP_SIZE == 0)
            memory->published[thread / WARP_SIZE * published + j] = largest;
    }
    __syncthreads();
    if (thread == 0)
        memory->count = 0;
    for_places<THREADS>(memory->published, THREADS / WARP_SIZE * published, [&](ordered_key key, int place) {
        if (place == top - 1)
            memory->bound = key;
    });
    __syncthreads();
    ordered_key bound = memory->bound;
#pragma unroll
    for (ordered_key key : listed)
        if (key >= bound && key != ORDERED_NONE)
            keep(key, memory);
}

/* The list becomes the `top` largest of itself, without columns from `dropped` on, and of a tile's vectors, of which
 * the thread's begin at `column` and are as many as fit into `left` with the others between them. The bound rises to
 * the least of them. Behind a barrier. */
template <int THREADS, typename T>
static __device__ __noinline__ void select_exactly(int top, uint32_t dropped, const T *tile, int left, int column,
                                                   cluster_memory<THREADS> *memory) {
    constexpr int N = vector_elements<T>(), BITS = 64;
    int thread = static_cast<int>(threadIdx.x);
    ordered_key listed[CLUSTER_LIST / THREADS], found = 0;
    take_list(listed, dropped, memory);
    auto for_all = [&](auto f) {
#pragma unroll
        for (ordered_key key : listed)
            f(key);
#pragma unroll 1
        for (int v = 0; v < CLUSTER_VECTORS && v * THREADS < left; v++)
#pragma unroll 1
            for (int i = 0; i < N; i++) {
                float value = to_float(tile[(v * THREADS + thread) * N + i]);
                if (value == value)
                    f(ordered_key_of(value, static_cast<uint32_t>(column + v * THREADS * N + i)));
            }
    };
#pragma unroll 1
    for (int bit = BITS - 1; bit >= 0; bit--) {
        ordered_key trial = found | 1ull << bit;
        int reach = 0;
        for_all([&](ordered_key key) { reach += key >= trial; });
        if (block_sum(static_cast<float>(reach)) >= static_cast<float>(top))
            found = trial;
    }
    if (thread == 0) {
        memory->count = 0;
        memory->bound = found;
    }
    __syncthreads();
    for_all([&](ordered_key key) {
        if (key >= found && key != ORDERED_NONE)
            keep(key, memory);
    });
    __syncthreads();
}

/* A thread's vectors of the tile at vector `next`. */
template <int THREADS, typename T>
static __device__ void send_for_tile(const cluster_part<T> &part, int next, uint4 (*tile)[THREADS], uint64_t policy) {
#pragma unroll
    for (int v = 0; v < CLUSTER_VECTORS; v++) {
        int at = next + v * THREADS + static_cast<int>(threadIdx.x);
        if (at < part.vectors)
            copy_async_16(&tile[v][threadIdx.x], part.from + at * vector_elements<T>(), policy);
    }
    commit_copies();
}

/* Of each of the thread's vectors of a tile its largest element, and of all of them the key, at its vector's last
 * column. */
template <int THREADS, typename T>
static __device__ ordered_key largest_of_tile(const T *tile, int left, int column, float (&largest)[CLUSTER_VECTORS]) {
    constexpr int N = vector_elements<T>();
    float top = -INFINITY;
    int top_at = 0;
#pragma unroll
    for (int v = 0; v < CLUSTER_VECTORS; v++) {
        float x[N];
        floats_of(load_vector(reinterpret_cast<const vector<T, N> *>(tile) + v * THREADS + threadIdx.x), x);
#pragma unroll
        for (int i = 1; i < N; i++)
            x[0] = fmaxf(x[0], x[i]);
        largest[v] = v * THREADS < left ? x[0] : -INFINITY;
        top_at = largest[v] > top ? v : top_at;
        top = fmaxf(top, largest[v]);
    }
    return left > 0 ? ordered_key_of(top, static_cast<uint32_t>(column + top_at * THREADS * N + N - 1)) : ORDERED_NONE;
}

/* Keeps the thread's elements of a tile that reach the bound; whether the list has room. */
template <int THREADS, typename T>
static __device__ bool keep_of_tile(const T *tile, int left, int column, const float (&largest)[CLUSTER_VECTORS],
                                    cluster_memory<THREADS> *memory) {
    constexpr int N = vector_elements<T>();
    ordered_key bound = memory->bound;
    float value = ordered_value(bound); /* of none a NaN, below nothing */
    bool fits = true;
    unsigned hits = 0;
#pragma unroll
    for (int v = 0; v < CLUSTER_VECTORS; v++)
        hits |= !(largest[v] < value) && v * THREADS < left ? 1u << v : 0;
#pragma unroll 1
    for (; hits != 0; hits &= hits - 1) {
        int v = __ffs(static_cast<int>(hits)) - 1;
        float x[N];
        floats_of(load_vector(reinterpret_cast<const vector<T, N> *>(tile) + v * THREADS + threadIdx.x), x);
#pragma unroll
        for (int i = 0; i < N; i++) {
            ordered_key key = ordered_key_of(x[i], static_cast<uint32_t>(column + v * THREADS * N + i));
            if (x[i] == x[i] && key >= bound)
                fits = keep(key, memory) && fits;
        }
    }
    return fits;
}

/* Tile after tile of a part; what may be among the row's largest is in the list then. */
template <int THREADS, typename T>
static __device__ void stream_part(const cluster_arguments<T> &s, const cluster_part<T> &part, uint64_t policy,
                                   cluster_memory<THREADS> *memory) {
    constexpr int N = vector_elements<T>(), TILE = THREADS * CLUSTER_VECTORS;
    const int rise_often = 4;
    ordered_key best = ORDERED_NONE;
    int buffer = 0, rises = 0;
#pragma unroll 1
    for (int next = 0; next < part.vectors; next += TILE) {
        wait_copies<CLUSTER_AHEAD - 1>();
        const T *tile = reinterpret_cast<const T *>(memory->tiles[buffer]);
        const int left = part.vectors - next - static_cast<int>(threadIdx.x);
        const int first = part.column + next * N, column = first + static_cast<int>(threadIdx.x) * N;
        float largest[CLUSTER_VECTORS];
        ordered_key key = largest_of_tile<THREADS>(tile, left, column, largest);
        best = key > best ? key : best;
        bool raises = next == rises || (next + TILE < part.vectors && next + 2 * TILE >= part.vectors);
        rises = next == rises ? max(rise_often * rises, rise_often * TILE) : rises;
        uint32_t dropped = UINT32_MAX;
#pragma unroll 1
        for (;;) {
            if (raises)
                raise_bound(best, s.top, s.published, dropped, memory);
            if (!__syncthreads_or(!keep_of_tile(tile, left, column, largest, memory)))
                break;
            if (dropped == static_cast<uint32_t>(first)) { /* raised already */
                select_exactly(s.top, dropped, tile, left, column, memory);
                break;
            }
            dropped = static_cast<uint32_t>(first);
            raises = true;
        }
        send_for_tile(part, next + CLUSTER_AHEAD * TILE, memory->tiles[buffer], policy);
        buffer = buffer + 1 == CLUSTER_AHEAD ? 0 : buffer + 1;
    }
}

/* Sends the list to the row's first block. */
template <int THREADS> static __device__ void send_list(cluster_memory<THREADS> *memory) {
    int count = memory->count, thread = static_cast<int>(threadIdx.x);
    if (thread == 0) {
        barrier_announce(&memory->arrived, 0, (1 + count) * static_cast<int>(sizeof(ordered_key)));
        store_in_block(&memory->inbox_count, static_cast<ordered_key>(count), &memory->arrived, 0);
    }
    if (thread < count)
        store_in_block(&memory->inbox[thread], memory->list[thread], &memory->arrived, 0);
}
#endif

#endif
