/* Attention for what no fast kernel takes: odd widths, fp32, unaligned rows. A warp a query and head; lanes lie along
 * the width, keys follow one another, weights are rescaled when a larger score comes. Bound by latency. */
#include "kernels/attention.cuh"

/* Pages of any size. */
static __device__ int64_t place_of(const attention_arguments &s, const attention_tensor &t, int64_t sequence, int key) {
    if (!s.pages)
        return key_place<false>(s, t, sequence, key);
    int64_t page = s.pages[sequence * s.pages_row + key / s.page_tokens];
    return (page * s.page_tokens + key % s.page_tokens) * t.row;
}

enum { GENERAL_THREADS = 128, GENERAL_WARPS = GENERAL_THREADS / WARP_SIZE, GENERAL_WIDTH = 128 };

template <typename T, typename KV, int N>
static __global__ void __launch_bounds__(GENERAL_THREADS) general_kernel(attention_arguments s) {
    int64_t item = static_cast<int64_t>(blockIdx.x) * GENERAL_WARPS + threadIdx.x / WARP_SIZE;
    int lane = threadIdx.x % WARP_SIZE, head = static_cast<int>(item % s.heads), kv_head = head / s.group;
    int query = static_cast<int>(item / s.heads % s.q_len);
    int64_t sequence = item / s.heads / s.q_len;
    if (sequence >= s.batch)
        return; /* whole warps */
    const T *q = static_cast<const T *>(s.q.data) + sequence * s.q.block + query * s.q.row + head * s.head_dim;
    float queries[N], sums[N], top = -INFINITY, total = 0;
#pragma unroll
    for (int i = 0; i < N; i++) {
        int c = lane + i * WARP_SIZE;
        queries[i] = c < s.head_dim ? to_float(q[c]) : 0.0f;
        sums[i] = 0;
    }
    key_range keys = visible_keys(s, keys_of_sequence(s, static_cast<int>(sequence)), query);
    for (int j = keys.begin; j < keys.end; j++) {
        int64_t k = place_of(s, s.k, sequence, j) + kv_head * s.head_dim;
        int64_t v = place_of(s, s.v, sequence, j) + kv_head * s.head_dim;
        float dot = 0;
#pragma unroll
        for (int i = 0; i < N; i++) {
            int c = lane + i * WARP_SIZE;
            if (c < s.head_dim)
                dot += queries[i] * kv_element<KV>(s.k.data, k + c);
        }
        float score = warp_sum(dot) * s.scale, value_scale = 1;
        if (kv_is_scaled<KV>()) {
            score *= kv_element<__half>(s.k_scales.data, place_of(s, s.k_scales, sequence, j) + kv_head);
            value_scale = kv_element<__half>(s.v_scales.data, place_of(s, s.v_scales, sequence, j) + kv_head);
        }
        float new_top = fmaxf(top, score), shrink = exp2f(top - new_top), weight = exp2f(score - new_top);
        top = new_top;
        total = total * shrink + weight;
#pragma unroll
        for (int i = 0; i < N; i++) {
            int c = lane + i * WARP_SIZE;
            float value = c < s.head_dim ? kv_element<KV>(s.v.data, v + c) : 0.0f;
            sums[i] = sums[i] * shrink + weight * value_scale * value;
        }
    }
    T *out = static_cast<T *>(s.out) + item_row(s, sequence, query, head);
    float inverse = total > 0 ? 1 / total : 0.0f;
#pragma unroll
    for (int i = 0; i < N; i++) {
        int c = lane + i * WARP_SIZE;
        if (c < s.head_dim)
            out[c] = from_float<T>(sums[i] * inverse);
    }
}

gpu_status attention_general(const attention_params *p, const attention_arguments *s, gpu_stream stream) {
    if (p->head_dim > ATTENTION_GENERAL_WIDTH)
        return GPU_NO_KERNEL;
    int64_t items = static_cast<int64_t>(s->batch) * s->q_len * s->heads;
    unsigned blocks = static_cast<unsigned>(divide_up(items, GENERAL_WARPS));
    return with_kv_type(p->dtype, p->kv_dtype, [&](auto *type, auto *kv_type) {
        using T = std::remove_pointer_t<decltype(type)>;
        using KV = std::remove_pointer_t<decltype(kv_type)>;
        if (s->head_dim <= GENERAL_WIDTH)
            general_kernel<T, KV, GENERAL_WIDTH / WARP_SIZE><<<blocks, GENERAL_THREADS, 0, stream>>>(*s);
        else
            general_kernel<T, KV, ATTENTION_GENERAL_WIDTH / WARP_SIZE><<<blocks, GENERAL_THREADS, 0, stream>>>(*s);
        return gpu_last_error();
    });
}
