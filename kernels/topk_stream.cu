/* The largest values of each row, largest first, where rows are many or short: one kernel, a block a row. Memory bound
 * where little is done to an element: a block streams its row tile by tile, the next ones on their way while it looks
 * at one, and keeps the few elements that can still be among the largest.
 *
 * The first tile gives a threshold that `top` of its elements reach: one of the largest that the warps have seen. Of
 * every tile, what reaches the threshold joins the list. After 4 and 16 tiles the threshold rises to what `top` threads
 * have seen at least. Where too many join (many equal values, or rising ones), the `top` largest of list and tile are
 * found bit by bit and become the list; what comes later must exceed the least of them. In the end the range of values
 * is halved until few more than `top` reach its middle; those are ordered by counting larger ones.
 *
 * Loops are left rolled: a kernel's code comes from memory, too, and costs more than its few turns. */
#include "kernels/topk.h"

#include "kernels/ordered.cuh"
#include "kernels/tiles.cuh"

enum {
    STREAM_THREADS = 256,
    STREAM_WARPS = STREAM_THREADS / WARP_SIZE,
    STREAM_TOP_MAX = 128, /* values kept a row */
    STREAM_HELD = 16,     /* elements a thread and tile */
    STREAM_TILE = STREAM_THREADS * STREAM_HELD,
    STREAM_TILE_VECTORS = STREAM_TILE * sizeof(float) / VECTOR_BYTES, /* at most */
    STREAM_AHEAD = 2,                                                 /* tiles on their way */
    STREAM_BLOCKS = 4,                                                /* an SM */
    STREAM_LIST_HELD = 4,                                             /* keys a thread, of the list */
    STREAM_LIST = STREAM_THREADS * STREAM_LIST_HELD,
    STREAM_PUBLISHED = STREAM_TOP_MAX * 5 / 4 + STREAM_WARPS, /* values that the warps publish, at most */
    STREAM_ORDERED = 128, /* candidates that are ordered at once, unless more are wanted */
};

template <typename T> struct stream_arguments {
    const T *x;
    T *values;
    int32_t *columns;
    int cols, top;
    int published; /* values a warp publishes */
    bool once;     /* vectors leave L2 first */
};

struct stream_memory {
    uint4 tiles[STREAM_AHEAD][STREAM_TILE_VECTORS]; /* a thread reads what it copied itself */
    ordered_key list[STREAM_LIST + STREAM_THREADS]; /* in the end with elements beside the row's whole vectors */
    uint32_t published[STREAM_PUBLISHED];
    uint32_t reached[STREAM_WARPS];
    int count, kept; /* of the list, of what is ordered */
    uint32_t threshold, largest;
};

/* A row's whole vectors, and the column where they begin; and an element outside them that a thread may have: of the
 * first warp before the vectors, of the second behind them. */
template <typename T> struct stream_part {
    const T *from;
    int vectors, column;
    int single; /* its column; -1: none */
};

template <typename T> static __device__ stream_part<T> part_of(const stream_arguments<T> &s) {
    constexpr int N = vector_elements<T>();
    int thread = static_cast<int>(threadIdx.x);
    int64_t begin = static_cast<int64_t>(blockIdx.x) * s.cols;
    int head = min(s.cols, static_cast<int>((N - begin % N) % N)), vectors = (s.cols - head) / N;
    int behind = head + vectors * N + thread - WARP_SIZE;
    stream_part<T> part = {s.x + begin + head, vectors, head, -1};
    if (thread < head)
        part.single = thread;
    if (thread >= WARP_SIZE && behind < s.cols)
        part.single = behind;
    return part;
}

/* The largest of the warp's values, which the first lane that has it gives up for 0. */
static __device__ uint32_t take_largest(uint32_t *value) {
    uint32_t largest = __reduce_max_sync(0xffffffffu, *value);
    unsigned who = __ballot_sync(0xffffffffu, *value == largest);
    if (static_cast<int>(threadIdx.x % WARP_SIZE) == __ffs(static_cast<int>(who)) - 1)
        *value = 0;
    return largest;
}

