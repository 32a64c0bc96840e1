/* Prepared costs against the ones that start from the operator: the same bits, on every kind that shipped workloads
 * use and on machines that differ in everything a recipe might wrongly take along. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/recipe.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <string.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";

static void fill_block(arena *a, const char *name, machine_block *block) {
    machine base;
    calibration c;
    error err;
    cr_assert_eq(machine_load(a, CONFIG_DIR, name, &base, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, CONFIG_DIR, &base, &c, &err), STATUS_OK, "%s", err.text);
    machine variants[MACHINE_LANES];
    const machine *machines[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    for (int i = 0; i < MACHINE_LANES; i++) {
        variants[i] = base;
        variants[i].sm.count = base.sm.count - 7 * i;
        variants[i].sm.clock_max_hz = base.sm.clock_max_hz * (1 + 0.03 * i);
        variants[i].l2.bytes = base.l2.bytes * (1 + 0.5 * (i % 3));
        variants[i].hbm.bandwidth_bytes_per_s = base.hbm.bandwidth_bytes_per_s * (0.5 + 0.25 * i);
        machines[i] = &variants[i];
        calibrations[i] = &c;
    }
    machine_block_fill(block, machines, calibrations, MACHINE_LANES);
}

static size_t compare(const op *o, residency where, const machine_block *block, const char *what) {
    arena memory = {0};
    plan_limits limits = plan_limits_of_block(block);
    const cost_recipe *recipe = cost_prepare(o, where, &limits, &memory);
    cost_block expected;
    cost_times found;
    cost_analytic(o, where, block, &expected);
    cost_times_of(recipe, block, &found);
    cr_expect_eq(memcmp(&expected.times, &found, sizeof found), 0, "%s (%s)", what, op_info_get(o->kind)->name);
    arena_free(&memory);
    return 1;
}

static size_t compare_graph(const graph *g, const scenario *s, const machine_block *block) {
    size_t compared = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count && s->values[g->phases[p].steps] > 0; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            op o = node_op_at(node, s, 0, 0);
            if (o.kind == OP_host_call || o.kind == OP_sync)
                continue;
            for (int where = RESIDENCY_COLD; where <= RESIDENCY_PREDECESSORS; where++)
                compared += compare(&o, (residency)where, block, node->id);
            for (size_t a = 0; a < node->alternative_count; a++) {
                o = node_alternative_at(node, a, s, 0, 0);
                compared += compare(&o, RESIDENCY_PREDECESSORS, block, node->id);
            }
        }
    return compared;
}

Test(recipe, gives_the_same_bits) {
    static const char *const names[] = {"codellama-34b/humaneval", "chameleon-7b/t-i", "seamless-m4t-v2/s-s",
                                        "hstu/h-a"};
    static const char *const presets[] = {"baseline", "sdpa", "compile", "autoquant"};
    static const char *const machines[] = {"h200-sxm", "a100-sxm-80gb", "l40s"};
    arena a = {0};
    size_t compared = 0;
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
        machine_block *block = ARENA_NEW(&a, machine_block);
        fill_block(&a, machines[m], block);
        for (size_t i = 0; i < sizeof names / sizeof *names * 4; i++) {
            workload w;
            levers l;
            scenario s;
            graph g;
            error err;
            workload_request request = {.batch = 2, .decode_steps = -1, .statistic = "mean"};
            cr_assert_eq(workload_find(&a, CONFIG_DIR, names[i / 4], &w, &err), STATUS_OK, "%s", err.text);
            cr_assert_eq(levers_parse(presets[i % 4], &l, &err), STATUS_OK, "%s", err.text);
            cr_assert_eq(workload_scenario(&a, &w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
            if (workload_build(&a, &w, &l, &g, &err) == STATUS_OK) /* some presets do not apply to some */
                compared += compare_graph(&g, &s, block);
        }
    }
    cr_expect(compared > 3000, "%zu", compared);
    arena_free(&a);
}
