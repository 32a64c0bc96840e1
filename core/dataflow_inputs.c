/* What the executor fills inputs with before a step: tokens, positions, slots, pages and random draws. */
#include "core/base/random.h"
#include "core/dataflow.h"

#include <string.h>

/* Streams of random numbers that no weight has: token ids', by prompt; and each step's draws, below them. */
static const uint64_t TOKEN_STREAM = UINT64_MAX, DRAW_STREAM = UINT64_MAX - 16;

static double vocabulary_of(const graph *g) {
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (g->phases[p].nodes[n].op.kind == OP_embedding)
                return (double)g->phases[p].nodes[n].op.as.embedding.table_rows;
    return 1;
}

/* Pages are dealt out piece by piece to one sequence after the other, so that a sequence's own lie apart. */
static int64_t page_of(const memory_plan *plan, int64_t sequence, int64_t piece) {
    return piece * (int64_t)plan->scenario->values[SCENARIO_BATCH] + sequence;
}

/* Where a token is kept: the first in their places, the last in turn. */
static int64_t kept_place(const graph *g, int64_t position) {
    if (g->kept_last == 0 || position < g->kept_first)
        return position;
    return g->kept_first + (position - g->kept_first) % g->kept_last;
}

static int64_t cache_row(const memory_plan *plan, int64_t sequence, int64_t token) {
    int64_t position = kept_place(plan->graph, token);
    int64_t page = plan->graph->page_tokens;
    if (page == 0)
        return sequence * plan->cache_tokens + position;
    return page_of(plan, sequence, position / page) * page + position % page;
}

/* A token id is its position's, so that it is the same whichever step brings it. */
static int32_t token_at(const memory_plan *plan, const graph_register *r, int64_t sequence, int64_t position) {
    static const int POSITION_BITS = 32;
    uint64_t index = (uint64_t)sequence << POSITION_BITS | (uint64_t)position;
    return (int32_t)(random_uniform(plan->scenario->seed, TOKEN_STREAM - r->draw, index) * vocabulary_of(plan->graph));
}

static void fill_tokens(const memory_plan *plan, const graph_register *r, bool prefill, int64_t step, int32_t *out) {
    const scenario *s = plan->scenario;
    int64_t prompt = (int64_t)s->values[SCENARIO_PROMPT_TOKENS], batch = (int64_t)s->values[SCENARIO_BATCH];
    int64_t tokens = prefill ? prompt : r->queries > 0 ? r->queries : 1;
    int64_t first = prefill ? 0 : prompt + (int64_t)scenario_progress(s, step) - r->behind;
    for (int64_t i = 0; i < batch * tokens; i++) {
        int64_t sequence = r->token_major ? i % batch : i / tokens;
        int64_t position = first + (r->token_major ? i / batch : i % tokens);
        if (r->kind == REGISTER_POSITIONS)
            out[i] = (int32_t)position;
        else if (r->kind == REGISTER_SLOTS)
            out[i] = (int32_t)cache_row(plan, sequence, position);
        else
            out[i] = token_at(plan, r, sequence, position);
    }
}

/* Uniforms, and tokens that sequences have seen. */
static void fill_draws(const memory_plan *plan, size_t reg, bool prefill, int64_t step, int32_t *out) {
    bool uniforms = plan->graph->registers[reg].kind == REGISTER_UNIFORMS;
    uint64_t stream = DRAW_STREAM - (prefill ? 0 : (uint64_t)step + 1);
    double vocabulary = vocabulary_of(plan->graph);
    for (size_t i = 0; i < plan->register_bytes[reg] / sizeof(int32_t); i++) {
        double u = random_uniform(plan->scenario->seed, stream, i);
        float uniform = (float)(u * (1 - 0x1p-24)); /* below 1 in fp32 too */
        if (uniforms)
            memcpy(&out[i], &uniform, sizeof uniform);
        else
            out[i] = (int32_t)(u * vocabulary);
    }
}

static void fill_pages(const memory_plan *plan, int32_t *out) {
    int64_t batch = (int64_t)plan->scenario->values[SCENARIO_BATCH];
    for (int64_t i = 0; i < batch * plan->cache_pages; i++)
        out[i] = (int32_t)page_of(plan, i / plan->cache_pages, i % plan->cache_pages);
}

void memory_plan_input(const memory_plan *plan, size_t reg, bool prefill, int64_t step, int32_t *out) {
    const graph_register *r = &plan->graph->registers[reg];
    if (r->kind == REGISTER_PAGES)
        fill_pages(plan, out);
    else if (r->kind == REGISTER_UNIFORMS || r->kind == REGISTER_SEEN)
        fill_draws(plan, reg, prefill, step, out);
    else if (!prefill || r->queries == 0)
        fill_tokens(plan, r, prefill, step, out);
}
