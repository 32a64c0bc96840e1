/* Attention: softmax over the keys that a query may see, times their values. A query without keys gives zeros. */
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>

typedef struct key_range {
    int64_t begin, end;
} key_range;

/* The last query stands at the last key; a window ends at the query's own position. */
static key_range visible_keys(const attention_params *p, int64_t length, int64_t query) {
    int64_t position = length - p->q_len + query;
    key_range keys = {0, length};
    if (p->causal || p->window > 0)
        keys.end = position + 1 > 0 ? position + 1 : 0;
    if (p->window > 0 && keys.end > p->window)
        keys.begin = keys.end - p->window;
    return keys;
}

/* The row of a sequence's key or value, or of its scales: in the sequence's block, or in a page of the pool. */
static const double *key_row(const attention_params *p, const ref_operands *x, int operand_index, int64_t sequence,
                             int64_t key) {
    const ref_tensor *from = &x->at[operand_index];
    if (p->page_tokens == 0)
        return ref_row(from, sequence, key);
    const double *pages = ref_row(&x->at[OPERAND_attention_pages], 0, sequence);
    return ref_row(from, 0, (int64_t)pages[key / p->page_tokens] * p->page_tokens + key % p->page_tokens);
}

static double scale_at(const attention_params *p, const ref_operands *x, int operand_index, int64_t sequence,
                       int64_t key, int64_t head) {
    return x->at[operand_index].data ? key_row(p, x, operand_index, sequence, key)[head] : 1;
}

/* `weights` holds a key's score, then its weight. */
static void attend(const attention_params *p, const ref_operands *x, int64_t block, int64_t query, int64_t head,
                   double *weights) {
    int64_t width = p->head_dim, kv_head = head / (p->heads / p->kv_heads);
    const double *lengths = x->at[OPERAND_attention_kv_lens].data;
    key_range keys = visible_keys(p, lengths ? (int64_t)lengths[block] : p->kv_len, query);
    const double *q = ref_row(&x->at[OPERAND_attention_q], block, query) + head * width;
    double *out = ref_row(&x->at[OPERAND_attention_out], block, query) + head * width;
    double top = -INFINITY, total = 0;
    for (int64_t j = keys.begin; j < keys.end; j++) {
        const double *k = key_row(p, x, OPERAND_attention_k, block, j) + kv_head * width;
        double dot = 0;
        for (int64_t c = 0; c < width; c++)
            dot += q[c] * k[c];
        weights[j] = dot * scale_at(p, x, OPERAND_attention_k_scales, block, j, kv_head) / sqrt((double)width);
        top = fmax(top, weights[j]);
    }
    for (int64_t j = keys.begin; j < keys.end; j++)
        total += weights[j] = exp(weights[j] - top);
    for (int64_t c = 0; c < width; c++)
        out[c] = 0;
    for (int64_t j = keys.begin; j < keys.end; j++) {
        const double *v = key_row(p, x, OPERAND_attention_v, block, j) + kv_head * width;
        double weight = weights[j] / total * scale_at(p, x, OPERAND_attention_v_scales, block, j, kv_head);
        for (int64_t c = 0; c < width; c++)
            out[c] += weight * v[c];
    }
}

void ref_attention(const op *o, const ref_operands *x) {
    const attention_params *p = &o->as.attention;
    int64_t count = p->batch * p->q_len * p->heads;
#pragma omp parallel
    {
        double *weights = malloc((size_t)(p->kv_len + 1) * sizeof *weights);
        if (!weights)
            abort();
#pragma omp for schedule(static)
        for (int64_t i = 0; i < count; i++)
            attend(p, x, i / p->heads / p->q_len, i / p->heads % p->q_len, i % p->heads, weights);
        free(weights);
    }
}
