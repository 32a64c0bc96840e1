/* Products through cuBLASLt. The library counts columns first, so that the row-major D[m,n] = A[m,k] B[n,k]^T is its
 * D'[n,m] = B'^T[n,k] A'[k,m]: the form in which k is contiguous in both inputs, which 8-bit types need. */
#include "kernels/gemm_library.h"

#include "core/base/hash.h"
#include "kernels/context.h"
#include "kernels/variant.h"

#include <cublasLt.h>
#include <cublaslt_names.h> /* made from cublasLt.h by CMake: tiles, clusters and stages by id */
#include <cuda_runtime.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 12, /* algorithms asked of the heuristics and measured */
    MEASURED_RUNS = 5,   /* each; the fastest counts */
    SLOTS_FIRST = 256,   /* of the hash table; doubled at half full */
    SCRATCH_ALIGNMENT = 256,
};

typedef struct gemm_entry {
    gemm_params key; /* padding zeroed: compared as bytes */
    bool used;
    gpu_status refused; /* why there is no algorithm, or 0 */
    cublasLtMatmulDesc_t description;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
    plan actual;
} gemm_entry;

typedef struct gemm_cache {
    cublasLtHandle_t handle;
    gemm_entry *entries;
    size_t slots, used;
    void *scratch; /* inputs and output of measurements */
    size_t scratch_bytes;
    cudaEvent_t before, after;
} gemm_cache;

typedef struct gemm_types {
    cudaDataType_t in, out, scale;
    cublasComputeType_t compute;
    size_t in_bytes, out_bytes;
} gemm_types;

static bool types_of(const gemm_params *p, gemm_types *out) {
    switch (p->dtype) {
    case DTYPE_bf16:
        *out = {CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, 2, 2};
        break;
    case DTYPE_fp16:
        *out = {CUDA_R_16F, CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 2, 2};
        break;
    case DTYPE_fp32:
        *out = {CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 4, 4};
        break;
    case DTYPE_fp8:
        *out = {CUDA_R_8F_E4M3, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, 1, 2};
        break;
    case DTYPE_int8:
        *out = {CUDA_R_8I, CUDA_R_32I, CUDA_R_32I, CUBLAS_COMPUTE_32I, 1, 4};
        break;
    default:
        return false;
    }
    return p->weights_dtype == p->dtype;
}

/* ---- the table ---- */

/* Only what the library sees. */
static gemm_params key_of(const gemm_params *p) {
    gemm_params key;
    memset(&key, 0, sizeof key);
    key.m = p->m;
    key.n = p->n;
    key.k = p->k;
    key.batch = p->batch;
    key.dtype = p->dtype;
    key.weights_dtype = p->weights_dtype;
    key.epilogue = p->epilogue;
    return key;
}

/* The entry of a key, or the free slot where it belongs. */
static gemm_entry *find_entry(gemm_entry *entries, size_t slots, const gemm_params *key) {
    uint64_t hash = hash_mix64(static_cast<uint64_t>(key->m));
    hash = hash_mix64(hash ^ static_cast<uint64_t>(key->n));
    hash = hash_mix64(hash ^ static_cast<uint64_t>(key->k));
    hash = hash_mix64(hash ^ static_cast<uint64_t>(key->batch) << 8 ^ static_cast<uint64_t>(key->dtype));
    size_t slot = hash & (slots - 1);
    while (entries[slot].used && memcmp(&entries[slot].key, key, sizeof *key) != 0)
        slot = (slot + 1) & (slots - 1);
    return &entries[slot];
}

static gemm_entry *checked_entries(size_t slots) {
    gemm_entry *entries = static_cast<gemm_entry *>(calloc(slots, sizeof *entries));
    if (!entries)
        abort();
    return entries;
}