/* Sends for a thread's vectors of the tile at vector `next`. */
template <typename T>
static __device__ void send_for_tile(const stream_part<T> &part, int next, uint4 *tile, uint64_t policy) {
    constexpr int N = vector_elements<T>();
#pragma unroll
    for (int v = 0; v < STREAM_HELD / N; v++) {
        int place = v * STREAM_THREADS + static_cast<int>(threadIdx.x);
        if (next + place < part.vectors)
            copy_async_16(&tile[place], part.from + (next + place) * N, policy);
    }
    commit_copies();
}

/* A thread's elements of the tile at `next` as floats, those beyond the part below all others; the largest. */
template <typename T>
static __device__ float floats_of_tile(const stream_part<T> &part, int next, const uint4 *tile,
                                       float (&held)[STREAM_HELD]) {
    constexpr int N = vector_elements<T>();
    int left = part.vectors - next - static_cast<int>(threadIdx.x); /* vector v is there if v blocks are below it */
    float largest = -INFINITY;
#pragma unroll
    for (int v = 0; v < STREAM_HELD / N; v++) {
        int place = v * STREAM_THREADS + static_cast<int>(threadIdx.x);
        floats_of(load_vector(reinterpret_cast<const vector<T, N> *>(&tile[place])), held + v * N);
#pragma unroll
        for (int i = v * N; i < (v + 1) * N; i++) {
            held[i] = v * STREAM_THREADS < left ? held[i] : -INFINITY;
            largest = fmaxf(largest, held[i]);
        }
    }
    return largest;
}

/* The largest key that at least `top` of the block's keys reach (each thread has `held` of them, all different but for
 * ORDERED_NONE), or 1 where there are fewer. */
template <typename Key> static __device__ ordered_key select_key(int top, int held, Key key_of) {
    const int bits = 64;
    ordered_key found = 0;
#pragma unroll 1
    for (int bit = bits - 1; bit >= 0; bit--) {
        ordered_key trial = found | 1ull << bit;
        int count = 0;
#pragma unroll 1
        for (int i = 0; i < held; i++)
            count += key_of(i) >= trial;
        float all = block_sum(static_cast<float>(count));
        if (all >= static_cast<float>(top))
            found = trial;
        if (all == static_cast<float>(top))
            break;
    }
    return found ? found : 1;
}

/* The list becomes the `top` largest of itself and of the tile at `next`, of which it may hold some already: those of
 * the tile's columns are dropped from it. Returns a value that they reach, or 0. Every thread calls it, behind a
 * barrier. */
template <typename T>
static __device__ __noinline__ uint32_t select_again(const stream_part<T> part, int next, int top,
                                                     stream_memory *memory) {
    constexpr int N = vector_elements<T>();
    int thread = static_cast<int>(threadIdx.x), count = min(memory->count, static_cast<int>(STREAM_LIST));
    uint32_t first_column = static_cast<uint32_t>(part.column + next * N);
    ordered_key listed[STREAM_LIST_HELD];
#pragma unroll
    for (int i = 0; i < STREAM_LIST_HELD; i++) {
        int at = i * STREAM_THREADS + thread;
        ordered_key key = at < count ? memory->list[at] : ORDERED_NONE;
        listed[i] = ordered_column(key) < first_column ? key : ORDERED_NONE;
    }
    __syncthreads(); /* read by all, to be written again */
#pragma unroll
    for (int i = 0; i < STREAM_LIST_HELD; i++)
        memory->list[i * STREAM_THREADS + thread] = listed[i];
    /* The thread's: of the list, then of the tile, read again. */
    auto key_of = [&](int i) {
        if (i < STREAM_LIST_HELD)
            return memory->list[i * STREAM_THREADS + thread];
        i -= STREAM_LIST_HELD;
        int at = next + i / N * STREAM_THREADS + thread, column = at * N + i % N;
        if (at >= part.vectors)
            return ORDERED_NONE;
        return ordered_key_of(to_float(part.from[column]), static_cast<uint32_t>(part.column + column));
    };
    const int held = STREAM_LIST_HELD + STREAM_HELD;
    ordered_key least = select_key(top, held, key_of);
    if (thread == 0)
        memory->count = 0;
    __syncthreads();
    /* The list's own keys are in registers: what is kept is written over them. */
#pragma unroll 1
    for (int i = STREAM_LIST_HELD; i < held; i++) {
        ordered_key key = key_of(i);
        if (key >= least)
            memory->list[atomicAdd(&memory->count, 1)] = key;
    }
#pragma unroll
    for (int i = 0; i < STREAM_LIST_HELD; i++)
        if (listed[i] >= least)
            memory->list[atomicAdd(&memory->count, 1)] = listed[i];
    __syncthreads();
    return least > 1 ? static_cast<uint32_t>(least >> 32) : 0;
}

