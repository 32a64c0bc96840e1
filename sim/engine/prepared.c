#include "sim/engine/prepared.h"

#include "sim/engine/engine_private.h"
#include "sim/engine/recipe.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* An operator that some node executes at some step; or the picked one of several. */
typedef struct prepared_item {
    op o;
    op_work work;
    const cost_recipe *recipe; /* NULL: a choice */
    size_t group, choices;     /* of a choice: whose pick, and among the items `first_choice` ... */
    size_t first_choice;       /* in choice_items */
} prepared_item;

/* Executions of one item in one step that count for one category. */
typedef struct prepared_use {
    size_t item;
    op_category category;
    double count;
    double further_launches; /* kernels of its nodes besides the plans' */
} prepared_use;

typedef struct prepared_sample {
    double weight; /* steps that it stands for */
    size_t *items; /* by node; NO_ITEM where nothing is launched */
    prepared_use *uses;
    size_t use_count;
} prepared_sample;

typedef struct prepared_phase {
    const graph_phase *phase;
    prepared_sample *samples;
    size_t sample_count;
    int64_t *repetitions; /* by segment */
    int64_t steps;
} prepared_phase;

struct engine_prepared {
    const graph *g;
    const scenario *s;
    const host_profile *host;
    thermal_mode thermal;
    double zeros_frac;
    prepared_phase phases[ENGINE_PHASES_MAX];
    prepared_item *items;
    size_t item_count, item_capacity;
    size_t *choice_items;
    size_t choice_count, choice_capacity;
    weight_groups *groups; /* NULL: nothing to pick */
    size_t *vote_items;    /* by vote, then candidate */
    size_t candidates_max, nodes_max;
    graph_memory memory; /* with nothing saved */
};

static const size_t NO_ITEM = SIZE_MAX;

/* ---- preparing ---- */

typedef struct preparation {
    engine_prepared *p;
    const plan_limits *limits;
    arena *memory;
} preparation;

static void *grown(arena *memory, const void *old, size_t count, size_t element_bytes, size_t *capacity) {
    enum { FIRST_CAPACITY = 64 };
    if (count < *capacity)
        return NULL;
    *capacity = *capacity > 0 ? 2 * *capacity : FIRST_CAPACITY;
    void *larger = arena_array(memory, *capacity, element_bytes);
    return count > 0 ? memcpy(larger, old, count * element_bytes) : larger;
}

static size_t add_item(const preparation *prep, const prepared_item *item) {
    engine_prepared *p = prep->p;
    prepared_item *larger = grown(prep->memory, p->items, p->item_count, sizeof *p->items, &p->item_capacity);
    p->items = larger ? larger : p->items;
    p->items[p->item_count] = *item;
    return p->item_count++;
}

static size_t item_of_op(const preparation *prep, const op *o) {
    for (size_t i = 0; i < prep->p->item_count; i++)
        if (prep->p->items[i].recipe && op_same(&prep->p->items[i].o, o))
            return i;
    prepared_item item = {
        .o = *o, .work = op_work_of(o), .recipe = cost_prepare(o, RESIDENCY_PREDECESSORS, prep->limits, prep->memory)};
    return add_item(prep, &item);
}

static bool same_choice(const engine_prepared *p, const prepared_item *item, const size_t *items, size_t count) {
    return !item->recipe && item->choices == count &&
           memcmp(&p->choice_items[item->first_choice], items, count * sizeof *items) == 0;
}

/* The node at a step, as what is picked in its group. */
static size_t item_of_choice(const preparation *prep, const graph_phase *phase, const graph_node *node, size_t group,
                             int64_t step) {
    engine_prepared *p = prep->p;
    size_t count = node->alternative_count + 1;
    size_t *items = ARENA_ARRAY(prep->memory, size_t, count);
    for (size_t c = 0; c < count; c++) {
        op o = graph_op_at(p->g, phase, node, c, p->s, step, 0);
        items[c] = item_of_op(prep, &o);
    }
    for (size_t i = 0; i < p->item_count; i++)
        if (p->items[i].group == group && same_choice(p, &p->items[i], items, count))
            return i;
    prepared_item item = {.group = group, .choices = count, .first_choice = p->choice_count};
    for (size_t c = 0; c < count; c++) {
        size_t *larger =
            grown(prep->memory, p->choice_items, p->choice_count, sizeof *p->choice_items, &p->choice_capacity);
        p->choice_items = larger ? larger : p->choice_items;
        p->choice_items[p->choice_count++] = items[c];
    }
    return add_item(prep, &item);
}

