/* What stands around an 8-bit product: rows quantised before it, int32 sums scaled after it. Memory bound, each tensor
 * read and written once. */
#include "kernels/device.cuh"
#include "kernels/gemm.h"

enum { INT8_THREADS = 256 };

static const float INT8_LEVELS = 127.0f;

/* A block a row: the largest magnitude first, then the levels; the second read comes from cache. A row of zeros gets
 * scale 0 and levels 0. */
template <typename T>
static __global__ void __launch_bounds__(INT8_THREADS)
    quantise_rows_kernel(const T *x, int64_t cols, int8_t *values, float *scales) {
    const T *row = x + blockIdx.x * cols;
    int8_t *out = values + blockIdx.x * cols;
    float largest = 0;
    for (int64_t c = threadIdx.x; c < cols; c += INT8_THREADS)
        largest = fmaxf(largest, fabsf(to_float(row[c])));
    largest = block_max(largest);
    float inverse = largest > 0 ? INT8_LEVELS / largest : 0.0f;
    for (int64_t c = threadIdx.x; c < cols; c += INT8_THREADS)
        out[c] = static_cast<int8_t>(__float2int_rn(to_float(row[c]) * inverse));
    if (threadIdx.x == 0)
        scales[blockIdx.x] = largest / INT8_LEVELS;
}

extern "C" gpu_status gpu_quantise_rows(data_type type, const void *x, int64_t rows, int64_t cols, void *values,
                                        void *scales, gpu_stream stream) {
    return with_float_type(type, [&](auto *pointer) {
        using T = std::remove_pointer_t<decltype(pointer)>;
        quantise_rows_kernel<T><<<static_cast<unsigned>(rows), INT8_THREADS, 0, stream>>>(
            static_cast<const T *>(x), cols, static_cast<int8_t *>(values), static_cast<float *>(scales));
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
