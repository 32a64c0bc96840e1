/* The shipped machines: their names, sources and calibrations, and their rates against the makers' datasheets. */
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

/* Datasheet figures, typed in apart from the YAML: dense 16-bit tensor FLOP/s, pins and bits a second a pin, bytes a
 * second, watts. */
typedef struct datasheet {
    const char *name;
    double fp16_flops_per_s, pins, pin_bits_per_s, bandwidth_bytes_per_s, limit_w;
} datasheet;

static const datasheet datasheets[] = {
    {"a100-pcie-40gb", 312e12, 5120, 2.43e9, 1555e9, 250},
    {"a100-pcie-80gb", 312e12, 5120, 3.02e9, 1935e9, 300},
    {"a100-sxm-40gb", 312e12, 5120, 2.43e9, 1555e9, 400},
    {"a100-sxm-80gb", 312e12, 5120, 3.186e9, 2039e9, 400},
    {"b200-sxm", 2250e12, 8192, 7.8125e9, 8000e9, 1000},
    {"b300-sxm", 2250e12, 8192, 7.8125e9, 8000e9, 1100},
    {"gb200", 2500e12, 8192, 7.8125e9, 8000e9, 1200},
    {"gb300", 2500e12, 8192, 7.8125e9, 8000e9, 1400},
    {"h100-nvl", 835e12, 6016, 5.23e9, 3930e9, 400},
    {"h100-pcie", 756.5e12, 5120, 3.186e9, 2039e9, 350},
    {"h100-sxm", 989e12, 5120, 5.23e9, 3350e9, 700},
    {"h20", 148e12, 6144, 5.208e9, 4000e9, 400},
    {"h200-sxm", 989e12, 6144, 6.25e9, 4800e9, 700},
    {"l4", 121e12, 192, 12.5e9, 300e9, 72},
    {"l40", 181.05e12, 384, 18e9, 864e9, 300},
    {"l40s", 362.05e12, 384, 18e9, 864e9, 350},
    {"mi300x", 1307.4e12, 8192, 5.2e9, 5300e9, 750},
    {"mi325x", 1307.4e12, 8192, 5.86e9, 6000e9, 1000},
    {"mi350x", 2306.9e12, 8192, 7.8125e9, 8000e9, 1000},
    {"rtx-4090", 165.15e12, 384, 21e9, 1008e9, 450},
    {"rtx-5090", 209.5e12, 512, 28e9, 1792e9, 575},
    {"rtx-pro-6000", 467.8e12, 512, 28e9, 1792e9, 600},
    {"t4", 65.13e12, 256, 10e9, 320e9, 70},
    {"v100-sxm", 125.3e12, 4096, 1.752e9, 897e9, 300},
};
enum { DATASHEET_COUNT = sizeof datasheets / sizeof datasheets[0] };

static machine load(arena *a, const char *name, machine_notes *notes) {
    machine m = {0};
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIGS, name, &m, notes, &err), STATUS_OK, "%s: %s", name, err.text);
    return m;
}

Test(machines_shipped, the_shipped_ones_are_those_of_the_table) {
    arena a = {0};
    const char *const *names;
    size_t count;
    cr_assert_eq(machine_list(&a, CONFIGS, &names, &count, NULL), STATUS_OK);
    cr_assert_eq(count, DATASHEET_COUNT);
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(names[i], datasheets[i].name);
        machine m = load(&a, names[i], NULL);
        cr_expect_str_eq(m.name, names[i], "a file's name is its machine's");
        error err = {0};
        cr_expect_eq(machine_check(&m, &err), STATUS_OK, "%s: %s", names[i], err.text);
    }
    arena_free(&a);
}

Test(machines_shipped, every_number_has_a_source) {
    arena a = {0};
    size_t key_count;
    const machine_key *keys = machine_keys(&key_count);
    for (size_t i = 0; i < DATASHEET_COUNT; i++) {
        machine_notes notes;
        machine m = load(&a, datasheets[i].name, &notes);
        for (size_t k = 0; k < key_count; k++) {
            cr_expect(!notes.present[k] || (notes.sources[k] && strlen(notes.sources[k]) > 3), "%s: %s has no source",
                      m.name, keys[k].path);
            cr_expect(notes.present[k] || machine_get(&m, &keys[k]) == 0, "%s: absent %s is not 0", m.name,
                      keys[k].path);
        }
    }
    arena_free(&a);
}

