/* The largest values of each row, largest first; of many or short rows in topk_stream.cu, of a row an SM or two in
 * topk_cluster.cu. Here in two steps: blocks hold a stretch of columns in registers and leave the few elements among
 * which its largest are; then a block a row finds the row's among those. Reads each element once.
 *
 * A block takes the elements not below a threshold that at least `top` of them reach: warps sort their lanes' largest
 * values, and the least of what is (top / warps)-th in each will do. Elements are ordered by counting larger ones. What
 * bounds it is arithmetic: every element is compared twice, and little else may be done to it. */
#include "kernels/ordered.cuh"
#include "kernels/topk.h"

enum {
    TOPK_BLOCK_THREADS = 256,
    TOPK_WARPS = TOPK_BLOCK_THREADS / WARP_SIZE,
    TOPK_HELD = 32, /* elements a thread */
    TOPK_STRETCH = TOPK_BLOCK_THREADS * TOPK_HELD,
    TOPK_FOUND_HELD = 16, /* keys a thread, in the second step */
    TOPK_FOUND_MAX = TOPK_BLOCK_THREADS * TOPK_FOUND_HELD,
    TOPK_MAX = 128,
    TOPK_WARP_CANDIDATES = 64, /* of a warp; 128 wanted of a block: 30 on average */
    TOPK_CANDIDATES = TOPK_WARPS * TOPK_WARP_CANDIDATES,
};

/* The lanes' values in falling order (a bitonic sort). */
static __device__ float warp_sorted(float x) {
    int lane = threadIdx.x % WARP_SIZE;
#pragma unroll
    for (int size = 2; size <= WARP_SIZE; size *= 2)
#pragma unroll
        for (int offset = size / 2; offset > 0; offset /= 2) {
            float other = __shfl_xor_sync(0xffffffffu, x, offset);
            bool larger = ((lane & offset) == 0) == ((lane & size) == 0);
            x = larger ? fmaxf(x, other) : fminf(x, other);
        }
    return x;
}

/* A value that at least `top` elements of the block reach, from each thread's largest. */
static __device__ float threshold_of(float largest, int top) {
    __shared__ float partial[TOPK_WARPS];
    int of_warp = (top + TOPK_WARPS - 1) / TOPK_WARPS; /* at most 16 */
    float reached = __shfl_sync(0xffffffffu, warp_sorted(largest), of_warp - 1);
    if (threadIdx.x % WARP_SIZE == 0)
        partial[threadIdx.x / WARP_SIZE] = reached;
    __syncthreads();
    float threshold = partial[0];
#pragma unroll
    for (int w = 1; w < TOPK_WARPS; w++)
        threshold = fminf(threshold, partial[w]);
    return threshold;
}

/* One after the other: for elements of which too many may be among the largest. Thread 0 writes. */
template <int HELD, typename Key, typename Write>
static __device__ void take_one_by_one(int top, Key key_of, Write write) {
    ordered_key last = ~ORDERED_NONE;
    for (int k = 0; k < top; k++) {
        ordered_key best = ORDERED_NONE;
#pragma unroll
        for (int i = 0; i < HELD; i++) {
            ordered_key key = key_of(i);
            best = key < last && key > best ? key : best;
        }
        last = block_largest(best);
        if (threadIdx.x == 0)
            write(k, last);
    }
}

/* Gathers the keys of the elements that reach the threshold, in any order; how many there are, or -1 where a warp has
 * more than it may keep. A thread has value_of(i), and key_of(i) of it, i below HELD. */
template <int HELD, typename Value, typename Key>
static __device__ int gather(int top, Value value_of, Key key_of, ordered_key *candidates) {
    __shared__ ordered_key kept[TOPK_WARPS][TOPK_WARP_CANDIDATES];
    __shared__ int counts[TOPK_WARPS];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, count = 0;
    float largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < HELD; i++)
        largest = fmaxf(largest, value_of(i));
    float threshold = threshold_of(largest, top);
#pragma unroll
    for (int i = 0; i < HELD; i++) {
        unsigned reaching = __ballot_sync(0xffffffffu, value_of(i) >= threshold);
        if (reaching == 0)
            continue;
        int place = count + __popc(reaching & ((1u << lane) - 1));
        if ((reaching >> lane & 1) && place < TOPK_WARP_CANDIDATES)
            kept[warp][place] = key_of(i);
        count += __popc(reaching);
    }
    if (lane == 0)
        counts[warp] = count;
    __syncthreads();
    int before = 0, all = 0;
    bool fits = true;
