/* What attention kernels share on the device: which keys a query sees, and elements of caches. */
#ifndef INGOT_ATTENTION_CUH
#define INGOT_ATTENTION_CUH

#include "kernels/attention.h"
#include "kernels/mma.cuh"

#include <type_traits>

struct key_range {
    int begin, end;
};

__device__ inline int keys_of_sequence(const attention_arguments &s, int sequence) {
    return s.kv_lens ? min(s.kv_lens[sequence], s.kv_len) : s.kv_len;
}

/* The last query stands at the last key; a window ends at the query's own position. */
__device__ inline key_range visible_keys(const attention_arguments &s, int length, int query) {
    key_range keys = {0, length};
    if (s.causal || s.window > 0)
        keys.end = max(length - s.q_len + query + 1, 0);
    if (s.window > 0)
        keys.begin = max(keys.end - s.window, 0);
    return keys;
}

/* Where a sequence's key or value begins, in elements: in the sequence's block, or in a page of 2^page_shift tokens. */
template <bool PAGED>
__device__ inline int64_t key_place(const attention_arguments &s, const attention_tensor &t, int64_t sequence,
                                    int64_t key) {
    if constexpr (PAGED) {
        int64_t page = __ldg(s.pages + sequence * s.pages_row + (key >> s.page_shift));
        return ((page << s.page_shift) + (key & ((int64_t{1} << s.page_shift) - 1))) * t.row;
    } else {
        return sequence * t.block + key * t.row;
    }
}

/* Where a query's head lies in the output. */
__device__ inline int64_t item_row(const attention_arguments &s, int64_t sequence, int query, int head) {
    return ((sequence * s.q_len + query) * s.heads + head) * s.head_dim;
}

template <typename KV> constexpr bool kv_is_scaled() {
    return std::is_same<KV, int8_t>::value || std::is_same<KV, int4_pair>::value;
}

template <typename KV> __device__ inline float kv_element(const void *data, int64_t index) {
    return to_float(static_cast<const KV *>(data)[index]);
}
template <> __device__ inline float kv_element<int8_t>(const void *data, int64_t index) {
    return static_cast<float>(static_cast<const int8_t *>(data)[index]);
}
template <> __device__ inline float kv_element<int4_pair>(const void *data, int64_t index) {
    int bits = static_cast<const uint8_t *>(data)[index >> 1] >> (index & 1 ? 4 : 0) & 0xf;
    return static_cast<float>((bits ^ 8) - 8);
}

/* Calls f with null pointers of the types of queries and of the cache. */
template <typename F> gpu_status with_kv_type(data_type type, data_type kv_type, F f) {
    return with_float_type(type, [&](auto *pointer) -> gpu_status {
        if (kv_type == type)
            return f(pointer, pointer);
        switch (kv_type) {
        case DTYPE_fp8:
            return f(pointer, static_cast<__nv_fp8_e4m3 *>(nullptr));
        case DTYPE_int8:
            return f(pointer, static_cast<int8_t *>(nullptr));
        case DTYPE_int4:
            return f(pointer, static_cast<int4_pair *>(nullptr));
        default:
            return GPU_NO_KERNEL;
        }
    });
}

#endif