static void grow(gemm_cache *cache) {
    size_t slots = cache->slots * 2;
    gemm_entry *entries = checked_entries(slots);
    for (size_t i = 0; i < cache->slots; i++)
        if (cache->entries[i].used)
            *find_entry(entries, slots, &cache->entries[i].key) = cache->entries[i];
    free(cache->entries);
    cache->entries = entries;
    cache->slots = slots;
}

static gemm_cache *make_cache(void) {
    gemm_cache *cache = static_cast<gemm_cache *>(calloc(1, sizeof *cache));
    if (!cache)
        abort();
    cache->slots = SLOTS_FIRST;
    cache->entries = checked_entries(cache->slots);
    if (cublasLtCreate(&cache->handle) != CUBLAS_STATUS_SUCCESS || cudaEventCreate(&cache->before) != cudaSuccess ||
        cudaEventCreate(&cache->after) != cudaSuccess) {
        gemm_cache_free(cache);
        return nullptr;
    }
    return cache;
}

extern "C" void gemm_cache_free(struct gemm_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < cache->slots; i++) {
        gemm_entry *entry = &cache->entries[i];
        if (entry->description)
            cublasLtMatmulDescDestroy(entry->description);
        for (cublasLtMatrixLayout_t layout : {entry->a, entry->b, entry->d})
            if (layout)
                cublasLtMatrixLayoutDestroy(layout);
    }
    free(cache->entries);
    cudaFree(cache->scratch);
    if (cache->before)
        cudaEventDestroy(cache->before);
    if (cache->after)
        cudaEventDestroy(cache->after);
    if (cache->handle)
        cublasLtDestroy(cache->handle);
    free(cache);
}

/* ---- describing a product ---- */

static bool describe_matrix(cublasLtMatrixLayout_t *out, cudaDataType_t type, int64_t rows, int64_t cols,
                            int64_t batch) {
    if (cublasLtMatrixLayoutCreate(out, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), rows) !=
        CUBLAS_STATUS_SUCCESS)
        return false;
    int32_t count = static_cast<int32_t>(batch);
    int64_t stride = rows * cols;
    return cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count) ==
               CUBLAS_STATUS_SUCCESS &&
           cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                            sizeof stride) == CUBLAS_STATUS_SUCCESS;
}

template <typename T>
static bool set_attribute(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t name, T value) {
    return cublasLtMatmulDescSetAttribute(description, name, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
}

static bool set_scales(cublasLtMatmulDesc_t description, const void *a_scales, const void *b_scales) {
    /* The library's A is our b. */
    return set_attribute(description, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, b_scales) &&
           set_attribute(description, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, a_scales);
}

static cublasLtEpilogue_t epilogue_of(gemm_epilogue epilogue) {
    switch (epilogue) {
    case gemm_epilogue_bias:
        return CUBLASLT_EPILOGUE_BIAS;
    case gemm_epilogue_relu:
        return CUBLASLT_EPILOGUE_RELU;
    case gemm_epilogue_gelu:
        return CUBLASLT_EPILOGUE_GELU;
    case gemm_epilogue_bias_relu:
        return CUBLASLT_EPILOGUE_RELU_BIAS;
    case gemm_epilogue_bias_gelu:
        return CUBLASLT_EPILOGUE_GELU_BIAS;
    default:
        return CUBLASLT_EPILOGUE_DEFAULT;
    }
}

/* The library keeps pointers in the description; a launch reads them. */
static bool set_vectors(const gemm_entry *entry, const gemm_vectors *v) {
    if (entry->key.dtype == DTYPE_fp8 && !set_scales(entry->description, v->a_scales, v->b_scales))
        return false;
    return !gemm_has_bias(&entry->key) || set_attribute(entry->description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, v->bias);
}

static bool describe(gemm_entry *entry, const gemm_types *types, int32_t sm_count) {
    const gemm_params *p = &entry->key;
    cublasOperation_t transposed = CUBLAS_OP_T;
    if (cublasLtMatmulDescCreate(&entry->description, types->compute, types->scale) != CUBLAS_STATUS_SUCCESS)
        return false;
    bool fine = set_attribute(entry->description, CUBLASLT_MATMUL_DESC_TRANSA, transposed) &&
                describe_matrix(&entry->b, types->in, p->k, p->n, p->batch) &&
                describe_matrix(&entry->a, types->in, p->k, p->m, p->batch) &&
                describe_matrix(&entry->d, types->out, p->n, p->m, p->batch);
    fine = fine && set_attribute(entry->description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p->epilogue));
    /* On a part of the SMs, the library should plan for that part. */
    fine = fine && set_attribute(entry->description, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, sm_count);
    if (fine && p->dtype == DTYPE_fp8) {
        int32_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
        fine = set_attribute(entry->description, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, mode) &&
               set_attribute(entry->description, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, mode);
    }
    return fine;
}

