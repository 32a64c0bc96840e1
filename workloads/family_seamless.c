/* SeamlessM4T: which modules a task runs, on what lengths, and how each flavour writes them.
 *
 * flavour hf or fairseq2  the reference: every operator eager, caches reserved for the longest output allowed
 * flavour gptfast         the text decoder compiled over static caches and captured, the vocoder captured, the rest as
 *                         the reference (the search stays in Python)
 * flavour ingot           our kernels: everything fused, the search on the GPU */
#include "workloads/family.h"
#include "workloads/seamless.h"

#include <string.h>

static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, TABLE_MAX = 1e7, TAPS_MAX = 1000;
/* fairseq2's generator: at most source + 200 tokens, and 1,024; the compiled caches hold this many whatever the
 * request, and the encoder's output is padded to 256 and units to 835 (seamless_communication's torch_blog branch). */
static const double LENGTH_ADDED_TOKENS = 200, LENGTH_MAX_TOKENS = 1024, STATIC_SOURCE_TOKENS = 256, STATIC_UNITS = 835;

typedef struct seamless_file {
    model_file common; /* first: model_bind */
    model shape;
    seamless_shape parts;
} seamless_file;

/* ---- the file ---- */

static status check_tasks(const config_node *tasks, const model *m, error *err) {
    for (size_t i = 0; i < m->task_count; i++) {
        const task *t = &m->tasks[i];
        bool speech = task_length_find(t, "speech_frames"), text = task_length_find(t, "text_tokens");
        if (speech == text)
            return CONFIG_ERROR(tasks->values[i], err, "task %s states one of speech_frames and text_tokens", t->name);
    }
    return STATUS_OK;
}

/* Keys of a family of modules besides those that all models have. */
#define NUMBER(key, member, max)                                                                                       \
    { "model." key, CONFIG_NUMBER, offsetof(seamless_file, member), 1, max, true }
static const config_field module_fields[] = {
    NUMBER("hidden", shape.hidden, WIDTH_MAX),
    NUMBER("heads", shape.heads, HEADS_MAX),
    NUMBER("head_dim", shape.head_dim, HEADS_MAX),
    NUMBER("text_layers", shape.layers, LAYERS_MAX),
    NUMBER("text_ffn", shape.ffn, WIDTH_MAX),
    NUMBER("vocabulary", shape.vocabulary, TABLE_MAX),
    NUMBER("context", shape.context, TABLE_MAX),
    NUMBER("mel_bins", parts.mel_bins, WIDTH_MAX),
    NUMBER("stacked_frames", parts.stacked_frames, TAPS_MAX),
    NUMBER("speech_layers", parts.speech_layers, LAYERS_MAX),
    NUMBER("speech_ffn", parts.speech_ffn, WIDTH_MAX),
    NUMBER("depthwise_kernel", parts.depthwise_kernel, TAPS_MAX),
    NUMBER("relative_left", parts.relative_left, WIDTH_MAX),
    NUMBER("relative_right", parts.relative_right, WIDTH_MAX),
    NUMBER("adaptor_kernel", parts.adaptor_kernel, TAPS_MAX),
    NUMBER("adaptor_stride", parts.adaptor_stride, TAPS_MAX),
    NUMBER("t2u_layers", parts.t2u_layers, LAYERS_MAX),
    NUMBER("t2u_kernel", parts.t2u_kernel, TAPS_MAX),
    NUMBER("characters", parts.characters, TABLE_MAX),
    NUMBER("units", parts.units, TABLE_MAX),
    NUMBER("duration_channels", parts.duration_channels, WIDTH_MAX),
    NUMBER("duration_kernel", parts.duration_kernel, TAPS_MAX),
    NUMBER("vocoder_units", parts.vocoder_units, TABLE_MAX),
    NUMBER("vocoder_unit_width", parts.vocoder_unit_width, WIDTH_MAX),
    NUMBER("vocoder_condition_width", parts.vocoder_condition_width, WIDTH_MAX),
    NUMBER("vocoder_channels", parts.vocoder_channels, WIDTH_MAX),
    NUMBER("characters_per_token", parts.characters_per_token, WIDTH_MAX),
};
#undef NUMBER
enum { MODULE_FIELD_COUNT = sizeof module_fields / sizeof module_fields[0] };