#pragma unroll
    for (int w = 0; w < TOPK_WARPS; w++) {
        before += w < warp ? counts[w] : 0;
        all += counts[w];
        fits = fits && counts[w] <= TOPK_WARP_CANDIDATES;
    }
    for (int k = lane; fits && k < count; k += WARP_SIZE)
        candidates[before + k] = kept[warp][k];
    __syncthreads();
    return fits ? all : -1;
}

/* Writes the `top` largest of the candidates, each at the place that the number of larger ones is. */
template <typename Write> static __device__ void order(const ordered_key *candidates, int count, int top, Write write) {
    for (int c = threadIdx.x; c < count; c += TOPK_BLOCK_THREADS) {
        ordered_key key = candidates[c];
        int place = 0;
#pragma unroll 4
        for (int i = 0; i < count; i++)
            place += candidates[i] > key;
        if (place < top && key != ORDERED_NONE)
            write(place, key);
    }
}

/* N elements an access; a stretch leaves `slots` keys, at least `top`. What it lacks is below every number, in columns
 * beyond the row, and becomes no key. */
template <typename T, int N>
static __global__ void __launch_bounds__(TOPK_BLOCK_THREADS, 3)
    topk_stretch_kernel(const T *x, ordered_key *found, int cols, int top, int slots) {
    __shared__ ordered_key candidates[TOPK_CANDIDATES];
    const vector<T, N> *row = reinterpret_cast<const vector<T, N> *>(x + blockIdx.y * static_cast<int64_t>(cols));
    int first = static_cast<int>(blockIdx.x * TOPK_STRETCH), thread = static_cast<int>(threadIdx.x);
    auto column_of = [&](int i) { return first + (i / N * TOPK_BLOCK_THREADS + thread) * N + i % N; };
    vector<T, N> loaded[TOPK_HELD / N], nothing;
#pragma unroll
    for (int k = 0; k < N; k++)
        nothing.at[k] = from_float<T>(-INFINITY);
#pragma unroll
    for (int v = 0; v < TOPK_HELD / N; v++) { /* whole vectors */
        loaded[v] = nothing;
        if (column_of(v * N) < cols)
            loaded[v] = load_vector_once(row + column_of(v * N) / N);
    }
    float held[TOPK_HELD];
#pragma unroll
    for (int v = 0; v < TOPK_HELD / N; v++)
        floats_of(loaded[v], held + v * N);
    auto key_of = [&](int i) { return ordered_key_of(held[i], static_cast<uint32_t>(column_of(i))); };
    auto of_row = [&](ordered_key key) {
        return ordered_column(key) < static_cast<uint32_t>(cols) ? key : ORDERED_NONE;
    };
    int count = gather<TOPK_HELD>(
        top, [&](int i) { return held[i]; }, key_of, candidates);
    ordered_key *out = found + (static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * slots;
    bool all = count >= 0 && count <= slots; /* the second step orders them */
    for (int k = thread; k < slots; k += TOPK_BLOCK_THREADS)
        out[k] = all && k < count ? of_row(candidates[k]) : ORDERED_NONE;
    if (all)
        return;
    __syncthreads();
    auto write = [&](int k, ordered_key key) { out[k] = of_row(key); };
    if (count >= 0)
        order(candidates, count, top, write);
    else /* many equal values, or the large ones in few threads */
        take_one_by_one<TOPK_HELD>(top, key_of, write);
}

template <typename T>
static __global__ void __launch_bounds__(TOPK_BLOCK_THREADS)
    topk_merge_kernel(const ordered_key *found, T *values, int32_t *columns, int keys, int top) {
    __shared__ ordered_key candidates[TOPK_CANDIDATES];
    const ordered_key *row = found + static_cast<int64_t>(blockIdx.x) * keys;
    ordered_key held[TOPK_FOUND_HELD];
#pragma unroll
    for (int i = 0; i < TOPK_FOUND_HELD; i++) {
        int c = i * TOPK_BLOCK_THREADS + static_cast<int>(threadIdx.x);
        held[i] = c < keys ? row[c] : ORDERED_NONE;
    }
    auto key_of = [&](int i) { return held[i]; };
    int count = keys;
    if (keys <= TOPK_BLOCK_THREADS) { /* few enough: no threshold */
        candidates[threadIdx.x] = held[0];
        __syncthreads();
    } else {
        auto value_of = [&](int i) { return held[i] == ORDERED_NONE ? -INFINITY : ordered_value(held[i]); };
        count = gather<TOPK_FOUND_HELD>(top, value_of, key_of, candidates);
    }
    auto write = [&](int k, ordered_key key) {
        values[static_cast<int64_t>(blockIdx.x) * top + k] = from_float<T>(ordered_value(key));
        columns[static_cast<int64_t>(blockIdx.x) * top + k] = static_cast<int32_t>(ordered_column(key));
    };
    if (count >= 0)
        order(candidates, count, top, write);
    else
        take_one_by_one<TOPK_FOUND_HELD>(top, key_of, write);
}

static int64_t stretches_of(const topk_params *p) {
    return divide_up(p->cols, TOPK_STRETCH);
}

/* Keys that a stretch leaves: room for all candidates in most cases, where the second step can take so many. */
static int64_t slots_of(const topk_params *p) {
    const int64_t least = 64, most = 256, times = 3;
    int64_t slots = p->top * times < least ? least : p->top * times;
    slots = slots < most ? slots : most;
    return slots * stretches_of(p) <= TOPK_FOUND_MAX ? slots : p->top;
}

extern "C" size_t gpu_topk_workspace_bytes(const op *o, const plan *) {
    const topk_params *p = &o->as.topk;
    return static_cast<size_t>(p->rows * stretches_of(p) * slots_of(p)) * sizeof(ordered_key);
}

extern "C" gpu_status gpu_topk(const op *o, const plan *, const gpu_operands *x, void *workspace, gpu_stream stream) {
    const topk_params *p = &o->as.topk;
    const int64_t rows_max = 65535; /* grid.y */
    if (!operands_are_there(o, x) || !workspace)
        return GPU_BAD_OPERANDS;
    if (x->context) {
        const void *in = x->at[OPERAND_topk_x].data;
        void *values = x->at[OPERAND_topk_values].data;
        int32_t *columns = static_cast<int32_t *>(x->at[OPERAND_topk_columns].data);
        gpu_status code = topk_stream(p, &x->context->info, in, values, columns, stream);
        if (code == GPU_NO_KERNEL)
            code = topk_cluster(p, &x->context->info, in, values, columns, stream);
        if (code != GPU_NO_KERNEL)
            return code;
    }
    int64_t stretches = stretches_of(p), slots = slots_of(p), keys = stretches * slots;
    if (p->top > TOPK_MAX || keys > TOPK_FOUND_MAX || p->rows > rows_max || p->cols > INT32_MAX - TOPK_STRETCH)
        return GPU_NO_KERNEL;
    int top = static_cast<int>(p->top), cols = static_cast<int>(p->cols);
    dim3 grid(static_cast<unsigned>(stretches), static_cast<unsigned>(p->rows));
    ordered_key *found = static_cast<ordered_key *>(workspace);
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        constexpr int N = vector_elements<T>();
        const T *in = static_cast<const T *>(x->at[OPERAND_topk_x].data);
        if (p->cols % N == 0 && is_aligned(in, VECTOR_BYTES))
            topk_stretch_kernel<T, N>
                <<<grid, TOPK_BLOCK_THREADS, 0, stream>>>(in, found, cols, top, static_cast<int>(slots));
        else if (p->cols % (N / 2) == 0 && is_aligned(in, VECTOR_BYTES))
            topk_stretch_kernel<T, N / 2>
                <<<grid, TOPK_BLOCK_THREADS, 0, stream>>>(in, found, cols, top, static_cast<int>(slots));
        else
            topk_stretch_kernel<T, 1>
                <<<grid, TOPK_BLOCK_THREADS, 0, stream>>>(in, found, cols, top, static_cast<int>(slots));
        topk_merge_kernel<T><<<grid.y, TOPK_BLOCK_THREADS, 0, stream>>>(
            found, static_cast<T *>(x->at[OPERAND_topk_values].data),
            static_cast<int32_t *>(x->at[OPERAND_topk_columns].data), static_cast<int>(keys), top);
        return gpu_last_error();
    });
}
