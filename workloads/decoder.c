#include "workloads/decoder.h"

#include "workloads/kv_levers.h"

/* Framework calls behind a kernel of the fused flavours when it is launched eagerly. */
static const double SAMPLE_CALLS = 3;

static bool written_out(const levers *l) {
    return l->flavour == FLAVOUR_HF && l->fuse == FUSE_NONE;
}

status decoder_applies(const model *m, const levers *l, error *err) {
    if (l->flavour == FLAVOUR_FAIRSEQ2)
        return error_set(err, STATUS_NEGATIVE, "not applicable: fairseq2 has no %s", m->name);
    if (l->flavour == FLAVOUR_META && !m->qk_norm)
        return error_set(err, STATUS_NEGATIVE, "not applicable: flavour=meta is Chameleon's code, it has no %s",
                         m->name);
    if (l->flavour == FLAVOUR_META && l->launch == LAUNCH_GRAPH)
        return error_set(err, STATUS_NEGATIVE, "not applicable: flavour=meta is eager; flavour=gptfast is compiled");
    return STATUS_OK;
}

void build_embedding(graph_builder *b, const model *m, const levers *l) {
    if (written_out(l))
        build_hf_embedding(b, m, l);
    else
        build_fused_embedding(b, m, l);
}

void build_layers(graph_builder *b, const model *m, const levers *l, int64_t layers) {
    if (written_out(l))
        build_hf_layers(b, m, l, layers);
    else if (l->flavour == FLAVOUR_META)
        build_meta_layers(b, m, l, layers);
    else
        build_fused_layers(b, m, l, layers);
}

void build_logits(graph_builder *b, const model *m, const levers *l) {
    if (written_out(l))
        build_hf_logits(b, m, l);
    else if (l->flavour == FLAVOUR_META)
        build_meta_logits(b, m, l);
    else
        build_fused_logits(b, m, l);
}

void build_greedy(graph_builder *b, const model *m, const levers *l) {
    if (!written_out(l)) { /* the traces of the written-out flavour end at the logits */
        op pick = {.kind = OP_sample,
                   .as.sample = {.cols = (int64_t)m->vocabulary, .dtype = m->dtype, .method = sample_method_argmax}};
        build_logit_rows(b, build_node(b, "sample", pick, SAMPLE_CALLS), "rows");
    }
    if (l->launch == LAUNCH_EAGER)
        build_node(b, "sync", (op){.kind = OP_sync}, 0);
}

void build_kv_state(graph *g, const model *m, const levers *l, double sequences) {
    g->kv_bytes_per_token = 2 * m->layers * m->kv_heads * kv_vector_bytes(m, l);
    g->states[g->state_count++] =
        (graph_state){"kv_cache", sequences * g->kv_bytes_per_token,
                      l->kv_cache == KV_DYNAMIC ? SCENARIO_CACHE_TOKENS : SCENARIO_CACHE_RESERVED};
}
