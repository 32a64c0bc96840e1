#include "sim/explore/design_doubt.h"
#include "sim/explore/designs.h"
#include "sim/explore/ensemble.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"
#define SPACE INGOT_SOURCE_DIR "/tests/data/sweeps/small-space.yaml"

static arena memory;

static void release(void) {
    arena_free(&memory);
}

TestSuite(designs, .fini = release);

static sweep *load(const char *path, const sweep_question *question) {
    sweep *s = ARENA_NEW(&memory, sweep);
    error err = {""};
    cr_assert_eq(sweep_load_question(&memory, CONFIGS, path, "test", question, s, &err), STATUS_OK, "%s", err.text);
    return s;
}

static sweep *load_text(const char *text) {
    char path[] = "/tmp/ingot-designs-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    sweep *s = load(path, NULL);
    unlink(path);
    return s;
}

static design_answer ask(const sweep *s, int threads, store *points) {
    design_answer *answer = ARENA_NEW(&memory, design_answer);
    explorer *e = NULL;
    error err = {""};
    cr_assert_eq(explorer_new(s, threads, points, &e, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(designs_search(&memory, s, &(design_options){0}, e, answer, &err), STATUS_OK, "%s", err.text);
    explorer_free(e);
    return *answer;
}

static sweep_question searching(const char *method, int64_t evaluations, int64_t seed) {
    return (sweep_question){.method = method, .evaluations = evaluations, .seed = seed};
}

/* The optimum is known by enumeration: evolution finds it within 1 % in 18 of 20 seeds, having seen 4 % of the space;
 * random search of as many designs does so in few. */
Test(designs, evolution_finds_the_enumerated_optimum) {
    enum { SEEDS = 20, EVALUATIONS = 600 };
    sweep_question grid = searching("grid", 0, -1);
    design_answer all = ask(load(SPACE, &grid), 0, NULL);
    cr_assert(all.found);
    cr_assert_eq(all.evaluated, 14400);
    double optimum = all.best.values.of[METRIC_COST];
    int evolve = 0, random = 0;
    for (int64_t seed = 1; seed <= SEEDS; seed++) {
        sweep_question q = searching("evolve", EVALUATIONS, seed), r = searching("random", EVALUATIONS, seed);
        design_answer by_evolution = ask(load(SPACE, &q), 0, NULL), by_chance = ask(load(SPACE, &r), 0, NULL);
        cr_expect_eq(by_evolution.evaluated, EVALUATIONS);
        evolve += by_evolution.found && by_evolution.best.values.of[METRIC_COST] <= 1.01 * optimum;
        random += by_chance.found && by_chance.best.values.of[METRIC_COST] <= 1.01 * optimum;
        cr_expect(!by_evolution.found || by_evolution.best.values.of[METRIC_COST] >= optimum);
    }
    cr_expect_geq(evolve, 18, "evolve %d of 20, random %d", evolve, random);
    cr_expect_lt(random, evolve - 6, "evolve %d of 20, random %d", evolve, random);
}

/* Bit for bit. */
static void expect_same(const design *a, const design *b) {
    cr_expect_eq(a->index, b->index);
    cr_expect_str_eq(a->reason, b->reason);
    cr_expect_eq(memcmp(&a->values, &b->values, sizeof a->values), 0);
    cr_expect_eq(memcmp(a->knobs, b->knobs, sizeof a->knobs), 0);
}

Test(designs, threads_change_nothing) {
    static const char *const methods[] = {"random", "sobol", "anneal", "evolve"};
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        sweep_question q = searching(methods[m], 100, 5);
        design_answer one = ask(load(SPACE, &q), 1, NULL), three = ask(load(SPACE, &q), 3, NULL);
        cr_assert_eq(one.found, three.found);
        cr_expect_eq(one.feasible, three.feasible);
        expect_same(one.found ? &one.best : &one.nearest, one.found ? &three.best : &three.nearest);
    }
}

static const char mix_text[] = "schema: 1\n"
                               "name: mix\n"
                               "machines: [h200-sxm, a100-sxm-80gb]\n"
                               "mix: {codellama-7b/humaneval: 3, hstu/h-a: 1}\n"
                               "batch: [1, 4]\n"
                               "levers: {preset: [compile], weights: [bf16, int8]}\n"
                               "vary: {hbm.bandwidth_bytes_per_s: {factors: [1, 1.5]}}\n"
                               "constraints: [tpot_p99_s <= 1, latency_s <= base(latency_s)]\n"
                               "site: world\n"
                               "objectives: [latency_s, usd_per_million]\n";

typedef struct kept_points {
    store_point points[128];
    size_t count;
} kept_points;

static status keep(void *context, const store_point *p, error *err) {
    (void)err;
    kept_points *kept = context;
    cr_assert_lt(kept->count, 128);
    kept->points[kept->count] = *p;
    kept->points[kept->count].workload = arena_strdup(&memory, p->workload);
    kept->points[kept->count].machine = arena_strdup(&memory, p->machine);
    kept->points[kept->count++].reason = NULL;
    return STATUS_OK;
}

/* A mix of 3 requests of one and 1 of the other, per design, from the points in the store; with the rows that the
 * program's own store keeps of the mix. */
Test(designs, a_mix_weighs_its_workloads) {
    sweep *s = load_text(mix_text);
    cr_assert_eq(designs_count(s), 16);
    cr_assert_eq(s->statistic_count, 2);
    char path[] = "/tmp/ingot-designs-XXXXXX";
    close(mkstemp(path));
    store *points = NULL;
    store_manifest manifest = sweep_manifest(&memory, s);
    error err = {""};
    cr_assert_eq(store_create(path, &manifest, true, &points, &err), STATUS_OK, "%s", err.text);
    design_answer answer = ask(s, 2, points);
    cr_expect_eq(answer.feasible, 16);
    kept_points *kept = ARENA_NEW(&memory, kept_points);
    cr_assert_eq(store_each(points, false, keep, kept, &err), STATUS_OK);
    cr_assert_eq(kept->count, 16 * (2 * 2 + 1));
    cr_assert_eq(manifest.point_count, 16 * (2 * 2 + 1));
    store_close(points, NULL);
    unlink(path);
    const design *best = &answer.best;
    const store_point *first = &kept->points[design_point(s, best, 0, 0)],
                      *second = &kept->points[design_point(s, best, 1, 0)],
                      *slow = &kept->points[design_point(s, best, 0, 1)], *mix = &kept->points[design_mix_row(s, best)];
    cr_expect_str_eq(first->workload, "codellama-7b/humaneval");
    cr_expect_str_eq(slow->workload, "codellama-7b/humaneval (p99)");
    cr_expect_str_eq(second->workload, "hstu/h-a");
    cr_expect_str_eq(mix->workload, "mix");
    cr_expect_str_eq(mix->machine, design_machine(s, best));
    double latency_s = (3 * first->latency_s + second->latency_s) / 4;
    cr_expect_float_eq(best->values.of[METRIC_LATENCY], latency_s, 1e-12 * latency_s);
    cr_expect_float_eq(mix->latency_s, latency_s, 1e-12 * latency_s);
    cr_expect_float_eq(best->values.of[METRIC_TPOT], first->tpot_s, 1e-12, "hstu has none");
    cr_expect_eq(best->values.of[METRIC_TPOT_P99], slow->tpot_s);
    cr_expect(isnan(best->values.of[METRIC_TPOT_P50]), "not asked for");
    cr_expect_float_eq(best->values.of[METRIC_POWER], (3 * first->energy_j + second->energy_j) / (4 * latency_s), 1e-9);
    double requests = (double)design_batch(s, best), sum_s = 0;
    cr_expect_float_eq(best->values.of[METRIC_THROUGHPUT], requests / latency_s, 1e-9 * requests / latency_s);
    for (int c = 0; c < CATEGORY_COUNT; c++)
        sum_s += mix->category_s[c];
    cr_expect_float_eq(sum_s, latency_s, 1e-9 * latency_s);
}

/* The front of both objectives: nobody is beaten, and the best by the first objective is on it. */
Test(designs, the_front_is_one) {
    design_answer answer = ask(load_text(mix_text), 0, NULL);
    cr_assert_geq(answer.front_count, 1);
    expect_same(&answer.front[0], &answer.best);
    for (size_t i = 1; i < answer.front_count; i++) {
        cr_expect_gt(answer.front[i].values.of[METRIC_LATENCY], answer.front[i - 1].values.of[METRIC_LATENCY]);
        cr_expect_lt(answer.front[i].values.of[METRIC_USD_PER_MILLION],
                     answer.front[i - 1].values.of[METRIC_USD_PER_MILLION]);
    }
}

/* base() is the base machine itself under the design's own levers: turned knobs at their base values change nothing. */
Test(designs, the_base_is_a_design) {
    sweep *s = load_text(mix_text);
    explorer *e = NULL;
    error err = {""};
    design found;
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK);
    for (int64_t index = 0; index < 16; index += 2) { /* factor 1 */
        cr_assert_eq(explorer_evaluate(e, &index, 1, &found, &err), STATUS_OK);
        const design *base = explorer_base(e, found.machine_index, found.batch_index, found.lever_index);
        cr_expect_eq(memcmp(&found.values, &base->values, sizeof found.values), 0);
    }
    explorer_free(e);
}