static cublasStatus_t run_algorithm(gemm_cache *cache, const gemm_entry *entry, const cublasLtMatmulAlgo_t *algorithm,
                                    const void *a, const void *b, void *d, void *workspace, gpu_stream stream) {
    const float one = 1, zero = 0;
    const int32_t one_int = 1, zero_int = 0;
    bool integer = entry->key.dtype == DTYPE_int8;
    const void *alpha = integer ? static_cast<const void *>(&one_int) : &one;
    const void *beta = integer ? static_cast<const void *>(&zero_int) : &zero;
    return cublasLtMatmul(cache->handle, entry->description, alpha, b, entry->b, a, entry->a, beta, d, entry->d, d,
                          entry->d, algorithm, workspace, GEMM_LIBRARY_WORKSPACE_BYTES, stream);
}

/* ---- choosing an algorithm ---- */

/* Small random numbers of any type: measured times depend on the data (zeros run faster). */
static __global__ void fill_scratch(uint32_t *words, size_t count, uint32_t keep, uint32_t set) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        uint32_t x = static_cast<uint32_t>(i) * 2654435761u;
        x = (x ^ x >> 16) * 2246822519u;
        x = (x ^ x >> 13) * 3266489917u;
        words[i] = ((x ^ x >> 16) & keep) | set;
    }
}

