/* How large a decoder is. */
#include "workloads/decoder.h"

static double layer_gemm_weight_count(const model *m) {
    double qkv = m->hidden * (m->heads + 2 * m->kv_heads) * m->head_dim;
    double out = m->heads * m->head_dim * m->hidden;
    double expert = 3 * m->hidden * m->ffn;
    double ffn = m->experts > 0 ? m->experts * expert + m->hidden * m->experts : expert;
    return qkv + out + ffn;
}

double model_gemm_weight_count(const model *m) {
    return m->layers * layer_gemm_weight_count(m) + m->hidden * m->vocabulary;
}

double model_parameter_count(const model *m) {
    double norms = (2 * m->layers + 1) * m->hidden;
    if (m->qk_norm) /* a weight and a bias for each head's channels, of queries and of keys */
        norms += m->layers * 2 * (m->heads + m->kv_heads) * m->head_dim;
    if (m->head_rms_norm) /* a weight for a head's channels, which all query heads share, and all key heads */
        norms += m->layers * 2 * m->head_dim;
    if (m->sandwich_norm)
        norms += 2 * m->layers * m->hidden;
    double biases = m->qkv_bias ? m->layers * (m->heads + 2 * m->kv_heads) * m->head_dim : 0;
    double table = m->tied_embeddings ? 0 : m->vocabulary * m->hidden; /* the head counts as a matrix */
    return model_gemm_weight_count(m) + table + norms + biases;
}

double decoder_other_bytes(const model *m) {
    return (model_parameter_count(m) - model_gemm_weight_count(m)) * dtype_bytes(m->dtype);
}

double decoder_stored_bytes(const graph *g, const model *m) {
    double matrices_bytes = 0;
    const graph_phase *phase = &g->phases[g->phase_count - 1];
    for (size_t s = 0; s < phase->segment_count; s++) {
        const graph_segment *segment = &phase->segments[s];
        for (size_t n = 0; n < segment->node_count; n++) {
            const graph_node *node = &phase->nodes[segment->first_node + n];
            op o = node->op;
            if (o.kind == OP_gemm && !node->weights_shared) {
                o.as.gemm.m = 1;
                matrices_bytes += op_work_of(&o).weight_bytes * (double)segment->layers;
            }
        }
    }
    return matrices_bytes + decoder_other_bytes(m);
}