/* What does not fit is the nearer the less it lacks; a broken constraint is nearer than that. */
Test(designs, misses_have_a_distance) {
    sweep *s = load_text("schema: 1\n"
                         "name: misses\n"
                         "machines: [l4]\n"
                         "workloads: [codellama-34b/humaneval]\n"
                         "levers: [compile]\n"
                         "vary: {hbm.capacity_bytes: [20e9, 40e9, 60e9, 80e9]}\n"
                         "objectives: [latency_s]\n"
                         "constraints: [latency_s <= 1e-3]\n");
    explorer *e = NULL;
    error err = {""};
    design d[4];
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK);
    cr_assert_eq(explorer_evaluate(e, (const int64_t[]){0, 1, 2, 3}, 4, d, &err), STATUS_OK);
    explorer_free(e);
    for (int i = 0; i < 3; i++) {
        cr_expect_not(d[i].known);
        cr_expect_eq(strncmp(d[i].reason, "needs ", 6), 0, "%s", d[i].reason);
        cr_expect_gt(d[i].violation, 1);
    }
    cr_expect_lt(d[1].violation, d[0].violation);
    cr_expect_lt(d[2].violation, d[1].violation);
    cr_expect(d[3].known);
    cr_expect_float_eq(d[3].violation, d[3].values.of[METRIC_LATENCY] / 1e-3 - 1, 1e-6);
    cr_expect_eq(strncmp(d[3].reason, "latency_s <= 1e-3 misses by ", 28), 0, "%s", d[3].reason);
}