static size_t aligned(size_t bytes) {
    return (bytes + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT;
}

typedef struct measuring_buffers {
    char *a, *b, *d, *scales, *workspace;
} measuring_buffers;

static bool make_scratch(gemm_cache *cache, const gemm_params *p, const gemm_types *types, measuring_buffers *out,
                         gpu_stream stream) {
    size_t m = static_cast<size_t>(p->m), n = static_cast<size_t>(p->n), k = static_cast<size_t>(p->k);
    size_t batch = static_cast<size_t>(p->batch);
    size_t a = aligned(batch * m * k * types->in_bytes), b = aligned(batch * n * k * types->in_bytes);
    size_t d = aligned(batch * m * n * types->out_bytes), scales = aligned((m > n ? m : n) * batch * sizeof(float));
    size_t wanted = a + b + d + scales + GEMM_LIBRARY_WORKSPACE_BYTES;
    if (wanted > cache->scratch_bytes) {
        cudaFree(cache->scratch);
        cache->scratch = nullptr;
        cache->scratch_bytes = 0;
        if (cudaMalloc(&cache->scratch, wanted) != cudaSuccess)
            return false;
        cache->scratch_bytes = wanted;
    }
    char *base = static_cast<char *>(cache->scratch);
    *out = {base, base + a, base + a + b, base + a + b + d, base + a + b + d + scales};
    /* Exponents near one: bits that make bf16, fp16, fp8 and fp32 numbers of magnitude below 2. */
    uint32_t keep = p->dtype == DTYPE_int8 ? 0xffffffffu : p->dtype == DTYPE_fp8 ? 0x87878787u : 0x80ff80ffu;
    uint32_t set = p->dtype == DTYPE_int8 ? 0 : p->dtype == DTYPE_fp8 ? 0x30303030u : 0x3c003c00u;
    enum { FILL_BLOCKS = 1024, FILL_THREADS = 256 };
    fill_scratch<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(static_cast<uint32_t *>(cache->scratch), (a + b) / 4, keep,
                                                           set);
    static const uint32_t ONE_AS_FP32 = 0x3f800000u;
    fill_scratch<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(reinterpret_cast<uint32_t *>(out->scales), scales / 4, 0,
                                                           ONE_AS_FP32);
    return cudaGetLastError() == cudaSuccess;
}

/* Fastest of several runs beside what the variant of the GPU runs, or FLT_MAX when the library refuses. */
static float measure(gpu_context *context, const gemm_entry *entry, const cublasLtMatmulAlgo_t *algorithm,
                     const measuring_buffers *x) {
    gemm_cache *cache = context->gemm;
    gpu_stream stream = context->stream;
    float best_ms = FLT_MAX;
    error ignored;
    bool fine = true;
    for (int run = 0; run <= MEASURED_RUNS && fine; run++) { /* the first warms up */
        fine = run == 0 || variant_run_begins(context, &ignored) == STATUS_OK;
        cudaEventRecord(cache->before, stream);
        fine = fine &&
               run_algorithm(cache, entry, algorithm, x->a, x->b, x->d, x->workspace, stream) == CUBLAS_STATUS_SUCCESS;
        cudaEventRecord(cache->after, stream);
        float ms = 0;
        fine = fine && cudaEventSynchronize(cache->after) == cudaSuccess &&
               cudaEventElapsedTime(&ms, cache->before, cache->after) == cudaSuccess;
        variant_run_ends(context);
        if (fine && run > 0 && ms < best_ms)
            best_ms = ms;
    }
    return fine ? best_ms : FLT_MAX;
}

static gpu_status choose(gpu_context *context, gemm_entry *entry, const measuring_buffers *x) {
    gemm_cache *cache = context->gemm;
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulHeuristicResult_t found[CANDIDATES_MAX];
    int count = 0;
    size_t workspace_bytes = GEMM_LIBRARY_WORKSPACE_BYTES;
    if (cublasLtMatmulPreferenceCreate(&preference) != CUBLAS_STATUS_SUCCESS)
        return GPU_LIBRARY_FAILED;
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes,
                                         sizeof workspace_bytes);
    /* Parts of a split reduction meet in fp32 and in a fixed order: sums that are rounded to 16 bits on the way, or
     * added as they arrive, would be neither right nor repeatable. */
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions,
                                         sizeof reductions);
    cublasStatus_t asked =
        cublasLtMatmulAlgoGetHeuristic(cache->handle, entry->description, entry->b, entry->a, entry->d, entry->d,
                                       preference, CANDIDATES_MAX, found, &count);
    cublasLtMatmulPreferenceDestroy(preference);
    if (asked != CUBLAS_STATUS_SUCCESS || count == 0)
        return GPU_NO_KERNEL;
    float best_ms = FLT_MAX;
    for (int i = 0; i < count; i++) {
        float ms = measure(context, entry, &found[i].algo, x);
        if (ms < best_ms) {
            best_ms = ms;
            entry->algorithm = found[i].algo;
        }
    }
    cudaGetLastError(); /* a refused candidate is no error of the chosen one */
    return best_ms < FLT_MAX ? 0 : GPU_LIBRARY_FAILED;
}

template <typename T>
static T config(const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulAlgoConfigAttributes_t name) {
    T value = 0;
    size_t written = 0;
    cublasLtMatmulAlgoConfigGetAttribute(algorithm, name, &value, sizeof value, &written);
    return value;
}

static const cublaslt_pair *find_pair(const cublaslt_pair *pairs, size_t count, unsigned id) {
    for (size_t i = 0; i < count; i++)
        if (pairs[i].id == id)
            return &pairs[i];
    return nullptr;
}

#define FIND_PAIR(pairs, id) find_pair(pairs, sizeof pairs / sizeof pairs[0], id)

