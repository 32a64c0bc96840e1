/* Chameleon: a Llama-like decoder over text and image tokens, and the image tokenizer around it.
 *
 * Image in: encode the image, prefill, decode text. Image out: prefill, 1,024 image tokens, decode the image. Guidance
 * (lever cfg_mode) runs an image token's forward on three sequences at once (the open repository: full prompt, image
 * alone, nothing), on two one after the other (the paper's harness: with and without the prompt), or on one. */
#include "workloads/decoder.h"
#include "workloads/family.h"
#include "workloads/vqgan.h"

/* Framework calls behind a sampling kernel. */
static const double SAMPLE_CALLS = 3;
/* Kernels of a mask over the vocabulary and a temperature, each pointwise over the logits. */
static const pointwise_function filters[] = {pointwise_function_where, pointwise_function_scale};

static status load(arena *a, const config_node *root, model *out, error *err) {
    (void)a;
    status result = decoder_load(root, out, err);
    out->parameters = model_parameter_count(out); /* the tokenizer is a checkpoint of its own */
    return result;
}

static bool makes_images(const workload *w) {
    return w->task && w->task->images_out > 0;
}

/* Sequences of a forward, and forwards a token. */
typedef struct guidance {
    int64_t sequences, forwards;
} guidance;

static guidance guidance_of(const workload *w, const levers *l) {
    if (!makes_images(w) || l->cfg_mode == CFG_NONE)
        return (guidance){1, 1};
    return l->cfg_mode == CFG_BATCHED_3X ? (guidance){3, 1} : (guidance){1, 2};
}

static status make_scenario(arena *a, const workload *w, const workload_request *request, const levers *l,
                            scenario *out, error *err) {
    (void)a;
    int64_t prompt, steps;
    status result = decoder_lengths(w, request, &prompt, &steps, err);
    if (result != STATUS_OK)
        return result;
    guidance cfg = guidance_of(w, l);
    int64_t reserved = w->task && w->task->attended_tokens > (double)(prompt + steps + 1) && l->flavour != FLAVOUR_INGOT
                           ? (int64_t)w->task->attended_tokens
                           : 0;
    result = scenario_fixed(request->batch * cfg.sequences, prompt, steps + 1, reserved, request->seed, out, err);
    if (result != STATUS_OK)
        return result;
    double *v = out->values;
    v[SCENARIO_REQUESTS] = (double)request->batch;
    v[SCENARIO_IMAGES_IN] = w->task ? w->task->images_in * (double)request->batch : 0;
    v[SCENARIO_IMAGES_OUT] = w->task ? w->task->images_out * (double)request->batch : 0;
    return STATUS_OK;
}

static void logits_op(graph_builder *b, const char *id, op o) {
    build_variable(build_node(b, id, o, SAMPLE_CALLS), "rows", SCENARIO_REQUESTS, 1);
}

/* Mix, mask, temperature, top-p and a draw, in 32 bits. */
static void sampling(graph_builder *b, const workload *w, const levers *l) {
    int64_t cols = (int64_t)w->shape.vocabulary;
    guidance cfg = guidance_of(w, l);
    if (cfg.sequences * cfg.forwards > 1)
        logits_op(b, "cfg_mix",
                  (op){.kind = OP_cfg_mix,
                       .as.cfg_mix = {.cols = cols, .ways = cfg.sequences * cfg.forwards, .dtype = DTYPE_fp32}});
    static const char *const ids[] = {"allowed_tokens", "temperature"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        logits_op(
            b, ids[i],
            (op){.kind = OP_elementwise,
                 .as.elementwise = {
                     .cols = cols, .inputs = 1, .dtype = DTYPE_fp32, .out_dtype = DTYPE_fp32, .function = filters[i]}});
    if (!makes_images(w)) {
        op penalty = {.kind = OP_penalty, .as.penalty = {.cols = cols, .dtype = DTYPE_fp32}};
        graph_node *node = build_node(b, "repetition_penalty", penalty, SAMPLE_CALLS);
        build_variable(node, "rows", SCENARIO_REQUESTS, 1);
        build_key_tokens(b, node, "len");
    }
    logits_op(b, "sample",
              (op){.kind = OP_sample, .as.sample = {.cols = cols, .dtype = DTYPE_fp32, .method = sample_method_top_p}});
    if (l->launch == LAUNCH_EAGER)
        build_node(b, "sync", (op){.kind = OP_sync}, 0);
}

static void token_step(graph_builder *b, const workload *w, const levers *l, bool prefill) {
    const model *m = &w->shape;
    build_phase(b, prefill ? "prefill" : "decode", prefill);
    b->phase->captured = l->launch == LAUNCH_GRAPH;
    for (int64_t forward = 0; forward < guidance_of(w, l).forwards; forward++) {
        size_t first = b->phase->node_count;
        build_embedding(b, m, l);
        build_layers(b, m, l, (int64_t)m->layers);
        build_logits(b, m, l);
        op cast = {.kind = OP_copy,
                   .as.copy = {.cols = (int64_t)m->vocabulary, .dtype = m->dtype, .out_dtype = DTYPE_fp32}};
        build_variable(build_node(b, "logits_cast", cast, SAMPLE_CALLS), "rows", SCENARIO_BATCH, 1);
        for (size_t n = first; forward > 0 && n < b->phase->node_count; n++) { /* the same weights again */
            graph_node *node = &b->phase->nodes[n];
            node->id = arena_printf(b->out->memory, "%s.uncond", node->id);
            node->weights_shared = true;
        }
    }
    sampling(b, w, l);
}

static status build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    const model *m = &w->shape;
    enum { PHASE_COUNT = 4 };
    status result = decoder_applies(m, l, err);
    if (result != STATUS_OK)
        return result;
    bool image_in = w->task && w->task->images_in > 0;
    *out = (graph){
        .name = m->name,
        .phases = ARENA_ARRAY(a, graph_phase, PHASE_COUNT),
        .parameter_count = m->parameters,
        .memory = a,
    };
    build_kv_state(out, m, l, (double)guidance_of(w, l).forwards);
    graph_builder b = {.out = out};
    if (image_in) {
        build_phase(&b, "image_encode", true);
        b.phase->first_output = false;
        build_vqgan_encoder(&b, SCENARIO_IMAGES_IN);
    }
    token_step(&b, w, l, true);
    token_step(&b, w, l, false);
    out->weight_bytes = decoder_stored_bytes(out, m);
    if (makes_images(w)) {
        build_phase(&b, "image_decode", true);
        b.phase->first_output = false;
        build_vqgan_decoder(&b, SCENARIO_IMAGES_OUT);
    }
    if (image_in || makes_images(w))
        out->weight_bytes += vqgan_parameter_count() * dtype_bytes(DTYPE_fp32);
    bind_llama_dataflow(out, m, NULL, l);
    return STATUS_OK;
}

const family family_chameleon = {"chameleon", load, make_scenario, build};