/* ---- what matters ---- */

static const char one_text[] = "schema: 1\n"
                               "name: one\n"
                               "machines: [h200-sxm]\n"
                               "workloads: [codellama-7b/humaneval]\n"
                               "levers: [sdpa, compile, compile weights=int8]\n"
                               "vary:\n"
                               "  sm.count: [66, 99, 132]\n"
                               "  hbm.bandwidth_bytes_per_s: {values: [2.4e12, 4.8e12, 9.6e12], tied: [hbm.bus_bits]}\n"
                               "  host.launch_s: [3.3e-6]\n"
                               "objectives: [latency_s]\n"
                               "search: {method: random, evaluations: 8}\n";

/* Between the neighbours of the middle level, everything else alike; a knob with one level has none. */
Test(designs, elasticities_are_slopes) {
    sweep *s = load_text(one_text);
    explorer *e = NULL;
    error err = {""};
    design d[3];
    design_elasticity found[3];
    const int64_t around[] = {9 + 3, 9 + 4, 9 + 5}; /* compile, 99 SMs, rising bandwidth */
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(explorer_evaluate(e, around, 3, d, &err), STATUS_OK);
    cr_assert_eq(design_elasticities(e, s, &d[1], found, &err), STATUS_OK);
    double slope = log(d[2].values.of[METRIC_LATENCY] / d[0].values.of[METRIC_LATENCY]) / log(4);
    cr_expect_float_eq(found[1].of[METRIC_LATENCY], slope, 1e-12);
    cr_expect_lt(slope, -0.3);
    cr_expect_gt(slope, -1);
    cr_expect_eq(found[1].low, 2.4e12);
    cr_expect_eq(found[1].high, 9.6e12);
    cr_expect_gt(found[0].of[METRIC_AREA], 0);
    cr_expect(isnan(found[2].of[METRIC_LATENCY]));
    explorer_free(e);
}

Test(designs, interactions_hold_every_pair) {
    sweep *s = load_text(one_text);
    explorer *e = NULL;
    error err = {""};
    interaction_table table;
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK);
    cr_assert_eq(design_interactions(&memory, e, s, 0, &table, &err), STATUS_OK);
    cr_assert_eq(table.machine_count, 1 + 1 + 2, "the base, 66 SMs (132 are its own), and two bandwidths");
    for (size_t l = 0; l < 3; l++)
        cr_expect_eq(
            memcmp(&table.machines[0].designs[l].values, &explorer_base(e, 0, 0, l)->values, sizeof(metric_values)), 0);
    /* Narrow weights are worth less where bandwidth is plentiful, and the launch-bound lever set gains least from it.
     */
    const design *base = table.machines[0].designs, *fast = table.machines[3].designs;
    cr_assert_eq(table.machines[3].value, 9.6e12);
    double narrow = base[1].values.of[METRIC_LATENCY] / base[2].values.of[METRIC_LATENCY],
           narrow_fast = fast[1].values.of[METRIC_LATENCY] / fast[2].values.of[METRIC_LATENCY];
    cr_expect_lt(narrow_fast, narrow);
    cr_expect_lt(base[0].values.of[METRIC_LATENCY] / fast[0].values.of[METRIC_LATENCY],
                 base[1].values.of[METRIC_LATENCY] / fast[1].values.of[METRIC_LATENCY]);
    explorer_free(e);
}

