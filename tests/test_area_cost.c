/* Die area against published dies, and yield and cost against independent arithmetic. */
#include "hwmodels/area.h"
#include "hwmodels/carbon.h"
#include "hwmodels/gpu_cost.h"
#include "hwmodels/machine_load.h"
#include "hwmodels/ownership.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static machine load(arena *a, const char *name) {
    machine m = {0};
    error err = {0};
    cr_assert_eq(machine_load(a, INGOT_SOURCE_DIR "/configs", name, &m, NULL, &err), STATUS_OK, "%s", err.text);
    return m;
}

static const struct {
    const char *name;
    double die_m2; /* published */
} dies[] = {{"a100-sxm-80gb", 826e-6}, {"h100-sxm", 814e-6},     {"h200-sxm", 814e-6}, {"l40s", 608e-6}, {"l4", 294e-6},
            {"v100-sxm", 815e-6},      {"rtx-pro-6000", 750e-6}, {"t4", 545e-6}};

/* Constants are fitted to GA100 and Aldebaran; GV100 is scaled to its die, and the others nothing is fitted to. */
Test(area, published_dies_within_a_tenth) {
    arena a = {0};
    for (size_t i = 0; i < sizeof dies / sizeof dies[0]; i++) {
        machine m = load(&a, dies[i].name);
        double total_m2 = area_of(&m).total_m2;
        cr_expect_float_eq(total_m2 / dies[i].die_m2, 1, 0.1, "%s: %g mm2", dies[i].name, total_m2 * 1e6);
        cr_expect_eq(m.area.die_m2, dies[i].die_m2);
        bool scaled = m.area.sm_ratio != 0;
        cr_expect_eq(scaled, strcmp(dies[i].name, "v100-sxm") == 0, "%s", dies[i].name);
    }
    arena_free(&a);
}

/* GA100 against its die shot, part by part: 476.25 + 76.44 SMs and network, 119.31 L2 (mm2). */
Test(area, ga100_by_part) {
    arena a = {0};
    machine m = load(&a, "a100-sxm-80gb");
    die_area area = area_of(&m);
    cr_expect_eq(area.sms_built, 128);
    cr_expect_float_eq(area.sm_m2, 552.69e-6, 0.5e-6);
    cr_expect_float_eq(area.l2_m2, 119.31e-6, 0.5e-6);
    cr_expect_float_eq(area.total_m2, 822.7e-6, 1e-6);
    arena_free(&a);
}

Test(area, a_variant_pays_for_what_it_adds) {
    arena a = {0};
    machine m = load(&a, "h200-sxm");
    die_area before = area_of(&m);
    m.sm.count *= 1.5;
    die_area wider = area_of(&m);
    cr_expect_eq(wider.sms_built, 216, "the same share of spares");
    cr_expect_float_eq(wider.total_m2 - before.total_m2, 72 * before.one_sm_m2, 1e-12);
    m.l2.bytes *= 2;
    m.l2.bytes_per_clk *= 2;
    cr_expect_float_eq(area_of(&m).total_m2 - wider.total_m2, before.l2_m2, 1e-12);
    m.link.bandwidth_bytes_per_s *= 2;
    cr_expect_float_eq(area_of(&m).link_m2, 2 * before.link_m2, 1e-12);
    static const char *const parts[] = {"sm.tensor_bf16_flops_per_clk=8192", "sm.registers=131072",
                                        "sm.l1_bytes=524288", "sm.fp32_flops_per_clk=512", "sm.fp64_flops_per_clk=256"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        machine richer = load(&a, "h200-sxm");
        error err = {0};
        cr_assert_eq(machine_override(&richer, parts[i], &err), STATUS_OK, "%s", err.text);
        cr_expect_gt(area_of(&richer).one_sm_m2, before.one_sm_m2 * 1.005, "%s", parts[i]);
    }
    m = load(&a, "h200-sxm");
    m.area.logic_ratio /= 2;
    m.area.sram_ratio /= 2;
    die_area shrunk = area_of(&m);
    cr_expect_float_eq(shrunk.sm_m2 + shrunk.l2_m2, (before.sm_m2 + before.l2_m2) / 2, 1e-12);
    cr_expect_eq(shrunk.memory_m2, before.memory_m2, "PHYs do not shrink");
    arena_free(&a);
}

Test(area, not_known_is_not_zero) {
    arena a = {0};
    machine m = load(&a, "mi300x");
    cr_expect(isnan(area_of(&m).total_m2));
    gpu_cost c = gpu_cost_of(&m);
    cr_expect(isnan(c.dies_usd) && isnan(c.total_usd) && isnan(c.die_yield_frac));
    cr_expect_float_eq(c.memory_usd, 2900, 10);
    machine l = load(&a, "l40s");
    c = gpu_cost_of(&l);
    cr_expect(c.dies_usd > 0, "the die is known");
    cr_expect(isnan(c.memory_usd) && isnan(c.total_usd), "the price of GDDR6 is not");
    arena_free(&a);
}

