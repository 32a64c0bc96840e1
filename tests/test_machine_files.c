/* Machine files: variants of a base, and what must be refused, with its place. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "tests/scratch.h"

#include <string.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

static arena files;

static void remove_files(void) {
    scratch_remove();
    arena_free(&files);
}

TestSuite(machine_files, .init = scratch_make, .fini = remove_files);

static const char *write_machine(const char *name, const char *text) {
    const char *path = arena_printf(&files, "%s/%s", scratch_folder, name);
    scratch_write(path, text, strlen(text));
    return path;
}

static machine load(arena *a, const char *name, machine_notes *notes) {
    machine m = {0};
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIGS, name, &m, notes, &err), STATUS_OK, "%s: %s", name, err.text);
    return m;
}

/* The error of loading a file must say `expected` at the given place. */
static void fails_at(const char *path, const char *in_file, int line, int column, const char *expected) {
    arena a = {0};
    machine m;
    error err = {0};
    cr_assert_eq(machine_load(&a, CONFIGS, path, &m, NULL, &err), STATUS_BAD_INPUT);
    const char *place = arena_printf(&a, "%s/%s:%d:%d: ", scratch_folder, in_file, line, column);
    cr_expect_eq(strncmp(err.text, place, strlen(place)), 0, "'%s' is not at %s", err.text, place);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    arena_free(&a);
}

Test(machine_files, a_variant_in_ten_lines) {
    const char *path = write_machine("wide.yaml", "schema: 1\nbase: h200-sxm\nsm: {count: 160}\nl2:\n  bytes: 80e6\n");
    arena a = {0};
    machine_notes notes;
    machine m = load(&a, path, &notes);
    cr_expect_str_eq(m.name, "wide");
    cr_expect_str_eq(m.description, "a variant of h200-sxm");
    cr_expect_eq(m.sm.count, 160);
    cr_expect_eq(m.l2.bytes, 80e6);
    cr_expect_eq(m.hbm.bandwidth_bytes_per_s, 4.8e12);
    cr_expect_null(notes.sources[0], "sm.count is stated without a source");
    write_machine("narrow.yaml", "schema: 1\nname: n\nbase: ./wide.yaml\nhbm: {stacks: 4}\n");
    machine n = load(&a, arena_printf(&a, "%s/narrow.yaml", scratch_folder), NULL);
    cr_expect_eq(n.sm.count, 160);
    cr_expect_eq(n.hbm.stacks, 4);
    arena_free(&a);
}

Test(machine_files, a_calibration_lies_beside_its_machine) {
    write_machine("own.yaml",
                  "schema: 1\nname: own\ndata: made up\ndate: 2026-11-23\nmemory:\n  l2_residency_frac: 0.25\n");
    const char *path = write_machine("mine.yaml", "schema: 1\nbase: h200-sxm\ncalibration: own.yaml\n");
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
    write_machine("a.yaml", "schema: 1\nname: a\nbase: b.yaml\n");
    write_machine("b.yaml", "schema: 1\nname: b\n\nbase:  ./a.yaml\n");
    fails_at(arena_printf(&files, "%s/a.yaml", scratch_folder), "b.yaml", 4, 8, "cycle");
    const char *self = write_machine("self.yaml", "schema: 1\nbase: self.yaml\n");
    fails_at(self, "self.yaml", 2, 7, "cycle");
}

Test(machine_files, chains_are_short) {
    write_machine("0.yaml", "schema: 1\nbase: h200-sxm\n"); /* itself a variant: one base more */
    for (int i = 1; i < 10; i++)
        write_machine(arena_printf(&files, "%d.yaml", i), arena_printf(&files, "schema: 1\nbase: %d.yaml\n", i - 1));
    arena a = {0};
    machine m = load(&a, arena_printf(&a, "%s/6.yaml", scratch_folder), NULL); /* 6 to 0, H200, H100: 8 bases */
    cr_expect_eq(m.sm.count, 132);
    error err = {0};
    cr_expect_eq(machine_load(&a, CONFIGS, arena_printf(&a, "%s/7.yaml", scratch_folder), &m, NULL, &err),
                 STATUS_BAD_INPUT);
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
        const char *path = write_machine(cases[i].name, cases[i].text);
        fails_at(path, cases[i].name, cases[i].line, cases[i].column, cases[i].expected);
    }
}