static status bind(const config_node *root, seamless_file *file, error *err) {
    status result = model_bind(root, module_fields, MODULE_FIELD_COUNT, file, err);
    return result == STATUS_OK ? model_take_common(root, &file->common, &file->shape, err) : result;
}

static status read_tasks(const config_node *tasks, model *out, error *err) {
    static const char *const required[] = {"decode_steps", "output_tokens", NULL};
    static const char *const optional[] = {"speech_frames", "text_tokens", "units", NULL};
    status result = tasks_read(tasks, required, optional, out->tasks, &out->task_count, err);
    return result == STATUS_OK ? check_tasks(tasks, out, err) : result;
}

static double parameters_of(const model *m) {
    seamless_sizes size = seamless_sizes_of(m);
    return size.speech_encoder + size.adaptor + size.text_encoder + size.text_decoder + size.embedding +
           size.t2u_encoder + size.t2u_decoder + size.t2u_embeddings + size.vocoder + size.vocoder_embedding;
}

static status load(arena *a, const config_node *root, model *out, error *err) {
    seamless_file file = {.shape = *out};
    status result = bind(root, &file, err);
    if (result != STATUS_OK)
        return result;
    *out = file.shape;
    out->kv_heads = out->heads;
    out->beams = true;
    seamless_shape *parts = ARENA_NEW(a, seamless_shape);
    *parts = file.parts;
    out->shape = parts;
    if (file.common.tasks)
        result = read_tasks(file.common.tasks, out, err);
    if (result == STATUS_OK)
        out->parameters = parameters_of(out);
    return result;
}

static bool hears(const workload *w) {
    return task_length_find(w->task, "speech_frames") != NULL;
}

static bool speaks(const workload *w) {
    return task_length_find(w->task, "units") != NULL;
}

static status need_task(const workload *w, error *err) {
    if (!w->task)
        return error_set(err, STATUS_BAD_INPUT, "%s is a family of modules: name a task, as %s/s-t", w->name, w->name);
    return STATUS_OK;
}

/* ---- the request ---- */

typedef struct seamless_lengths {
    double source, steps, text, units; /* source: frames or tokens */
} seamless_lengths;

static status lengths_of(const workload *w, const workload_request *request, seamless_lengths *out, error *err) {
    const char *source = hears(w) ? "speech_frames" : "text_tokens";
    out->source = (double)request->prompt_tokens;
    status result = request->prompt_tokens > 0 ? STATUS_OK : workload_length(w, request, source, &out->source, err);
    if (result == STATUS_OK)
        result = workload_length(w, request, "decode_steps", &out->steps, err);
    if (result == STATUS_OK)
        result = workload_length(w, request, "output_tokens", &out->text, err);
    if (request->decode_steps >= 0) /* the best hypothesis may be as long as the search */
        out->text = out->steps + 1;
    if (result == STATUS_OK && speaks(w))
        result = workload_length(w, request, "units", &out->units, err);
    if (result == STATUS_OK && out->steps < 1)
        return error_set(err, STATUS_BAD_INPUT, "%s: a search takes at least one step", w->name);
    return result;
}