static bool launches(const graph_node *node) {
    return node->op.kind != OP_host_call && node->op.kind != OP_sync;
}

static size_t item_of_node(const preparation *prep, size_t phase, size_t n, int64_t step) {
    const engine_prepared *p = prep->p;
    const graph_node *node = &p->g->phases[phase].nodes[n];
    if (!launches(node))
        return NO_ITEM;
    if (node->alternative_count > 0)
        return item_of_choice(prep, &p->g->phases[phase], node, p->groups->of_node[phase][n], step);
    op o = graph_op_at(p->g, &p->g->phases[phase], node, 0, p->s, step, 0);
    return item_of_op(prep, &o);
}

static void add_use(prepared_sample *sample, size_t item, const graph_node *node, double count) {
    size_t u = 0;
    while (u < sample->use_count && (sample->uses[u].item != item || sample->uses[u].category != node->category))
        u++;
    if (u == sample->use_count)
        sample->uses[sample->use_count++] = (prepared_use){.item = item, .category = node->category};
    sample->uses[u].count += count;
    sample->uses[u].further_launches += count * node->launches;
}

static void prepare_sample(const preparation *prep, size_t index, int64_t step, prepared_sample *out) {
    const graph_phase *phase = &prep->p->g->phases[index];
    out->items = ARENA_ARRAY(prep->memory, size_t, phase->node_count);
    out->uses = ARENA_ARRAY(prep->memory, prepared_use, phase->node_count);
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        double repetitions = (double)graph_segment_repetitions(segment, prep->p->s);
        for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
            out->items[n] = item_of_node(prep, index, n, step);
            if (out->items[n] != NO_ITEM)
                add_use(out, out->items[n], &phase->nodes[n], repetitions);
        }
    }
}

static void prepare_phase(const preparation *prep, size_t index, bool exact) {
    engine_prepared *p = prep->p;
    prepared_phase *out = &p->phases[index];
    out->phase = &p->g->phases[index];
    int64_t steps = (int64_t)p->s->values[out->phase->steps];
    bool varies = false;
    for (size_t n = 0; n < out->phase->node_count; n++)
        varies |= node_varies_with_step(&out->phase->nodes[n]);
    out->repetitions = ARENA_ARRAY(prep->memory, int64_t, out->phase->segment_count);
    for (size_t i = 0; i < out->phase->segment_count; i++)
        out->repetitions[i] = graph_segment_repetitions(&out->phase->segments[i], p->s);
    p->nodes_max = out->phase->node_count > p->nodes_max ? out->phase->node_count : p->nodes_max;
    out->steps = steps;
    if (steps <= 0)
        return;
    int64_t *at;
    double *weights;
    out->sample_count = engine_sample_steps(varies ? steps : 1, exact, prep->memory, &at, &weights);
    out->samples = ARENA_ARRAY(prep->memory, prepared_sample, out->sample_count);
    for (size_t k = 0; k < out->sample_count; k++) {
        out->samples[k].weight = varies ? weights[k] : (double)steps;
        prepare_sample(prep, index, at[k], &out->samples[k]);
    }
}

static void prepare_votes(const preparation *prep) {
    engine_prepared *p = prep->p;
    if (!p->groups)
        return;
    for (size_t i = 0; i < p->groups->count; i++)
        if (p->groups->groups[i].candidates > p->candidates_max)
            p->candidates_max = p->groups->groups[i].candidates;
    p->vote_items = ARENA_ARRAY(prep->memory, size_t, p->groups->vote_count * p->candidates_max);
    for (size_t v = 0; v < p->groups->vote_count; v++) {
        const weight_vote *vote = &p->groups->votes[v];
        for (size_t c = 0; c < p->groups->groups[vote->group].candidates; c++) {
            op o = weight_candidate_at(vote, c, p->s);
            p->vote_items[v * p->candidates_max + c] = item_of_op(prep, &o);
        }
    }
}

static bool forks(const graph *g) {
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (g->phases[p].nodes[n].dependency_count > 1)
                return true;
    return false;
}

const engine_prepared *engine_prepare(const graph *g, const scenario *s, const plan_limits *limits,
                                      const engine_options *options, arena *memory) {
    if (options->kind != ENGINE_ANALYTIC || options->picks || forks(g) || g->phase_count == 0 ||
        g->phase_count > ENGINE_PHASES_MAX)
        return NULL;
    engine_prepared *p = ARENA_NEW(memory, engine_prepared);
    p->g = g, p->s = s, p->host = options->host;
    p->thermal = options->thermal, p->zeros_frac = options->zeros_frac;
    p->groups = weight_groups_of(g, s, memory);
    p->memory = engine_memory_of(g, s, limits->generation, 0);
    preparation prep = {p, limits, memory};
    prepare_votes(&prep); /* before the choices: an item comes after what it chooses from */
    for (size_t i = 0; i < g->phase_count; i++)
        prepare_phase(&prep, i, options->exact_steps);
    return p;
}

