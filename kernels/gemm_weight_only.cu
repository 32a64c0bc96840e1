/* Products that stream their weights: int8 and int4 weights under 16-bit activations, dequantised in registers, and
 * 16-bit weights under few rows. Bound by the weights' bytes where rows are few.
 *
 * A block computes 16 or 32 output features; its warps share k. The weights are the mma's first operand, so that up to
 * 8 rows cost one instruction; each lane reads 16 bytes of two features' rows, several such vectors in flight, and
 * meets them with the same elements of the activations, which stay in cache. Integers become 16-bit numbers exactly;
 * scales multiply the fp32 sums: those of a group after its 128 elements, those of a feature at the end. More rows
 * than a tile has take further blocks, which read the weights from L2. */
#include "core/plan_gemm_ingot.h"
#include "kernels/gemm.h"
#include "kernels/mma.cuh"

enum {
    STREAM_WARPS = 8,
    STREAM_THREADS = STREAM_WARPS * WARP_SIZE,
    GENERAL_WARPS = 8,
    GRID_Y_MAX = 65535, /* limit of a grid's second dimension */
    INT4_CHUNK = 128,   /* k of a quad's vectors: one group or part of one */
};

template <typename T, typename W> struct stream_arguments {
    const T *x;
    const W *w;
    const __half *scales; /* [n, groups] */
    T *out;
    int m, n, k, groups, group_size;
};

/* Elements of a lane's vector, of a quad's, and words of weights that meet 16 bytes of activations. */
template <typename W> constexpr int lane_k() {
    return 8 * VECTOR_BYTES / element_bits<W>::value;
}
template <typename W> constexpr int chunk_k() {
    return 4 * lane_k<W>();
}

__device__ static uint4 load_streaming(const char *from) {
    uint4 x;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
                 : "l"(from));
    return x;
}

__device__ static uint4 zero_vector() {
    return make_uint4(0, 0, 0, 0);
}

/* Pairs of 8 elements along k of one row of weights: the `part`-th such of a vector. */
template <typename T, typename W> __device__ static void widen_part(const uint4 &raw, int part, uint32_t *pairs) {
    constexpr int words = element_bits<W>::value / 4;
    const uint32_t all[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < words; i++)
        widen<T, W>::word(all[part * words + i], pairs + i * pairs_a_word<W>());
}

