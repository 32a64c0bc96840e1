/* What stands around an 8-bit product: rows quantised before it, int32 sums scaled after it. Memory bound, each tensor
 * read and written once. */
#include "kernels/device.cuh"
#include "kernels/gemm.h"

enum { INT8_THREADS = 256 };

template <typename Q> struct quantised_range;
template <> struct quantised_range<int8_t> { static constexpr float largest = 127.0f; };
template <> struct quantised_range<__nv_fp8_e4m3> { static constexpr float largest = 448.0f; };

static __device__ int8_t quantise_element(float x, const int8_t *) {
    return static_cast<int8_t>(__float2int_rn(x));
}
static __device__ __nv_fp8_e4m3 quantise_element(float x, const __nv_fp8_e4m3 *) {
    return __nv_fp8_e4m3(x);
}

/* A block a row: the largest magnitude first, then the values; the second read comes from cache. A row of zeros gets
 * scale 0 and values 0. */
template <typename T, typename Q>
static __global__ void __launch_bounds__(INT8_THREADS)
    quantise_rows_kernel(const T *x, int64_t cols, Q *values, float *scales) {
    const T *row = x + blockIdx.x * cols;
    Q *out = values + blockIdx.x * cols;
    float largest = 0;
    for (int64_t c = threadIdx.x; c < cols; c += INT8_THREADS)
        largest = fmaxf(largest, fabsf(to_float(row[c])));
    largest = block_max(largest);
    float inverse = largest > 0 ? quantised_range<Q>::largest / largest : 0.0f;
    for (int64_t c = threadIdx.x; c < cols; c += INT8_THREADS)
        out[c] = quantise_element(to_float(row[c]) * inverse, out);
    if (threadIdx.x == 0)
        scales[blockIdx.x] = largest / quantised_range<Q>::largest;
}

extern "C" gpu_status gpu_quantise_rows(data_type in, data_type out, const void *x, int64_t rows, int64_t cols,
                                        void *values, void *scales, gpu_stream stream) {
    return with_float_type(in, [&](auto *pointer) {
        using T = std::remove_pointer_t<decltype(pointer)>;
        unsigned blocks = static_cast<unsigned>(rows);
        const T *source = static_cast<const T *>(x);
        if (out == DTYPE_int8)
            quantise_rows_kernel<T, int8_t><<<blocks, INT8_THREADS, 0, stream>>>(
                source, cols, static_cast<int8_t *>(values), static_cast<float *>(scales));
        else if (out == DTYPE_fp8)
            quantise_rows_kernel<T, __nv_fp8_e4m3><<<blocks, INT8_THREADS, 0, stream>>>(
                source, cols, static_cast<__nv_fp8_e4m3 *>(values), static_cast<float *>(scales));
        else
            return static_cast<gpu_status>(GPU_NO_KERNEL);
        return gpu_last_error();
    });
}

static __global__ void __launch_bounds__(INT8_THREADS)
    scale_sums_kernel(const int32_t *sums, const float *row_scales, const float *col_scales, __nv_bfloat16 *out,
                      int64_t cols) {
    int64_t row = blockIdx.y, c = static_cast<int64_t>(blockIdx.x) * INT8_THREADS + threadIdx.x;
    if (c >= cols)
        return;
    float scaled = static_cast<float>(sums[row * cols + c]) * row_scales[row] * col_scales[c];
    out[row * cols + c] = __float2bfloat16_rn(scaled);
}

extern "C" gpu_status gpu_scale_sums(const void *sums, int64_t rows, int64_t cols, const void *row_scales,
                                     const void *col_scales, void *out, gpu_stream stream) {
    const int64_t rows_a_launch = 65535; /* limit of a grid's second dimension */
    for (int64_t first = 0; first < rows; first += rows_a_launch) {
        int64_t count = rows - first < rows_a_launch ? rows - first : rows_a_launch;
        dim3 grid(static_cast<unsigned>(divide_up(cols, INT8_THREADS)), static_cast<unsigned>(count));
        scale_sums_kernel<<<grid, INT8_THREADS, 0, stream>>>(
            static_cast<const int32_t *>(sums) + first * cols, static_cast<const float *>(row_scales) + first,
            static_cast<const float *>(col_scales), static_cast<__nv_bfloat16 *>(out) + first * cols, cols);
    }
    return gpu_last_error();
}
