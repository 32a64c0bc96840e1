/* Writes new keys and values into the slots of a cache, with a scale a token and head where it is int8 or int4. */
#include "kernels/ref/ref.h"

#include "kernels/ref/encode.h"

#include <math.h>

static void append(const kv_append_params *p, const double *in, double *cache, double *scales) {
    double largest = largest_level(p->kv_dtype);
    for (int64_t h = 0; h < p->kv_heads; h++) {
        const double *head = in + h * p->head_dim;
        double scale = 1, top = QUANTISE_EPSILON;
        for (int64_t c = 0; c < p->head_dim; c++)
            top = fmax(top, fabs(head[c]));
        if (scales) /* as stored: what reads the cache multiplies by this */
            scale = scales[h] = round_to_type(DTYPE_fp16, top / largest);
        for (int64_t c = 0; c < p->head_dim; c++)
            cache[h * p->head_dim + c] = scales ? fmin(fmax(rint(head[c] / scale), -largest), largest) : head[c];
    }
}

void ref_kv_append(const op *o, const ref_operands *x) {
    const kv_append_params *p = &o->as.kv_append;
    bool scaled = largest_level(p->kv_dtype) > 0;
    for (int64_t r = 0; r < p->rows; r++) {
        int64_t slot = (int64_t)x->at[OPERAND_kv_append_slots].data[r];
        append(p, ref_row(&x->at[OPERAND_kv_append_k], 0, r), ref_row(&x->at[OPERAND_kv_append_k_cache], 0, slot),
               scaled ? ref_row(&x->at[OPERAND_kv_append_k_scales], 0, slot) : NULL);
        append(p, ref_row(&x->at[OPERAND_kv_append_v], 0, r), ref_row(&x->at[OPERAND_kv_append_v_cache], 0, slot),
               scaled ? ref_row(&x->at[OPERAND_kv_append_v_scales], 0, slot) : NULL);
    }
}