/* FT tiles of 16 features by NT tiles of 8 rows a block, U chunks of k in flight a warp. */
template <typename T, typename W, int FT, int NT, int U, bool GROUPED>
static __global__ void __launch_bounds__(STREAM_THREADS, NT > 1 ? 1 : 2) stream_kernel(stream_arguments<T, W> s) {
    constexpr int LANE_K = lane_k<W>(), CHUNK_K = chunk_k<W>(), FEATURES = FT * MMA_M, ROWS = NT * MMA_N;
    __shared__ float sums[STREAM_WARPS][FEATURES][ROWS + 1];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, g = lane / 4, j = lane % 4;
    int first_feature = blockIdx.y * FEATURES, first_row = blockIdx.x * ROWS;
    int64_t row_bytes = static_cast<int64_t>(s.k) * element_bits<W>::value / 8;
    const char *weights = reinterpret_cast<const char *>(s.w);
    float total[FT][NT][4] = {};
    int chunks = (s.k + CHUNK_K - 1) / CHUNK_K;
    for (int first = warp * U; first < chunks; first += STREAM_WARPS * U) {
        uint4 raw[U][FT][2];
        float scales[U][FT][2];
#pragma unroll
        for (int u = 0; u < U; u++) {
            int k = (first + u) * CHUNK_K + j * LANE_K;
#pragma unroll
            for (int f = 0; f < FT * 2; f++) {
                int feature = min(first_feature + f * 8 + g, s.n - 1);
                raw[u][f / 2][f % 2] = zero_vector();
                if (k < s.k)
                    raw[u][f / 2][f % 2] =
                        load_streaming(weights + feature * row_bytes + k * element_bits<W>::value / 8);
                if (GROUPED)
                    scales[u][f / 2][f % 2] = (first + u) < chunks
                                                  ? __half2float(s.scales[static_cast<int64_t>(feature) * s.groups +
                                                                          (first + u) * CHUNK_K / s.group_size])
                                                  : 0.0f;
            }
        }
#pragma unroll
        for (int u = 0; u < U; u++) {
            int k = (first + u) * CHUNK_K + j * LANE_K;
            float part[FT][NT][4] = {};
#pragma unroll
            for (int piece = 0; piece < LANE_K / 8; piece++) {
                uint32_t pairs[FT][2][4];
#pragma unroll
                for (int f = 0; f < FT * 2; f++)
                    widen_part<T, W>(raw[u][f / 2][f % 2], piece, pairs[f / 2][f % 2]);
#pragma unroll
                for (int t = 0; t < NT; t++) {
                    int row = first_row + t * MMA_N + g;
                    uint4 x = zero_vector();
                    if (row < s.m && k < s.k)
                        x = *reinterpret_cast<const uint4 *>(s.x + static_cast<int64_t>(row) * s.k + k + piece * 8);
                    const uint32_t b[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
                    for (int f = 0; f < FT; f++)
#pragma unroll
                        for (int step = 0; step < 2; step++) {
                            const uint32_t a[4] = {pairs[f][0][2 * step], pairs[f][1][2 * step],
                                                   pairs[f][0][2 * step + 1], pairs[f][1][2 * step + 1]};
                            mma_16816<T>(GROUPED ? part[f][t] : total[f][t], a, b[2 * step], b[2 * step + 1]);
                        }
                }
            }
            if (GROUPED)
#pragma unroll
                for (int i = 0; i < FT * NT * 4; i++)
                    total[i / 4 / NT][i / 4 % NT][i % 4] +=
                        part[i / 4 / NT][i / 4 % NT][i % 4] * scales[u][i / 4 / NT][i % 4 / 2];
        }
    }
#pragma unroll
    for (int i = 0; i < FT * NT * 4; i++)
        sums[warp][i / 4 / NT * MMA_M + i % 4 / 2 * 8 + g][i / 4 % NT * MMA_N + 2 * j + i % 2] =
            total[i / 4 / NT][i / 4 % NT][i % 4];
    __syncthreads();
    for (int i = threadIdx.x; i < FEATURES * ROWS; i += STREAM_THREADS) {
        int feature = first_feature + i % FEATURES, row = first_row + i / FEATURES;
        if (feature >= s.n || row >= s.m)
            continue;
        float sum = 0;
#pragma unroll
        for (int w = 0; w < STREAM_WARPS; w++)
            sum += sums[w][i % FEATURES][i / FEATURES];
        if (!GROUPED && s.scales)
            sum *= __half2float(s.scales[feature]);
        s.out[static_cast<int64_t>(row) * s.n + feature] = from_float<T>(sum);
    }
}

template <typename W> __device__ static float weight_at(const W *w, int64_t row, int k, int c) {
    return static_cast<float>(w[row * k + c]);
}
template <> __device__ float weight_at<int4_pair>(const int4_pair *w, int64_t row, int k, int c) {
    int bits = w[row * ((k + 1) / 2) + c / 2].bits >> (c % 2 ? 4 : 0) & 0xf;
    return static_cast<float>((bits ^ 8) - 8);
}

/* Any shape: a warp an output, lanes along k. */
template <typename T, typename W>
static __global__ void __launch_bounds__(GENERAL_WARPS *WARP_SIZE)
    general_kernel(stream_arguments<T, W> s, int64_t products) {
    int64_t item = static_cast<int64_t>(blockIdx.x) * GENERAL_WARPS + threadIdx.x / WARP_SIZE;
    int64_t outputs = static_cast<int64_t>(s.m) * s.n;
    if (item >= outputs * products)
        return; /* whole warps */
    int64_t product = item / outputs, row = product * s.m + item % outputs / s.n;
    int64_t feature = product * s.n + item % s.n;
    float sum = 0;
    for (int c = threadIdx.x % WARP_SIZE; c < s.k; c += WARP_SIZE) {
        float scale = __half2float(s.scales[feature * s.groups + c / s.group_size]);
        sum += to_float(s.x[row * s.k + c]) * weight_at<W>(s.w, feature, s.k, c) * scale;
    }
    sum = warp_sum(sum);
    if (threadIdx.x % WARP_SIZE == 0)
        s.out[row * s.n + item % s.n] = from_float<T>(sum);
}

template <typename T, typename W, int FT, int NT, int U>
static gpu_status launch_tile(const stream_arguments<T, W> &s, gpu_stream stream) {
    /* Neighbours share weights. */
    dim3 grid(static_cast<unsigned>(divide_up(s.m, NT * MMA_N)), static_cast<unsigned>(divide_up(s.n, FT * MMA_M)));
    if (grid.y > static_cast<unsigned>(GRID_Y_MAX))
        return GPU_NO_KERNEL;
    if constexpr (std::is_same<W, int4_pair>::value) {
        if (s.groups > 1) {
            stream_kernel<T, W, FT, NT, U, true><<<grid, STREAM_THREADS, 0, stream>>>(s);
            return gpu_last_error();
        }
    }
    stream_kernel<T, W, FT, NT, U, false><<<grid, STREAM_THREADS, 0, stream>>>(s);
    return gpu_last_error();
}

template <typename T, typename W>
static stream_arguments<T, W> arguments_of(const gemm_params *p, const gpu_operands *x) {
    stream_arguments<T, W> s = {static_cast<const T *>(x->at[OPERAND_gemm_a].data),
                                static_cast<const W *>(x->at[OPERAND_gemm_b].data),
                                static_cast<const __half *>(x->at[OPERAND_gemm_b_scales].data),
                                static_cast<T *>(x->at[OPERAND_gemm_out].data),
                                static_cast<int>(p->m),
                                static_cast<int>(p->n),
                                static_cast<int>(p->k),
                                1,
                                static_cast<int>(p->k)};
    if (p->group_size > 0) {
        s.group_size = static_cast<int>(p->group_size);
        s.groups = static_cast<int>(divide_up(p->k, p->group_size));
    }
    return s;
}

template <typename T, typename W>
static gpu_status launch_product(const gemm_params *p, const gpu_operands *x, gpu_stream stream) {
    stream_arguments<T, W> s = arguments_of<T, W>(p, x);
    bool whole = p->k % lane_k<W>() == 0 && is_aligned(s.x, VECTOR_BYTES) && is_aligned(s.w, VECTOR_BYTES);
    bool groups_fit =
        s.groups == 1 || (std::is_same<W, int4_pair>::value && s.group_size % static_cast<int>(INT4_CHUNK) == 0);
    if (!whole || !groups_fit || p->batch != 1) {
        int64_t blocks = divide_up(p->m * p->n * p->batch, GENERAL_WARPS);
        general_kernel<T, W><<<static_cast<unsigned>(blocks), GENERAL_WARPS * WARP_SIZE, 0, stream>>>(s, p->batch);
        return gpu_last_error();
    }
    /* The tiles of gemm_ingot_plan. */
    if (p->m <= MMA_N)
        return launch_tile<T, W, 1, 1, 4>(s, stream);
    if (p->m <= 2 * MMA_N)
        return launch_tile<T, W, 2, 2, 2>(s, stream);
    return launch_tile < T, W, 1, element_bits<W>::value == 4 ? 4 : 8, 1 > (s, stream);
}

template <typename T> static gpu_status launch_vector(const gemm_params *p, const gpu_operands *x, gpu_stream stream) {
    stream_arguments<T, T> s = arguments_of<T, T>(p, x);
    if (!is_aligned(s.x, VECTOR_BYTES) || !is_aligned(s.w, VECTOR_BYTES))
        return GPU_BAD_OPERANDS;
    return launch_tile<T, T, 1, 1, 8>(s, stream);
}

extern "C" gpu_status gpu_gemm_weight_only(const op *o, const plan *, const gpu_operands *x, void *,
                                           gpu_stream stream) {
    const gemm_params *p = &o->as.gemm;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    bool half = p->dtype == DTYPE_fp16, narrow = p->weights_dtype == DTYPE_int4;
    if (half)
        return narrow ? launch_product<__half, int4_pair>(p, x, stream) : launch_product<__half, int8_t>(p, x, stream);
    return narrow ? launch_product<__nv_bfloat16, int4_pair>(p, x, stream)
                  : launch_product<__nv_bfloat16, int8_t>(p, x, stream);
}

extern "C" gpu_status gpu_gemv_16bit(const op *o, const gpu_operands *x, gpu_stream stream) {
    const gemm_params *p = &o->as.gemm;
    bool half = p->dtype == DTYPE_fp16;
    return half ? launch_vector<__half>(p, x, stream) : launch_vector<__nv_bfloat16>(p, x, stream);
}

extern "C" size_t gpu_gemm_weight_only_workspace_bytes(const op *, const plan *) {
    return 0;
}