/* ---- running ---- */

/* An item on a block of machines. */
typedef struct item_cost {
    cost_times cost; /* at the highest clock */
    op_power power;
} item_cost;

struct engine_scratch {
    item_cost *items;
    node_cost *nodes;
    lanes *votes; /* by group, then candidate */
    lanes *picks; /* by group */
    lanes saved_bytes;
};

engine_scratch *engine_scratch_new(const engine_prepared *p, arena *memory) {
    engine_scratch *s = ARENA_NEW(memory, engine_scratch);
    s->items = ARENA_ARRAY(memory, item_cost, p->item_count);
    s->nodes = ARENA_ARRAY(memory, node_cost, p->nodes_max);
    if (p->groups) {
        s->votes = ARENA_ARRAY(memory, lanes, p->groups->count * p->candidates_max);
        s->picks = ARENA_ARRAY(memory, lanes, p->groups->count);
    }
    return s;
}

static void cost_item(const prepared_item *item, const machine_block *m, double zeros_frac, item_cost *out) {
    cost_times_of(item->recipe, m, &out->cost);
    power_of(&item->o, &item->work, &out->cost, m, 1 - zeros_frac, &out->power);
}

static void pick_weights(const engine_prepared *p, const machine_block *m, engine_scratch *s) {
    const weight_groups *groups = p->groups;
    memset(s->votes, 0, groups->count * p->candidates_max * sizeof(lanes));
    memset(s->saved_bytes, 0, sizeof s->saved_bytes);
    for (size_t v = 0; v < groups->vote_count; v++) {
        const weight_vote *vote = &groups->votes[v];
        for (size_t c = 0; c < groups->groups[vote->group].candidates; c++) {
            size_t item = p->vote_items[v * p->candidates_max + c];
            double *sum = s->votes[vote->group * p->candidates_max + c];
            for (size_t i = 0; i < MACHINE_LANES; i++)
                sum[i] += vote->times *
                          weight_candidate_s(&p->items[item].o, vote->node, m, s->items[item].cost.time_s[i], i);
        }
    }
    for (size_t g = 0; g < groups->count; g++)
        weight_choose(&groups->groups[g], &s->votes[g * p->candidates_max], s->picks[g], s->saved_bytes);
}

static void take_picked(const engine_prepared *p, const prepared_item *item, const engine_scratch *s, item_cost *out) {
    *out = s->items[p->choice_items[item->first_choice]];
    for (size_t c = 1; c < item->choices; c++) {
        const item_cost *other = &s->items[p->choice_items[item->first_choice + c]];
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            if (s->picks[item->group][i] != (double)c)
                continue;
            out->cost.time_s[i] = other->cost.time_s[i];
            out->cost.hbm_bytes[i] = other->cost.hbm_bytes[i];
            out->cost.l2_bytes[i] = other->cost.l2_bytes[i];
            out->cost.launches[i] = other->cost.launches[i];
            out->power.core_j[i] = other->power.core_j[i];
            out->power.memory_j[i] = other->power.memory_j[i];
            out->power.clocked_s[i] = other->power.clocked_s[i];
            out->power.limited_s[i] = other->power.limited_s[i];
            out->power.seen_j[i] = other->power.seen_j[i];
            out->power.held_s[i] = other->power.held_s[i];
        }
    }
}

static void cost_items(const engine_prepared *p, const machine_block *m, engine_scratch *s) {
    for (size_t i = 0; i < p->item_count; i++)
        if (p->items[i].recipe)
            cost_item(&p->items[i], m, p->zeros_frac, &s->items[i]);
    if (!p->groups)
        return;
    pick_weights(p, m, s);
    for (size_t i = 0; i < p->item_count; i++)
        if (!p->items[i].recipe)
            take_picked(p, &p->items[i], s, &s->items[i]);
}