/* Elements of the tile at `next` that join the list; whether it has room for them. `hits`: which of the thread's. */
template <typename T>
static __device__ bool join_list(const stream_part<T> &part, int next, unsigned hits, const T *tile,
                                 stream_memory *memory) {
    constexpr int N = vector_elements<T>();
    int left = part.vectors - next - static_cast<int>(threadIdx.x);
    int whole = min(max((left + STREAM_THREADS - 1) / STREAM_THREADS, 0), STREAM_HELD / N);
    hits &= (1u << whole * N) - 1;
    int count = __popc(hits), place = atomicAdd(&memory->count, count);
    bool fits = place + count <= STREAM_LIST;
#pragma unroll 1
    for (; hits != 0; hits &= hits - 1, place++) {
        int i = __ffs(static_cast<int>(hits)) - 1;
        int at = (i / N * STREAM_THREADS + static_cast<int>(threadIdx.x)) * N + i % N;
        if (place < STREAM_LIST)
            memory->list[place] =
                ordered_key_of(to_float(tile[at]), static_cast<uint32_t>(part.column + next * N + at));
    }
    return fits;
}

/* The number below a threshold, to be exceeded by what reaches it, -0 too. That of none is 0, a NaN, which all exceed.
 */
static __device__ uint32_t below(uint32_t threshold) {
    const uint32_t zero = 0x80000000u;
    return threshold - (threshold == zero ? 2 : threshold > 0 ? 1 : 0);
}

/* A value that at least `top` elements of the first tile reach, few more; 0: there are not so many threads with
 * elements. `seen` is the thread's largest. */
template <typename T>
static __device__ uint32_t first_threshold(const stream_arguments<T> &s, uint32_t seen, stream_memory *memory) {
    int thread = static_cast<int>(threadIdx.x), all = STREAM_WARPS * s.published; /* a multiple of 4 */
#pragma unroll 1
    for (int j = 0; j < s.published; j++) {
        uint32_t largest = take_largest(&seen);
        if (thread % WARP_SIZE == 0)
            memory->published[thread / WARP_SIZE * s.published + j] = largest;
    }
    __syncthreads();
    const uint4 *fours = reinterpret_cast<const uint4 *>(memory->published);
#pragma unroll 1
    for (int i = thread; i < all; i += STREAM_THREADS) {
        uint32_t value = memory->published[i];
        int reach = 0;
#pragma unroll 1
        for (int k = 0; k < all / 4; k++) {
            uint4 four = fours[k];
            reach += (four.x >= value) + (four.y >= value) + (four.z >= value) + (four.w >= value);
        }
        if (reach >= s.top)
            atomicMax(&memory->threshold, value);
    }
    __syncthreads();
    return memory->threshold;
}

/* What `top` threads have seen at least: the least of what each warp's share of them have. */
static __device__ uint32_t risen_threshold(uint32_t seen, int top, stream_memory *memory) {
    int of_warp = (top + STREAM_WARPS - 1) / STREAM_WARPS; /* at most 16 */
#pragma unroll 1
    for (int k = 1; k < of_warp; k++)
        take_largest(&seen);
    uint32_t mine = take_largest(&seen);
    __syncthreads();
    if (threadIdx.x % WARP_SIZE == 0)
        memory->reached[threadIdx.x / WARP_SIZE] = mine;
    __syncthreads();
    uint32_t least = memory->reached[0];
#pragma unroll
    for (int w = 1; w < STREAM_WARPS; w++)
        least = min(least, memory->reached[w]);
    return least;
}

