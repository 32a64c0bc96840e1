/* Machines: the shipped descriptions against the datasheets, variants, overrides and the block. */
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

Test(machine, the_shipped_ones_are_those_of_the_table) {
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

Test(machine, every_number_has_a_source) {
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

Test(machine, rates_are_the_datasheets) {
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
Test(machine, fp32_rates_are_the_makers) {
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
Test(machine, other_types_keep_their_ratio) {
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

Test(machine, variants_state_only_what_differs) {
    arena a = {0};
    machine_notes notes;
    machine h200 = load(&a, "h200-sxm", &notes), h100 = load(&a, "h100-sxm", NULL);
    cr_expect_str_eq(notes.base, "h100-sxm");
    cr_expect_eq(h200.sm.count, h100.sm.count);
    cr_expect_str_eq(h200.vendor, "NVIDIA");
    cr_expect_str_eq(h200.calibration_name, "hopper");
    size_t count;
    const machine_key *keys = machine_keys(&count);
    for (size_t k = 0; k < count; k++) {
        bool is_bandwidth = strcmp(keys[k].path, "hbm.bandwidth_bytes_per_s") == 0;
        bool is_sm = strncmp(keys[k].path, "sm.", 3) == 0;
        cr_expect(!is_bandwidth || notes.overridden[k]);
        cr_expect(!is_sm || !notes.overridden[k], "%s", keys[k].path);
        if (is_sm && notes.present[k])
            cr_expect(strstr(notes.files[k], "h100-sxm.yaml"), "%s is from %s", keys[k].path, notes.files[k]);
    }
    arena_free(&a);
}

Test(machine, overrides) {
    arena a = {0};
    machine m = load(&a, "h200-sxm", NULL);
    error err = {0};
    cr_expect_eq(machine_override(&m, "sm.count=120", &err), STATUS_OK);
    cr_expect_eq(m.sm.count, 120);
    cr_expect_eq(machine_override(&m, "sm.coutn=120", &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "unknown machine key 'sm.coutn'; did you mean 'sm.count'?");
    static const char *const broken[] = {"sm.count", "sm.count=",     "sm.count=1.2GHz", "sm.count=-1",
                                         "=3",       "sm.count=0x10", "sm.count=nan",    "sm.count= 5"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        cr_expect_eq(machine_override(&m, broken[i], &err), STATUS_BAD_INPUT, "%s", broken[i]);
    cr_expect_eq(m.sm.count, 120, "a refused override changes nothing");
    arena_free(&a);
}

Test(machine, numbers_that_contradict_each_other) {
    arena a = {0};
    static const char *const contradictions[] = {
        "sm.clock_tensor_hz=1.99e9",    "sm.max_warps=32",           "sm.max_ctas=65",      "sm.shared_bytes=262145",
        "l2.far_latency_clk=100",       "hbm.latency_clk=100",       "power.idle_w=700",    "sm.count=131.5",
        "sm.shared_reserved_bytes=3e4", "sm.shared_granule_bytes=4", "hbm.bus_bits=6144.5",
    };
    size_t refused = 0;
    for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
        machine m = load(&a, "h200-sxm", NULL);
        error err = {0};
        cr_assert_eq(machine_override(&m, contradictions[i], &err), STATUS_OK, "%s", err.text);
        if (machine_check(&m, &err) == STATUS_OK)
            continue;
        refused++;
        cr_expect(machine_key_find(strtok(err.text, " ")), "'%s' begins with a key", err.text);
    }
    cr_expect_eq(refused, 9, "all but the two that are merely unusual: reserved 30 KB, granule 4");
    arena_free(&a);
}

Test(machine, unknown_name_tells_the_nearest) {
    arena a = {0};
    machine m;
    error err = {0};
    cr_expect_eq(machine_load(&a, CONFIGS, "h20-sxm", &m, NULL, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "unknown machine 'h20-sxm'; did you mean 'h200-sxm'?");
    cr_expect_eq(machine_load(&a, "/nonexistent", "h200-sxm", &m, NULL, &err), STATUS_ENVIRONMENT);
    arena_free(&a);
}

/* A private directory of machine files. */
static char directory[64];
static arena files;

static void make_directory(void) {
    strcpy(directory, "/tmp/ingot-test-machine-XXXXXX");
    cr_assert(mkdtemp(directory));
}

static const char *write_file(const char *name, const char *text) {
    const char *path = arena_printf(&files, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void remove_directory(void) {
    const char *const *names;
    size_t count;
    if (config_list(&files, directory, &names, &count, NULL) == STATUS_OK)
        for (size_t i = 0; i < count; i++)
            remove(arena_printf(&files, "%s/%s.yaml", directory, names[i]));
    rmdir(directory);
    arena_free(&files);
}

TestSuite(machine_files, .init = make_directory, .fini = remove_directory);

/* The error of loading a file must say `expected` at the given place. */
static void fails_at(const char *path, const char *in_file, int line, int column, const char *expected) {
    arena a = {0};
    machine m;
    error err = {0};
    cr_assert_eq(machine_load(&a, CONFIGS, path, &m, NULL, &err), STATUS_BAD_INPUT);
    const char *place = arena_printf(&a, "%s/%s:%d:%d: ", directory, in_file, line, column);
    cr_expect_eq(strncmp(err.text, place, strlen(place)), 0, "'%s' is not at %s", err.text, place);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    arena_free(&a);
}

Test(machine_files, a_variant_in_ten_lines) {
    const char *path = write_file("wide.yaml", "schema: 1\nbase: h200-sxm\nsm: {count: 160}\nl2:\n  bytes: 80e6\n");
    arena a = {0};
    machine_notes notes;
    machine m = load(&a, path, &notes);
    cr_expect_str_eq(m.name, "wide");
    cr_expect_str_eq(m.description, "a variant of h200-sxm");
    cr_expect_eq(m.sm.count, 160);
    cr_expect_eq(m.l2.bytes, 80e6);
    cr_expect_eq(m.hbm.bandwidth_bytes_per_s, 4.8e12);
    cr_expect_null(notes.sources[0], "sm.count is stated without a source");
    write_file("narrow.yaml", "schema: 1\nname: n\nbase: ./wide.yaml\nhbm: {stacks: 4}\n");
    machine n = load(&a, arena_printf(&a, "%s/narrow.yaml", directory), NULL);
    cr_expect_eq(n.sm.count, 160);
    cr_expect_eq(n.hbm.stacks, 4);
    arena_free(&a);
}

Test(machine_files, a_calibration_lies_beside_its_machine) {
    write_file("own.yaml",
               "schema: 1\nname: own\ndata: made up\ndate: 2026-11-23\nmemory:\n  l2_residency_frac: 0.25\n");
    const char *path = write_file("mine.yaml", "schema: 1\nbase: h200-sxm\ncalibration: own.yaml\n");
    arena a = {0};
    machine m = load(&a, path, NULL);
    calibration c;
    error err = {0};
    cr_assert_eq(calibration_load(&a, CONFIGS, &m, &c, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(c.name, "own");
    cr_expect_eq(c.memory.l2_residency_frac, 0.25);
    arena_free(&a);
}

Test(machine_files, bases_may_not_form_a_cycle) {
    write_file("a.yaml", "schema: 1\nname: a\nbase: b.yaml\n");
    write_file("b.yaml", "schema: 1\nname: b\n\nbase:  ./a.yaml\n");
    fails_at(arena_printf(&files, "%s/a.yaml", directory), "b.yaml", 4, 8, "cycle");
    const char *self = write_file("self.yaml", "schema: 1\nbase: self.yaml\n");
    fails_at(self, "self.yaml", 2, 7, "cycle");
}

Test(machine_files, chains_are_short) {
    write_file("0.yaml", "schema: 1\nbase: h200-sxm\n"); /* itself a variant: one base more */
    for (int i = 1; i < 10; i++)
        write_file(arena_printf(&files, "%d.yaml", i), arena_printf(&files, "schema: 1\nbase: %d.yaml\n", i - 1));
    arena a = {0};
    machine m = load(&a, arena_printf(&a, "%s/6.yaml", directory), NULL); /* 6 to 0, H200, H100: 8 bases */
    cr_expect_eq(m.sm.count, 132);
    error err = {0};
    cr_expect_eq(machine_load(&a, CONFIGS, arena_printf(&a, "%s/7.yaml", directory), &m, NULL, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "more than 8 bases"), "%s", err.text);
    arena_free(&a);
}

Test(machine_files, errors_have_their_place) {
    static const struct {
        const char *name, *text;
        int line, column;
        const char *expected;
    } cases[] = {
        {"misspelt.yaml", "schema: 1\nbase: h200-sxm\nsm:\n  coutn: 120\n", 4, 3, "did you mean 'sm.count'?"},
        {"group.yaml", "schema: 1\nbase: h200-sxm\nhmb:\n  stacks: 4\n", 3, 1, "did you mean 'hbm'?"},
        {"unit.yaml", "schema: 1\nbase: h200-sxm\nsm: {clock_max_hz: 1.98GHz}\n", 3, 20, "not a number: '1.98GHz'"},
        {"range.yaml", "schema: 1\nbase: h200-sxm\nsm:\n  count: -4\n", 4, 10, "out of range"},
        {"schema.yaml", "schema: 2\nbase: h200-sxm\n", 1, 9, "schema 2 is not known"},
        {"no-schema.yaml", "base: h200-sxm\n", 1, 1, "missing key 'schema'"},
        {"base.yaml", "schema: 1\nbase: h20-sxm\n", 2, 7, "did you mean 'h200-sxm'?"},
        {"base-path.yaml", "schema: 1\nbase: ./none.yaml\n", 2, 7, "No such file"},
        {"generation.yaml", "schema: 1\nbase: h200-sxm\ngeneration: hoper\n", 3, 13, "did you mean 'hopper'?"},
        {"calibration.yaml", "schema: 1\nbase: h200-sxm\ncalibration: hoper\n", 3, 14, "did you mean 'hopper'?"},
        {"calibration-path.yaml", "schema: 1\nbase: h200-sxm\ncalibration: ./none.yaml\n", 3, 14, "No such file"},
        /* The base states the tensor clock: this file's group is pointed at. */
        {"clock.yaml", "schema: 1\nbase: h200-sxm\nsm:\n  clock_max_hz: 1.5e9\n", 4, 3, "sm.clock_tensor_hz is above"},
        {"clock2.yaml", "schema: 1\nbase: h200-sxm\nsm:\n  clock_tensor_hz: 3e9\n", 4, 20, "is above sm.clock_max"},
        {"part.yaml", "schema: 1\nbase: h200-sxm\nsm:\n  count: 1.5\n", 4, 10, "must be whole"},
        {"missing.yaml", "schema: 1\nname: x\n", 1, 1, "missing key 'generation'"},
        {"alone.yaml", "schema: 1\nname: x\ngeneration: ada\n", 1, 1, "missing key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = write_file(cases[i].name, cases[i].text);
        fails_at(path, cases[i].name, cases[i].line, cases[i].column, cases[i].expected);
    }
}

Test(machine, block_repeats_the_last_machine) {
    arena a = {0};
    machine first = load(&a, "h100-sxm", NULL), second = load(&a, "h200-sxm", NULL);
    calibration c1 = calibration_priors(), c2 = calibration_priors();
    size_t count, fitted_count;
    const machine_key *keys = machine_keys(&count), *fitted = calibration_keys(&fitted_count);
    for (size_t k = 0; k < fitted_count; k++)
        calibration_set(&c2, &fitted[k], 0.5 + (double)k);
    machine_block *block = ARENA_NEW(&a, machine_block);
    machine_block_fill(block, (const machine *const[]){&first, &second}, (const calibration *const[]){&c1, &c2}, 2);
    cr_expect_eq(block->count, 2);
    cr_expect_eq(block->generation, GENERATION_HOPPER);
    /* One lane array a key, in the tables' order. */
    const lanes *arrays = (const lanes *)&block->sm_count;
    for (size_t k = 0; k < count; k++)
        for (size_t lane = 0; lane < MACHINE_LANES; lane++)
            cr_assert_eq(arrays[k][lane], machine_get(lane == 0 ? &first : &second, &keys[k]), "%s", keys[k].path);
    for (size_t k = 0; k < fitted_count; k++)
        for (size_t lane = 0; lane < MACHINE_LANES; lane++)
            cr_assert_eq(arrays[count + k][lane], calibration_get(lane == 0 ? &c1 : &c2, &fitted[k]));
    cr_expect_eq(block->hbm_stacks[0], 5);
    cr_expect_eq(block->hbm_stacks[7], 6);
    cr_expect_float_eq(block->peak_flops_per_s[DTYPE_bf16][0], 132 * 4096 * 1.83e9, 1);
    cr_expect_float_eq(block->peak_flops_per_s[DTYPE_fp8][7], 132 * 8192 * 1.83e9, 1);
    cr_expect_eq(block->peak_flops_per_s[DTYPE_nvfp4][0], 0, "Hopper has no FP4");
    machine_block_set(block, 1, machine_key_find("sm.count"), 100);
    machine_block_derive(block);
    cr_expect_eq(block->sm_count[0], 132);
    for (size_t lane = 1; lane < MACHINE_LANES; lane++) {
        cr_expect_eq(block->sm_count[lane], 100);
        cr_expect_float_eq(block->peak_flops_per_s[DTYPE_bf16][lane], 100 * 4096 * 1.83e9, 1);
    }
    machine_block_set(block, 0, calibration_key_find("calibration.memory.l2_residency_frac"), 0.25);
    cr_expect_eq(block->memory_l2_residency_frac[0], 0.25);
    cr_expect_eq(block->memory_l2_residency_frac[1], c2.memory.l2_residency_frac);
    arena_free(&a);
}

Test(machine, keys_are_found_and_in_range) {
    size_t count;
    const machine_key *keys = machine_keys(&count);
    for (size_t k = 0; k < count; k++) {
        cr_expect_eq(machine_key_find(keys[k].path), &keys[k], "%s twice", keys[k].path);
        cr_expect(keys[k].min < keys[k].max);
    }
    cr_expect_null(machine_key_find("memory.l2_residency_frac"), "a calibration's key is none of the machine's");
    calibration priors = calibration_priors();
    const machine_key *fitted = calibration_keys(&count);
    for (size_t k = 0; k < count; k++) {
        double prior = calibration_get(&priors, &fitted[k]);
        cr_expect(prior >= fitted[k].min && prior <= fitted[k].max, "%s: prior %g", fitted[k].path, prior);
    }
}

Test(machine, dtypes) {
    data_type type;
    error err = {0};
    cr_expect_eq(dtype_parse("bf16", &type, &err), STATUS_OK);
    cr_expect_eq(type, DTYPE_bf16);
    cr_expect_eq(dtype_bytes(DTYPE_int4), 0.5);
    cr_expect_eq(dtype_bytes(DTYPE_tf32), 4);
    cr_expect_eq(dtype_parse("bf61", &type, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "did you mean 'bf16'"), "%s", err.text);
}

Test(machine, calibration_of_its_generation) {
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

Test(machine, hosts) {
    arena a = {0};
    error err = {0};
    host_profile c_runner, eager, compiled;
    cr_assert_eq(host_load(&a, CONFIGS, "c-runner", &c_runner, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(host_load(&a, CONFIGS, "pytorch-eager", &eager, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(host_load(&a, CONFIGS, "pytorch-compiled", &compiled, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(c_runner.call_s, 0);
    /* The range spans the measured eager and SDPA steps: (wall - kernels * launch) / calls. */
    cr_expect_float_eq(eager.call_low_s, (28667.6e-6 - 1663 * 3.3e-6) / 5676, 0.1e-6);
    cr_expect_float_eq(eager.call_high_s, (92231.2e-6 - 1461 * 3.3e-6) / 4655, 0.1e-6);
    cr_expect_eq(host_load(&a, CONFIGS, "pytorch-eeger", &eager, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "did you mean 'pytorch-eager'"), "%s", err.text);
    arena_free(&a);
}