/* ---- how sure ---- */

Test(designs, doubts) {
    sweep *s = load_text(one_text);
    explorer *e = NULL;
    error err = {""};
    design d[4];
    const int64_t indices[] = {9 + 7, 9 + 4, 9 + 8, 18 + 7}; /* 132 and 99 SMs, more bandwidth, other weights */
    design_doubts *doubts = NULL;
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK);
    cr_assert_eq(explorer_evaluate(e, indices, 4, d, &err), STATUS_OK);
    explorer_free(e);
    cr_assert_eq(design_doubts_of(&memory, CONFIGS, s, d, 4, &doubts, &err), STATUS_OK, "%s", err.text);
    cr_assert_not_null(doubts);
    double lower, upper;
    for (size_t i = 0; i < 4; i++) {
        design_doubt_interval(doubts, i, METRIC_LATENCY, &lower, &upper);
        cr_expect_lt(lower, d[i].values.of[METRIC_LATENCY]);
        cr_expect_gt(upper, d[i].values.of[METRIC_LATENCY]);
        double width = log(upper / lower);
        design_doubt_interval(doubts, i, METRIC_ENERGY, &lower, &upper);
        cr_expect_lt(log(upper / lower), width, "only idle power's part of the energy follows the time");
        design_doubt_interval(doubts, i, METRIC_COST, &lower, &upper);
        cr_expect_eq(lower, upper);
        cr_expect_eq(design_doubt_chance(doubts, i, i, METRIC_LATENCY), 0.5);
        for (size_t j = 0; j < 4; j++)
            cr_expect_float_eq(design_doubt_chance(doubts, i, j, METRIC_LATENCY) +
                                   design_doubt_chance(doubts, j, i, METRIC_LATENCY),
                               1, 1e-12);
    }
    cr_expect_gt(design_doubt_chance(doubts, 2, 0, METRIC_LATENCY), 0.95, "twice the bandwidth is surely faster");
    cr_expect(design_doubt_beats(doubts, 2, 0));
    cr_expect_not(design_doubt_beats(doubts, 0, 2));
    cr_expect_eq(design_doubt_chance(doubts, 1, 0, METRIC_COST), 1, "fewer SMs certainly cost less");
}

/* The interval of one workload is that of `simulate`. */
Test(designs, intervals_agree_with_ensembles) {
    sweep *s = load_text(one_text);
    const sweep_case *c = &s->cases[1];
    const engine_options options = {.kind = ENGINE_ANALYTIC, .host = &c->host};
    ensemble *ens = ARENA_NEW(&memory, ensemble);
    engine_result *r = ARENA_NEW(&memory, engine_result);
    node_totals *nodes = ARENA_ARRAY(&memory, node_totals, engine_node_count(&c->graph));
    error err = {""};
    double lower, upper, low, high;
    explorer *e = NULL;
    design_doubts *doubts = NULL;
    cr_assert_eq(ensemble_fill(&memory, CONFIGS, &s->machines[0].base, &s->machines[0].fitted, ens, &err), STATUS_OK);
    cr_assert_eq(engine_run(&c->graph, &c->scenario, &ens->block, &options, &memory, r, nodes, &err), STATUS_OK);
    cr_assert_eq(ensemble_latency(&memory, &c->graph, &c->scenario, &options, ens, r, nodes, &lower, &upper, &err),
                 STATUS_OK);
    cr_assert_eq(explorer_new(s, 1, NULL, &e, &err), STATUS_OK);
    cr_assert_eq(design_doubts_of(&memory, CONFIGS, s, explorer_base(e, 0, 0, 1), 1, &doubts, &err), STATUS_OK);
    design_doubt_interval(doubts, 0, METRIC_LATENCY, &low, &high);
    cr_expect_float_eq(low, lower, 1e-9 * lower);
    cr_expect_float_eq(high, upper, 1e-9 * upper);
    explorer_free(e);
}