static status make_scenario(arena *a, const workload *w, const workload_request *request, const levers *l,
                            scenario *out, error *err) {
    (void)a;
    const seamless_shape *shape = w->shape.shape;
    seamless_lengths length = {0};
    status result = need_task(w, err);
    if (result == STATUS_OK)
        result = lengths_of(w, request, &length, err);
    if (result != STATUS_OK)
        return result;
    bool fixed = l->flavour == FLAVOUR_GPTFAST;
    double raw = hears(w) ? shape->stacked_frames * length.source : length.source;
    double reserved = SEAMLESS_PROMPT_TOKENS + raw + LENGTH_ADDED_TOKENS;
    if (fixed || reserved > LENGTH_MAX_TOKENS)
        reserved = LENGTH_MAX_TOKENS;
    if (length.steps + SEAMLESS_PROMPT_TOKENS > reserved)
        return error_set(err, STATUS_NEGATIVE, "%s: %.0f steps are more than the search allows (%.0f tokens)", w->name,
                         length.steps, reserved);
    result = scenario_fixed(request->batch, SEAMLESS_PROMPT_TOKENS, (int64_t)length.steps, (int64_t)reserved,
                            request->seed, out, err);
    if (result != STATUS_OK)
        return result;
    double *v = out->values, batch = (double)request->batch, rows = SEAMLESS_BEAMS * batch;
    double source = hears(w) ? seamless_adaptor_length(shape, length.source) : length.source;
    double characters = shape->characters_per_token * length.text;
    v[SCENARIO_FRAMES] = hears(w) ? length.source : 0;
    v[SCENARIO_FRAME_ROWS] = batch * v[SCENARIO_FRAMES];
    v[SCENARIO_FRAME_PAIRS] = v[SCENARIO_FRAMES] * v[SCENARIO_FRAMES];
    v[SCENARIO_SOURCE_TOKENS] = source;
    v[SCENARIO_SOURCE_ROWS] = batch * source;
    v[SCENARIO_SOURCE_RESERVED] = fixed && source < STATIC_SOURCE_TOKENS ? STATIC_SOURCE_TOKENS : source;
    v[SCENARIO_SOURCE_CACHE] = rows * v[SCENARIO_SOURCE_RESERVED];
    v[SCENARIO_BEAM_ROWS] = rows;
    v[SCENARIO_CACHE_RESERVED] = rows * reserved;
    v[SCENARIO_CACHE_TOKENS] = rows * (SEAMLESS_PROMPT_TOKENS + length.steps - 1);
    v[SCENARIO_TEXT_TOKENS] = length.text;
    v[SCENARIO_TEXT_ROWS] = batch * length.text;
    v[SCENARIO_CHARACTERS] = characters;
    v[SCENARIO_CHARACTER_ROWS] = batch * characters;
    v[SCENARIO_UNITS] = length.units;
    v[SCENARIO_UNIT_ROWS] = batch * length.units;
    v[SCENARIO_VOCODER_UNITS] = fixed && length.units > 0 && length.units < STATIC_UNITS ? STATIC_UNITS : length.units;
    v[SCENARIO_VOCODER_ROWS] = batch * v[SCENARIO_VOCODER_UNITS];
    return STATUS_OK;
}

/* ---- the graph ---- */

static status applies(const levers *l, error *err) {
    if (l->flavour == FLAVOUR_META)
        return error_set(err, STATUS_NEGATIVE, "not applicable: flavour=meta is Chameleon's code");
    bool reference = l->flavour == FLAVOUR_HF || l->flavour == FLAVOUR_FAIRSEQ2;
    if (reference && l->launch == LAUNCH_GRAPH)
        return error_set(err, STATUS_NEGATIVE,
                         "not applicable: fairseq2's decoder changes shape each step, so no graph can be captured");
    if (reference && l->kv_cache == KV_STATIC)
        return error_set(err, STATUS_NEGATIVE,
                         "not applicable: fairseq2 reserves a cache by the source's length, not a static one");
    if (reference && l->fuse != FUSE_NONE)
        return error_set(err, STATUS_NEGATIVE, "not applicable: fairseq2 runs eagerly, nothing is fused");
    return STATUS_OK;
}

typedef enum style { STYLE_REFERENCE, STYLE_COMPILED, STYLE_OWN } style;

static void begin_phase(seamless_builder *s, const char *name, style how, bool captured) {
    build_phase(&s->b, name, true);
    s->b.phase->first_output = false;
    s->b.phase->captured = captured && s->l->launch == LAUNCH_GRAPH;
    s->fused = how != STYLE_REFERENCE;
    s->own = how == STYLE_OWN;
    s->static_caches = false;
}

static void search(seamless_builder *s, style how) {
    bool own = how == STYLE_OWN;
    static const char *const names[] = {
        [PASS_PREFILL] = "prefill", [PASS_FIRST] = "first_step", [PASS_STEP] = "decode"};
    for (int pass = PASS_PREFILL; pass <= PASS_STEP; pass++) {
        begin_phase(s, names[pass], pass == PASS_PREFILL && !own ? STYLE_REFERENCE : how, own);
        s->static_caches = how == STYLE_COMPILED && pass != PASS_PREFILL;
        s->b.phase->first_output = pass == PASS_FIRST;
        if (pass == PASS_STEP) {
            s->b.phase->steps = SCENARIO_DECODE_STEPS;
            s->b.phase->per_output = true;
            seamless_reorder(s);
        }
        seamless_text_decoder(s, (seamless_pass)pass);
        seamless_beam_step(s, (seamless_pass)pass);
    }
}

