/* Machines: their keys, notes, variants and overrides, what belongs to them, and the block. */
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

static machine load(arena *a, const char *name, machine_notes *notes) {
    machine m = {0};
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIGS, name, &m, notes, &err), STATUS_OK, "%s: %s", name, err.text);
    return m;
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
