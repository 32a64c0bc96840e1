/* Comparisons: causes that add up, chances that are each other's complements, and what a single knob explains. */
#include "sim/explore/comparison.h"

#include "tests/lever_fixture.h"

static const char config_dir[] = INGOT_SOURCE_DIR "/configs";

typedef struct side {
    lever_fixture lever;
    machine machine;
    calibration calibration;
    host_profile host;
    engine_options options;
    comparison_design design;
} side;

static void load(side *s, const char *machine_name, const char *levers_text, const char *override_text) {
    error err = {0};
    *s = (side){.lever = lever_set_up("codellama-7b", levers_text, 1, 154, 40)};
    arena *a = &s->lever.memory;
    cr_assert_eq(machine_load(a, config_dir, machine_name, &s->machine, NULL, &err), STATUS_OK, "%s", err.text);
    if (override_text)
        cr_assert_eq(machine_override(&s->machine, override_text, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, config_dir, &s->machine, &s->calibration, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(host_load(a, config_dir, levers_host(&s->lever.l), &s->host, &err), STATUS_OK, "%s", err.text);
    s->options = (engine_options){.kind = ENGINE_ANALYTIC, .host = &s->host};
    s->design = (comparison_design){.machine = &s->machine,
                                    .calibration = &s->calibration,
                                    .graph = &s->lever.g,
                                    .scenario = &s->lever.s,
                                    .options = &s->options,
                                    .software = levers_text};
}

static void compare(side *a, side *b, comparison *out) {
    error err = {0};
    cr_assert_eq(compare_designs(&a->lever.memory, config_dir, &a->design, &b->design, out, &err), STATUS_OK, "%s",
                 err.text);
}

static void unload(side *a, side *b) {
    arena_free(&a->lever.memory);
    arena_free(&b->lever.memory);
}

Test(comparison, causes_add_up_and_reverse) {
    static const struct {
        const char *machines[2], *levers[2];
    } cases[] = {{{"h100-sxm", "h200-sxm"}, {"compile", "compile"}},
                 {{"a100-sxm-80gb", "h200-sxm"}, {"baseline", "compile"}},
                 {{"l40s", "b200-sxm"}, {"sdpa", "compile weights=int8"}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        side a, b;
        load(&a, cases[i].machines[0], cases[i].levers[0], NULL);
        load(&b, cases[i].machines[1], cases[i].levers[1], NULL);
        static comparison forth, back;
        compare(&a, &b, &forth);
        compare(&b, &a, &back);
        double saved_s = forth.a.result.latency_s[0] - forth.b.result.latency_s[0], sum_s = 0, back_s = 0;
        for (size_t c = 0; c < forth.cause_count; c++) {
            sum_s += forth.causes[c].saved_s;
            for (size_t k = 0; k < back.cause_count; k++)
                if (strcmp(back.causes[k].name, forth.causes[c].name) == 0) {
                    cr_expect_float_eq(back.causes[k].saved_s, -forth.causes[c].saved_s, 1e-9 * saved_s, "%s",
                                       forth.causes[c].name);
                    back_s += back.causes[k].saved_s;
                }
        }
        cr_expect_float_eq(sum_s, saved_s, 1e-9 * saved_s, "%s to %s: %g of %g s", cases[i].machines[0],
                           cases[i].machines[1], sum_s, saved_s);
        cr_expect_float_eq(back_s, -saved_s, 1e-9 * saved_s);
        cr_expect_float_eq(forth.b_faster_frac + back.b_faster_frac, 1, 1e-12);
        cr_expect_float_eq(forth.ratio_lower * back.ratio_upper, 1, 1e-9);
        cr_expect(forth.ratio_lower < forth.ratio_upper && forth.b_faster_frac > 0.9);
        unload(&a, &b);
    }
}

Test(comparison, one_knob_explains_everything) {
    static const struct {
        const char *override_text, *cause;
        bool faster;
    } cases[] = {{"hbm.bandwidth_bytes_per_s=9.6e12", "memory bandwidth", true},
                 {"sm.count=20", "number of SMs", false},
                 {"host.graph_node_s=5e-6", "launch cost", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        side a, b;
        load(&a, "h200-sxm", "compile", NULL);
        load(&b, "h200-sxm", "compile", cases[i].override_text);
        comparison c;
        compare(&a, &b, &c);
        cr_assert_eq(c.cause_count, 1, "%s: %zu causes", cases[i].override_text, c.cause_count);
        cr_expect_str_eq(c.causes[0].name, cases[i].cause);
        double saved_s = c.a.result.latency_s[0] - c.b.result.latency_s[0];
        cr_expect_eq(saved_s > 0, cases[i].faster, "%s saves %g s", cases[i].override_text, saved_s);
        cr_expect_float_eq(c.causes[0].saved_s, saved_s, 1e-12);
        cr_expect_eq(c.causes[0].alone_s, c.causes[0].saved_s);
        unload(&a, &b);
    }
}

Test(comparison, the_same_design_twice) {
    side a, b;
    load(&a, "h200-sxm", "compile", NULL);
    load(&b, "h200-sxm", "compile", NULL);
    comparison c;
    compare(&a, &b, &c);
    cr_expect_eq(c.cause_count, 0);
    cr_expect_eq(c.b_faster_frac, 0.5);
    cr_expect_float_eq(c.ratio_lower, 1, 1e-12);
    cr_expect_float_eq(c.ratio_upper, 1, 1e-12);
    unload(&a, &b);
}

/* What operators take, by resource and by category, is the time of the request. */
Test(comparison, times_are_conserved) {
    side a, b;
    load(&a, "h200-sxm", "baseline", NULL);
    load(&b, "h200-sxm", "compile", NULL);
    comparison c;
    compare(&a, &b, &c);
    const comparison_side *sides[] = {&c.a, &c.b};
    for (size_t s = 0; s < 2; s++) {
        double bound_s = 0, category_s = 0, ops_s = 0;
        for (int k = 0; k < BOUND_COUNT; k++)
            bound_s += sides[s]->bound_s[k];
        for (int k = 0; k < CATEGORY_COUNT; k++)
            category_s += sides[s]->category_s[k];
        for (size_t i = 0; i < c.op_count; i++)
            ops_s += s == 0 ? c.ops[i].a_s : c.ops[i].b_s;
        cr_expect_float_eq(category_s, sides[s]->result.latency_s[0], 1e-9);
        cr_expect_float_eq(ops_s, bound_s, 1e-9);
        /* Decode steps are interpolated: the operators' sums and the timeline's agree as closely as that. */
        cr_expect_float_eq(bound_s / sides[s]->result.busy_s[0], 1, 0.01);
    }
    unload(&a, &b);
}

Test(comparison, a_design_that_does_not_fit) {
    side a, b;
    load(&a, "h200-sxm", "compile", NULL);
    load(&b, "h200-sxm", "compile", "hbm.capacity_bytes=8e9");
    comparison c;
    error err = {0};
    cr_expect_eq(compare_designs(&a.lever.memory, config_dir, &a.design, &b.design, &c, &err), STATUS_NEGATIVE);
    cr_expect(strstr(err.text, "does not fit"), "%s", err.text);
    unload(&a, &b);
}