Test(machines_shipped, rates_are_the_datasheets) {
    arena a = {0};
    for (size_t i = 0; i < DATASHEET_COUNT; i++) {
        const datasheet *d = &datasheets[i];
        machine m = load(&a, d->name, NULL);
        double flops_per_s = m.sm.count * m.sm.tensor_fp16_flops_per_clk * m.sm.clock_tensor_hz;
        cr_expect_float_eq(flops_per_s / d->fp16_flops_per_s, 1, 0.005, "%s: %g FLOP/s", d->name, flops_per_s);
        cr_expect_eq(m.hbm.bus_bits, d->pins, "%s", d->name);
        cr_expect_float_eq(d->pins * d->pin_bits_per_s / 8 / d->bandwidth_bytes_per_s, 1, 0.005, "%s", d->name);
        cr_expect_eq(m.hbm.bandwidth_bytes_per_s, d->bandwidth_bytes_per_s, "%s", d->name);
        cr_expect_eq(m.power.limit_w, d->limit_w, "%s", d->name);
    }
    arena_free(&a);
}

/* FP32 without tensor cores at the maximum clock, as the makers state it, to the digits they print. */
Test(machines_shipped, fp32_rates_are_the_makers) {
    static const struct {
        const char *name;
        double fp32_flops_per_s;
    } stated[] = {
        {"a100-sxm-80gb", 19.5e12}, {"h100-sxm", 67e12}, {"l4", 30.3e12},       {"l40s", 91.6e12},
        {"mi300x", 163.4e12},       {"t4", 8.1e12},      {"v100-sxm", 15.7e12},
    };
    arena a = {0};
    for (size_t i = 0; i < sizeof stated / sizeof stated[0]; i++) {
        machine m = load(&a, stated[i].name, NULL);
        double flops_per_s = m.sm.count * m.sm.fp32_flops_per_clk * m.sm.clock_max_hz;
        cr_expect_float_eq(flops_per_s / stated[i].fp32_flops_per_s, 1, 0.006, "%s: %g", m.name, flops_per_s);
    }
    arena_free(&a);
}

/* Types against 16 bits, dense: the ratios that the makers state. */
Test(machines_shipped, other_types_keep_their_ratio) {
    arena a = {0};
    machine h = load(&a, "h100-sxm", NULL), v = load(&a, "v100-sxm", NULL), b3 = load(&a, "b300-sxm", NULL);
    machine p = load(&a, "a100-sxm-80gb", NULL), b2 = load(&a, "b200-sxm", NULL);
    cr_expect_eq(h.sm.tensor_fp8_flops_per_clk, 2 * h.sm.tensor_fp16_flops_per_clk);
    cr_expect_eq(h.sm.tensor_tf32_flops_per_clk, h.sm.tensor_fp16_flops_per_clk / 2);
    cr_expect_eq(p.sm.tensor_fp8_flops_per_clk, 0, "an A100 has no FP8: the 624 of some tables is INT8");
    cr_expect_eq(v.sm.tensor_bf16_flops_per_clk, 0, "Volta's tensor cores take FP16 alone");
    machine t = load(&a, "t4", NULL), x = load(&a, "rtx-pro-6000", NULL);
    cr_expect_eq(t.sm.tensor_bf16_flops_per_clk, 0, "Turing's tensor cores know no BF16");
    cr_expect_float_eq(t.sm.count * t.sm.tensor_int8_flops_per_clk * t.sm.clock_tensor_hz / 130e12, 1, 0.005);
    cr_expect_float_eq(t.sm.count * t.sm.tensor_int4_flops_per_clk * t.sm.clock_tensor_hz / 260e12, 1, 0.005);
    cr_expect_eq(x.sm.tensor_fp4_flops_per_clk, 4 * x.sm.tensor_fp16_flops_per_clk);
    cr_expect_eq(b2.sm.tensor_fp4_flops_per_clk, 4 * b2.sm.tensor_fp16_flops_per_clk);
    double int8_ops_per_s = b3.sm.count * b3.sm.tensor_int8_flops_per_clk * b3.sm.clock_tensor_hz;
    cr_expect_float_eq(int8_ops_per_s / 153.5e12, 1, 0.005, "Blackwell Ultra gave its INT8 away");
    arena_free(&a);
}

Test(machines_shipped, calibration_of_its_generation) {
    arena a = {0};
    machine m = load(&a, "h200-sxm", NULL);
    calibration c;
    error err = {0};
    cr_assert_eq(calibration_load(&a, CONFIGS, &m, &c, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(c.name, "hopper");
    m.calibration_name = "hoper";
    cr_expect_eq(calibration_load(&a, CONFIGS, &m, &c, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "unknown calibration 'hoper'; did you mean 'hopper'?");
    for (size_t i = 0; i < DATASHEET_COUNT; i++) {
        m = load(&a, datasheets[i].name, NULL);
        cr_expect_eq(calibration_load(&a, CONFIGS, &m, &c, &err), STATUS_OK, "%s: %s", m.name, err.text);
    }
    arena_free(&a);
}