/* Nodes whose item is the last sample's stand as they are, unless all are wanted. */
static void issue_nodes(const engine_prepared *p, const prepared_phase *phase, size_t k, bool all,
                        const machine_block *m, engine_scratch *s) {
    static const lanes nothing = {0};
    for (size_t n = 0; n < phase->phase->node_count; n++) {
        size_t item = phase->samples[k].items[n];
        if (!all && phase->samples[k - 1].items[n] == item)
            continue;
        const graph_node *node = &phase->phase->nodes[n];
        lanes kernels = {0};
        if (item != NO_ITEM)
            memcpy(kernels, s->items[item].cost.launches, sizeof kernels);
        engine_issue_node(phase->phase, node, m, p->host, node->op.kind,
                          item != NO_ITEM ? s->items[item].cost.time_s : nothing, kernels, &s->nodes[n]);
    }
}

/* Nodes' times at a lower clock. */
static void stretch_nodes(const prepared_phase *phase, size_t k, const step_clock *clock, engine_scratch *s) {
    for (size_t n = 0; n < phase->phase->node_count; n++) {
        size_t item = phase->samples[k].items[n];
        if (item == NO_ITEM)
            continue;
        const item_cost *cost = &s->items[item];
        double *busy_s = s->nodes[n].busy_s;
        EACH_LANE busy_s[i] = cost->cost.time_s[i] + power_longer_s(&cost->power, clock, i);
    }
}

static void add_uses(const prepared_sample *sample, const engine_scratch *s, const step_clock *clock,
                     phase_totals *out) {
    for (size_t u = 0; u < sample->use_count; u++) {
        const prepared_use *use = &sample->uses[u];
        const item_cost *item = &s->items[use->item];
        double times = sample->weight * use->count, further = sample->weight * use->further_launches;
        double *category = out->category_s[use->category];
        EACH_LANE {
            category[i] += times * (item->cost.time_s[i] + power_longer_s(&item->power, clock, i));
            out->launches[i] += times * item->cost.launches[i] + further;
        }
    }
}

static void schedule(const engine_prepared *p, const prepared_phase *phase, const machine_block *m,
                     const engine_scratch *s, step_clocks *clocks) {
    engine_options options = {.kind = ENGINE_ANALYTIC, .host = p->host};
    lanes launch_latency_s;
    *clocks = (step_clocks){0};
    engine_step_start(phase->phase, m, &options, clocks->host_s, launch_latency_s);
    for (size_t i = 0; i < phase->phase->segment_count; i++) {
        const graph_segment *segment = &phase->phase->segments[i];
        schedule_segment(&s->nodes[segment->first_node], segment->node_count, phase->repetitions[i], launch_latency_s,
                         clocks);
    }
}

static step_power sum_power(const engine_prepared *p, const prepared_sample *sample, const engine_scratch *s) {
    step_power sum = {0};
    for (size_t u = 0; u < sample->use_count; u++) {
        const item_cost *item = &s->items[sample->uses[u].item];
        power_add(&item->power, item->cost.time_s, sample->uses[u].count / engine_stages(p->g), &sum);
    }
    return sum;
}

static void run_phase(const engine_prepared *p, const prepared_phase *phase, const machine_block *m, engine_scratch *s,
                      phase_totals *out) {
    step_clock clock = {0};
    for (size_t k = 0; k < phase->sample_count; k++) {
        const prepared_sample *sample = &phase->samples[k];
        step_clocks clocks;
        issue_nodes(p, phase, k, k == 0 || clock.throttles, m, s);
        schedule(p, phase, m, s, &clocks);
        step_power power = sum_power(p, sample, s);
        engine_solve_clock(p->g, &clocks, phase->steps, p->thermal, m, &power, &clock);
        if (clock.throttles) {
            stretch_nodes(phase, k, &clock, s);
            schedule(p, phase, m, s, &clocks);
        }
        add_uses(sample, s, &clock, out);
        engine_add_clocks(p->g, &clocks, &power, &clock, sample->weight, m, out);
    }
}

void engine_run_prepared(const engine_prepared *p, const machine_block *machines, engine_scratch *scratch,
                         engine_result *out) {
    size_t count = p->g->phase_count;
    memset(out->phases, 0, count * sizeof *out->phases);
    memset(out->latency_s, 0, sizeof *out - offsetof(engine_result, latency_s));
    out->phase_count = count;
    cost_items(p, machines, scratch);
    for (size_t i = 0; i < count; i++)
        run_phase(p, &p->phases[i], machines, scratch, &out->phases[i]);
    out->memory = p->memory;
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out->memory_bytes[i] = p->memory.total_bytes - (p->groups ? scratch->saved_bytes[i] : 0);
    if (p->groups) {
        out->memory.weight_bytes -= scratch->saved_bytes[0];
        out->memory.total_bytes = out->memory_bytes[0];
    }
    engine_sum_phases(p->g, p->s, machines, out);
}
