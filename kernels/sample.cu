/* One token a row from logits.
 *
 *     argmax        the largest, the lowest column of equal ones
 *     multinomial   the first column whose cumulative probability exceeds the row's uniform number
 *     top_p         the same over the most likely tokens alone: the fewest whose probabilities reach SAMPLE_TOP_P
 *
 * argmax: a block a row reads it once. top_p sorts the rows first (CUB's segmented radix sort, descending, stable, so
 * that equal logits keep their order). Probabilities are summed in fp64: a draw then depends on the logits and the
 * uniform number alone, not on the order of a sum. */
#include "kernels/ordered.cuh"

#include <cub/block/block_scan.cuh>
#include <cub/device/device_segmented_radix_sort.cuh>

enum { SAMPLE_THREADS = 512 };

/* N elements an access. */
template <typename T, int N>
static __global__ void __launch_bounds__(SAMPLE_THREADS) argmax_kernel(const T *logits, int32_t *tokens, int64_t cols) {
    const vector<T, N> *row = reinterpret_cast<const vector<T, N> *>(logits + blockIdx.x * cols);
    int vectors = static_cast<int>(cols / N), column = static_cast<int>(threadIdx.x) * N;
    float top = -INFINITY;
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += SAMPLE_THREADS) {
        float x[N];
        floats_of(load_vector_once(row + v), x);
#pragma unroll
        for (int i = 0; i < N; i++) {
            column = x[i] > top ? v * N + i : column;
            top = fmaxf(top, x[i]);
        }
    }
    ordered_key best = ORDERED_NONE;
    if (static_cast<int>(threadIdx.x) < vectors) /* + 0: zeros of both signs are equal */
        best = ordered_key_of(top + 0.0f, static_cast<uint32_t>(column));
    best = block_largest(best);
    if (threadIdx.x == 0)
        tokens[blockIdx.x] = static_cast<int32_t>(ordered_column(best));
}

/* Keys and columns for the sort, and where rows begin. */
template <typename T>
static __global__ void __launch_bounds__(SAMPLE_THREADS)
    sort_input_kernel(const T *logits, float *keys, int32_t *columns, int32_t *begins, int64_t rows, int64_t cols) {
    int64_t i = static_cast<int64_t>(blockIdx.x) * SAMPLE_THREADS + threadIdx.x;
    if (i <= rows)
        begins[i] = static_cast<int32_t>(i * cols);
    for (; i < rows * cols; i += static_cast<int64_t>(gridDim.x) * SAMPLE_THREADS) {
        keys[i] = to_float(logits[i]);
        columns[i] = static_cast<int32_t>(i % cols);
    }
}

typedef cub::BlockScan<double, SAMPLE_THREADS> block_scan;

/* Draws from one row. Each thread has a contiguous stretch of it; `columns` NULL: a value's place is its column. */
template <typename T>
static __global__ void __launch_bounds__(SAMPLE_THREADS)
    draw_kernel(const T *values, const int32_t *columns, const float *uniforms, int32_t *tokens, int64_t cols,
                double top_p) {
    __shared__ typename block_scan::TempStorage scan_storage;
    __shared__ double kept_mass;
    const T *row = values + blockIdx.x * cols;
    int64_t each = (cols + SAMPLE_THREADS - 1) / SAMPLE_THREADS, first = threadIdx.x * each;
    int64_t end = first + each < cols ? first + each : cols;
    float top = -INFINITY;
    for (int64_t c = first; c < end; c++)
        top = fmaxf(top, to_float(row[c]));
    double largest = block_max(top), sum = 0, before = 0, total = 0;
    for (int64_t c = first; c < end; c++)
        sum += exp(static_cast<double>(to_float(row[c])) - largest);
    block_scan(scan_storage).ExclusiveSum(sum, before, total);
    if (threadIdx.x == 0) {
        kept_mass = total;
        /* Should rounding between stretches leave the target to nobody: the first token. */
        tokens[blockIdx.x] = columns ? columns[blockIdx.x * cols] : 0;
    }
    __syncthreads();
    /* The token at which the kept ones reach top_p of the whole; the last one at the latest. */
    double running = before, wanted = top_p * total;
    for (int64_t c = first; c < end && top_p < 1; c++) {
        double after = running + exp(static_cast<double>(to_float(row[c])) - largest);
        if (running < wanted && after >= wanted)
            kept_mass = after;
        running = after;
    }
    __syncthreads();
    running = before;
    double target = uniforms[blockIdx.x] * kept_mass;
    for (int64_t c = first; c < end; c++) {
        double after = running + exp(static_cast<double>(to_float(row[c])) - largest);
        if (running <= target && after > target)
            tokens[blockIdx.x] = columns ? columns[blockIdx.x * cols + c] : static_cast<int32_t>(c);
        running = after;
    }
}

/* Parts of the workspace, each beginning at 256 bytes. */
typedef struct sort_memory {
    size_t keys, sorted_keys, columns, sorted_columns, begins, scratch, scratch_bytes, all;
} sort_memory;

static size_t take(size_t *used, size_t bytes) {
    const size_t alignment = 256;
    size_t at = *used;
    *used += (bytes + alignment - 1) / alignment * alignment;
    return at;
}