/* What was chosen, in our terms: the library's rows are our columns. Members it does not tell are 0. */
static plan describe_choice(const gemm_entry *entry) {
    const cublasLtMatmulAlgo_t *algorithm = &entry->algorithm;
    const cublaslt_pair *tile = FIND_PAIR(cublaslt_tiles, config<uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID));
    const cublaslt_pair *stage =
        FIND_PAIR(cublaslt_stages, config<uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID));
    const cublaslt_pair *cluster =
        FIND_PAIR(cublaslt_clusters, config<uint16_t>(algorithm, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID));
    plan chosen = {};
    chosen.tile_m = tile ? tile->second : 0;
    chosen.tile_n = tile ? tile->first : 0;
    chosen.tile_k = stage ? stage->first : 0;
    chosen.stages = stage ? stage->second : 0;
    chosen.cluster_m = cluster ? cluster->second : 1;
    chosen.cluster_n = cluster ? cluster->first : 1;
    int32_t splits = config<int32_t>(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM);
    chosen.split_k = splits > 1 ? splits : 1;
    chosen.launches = chosen.split_k > 1 ? 2 : 1; /* the parts are added by a second kernel */
    chosen.swapped = true;
    if (tile) {
        int64_t rows = (entry->key.m + tile->second - 1) / tile->second;
        int64_t cols = (entry->key.n + tile->first - 1) / tile->first;
        chosen.ctas = static_cast<double>(rows * cols * entry->key.batch * chosen.split_k);
    }
    return chosen;
}

static gpu_status prepare_entry(gpu_context *context, gemm_cache *cache, gemm_entry *entry) {
    gemm_types types;
    if (!types_of(&entry->key, &types))
        return GPU_NO_KERNEL;
    if (!describe(entry, &types, context->variant ? context->info.sm_count : 0))
        return GPU_LIBRARY_FAILED;
    measuring_buffers x;
    if (!make_scratch(cache, &entry->key, &types, &x, context->stream))
        return cudaErrorMemoryAllocation;
    const gemm_vectors vectors = {x.scales, x.scales, x.scales}; /* as long as any bias, and wider */
    if (!set_vectors(entry, &vectors))
        return GPU_LIBRARY_FAILED;
    gpu_status code = choose(context, entry, &x);
    if (code == 0)
        entry->actual = describe_choice(entry);
    return code;
}

gpu_status gemm_library_prepare(gpu_context *context, const gemm_params *p, plan *actual) {
    if (!context->gemm)
        context->gemm = make_cache();
    gemm_cache *cache = context->gemm;
    if (!cache)
        return GPU_LIBRARY_FAILED;
    if (2 * cache->used >= cache->slots)
        grow(cache);
    gemm_params key = key_of(p);
    gemm_entry *entry = find_entry(cache->entries, cache->slots, &key);
    if (!entry->used) {
        entry->used = true;
        entry->key = key;
        cache->used++;
        entry->refused = prepare_entry(context, cache, entry);
    }
    if (actual)
        *actual = entry->actual;
    return entry->refused;
}

gpu_status gemm_library_launch(gpu_context *context, const gemm_params *p, const void *a, const void *b, void *d,
                               const gemm_vectors *vectors, void *workspace, gpu_stream stream) {
    gemm_params key = key_of(p);
    gemm_cache *cache = context ? context->gemm : nullptr;
    gemm_entry *entry = cache ? find_entry(cache->entries, cache->slots, &key) : nullptr;
    if (!entry || !entry->used)
        return GPU_NOT_PREPARED;
    if (entry->refused)
        return entry->refused;
    if (!set_vectors(entry, vectors))
        return GPU_LIBRARY_FAILED;
    cublasStatus_t code = run_algorithm(cache, entry, &entry->algorithm, a, b, d, workspace, stream);
    return code == CUBLAS_STATUS_SUCCESS ? gpu_last_error() : GPU_LIBRARY_FAILED;
}
