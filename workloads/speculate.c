#include "workloads/speculate.h"

#include "core/base/config_find.h"
#include "core/base/random.h"
#include "workloads/decoder.h"

#include <math.h>

/* Framework calls behind the kernels that only speculation has. */
static const double SPECULATE_CALLS = 3;
/* What a draft model's nodes and weights are called by. */
static const char DRAFT[] = "draft";
/* Of random numbers: acceptance draws from its own. */
static const uint64_t STREAM_ACCEPTANCE = 0x616363657074; /* "accept" */

status speculation_of(arena *a, const workload *w, const levers *l, speculation *out, error *err) {
    *out = (speculation){0};
    if (l->speculate == SPECULATE_NONE)
        return STATUS_OK;
    out->drafts = (int64_t)l->speculation.drafts;
    if (l->speculate == SPECULATE_LAYERSKIP) {
        out->exit = (int64_t)l->speculation.exit;
        return STATUS_OK;
    }
    const char *path, *dir = arena_printf(a, "%s/workloads", w->config_dir);
    model *draft = ARENA_NEW(a, model);
    status result = config_find(a, dir, "draft model", l->speculation.model, &path, err);
    if (result == STATUS_OK)
        result = model_load(a, path, draft, err);
    if (result == STATUS_OK && (!draft->decoder_only || draft->experts > 0))
        return error_set(
            err, STATUS_NEGATIVE,
            "not applicable: %s cannot draft: draft models are dense decoders of text, as the model itself",
            draft->name);
    draft->dtype = levers_dtype(l, draft->dtype);
    if (result == STATUS_OK && w->draft_layers_max > 0)
        draft->layers = fmin(draft->layers, w->draft_layers_max);
    if (result == STATUS_OK && draft->vocabulary != w->shape.vocabulary)
        return error_set(err, STATUS_NEGATIVE,
                         "not applicable: %s drafts from a vocabulary of %.0f tokens, %s has %.0f", draft->name,
                         draft->vocabulary, w->shape.name, w->shape.vocabulary);
    out->draft = draft;
    return result;
}

size_t speculation_forwards(const speculation *s) {
    return s->drafts > 0 ? (size_t)s->drafts + 2 : 1;
}

/* ---- the round ---- */

static void begin_forward(graph_builder *b, const char *suffix, int64_t ahead, int64_t queries, bool shared) {
    b->suffix = suffix;
    b->ahead = ahead;
    b->queries = queries;
    b->shared = shared;
}

/* Where norms take the residual in, what the last block computed is still to be added. */
static bool adds_late(const model *m, const levers *l) {
    return l->flavour == FLAVOUR_INGOT && l->fuse != FUSE_NONE && !m->post_norm;
}

static void keep_exit_state(graph_builder *b, const model *m, const levers *l) {
    op o = {.kind = OP_copy, .as.copy = {.cols = (int64_t)m->hidden, .dtype = m->dtype, .out_dtype = m->dtype}};
    if (adds_late(m, l))
        o = (op){.kind = OP_add, .as.add = {.cols = (int64_t)m->hidden, .dtype = m->dtype}};
    graph_node *node = build_node(b, "exit_state", o, SPECULATE_CALLS);
    node->category = CATEGORY_COPY;
    build_rows(b, node, "rows", 1);
}

static void build_drafts(graph_builder *b, const model *m, const speculation *s, const levers *l) {
    const model *drafter = s->draft ? s->draft : m;
    int64_t layers = s->draft ? (int64_t)s->draft->layers : s->exit;
    for (int64_t i = 0; i < s->drafts; i++) {
        const char *name = arena_printf(b->out->memory, "%s%lld", DRAFT, (long long)i + 1);
        bool catches_up = s->draft && i == 0;
        begin_forward(b, name, catches_up ? -1 : i, catches_up ? 2 : 1, i > 0);
        b->of = s->draft ? DRAFT : NULL;
        build_embedding(b, drafter, l);
        build_layers(b, drafter, l, layers);
        b->queries = 1, b->ahead = i; /* logits are wanted of the last row */
        if (!s->draft) {
            keep_exit_state(b, m, l);
            b->shared = true; /* the verifying forward counts the head */
        }
        build_logits(b, drafter, l);
        build_greedy(b, drafter, l);
    }
    b->of = NULL;
}

