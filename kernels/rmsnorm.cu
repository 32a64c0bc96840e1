/* Root-mean-square norm by row: x / sqrt(mean(x^2) + epsilon) * weight, optionally of x + residual, which is stored
 * too. Sums in fp32. Memory bound: reads and writes each tensor once; weights stay in cache.
 *
 * One block a row. A row of whole 16-byte vectors is held in registers between its two passes (up to
 * ROW_VECTORS_MAX a thread); longer or odd rows are read a second time. */
#include "kernels/device.cuh"

enum { RMSNORM_THREADS_MAX = 1024, ROW_VECTORS_MAX = 4 };
static const unsigned MANY_ROWS = 1024; /* several blocks an SM on the largest GPUs */

template <typename T> struct rmsnorm_arguments {
    const T *x, *residual, *weight;
    T *sum, *out;
    int cols;
};

/* The vector of x, or of x + residual, rounded as stored; and the store. */
template <typename T, bool RESIDUAL>
static __device__ vector<T, vector_elements<T>()> load_row_vector(const rmsnorm_arguments<T> &s, int64_t base, int v) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    V x = reinterpret_cast<const V *>(s.x + base)[v];
    if constexpr (RESIDUAL) {
        V r = reinterpret_cast<const V *>(s.residual + base)[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            x.at[i] = from_float<T>(to_float(x.at[i]) + to_float(r.at[i]));
        reinterpret_cast<V *>(s.sum + base)[v] = x;
    }
    return x;
}

template <typename T, bool RESIDUAL>
static __global__ void __launch_bounds__(RMSNORM_THREADS_MAX) rmsnorm_vector_kernel(rmsnorm_arguments<T> s) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    int64_t base = static_cast<int64_t>(blockIdx.x) * s.cols;
    int vectors = s.cols / N;
    V held[ROW_VECTORS_MAX];
    float squares = 0;
#pragma unroll
    for (int j = 0; j < ROW_VECTORS_MAX; j++) {
        int v = threadIdx.x + j * blockDim.x;
        if (v >= vectors)
            continue;
        held[j] = load_row_vector<T, RESIDUAL>(s, base, v);
#pragma unroll
        for (int i = 0; i < N; i++)
            squares += to_float(held[j].at[i]) * to_float(held[j].at[i]);
    }
    float inverse = rsqrtf(block_sum(squares) / s.cols + static_cast<float>(RMSNORM_EPSILON));
#pragma unroll
    for (int j = 0; j < ROW_VECTORS_MAX; j++) {
        int v = threadIdx.x + j * blockDim.x;
        if (v >= vectors)
            continue;
        V w = reinterpret_cast<const V *>(s.weight)[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            w.at[i] = from_float<T>(to_float(held[j].at[i]) * inverse * to_float(w.at[i]));
        reinterpret_cast<V *>(s.out + base)[v] = w;
    }
}

/* Any width: one element at a time, read twice. */
template <typename T, bool RESIDUAL>
static __global__ void __launch_bounds__(RMSNORM_THREADS_MAX) rmsnorm_scalar_kernel(rmsnorm_arguments<T> s) {
    int64_t base = static_cast<int64_t>(blockIdx.x) * s.cols;
    const T *row = RESIDUAL ? s.sum + base : s.x + base;
    float squares = 0;
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) {
        float value = to_float(s.x[base + c]);
        if constexpr (RESIDUAL) {
            T sum = from_float<T>(value + to_float(s.residual[base + c]));
            s.sum[base + c] = sum;
            value = to_float(sum);
        }
        squares += value * value;
    }
    float inverse = rsqrtf(block_sum(squares) / s.cols + static_cast<float>(RMSNORM_EPSILON));
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) /* the same thread wrote sum[c] */
        s.out[base + c] = from_float<T>(to_float(row[c]) * inverse * to_float(s.weight[c]));
}

template <typename T, bool RESIDUAL>
static gpu_status launch_rmsnorm(const rmsnorm_arguments<T> &s, unsigned rows, bool aligned, gpu_stream stream) {
    int vectors = s.cols / vector_elements<T>();
    bool whole = aligned && s.cols % vector_elements<T>() == 0 && vectors <= RMSNORM_THREADS_MAX * ROW_VECTORS_MAX;
    /* Many rows: few threads with several vectors each, so that more rows are on their way; few: all threads at once.
     */
    bool many = rows >= MANY_ROWS || vectors > RMSNORM_THREADS_MAX;
    int64_t wanted = whole ? divide_up(vectors, many ? ROW_VECTORS_MAX : 1) : s.cols;
    int threads = static_cast<int>(divide_up(wanted, WARP_SIZE) * WARP_SIZE);
    threads = threads > RMSNORM_THREADS_MAX ? RMSNORM_THREADS_MAX : threads;
    if (whole)
        rmsnorm_vector_kernel<T, RESIDUAL><<<rows, threads, 0, stream>>>(s);
    else
        rmsnorm_scalar_kernel<T, RESIDUAL><<<rows, threads, 0, stream>>>(s);
    return gpu_last_error();
}

extern "C" gpu_status gpu_rmsnorm(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    const gpu_tensor *t = x->at;
    const int needed[] = {OPERAND_rmsnorm_x, OPERAND_rmsnorm_weight, OPERAND_rmsnorm_out, OPERAND_rmsnorm_residual,
                          OPERAND_rmsnorm_sum};
    bool aligned = true;
    for (int i = 0; i < (p->residual ? 5 : 3); i++) {
        if (!t[needed[i]].data)
            return GPU_BAD_OPERANDS;
        aligned = aligned && is_aligned(t[needed[i]].data, VECTOR_BYTES);
    }
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        rmsnorm_arguments<T> s = {static_cast<const T *>(t[OPERAND_rmsnorm_x].data),
                                  static_cast<const T *>(t[OPERAND_rmsnorm_residual].data),
                                  static_cast<const T *>(t[OPERAND_rmsnorm_weight].data),
                                  static_cast<T *>(t[OPERAND_rmsnorm_sum].data),
                                  static_cast<T *>(t[OPERAND_rmsnorm_out].data),
                                  static_cast<int>(p->cols)};
        unsigned rows = static_cast<unsigned>(p->rows);
        return p->residual ? launch_rmsnorm<T, true>(s, rows, aligned, stream)
                           : launch_rmsnorm<T, false>(s, rows, aligned, stream);
    });
}