/* Tile after tile of a row, which may have no whole vector. */
template <typename T>
static __device__ void stream_row(const stream_arguments<T> &s, const stream_part<T> &part, stream_memory *memory) {
    constexpr int TILE = STREAM_TILE / vector_elements<T>();
    const int rise_often = 4; /* tiles after which the threshold rises, and again after so many times as many */
    const uint64_t policy = l2_policy(s.once);
    float held[STREAM_HELD], largest;
    uint32_t seen = 0, threshold = 0;
    bool fits = true;
    int rises = rise_often * TILE, buffer = 0;
#pragma unroll
    for (int a = 0; a < STREAM_AHEAD; a++)
        send_for_tile(part, a * TILE, memory->tiles[a], policy);
#pragma unroll 1
    for (int next = 0; next == 0 || next < part.vectors; next += TILE, buffer = 1 - buffer) {
        wait_copies<STREAM_AHEAD - 1>();
        largest = floats_of_tile(part, next, memory->tiles[buffer], held);
        if (next + static_cast<int>(threadIdx.x) < part.vectors)
            seen = max(seen, ordered_bits(largest));
        if (next == 0)
            threshold = below(first_threshold(s, seen, memory));
        if (next == rises) {
            rises *= rise_often;
            threshold = max(threshold, below(risen_threshold(seen, s.top, memory)));
        }
        float bound = ordered_float(threshold);
        if (!(largest <= bound)) {
            unsigned hits = 0;
#pragma unroll
            for (int i = 0; i < STREAM_HELD; i++)
                hits |= held[i] <= bound ? 0 : 1u << i;
            fits = join_list(part, next, hits, reinterpret_cast<const T *>(memory->tiles[buffer]), memory);
        }
        send_for_tile(part, next + STREAM_AHEAD * TILE, memory->tiles[buffer], policy);
        if (!__syncthreads_and(fits)) {
            threshold = max(threshold, select_again(part, next, s.top, memory)); /* later ones must exceed it */
            fits = true;
        }
    }
}

/* A key that at least `top` of the row's reach (of all, if there are no more), and not many more where values differ.
 * Of each thread's keys, the first `slots` are in use; there are `count` in all. */
static __device__ ordered_key middle_key(const ordered_key (&keys)[STREAM_LIST_HELD + 1], int slots, int count, int top,
                                         stream_memory *memory) {
    uint32_t mine = 0;
#pragma unroll
    for (ordered_key key : keys)
        mine = max(mine, static_cast<uint32_t>(key >> 32));
    mine = __reduce_max_sync(0xffffffffu, mine);
    if (threadIdx.x % WARP_SIZE == 0)
        atomicMax(&memory->largest, mine);
    __syncthreads();
    uint32_t low = memory->threshold, high = memory->largest; /* low is reached by enough */
    const int enough = top > STREAM_ORDERED ? top : static_cast<int>(STREAM_ORDERED);
    int reach = count;
#pragma unroll 1
    while (reach > enough && low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        int above = 0;
#pragma unroll
        for (int i = 0; i <= STREAM_LIST_HELD; i++)
            if (i < slots)
                above += __syncthreads_count(static_cast<uint32_t>(keys[i] >> 32) >= middle);
        if (above >= top) {
            low = middle;
            reach = above;
        } else {
            high = middle - 1;
        }
    }
    return static_cast<ordered_key>(low) << 32;
}