static gpu_status sort_rows(const sort_memory *m, char *base, int64_t rows, int64_t cols, size_t *scratch_bytes,
                            gpu_stream stream) {
    auto at = [&](size_t offset) { return base ? base + offset : nullptr; };
    int32_t *begins = reinterpret_cast<int32_t *>(at(m->begins));
    return cub::DeviceSegmentedRadixSort::SortPairsDescending(
        base ? at(m->scratch) : nullptr, *scratch_bytes, reinterpret_cast<const float *>(at(m->keys)),
        reinterpret_cast<float *>(at(m->sorted_keys)), reinterpret_cast<const int32_t *>(at(m->columns)),
        reinterpret_cast<int32_t *>(at(m->sorted_columns)), static_cast<int>(rows * cols), static_cast<int>(rows),
        begins, begins ? begins + 1 : nullptr, 0, 32, stream);
}

static sort_memory sort_memory_of(const sample_params *p) {
    sort_memory m = {};
    size_t count = static_cast<size_t>(p->rows * p->cols);
    m.keys = take(&m.all, count * sizeof(float));
    m.sorted_keys = take(&m.all, count * sizeof(float));
    m.columns = take(&m.all, count * sizeof(int32_t));
    m.sorted_columns = take(&m.all, count * sizeof(int32_t));
    m.begins = take(&m.all, static_cast<size_t>(p->rows + 1) * sizeof(int32_t));
    if (sort_rows(&m, nullptr, p->rows, p->cols, &m.scratch_bytes, nullptr) != 0)
        m.scratch_bytes = 0;
    m.scratch = take(&m.all, m.scratch_bytes);
    return m;
}

extern "C" size_t gpu_sample_workspace_bytes(const op *o, const plan *) {
    return o->as.sample.method == sample_method_top_p ? sort_memory_of(&o->as.sample).all : 0;
}

template <typename T>
static gpu_status launch_top_p(const sample_params *p, const T *logits, const float *uniforms, int32_t *tokens,
                               void *workspace, gpu_stream stream) {
    const int64_t blocks_max = 4096;
    sort_memory m = sort_memory_of(p);
    char *base = static_cast<char *>(workspace);
    float *keys = reinterpret_cast<float *>(base + m.keys), *sorted = reinterpret_cast<float *>(base + m.sorted_keys);
    int32_t *columns = reinterpret_cast<int32_t *>(base + m.columns);
    int64_t count = p->rows * p->cols, blocks = divide_up(count > p->rows ? count : p->rows + 1, SAMPLE_THREADS);
    int64_t starting = divide_up(p->rows + 1, SAMPLE_THREADS); /* all begins, whatever the cap */
    unsigned grid = static_cast<unsigned>(blocks < blocks_max ? blocks : starting > blocks_max ? starting : blocks_max);
    sort_input_kernel<T><<<grid, SAMPLE_THREADS, 0, stream>>>(
        logits, keys, columns, reinterpret_cast<int32_t *>(base + m.begins), p->rows, p->cols);
    gpu_status code = sort_rows(&m, base, p->rows, p->cols, &m.scratch_bytes, stream);
    if (code != 0)
        return code;
    draw_kernel<float><<<static_cast<unsigned>(p->rows), SAMPLE_THREADS, 0, stream>>>(
        sorted, reinterpret_cast<int32_t *>(base + m.sorted_columns), uniforms, tokens, p->cols, SAMPLE_TOP_P);
    return gpu_last_error();
}

extern "C" gpu_status gpu_sample(const op *o, const plan *, const gpu_operands *x, void *workspace, gpu_stream stream) {
    const sample_params *p = &o->as.sample;
    const int64_t sorted_max = INT32_MAX; /* CUB counts items in an int */
    if (!operands_are_there(o, x) || (p->method == sample_method_top_p && !workspace))
        return GPU_BAD_OPERANDS;
    if (p->rows * p->cols > sorted_max)
        return GPU_NO_KERNEL;
    const float *uniforms = static_cast<const float *>(x->at[OPERAND_sample_uniforms].data);
    int32_t *tokens = static_cast<int32_t *>(x->at[OPERAND_sample_tokens].data);
    unsigned rows = static_cast<unsigned>(p->rows);
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const T *logits = static_cast<const T *>(x->at[OPERAND_sample_logits].data);
        if (p->method == sample_method_top_p)
            return launch_top_p(p, logits, uniforms, tokens, workspace, stream);
        constexpr int N = vector_elements<T>();
        if (p->method == sample_method_argmax && p->cols % N == 0 && is_aligned(logits, VECTOR_BYTES))
            argmax_kernel<T, N><<<rows, SAMPLE_THREADS, 0, stream>>>(logits, tokens, p->cols);
        else if (p->method == sample_method_argmax)
            argmax_kernel<T, 1><<<rows, SAMPLE_THREADS, 0, stream>>>(logits, tokens, p->cols);
        else
            draw_kernel<T><<<rows, SAMPLE_THREADS, 0, stream>>>(logits, nullptr, uniforms, tokens, p->cols, 1.0);
        return gpu_last_error();
    });
}