/* Worked by hand elsewhere: 300 mm wafers. */
Test(cost, dies_a_wafer) {
    static const struct {
        double die_mm2, count;
    } cases[] = {{826, 62.4}, {814, 63.5}, {800, 64.8}, {609, 89.1}, {294, 201.6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_float_eq(dies_per_wafer(cases[i].die_mm2 * 1e-6, 0.3), cases[i].count, 0.06);
    cr_expect_eq(dies_per_wafer(0.07, 0.3), 0, "no die is larger than the wafer");
}

/* Without spares the closed negative-binomial form must come out, whatever part of the die the SMs take. */
Test(cost, yield_without_spares) {
    for (double clustering = 0.5; clustering < 40; clustering *= 2)
        for (double defects_per_m2 = 100; defects_per_m2 < 4000; defects_per_m2 *= 2) {
            double expected = pow(1 + 8e-4 * defects_per_m2 / clustering, -clustering);
            double yield = die_yield(defects_per_m2, clustering, 2e-4, 6e-6, 100, 0);
            cr_expect_float_eq(yield, expected, 1e-6, "D %g alpha %g: %g, not %g", defects_per_m2, clustering, yield,
                               expected);
        }
}

/* With all SMs spare only the critical area counts. */
Test(cost, yield_with_spares) {
    double critical = pow(1 + 2e-4 * 1100 / 10, -10);
    cr_expect_float_eq(die_yield(1100, 10, 2e-4, 6e-6, 100, 100), critical, 1e-9);
    double before = 0;
    for (int spares = 0; spares <= 100; spares++) {
        double yield = die_yield(1100, 10, 2e-4, 6e-6, 100, spares);
        cr_expect(yield >= before && yield <= critical * (1 + 1e-12), "%d spares: %g", spares, yield);
        before = yield;
    }
    /* One spare of two SMs, one density: exp(-DC) (1 - (1 - exp(-Da))^2). */
    double hit = -expm1(-1000 * 1e-4);
    cr_expect_float_eq(die_yield(1000, 100, 0, 1e-4, 2, 1), 1 - hit * hit, 0.001);
}

Test(cost, of_known_modules) {
    arena a = {0};
    machine h100 = load(&a, "h100-sxm"), h200 = load(&a, "h200-sxm"), b200 = load(&a, "b200-sxm");
    gpu_cost c = gpu_cost_of(&h100), c200 = gpu_cost_of(&h200), cb = gpu_cost_of(&b200);
    /* An analyst's bridge has 300 USD of logic and 3,320 in all, without the board. */
    cr_expect_float_eq(c.dies_usd, 300, 30, "%g", c.dies_usd);
    cr_expect_float_eq(c.total_usd - c.board_usd, 3320, 150, "%g", c.total_usd);
    cr_expect_float_eq(c200.total_usd - c.total_usd, 141e9 * 1.65e-8 - 80e9 * 1.72e-8, 30,
                       "an H200 is an H100 with other memory");
    /* The same bridge has 6,400 USD for a B200. */
    cr_expect_float_eq((cb.total_usd - cb.board_usd) / 6400, 1, 0.2, "%g", cb.total_usd);
    cr_expect(cb.dies_usd > 2 * c.dies_usd * 0.9 && cb.total_usd > c200.total_usd);
    cr_expect_float_eq(c.dies_per_wafer, dies_per_wafer(area_of(&h100).total_m2, 0.3), 1e-9);
    double sum = c.dies_usd + c.memory_usd + c.packaging_usd + c.test_usd + c.board_usd;
    cr_expect_float_eq(c.total_usd, sum, 1e-9);
    arena_free(&a);
}

/* An H100's wafer: 2.75 kWh a cm2 on a grid of 642 g, 430 g of gases and 500 g of materials (ACT). */
Test(carbon, of_known_modules) {
    arena a = {0};
    machine h100 = load(&a, "h100-sxm"), a100 = load(&a, "a100-sxm-80gb"), mi300x = load(&a, "mi300x");
    gpu_cost c = gpu_cost_of(&h100);
    gpu_carbon carbon = gpu_carbon_of(&h100, &c);
    double kg_per_cm2 = (2.75 * 642 + 430 + 500) / 1000, wafer_cm2 = M_PI * 15 * 15;
    cr_expect_float_eq(carbon.dies_kg, kg_per_cm2 * wafer_cm2 / c.dies_per_wafer / c.die_yield_frac, 0.01);
    cr_expect_float_eq(carbon.memory_kg, 80 * 0.065, 1e-9);
    cr_expect_float_eq(carbon.total_kg, carbon.dies_kg + carbon.memory_kg, 1e-12);
    gpu_cost ca = gpu_cost_of(&a100), cm = gpu_cost_of(&mi300x);
    cr_expect_lt(gpu_carbon_of(&a100, &ca).dies_kg, carbon.dies_kg, "an older process emits less");
    cr_expect(isnan(gpu_carbon_of(&mi300x, &cm).total_kg));
    arena_free(&a);
}

Test(ownership, a_life_of_requests_costs_the_gpu) {
    arena a = {0};
    error err = {0};
    site s;
    cr_assert_eq(site_load(&a, INGOT_SOURCE_DIR "/configs", "world", &s, &err), STATUS_OK, "%s", err.text);
    gpu_cost cost = {.total_usd = 3000};
    gpu_carbon carbon = {.total_kg = 40};
    ownership life = ownership_of(&s, &cost, &carbon, s.lifetime_s * s.utilisation_frac, 0);
    cr_expect_float_eq(life.total_usd, 3000 * s.price_ratio, 1e-6);
    cr_expect_float_eq(life.total_kg, 40, 1e-9);
    ownership kwh = ownership_of(&s, &cost, &carbon, 0, 3.6e6);
    cr_expect_float_eq(kwh.energy_usd, 0.09 * 1.25, 1e-12);
    cr_expect_float_eq(kwh.operational_kg, 0.481 * 1.25, 1e-4);
    ownership both = ownership_of(&s, &cost, &carbon, 10, 7000);
    cr_expect_float_eq(both.total_usd, both.gpu_usd + both.energy_usd, 1e-15);
    cr_assert_eq(site_load(&a, INGOT_SOURCE_DIR "/configs", "wrold", &s, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "world"), "%s", err.text);
    arena_free(&a);
}
