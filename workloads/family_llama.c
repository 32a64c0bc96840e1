/* The Llama family: Llama, Code Llama and whatever shares their layer. */
#include "workloads/decoder.h"
#include "workloads/family.h"
#include "workloads/parallel.h"
#include "workloads/speculate.h"

static status load(arena *a, const config_node *root, model *out, error *err) {
    (void)a;
    out->speculates = true;
    return decoder_load(root, out, err);
}

static status make_scenario(arena *a, const workload *w, const workload_request *request, const levers *l,
                            scenario *out, error *err) {
    (void)a, (void)l;
    int64_t prompt, steps;
    status result = decoder_lengths(w, request, &prompt, &steps, err);
    if (result == STATUS_OK)
        result = scenario_fixed(request->batch, prompt, steps + 1, 0, request->seed, out, err);
    if (result == STATUS_OK)
        scenario_experts(&w->shape, out);
    return result;
}

static status build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    model rank, *m = &rank; /* of one GPU of those that share the work */
    status result = decoder_applies(&w->shape, l, err);
    if (result == STATUS_OK)
        result = rank_model(&w->shape, l, &rank, err);
    if (result != STATUS_OK)
        return result;
    enum { PHASE_COUNT = 2 };
    *out = (graph){
        .name = m->name,
        .phases = ARENA_ARRAY(a, graph_phase, PHASE_COUNT),
        .parameter_count = model_parameter_count(&w->shape),
        .memory = a,
    };
    build_kv_state(out, m, l, 1);
    speculation spec;
    result = speculation_of(a, w, l, &spec, err);
    if (result != STATUS_OK)
        return result;
    graph_builder b = {.out = out, .forwards = speculation_forwards(&spec)};
    for (int prefill = 1; prefill >= 0; prefill--) {
        build_phase(&b, prefill ? "prefill" : "decode", prefill);
        b.phase->captured = l->launch == LAUNCH_GRAPH;
        if (prefill) {
            build_draft_prefill(&b, &spec, l);
        } else if (spec.drafts > 0) {
            build_speculation_round(&b, m, &spec, l);
            continue;
        }
        build_embedding(&b, m, l);
        build_layers(&b, m, l, (int64_t)m->layers);
        build_logits(&b, m, l);
        build_greedy(&b, m, l);
    }
    parallel_rewrite(out, m, l);
    streams_rewrite(out, l);
    out->weight_bytes = decoder_stored_bytes(out, m);
    parallel_memory(out, m, l);
    add_draft_memory(out, &spec, l);
    bind_llama_dataflow(out, m, spec.draft, l);
    return STATUS_OK;
}

const family family_llama = {"llama", load, make_scenario, build};