/* Matrices in the levers' types, each once; the rest of the modules that the task uses in the model's. */
static double stored_bytes(const graph *g, const model *m, double parameters) {
    double matrix_bytes = 0, matrix_weights = 0;
    bool two_tables = false;
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        for (size_t i = 0; i < phase->segment_count; i++) {
            const graph_segment *segment = &phase->segments[i];
            for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
                op o = phase->nodes[n].op;
                if (o.kind != OP_gemm || o.as.gemm.activations_only || phase->nodes[n].weights_shared)
                    continue;
                o.as.gemm.m = 1;
                matrix_bytes += op_work_of(&o).weight_bytes * (double)segment->layers;
                matrix_weights += (double)o.as.gemm.k * (double)o.as.gemm.n * (double)segment->layers;
                if (strcmp(phase->nodes[n].id, "head") == 0) /* quantised, it leaves the embedding as it is */
                    two_tables = dtype_bytes(o.as.gemm.weights_dtype) < dtype_bytes(m->dtype);
            }
        }
    }
    double table = two_tables ? m->vocabulary * m->hidden : 0;
    return matrix_bytes + (parameters - matrix_weights + table) * dtype_bytes(m->dtype);
}

static double used_parameters(const workload *w) {
    seamless_sizes size = seamless_sizes_of(&w->shape);
    double used = size.text_decoder + size.embedding;
    used += hears(w) ? size.speech_encoder + size.adaptor : size.text_encoder;
    if (speaks(w))
        used += size.t2u_encoder + size.t2u_decoder + size.t2u_embeddings + size.vocoder + size.vocoder_embedding;
    return used;
}

static void caches(graph *g, const model *m, const levers *l) {
    double token_bytes = 2 * m->layers * m->heads * m->head_dim * dtype_bytes(m->dtype);
    bool shared = l->flavour == FLAVOUR_INGOT && l->beam_reorder == BEAM_INDIRECT;
    g->kv_bytes_per_token = token_bytes;
    g->states[g->state_count++] = (graph_state){"self_cache", token_bytes, SCENARIO_CACHE_RESERVED};
    g->states[g->state_count++] =
        (graph_state){"cross_cache", token_bytes, shared ? SCENARIO_SOURCE_ROWS : SCENARIO_SOURCE_CACHE};
}

static status build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    status result = need_task(w, err);
    if (result == STATUS_OK)
        result = applies(l, err);
    if (result != STATUS_OK)
        return result;
    enum { PHASES_MAX = 7 };
    const model *m = &w->shape;
    *out = (graph){
        .name = m->name,
        .phases = ARENA_ARRAY(a, graph_phase, PHASES_MAX),
        .parameter_count = m->parameters,
        .memory = a,
    };
    caches(out, m, l);
    bool own = l->flavour == FLAVOUR_INGOT, compiled = l->flavour == FLAVOUR_GPTFAST;
    style rest = own ? STYLE_OWN : STYLE_REFERENCE;
    seamless_builder s = {.b = {.out = out}, .m = m, .shape = m->shape, .l = l};
    begin_phase(&s, "encode", rest, own);
    if (hears(w))
        seamless_speech_encoder(&s);
    else
        seamless_text_encoder(&s);
    search(&s, compiled ? STYLE_COMPILED : rest);
    if (speaks(w)) {
        begin_phase(&s, "redecode", rest, own);
        seamless_text_decoder(&s, PASS_TEACHER);
        begin_phase(&s, "t2u", rest, false); /* how many units is known only inside */
        seamless_unit_decoder(&s);
        begin_phase(&s, "vocoder", compiled ? STYLE_COMPILED : rest, own || compiled);
        seamless_vocoder(&s);
    }
    out->weight_bytes = stored_bytes(out, m, used_parameters(w));
    return STATUS_OK;
}

const family family_seamless = {"seamless", load, make_scenario, build};
