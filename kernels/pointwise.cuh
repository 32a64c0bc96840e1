/* The pattern of pointwise kernels: out = f(a) or f(a, b), 16 bytes of the widest tensor a thread and access, several
 * accesses in flight before the first result. Rows may lie apart; where they do not, the tensor is one long row. */
#ifndef INGOT_POINTWISE_CUH
#define INGOT_POINTWISE_CUH

#include "kernels/device.cuh"

enum { POINTWISE_THREADS = 256, POINTWISE_UNROLL = 4 };
static const int64_t GRID_Y_MAX = 65535;

template <typename In, typename Out> struct pointwise_tensors {
    const In *a, *b; /* b: NULL with one input */
    Out *out;
    int64_t rows, cols;
    int64_t a_stride, b_stride, out_stride; /* elements between rows */
};

/* Elements an access moves: 16 bytes of the wider type. */
template <typename In, typename Out> constexpr int pointwise_width() {
    return VECTOR_BYTES / (sizeof(In) > sizeof(Out) ? sizeof(In) : sizeof(Out));
}

/* a[i] = f(a[i], b[i]). Functions that first look at what they are to do overload this. */
template <int N, typename F> __device__ inline void pointwise_apply(const F &f, float (&a)[N], const float (&b)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++)
        a[i] = f(a[i], b[i]);
}

template <typename In, typename Out, int N, bool TWO, typename F>
static __device__ void pointwise_row(const In *a, const In *b, Out *out, int64_t vectors, F f) {
    using VI = vector<In, N>;
    using VO = vector<Out, N>;
    int64_t first = static_cast<int64_t>(blockIdx.x) * POINTWISE_THREADS * POINTWISE_UNROLL + threadIdx.x;
    VI x[POINTWISE_UNROLL], y[POINTWISE_UNROLL];
#pragma unroll
    for (int u = 0; u < POINTWISE_UNROLL; u++) {
        int64_t v = first + u * POINTWISE_THREADS;
        if (v >= vectors)
            break;
        x[u] = load_vector(reinterpret_cast<const VI *>(a) + v);
        if constexpr (TWO)
            y[u] = load_vector(reinterpret_cast<const VI *>(b) + v);
    }
#pragma unroll
    for (int u = 0; u < POINTWISE_UNROLL; u++) {
        int64_t v = first + u * POINTWISE_THREADS;
        if (v >= vectors)
            break;
        float first_of[N], second_of[N] = {};
        floats_of(x[u], first_of);
        if constexpr (TWO)
            floats_of(y[u], second_of);
        pointwise_apply(f, first_of, second_of);
        store_vector(reinterpret_cast<VO *>(out) + v, vector_from_floats<Out, N>(first_of));
    }
}

template <typename In, typename Out, int N, bool TWO, typename F>
static __global__ void __launch_bounds__(POINTWISE_THREADS) pointwise_kernel(pointwise_tensors<In, Out> t, F f) {
    int64_t vectors = t.cols / N;
    for (int64_t row = blockIdx.y; row < t.rows; row += gridDim.y) {
        const In *a = t.a + row * t.a_stride, *b = TWO ? t.b + row * t.b_stride : nullptr;
        Out *out = t.out + row * t.out_stride;
        pointwise_row<In, Out, N, TWO>(a, b, out, vectors, f);
        /* What does not fill a vector: fewer than N elements, done by the first threads of the first block. */
        int64_t c = vectors * N + threadIdx.x;
        if (N > 1 && blockIdx.x == 0 && c < t.cols)
            out[c] = from_float<Out>(f(to_float(a[c]), TWO ? to_float(b[c]) : 0.0f));
    }
}

template <typename In, typename Out, int N, bool TWO, typename F>
static gpu_status pointwise_launch_width(const pointwise_tensors<In, Out> &t, F f, gpu_stream stream) {
    int64_t each = static_cast<int64_t>(POINTWISE_THREADS) * POINTWISE_UNROLL;
    int64_t across = divide_up(t.cols / N, each);
    dim3 grid(static_cast<unsigned>(across > 0 ? across : 1),
              static_cast<unsigned>(t.rows < GRID_Y_MAX ? t.rows : GRID_Y_MAX));
    pointwise_kernel<In, Out, N, TWO><<<grid, POINTWISE_THREADS, 0, stream>>>(t, f);
    return gpu_last_error();
}

/* Launches f over the tensors: vectors where every row begins at one, single elements otherwise. */
template <bool TWO, typename In, typename Out, typename F>
static gpu_status pointwise_launch(pointwise_tensors<In, Out> t, F f, gpu_stream stream) {
    constexpr int N = pointwise_width<In, Out>();
    if (t.a_stride == t.cols && t.out_stride == t.cols && (!TWO || t.b_stride == t.cols)) {
        t.cols *= t.rows; /* one long row */
        t.rows = 1;
        t.a_stride = t.b_stride = t.out_stride = t.cols;
    }
    bool apart = t.rows > 1;
    bool whole = is_aligned(t.a, N * sizeof(In)) && is_aligned(t.out, N * sizeof(Out)) &&
                 (!TWO || is_aligned(t.b, N * sizeof(In))) &&
                 (!apart || (t.a_stride % N == 0 && t.out_stride % N == 0 && (!TWO || t.b_stride % N == 0)));
    return whole ? pointwise_launch_width<In, Out, N, TWO>(t, f, stream)
                 : pointwise_launch_width<In, Out, 1, TWO>(t, f, stream);
}

#endif