/* Writes the `top` largest of the list's first keys, each at the place that the number of larger ones is. */
template <typename T> static __device__ void order(const stream_arguments<T> &s, const ordered_key *list, int count) {
    const ulonglong2 *pairs = reinterpret_cast<const ulonglong2 *>(list);
    int64_t row = static_cast<int64_t>(blockIdx.x) * s.top;
#pragma unroll 1
    for (int c = threadIdx.x; c < count; c += STREAM_THREADS) {
        ordered_key key = list[c];
        int place = 0;
#pragma unroll 1
        for (int i = 0; i < count; i += 4) { /* what lies behind the last is some key or other */
            ulonglong2 a = pairs[i / 2], b = pairs[i / 2 + 1];
            place += (a.x > key) + (a.y > key && i + 1 < count) + (b.x > key && i + 2 < count) +
                     (b.y > key && i + 3 < count);
        }
        if (place < s.top) {
            s.values[row + place] = from_float<T>(ordered_value(key));
            s.columns[row + place] = static_cast<int32_t>(ordered_column(key));
        }
    }
}

/* From the list to the row's results. */
template <typename T>
static __device__ void finish(const stream_arguments<T> &s, const stream_part<T> &part, stream_memory *memory) {
    int thread = static_cast<int>(threadIdx.x), count = memory->count;
    int singles = s.cols - part.vectors * vector_elements<T>();
    ordered_key keys[STREAM_LIST_HELD + 1];
#pragma unroll
    for (int i = 0; i < STREAM_LIST_HELD; i++) {
        int at = i * STREAM_THREADS + thread;
        keys[i] = at < count ? memory->list[at] : ORDERED_NONE;
    }
    keys[STREAM_LIST_HELD] = part.single < 0 ? ORDERED_NONE
                                             : ordered_key_of(to_float(part.from[part.single - part.column]),
                                                              static_cast<uint32_t>(part.single));
    int slots = singles > 0 ? STREAM_LIST_HELD + 1 : (count + STREAM_THREADS - 1) / STREAM_THREADS;
    ordered_key least = middle_key(keys, slots, count + singles, s.top, memory); /* all have read the list behind it */
#pragma unroll
    for (ordered_key key : keys)
        if (key >= least && key != ORDERED_NONE)
            memory->list[atomicAdd(&memory->kept, 1)] = key;
    __syncthreads();
    order(s, memory->list, memory->kept);
}

template <typename T>
static __global__ void __launch_bounds__(STREAM_THREADS, STREAM_BLOCKS) topk_stream_kernel(stream_arguments<T> s) {
    __shared__ __align__(VECTOR_BYTES) stream_memory memory;
    stream_part<T> part = part_of(s);
    if (threadIdx.x == 0) {
        memory.count = memory.kept = 0;
        memory.threshold = memory.largest = 0;
    }
    __syncthreads();
    stream_row(s, part, &memory);
    __syncthreads();
    finish(s, part, &memory);
}

gpu_status topk_stream(const topk_params *p, const gpu_device_info *gpu, const void *x, void *values, int32_t *columns,
                       gpu_stream stream) {
    /* Rows for one and a half times the blocks that the GPU holds at once: with fewer, all blocks begin and end
     * together, and memory waits meanwhile. Short rows are not worth two kernels. */
    const double rounds_least = 1.5;
    bool fills = static_cast<double>(p->rows) >= rounds_least * STREAM_BLOCKS * gpu->sm_count;
    if (p->top > STREAM_TOP_MAX || (!fills && p->cols > 2 * STREAM_TILE) || p->rows > INT32_MAX ||
        p->cols > INT32_MAX / 2 || !is_aligned(x, VECTOR_BYTES))
        return GPU_NO_KERNEL;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const int top = static_cast<int>(p->top);
        const int wanted = static_cast<int>(divide_up(top * 5 / 4, STREAM_WARPS)); /* at most 20 */
        /* Up to a few L2s of input: 12 % faster at 64 MB on an H100 whose L2 others had written, 3 % slower at 512 MB.
         */
        const double once_most = 4;
        bool once = static_cast<double>(p->rows * p->cols) * sizeof(T) <= once_most * gpu->l2_bytes;
        stream_arguments<T> s = {
            static_cast<const T *>(x), static_cast<T *>(values), columns, static_cast<int>(p->cols), top, wanted, once};
        topk_stream_kernel<T><<<static_cast<unsigned>(p->rows), STREAM_THREADS, 0, stream>>>(s);
        return gpu_last_error();
    });
}