static void build_accept(graph_builder *b, const speculation *s) {
    op o = {.kind = OP_accept, .as.accept = {.drafts = s->drafts}};
    build_variable(build_node(b, "accept", o, SPECULATE_CALLS), "rows", SCENARIO_BATCH, 1);
}

void build_speculation_round(graph_builder *b, const model *m, const speculation *s, const levers *l) {
    build_drafts(b, m, s, l);
    if (!s->draft) { /* the last draft's way through the first layers */
        begin_forward(b, "last", s->drafts, 1, true);
        build_embedding(b, m, l);
        build_layers(b, m, l, s->exit);
        keep_exit_state(b, m, l);
    }
    begin_forward(b, "verify", 0, s->drafts + 1, false);
    if (s->draft)
        build_embedding(b, m, l);
    build_layers(b, m, l, (int64_t)m->layers - s->exit);
    build_logits(b, m, l);
    build_greedy(b, m, l);
    build_accept(b, s);
    begin_forward(b, NULL, 0, 1, false);
}

void build_draft_prefill(graph_builder *b, const speculation *s, const levers *l) {
    if (!s->draft)
        return;
    b->suffix = b->of = DRAFT;
    build_embedding(b, s->draft, l);
    build_layers(b, s->draft, l, (int64_t)s->draft->layers);
    b->suffix = b->of = NULL;
}

void add_draft_memory(graph *g, const speculation *s, const levers *l) {
    if (!s->draft)
        return;
    double own_bytes = g->kv_bytes_per_token; /* reports are of the model that is asked for */
    g->weight_bytes += decoder_other_bytes(s->draft);
    build_kv_state(g, s->draft, l, 1);
    g->states[g->state_count - 1].name = "draft_kv_cache";
    g->kv_bytes_per_token = own_bytes;
}

/* ---- what is accepted ---- */

/* Tokens that a round yields: the accepted drafts and the verifier's own. */
static int64_t draw_round(const levers *l, const scenario *s, int64_t sequence, int64_t round) {
    int64_t drafts = (int64_t)l->speculation.drafts, tokens = 1;
    uint64_t stream = STREAM_ACCEPTANCE + (uint64_t)sequence;
    for (int64_t i = 0; i < drafts; i++, tokens++)
        if (random_uniform(s->seed, stream, (uint64_t)(round * drafts + i)) >= l->speculation.acceptance)
            break;
    return tokens;
}

/* Adds a sequence's tokens before each round to `sums`; returns its rounds. */
static int64_t add_sequence(const levers *l, const scenario *s, int64_t sequence, int64_t tokens, double *sums) {
    int64_t rounds = 0, done = 0;
    for (; done < tokens; rounds++) {
        sums[rounds] += (double)done;
        done += draw_round(l, s, sequence, rounds);
    }
    for (int64_t round = rounds; round <= tokens; round++)
        sums[round] += (double)tokens; /* complete: what the last round yields beyond is cut off */
    return rounds;
}

void scenario_speculate(arena *a, const levers *l, scenario *s) {
    int64_t tokens = (int64_t)s->values[SCENARIO_DECODE_STEPS], batch = (int64_t)s->values[SCENARIO_BATCH];
    if (l->speculate == SPECULATE_NONE || tokens == 0)
        return;
    double *progress = ARENA_ARRAY(a, double, (size_t)tokens + 1); /* a round yields at least one */
    int64_t rounds = 0;
    for (int64_t sequence = 0; sequence < batch; sequence++) {
        int64_t own = add_sequence(l, s, sequence, tokens, progress);
        rounds = own > rounds ? own : rounds;
    }
    for (int64_t round = 0; round <= rounds; round++)
        progress[round] /= (double)batch;
    s->progress = progress;
    s->values[SCENARIO_DECODE_STEPS] = (double)rounds;
    /* The cache holds the last round's drafts beyond the end. */
    s->values[SCENARIO_CACHE_TOKENS] += (double)batch * l->speculation.drafts;
    double reserved = s->values[SCENARIO_KV_RESERVED] + l->speculation.drafts;
    s->values[SCENARIO_KV_RESERVED] = scenario_reserve(reserved);
    s->values[SCENARIO_CACHE_RESERVED] = (double)batch * s->values[SCENARIO_KV_RESERVED];
}
