/* Rotary position embedding; keys and values into the cache where there is one. */
#include "kernels/ref/ref.h"

#include <math.h>

static void rotate(const rope_params *p, const double *in, double *out, int64_t heads, double position,
                   const double *frequencies) {
    int64_t half = p->head_dim / 2;
    for (int64_t h = 0; h < heads; h++)
        for (int64_t j = 0; j < half; j++) {
            int64_t first = h * p->head_dim + (p->interleaved ? 2 * j : j);
            int64_t second = first + (p->interleaved ? 1 : half);
            double angle = position * frequencies[j], a = in[first], b = in[second];
            out[first] = a * cos(angle) - b * sin(angle);
            out[second] = b * cos(angle) + a * sin(angle);
        }
}

void ref_rope(const op *o, const ref_operands *x) {
    const rope_params *p = &o->as.rope;
    const double *frequencies = x->at[OPERAND_rope_frequencies].data;
    for (int64_t r = 0; r < p->rows; r++) {
        double position = x->at[OPERAND_rope_positions].data[r];
        rotate(p, ref_row(&x->at[OPERAND_rope_q], 0, r), ref_row(&x->at[OPERAND_rope_q_out], 0, r), p->heads, position,
               frequencies);
        const double *k = ref_row(&x->at[OPERAND_rope_k], 0, r);
        if (!p->kv_write) {
            rotate(p, k, ref_row(&x->at[OPERAND_rope_k_out], 0, r), p->kv_heads, position, frequencies);
            continue;
        }
        int64_t slot = (int64_t)x->at[OPERAND_rope_slots].data[r];
        rotate(p, k, ref_row(&x->at[OPERAND_rope_k_cache], 0, slot), p->kv_heads, position, frequencies);
        const double *v = ref_row(&x->at[OPERAND_rope_v], 0, r);
        double *v_cache = ref_row(&x->at[OPERAND_rope_v_cache], 0, slot);
        for (int64_t c = 0; c < p->kv_heads * p->head_dim; c++)
            v_cache[c] = v[c];
    }
}
