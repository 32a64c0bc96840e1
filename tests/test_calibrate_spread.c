/* Residual ranges: in proportion to the residuals, wide enough for a new sweep, and wider where classes are. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/calibrate_private.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { SIZES = 12, PATTERNS = 3, RANKS = 3, ROWS = SIZES * PATTERNS * RANKS };

/* Exchanges of many sizes; all of a sweep are off by the same, those among eight twice as much. */
typedef struct sweeps {
    operator_row rows[ROWS];
    const operator_row *list[ROWS];
    double residuals[ROWS]; /* ln(predicted / measured) */
} sweeps;

static const double OFF = 0.05;

static void fill(sweeps *s, double scale) {
    static const double off[PATTERNS] = {1, -1, 0.2};
    memset(s, 0, sizeof *s);
    for (int i = 0; i < ROWS; i++) {
        int pattern = i / (SIZES * RANKS), ranks = i / SIZES % RANKS;
        s->rows[i] = (operator_row){.method = ROW_METHOD_GRAPH_STEADY, .source = "nccl", .split = ""};
        s->rows[i].op = (op){.kind = OP_collective,
                             .as.collective = {.collective = (collective_pattern)pattern,
                                               .ranks = 2 << ranks,
                                               .bytes = (int64_t)512 << (2 * (i % SIZES)),
                                               .dtype = DTYPE_fp16}};
        s->list[i] = &s->rows[i];
        s->residuals[i] = scale * OFF * off[pattern] * (ranks == RANKS - 1 ? 2 : 1);
    }
}

static calibrate_result ranges_of(arena *a, sweeps *s) {
    static machine m;
    calibrate_result out = {.machine = &m};
    error err;
    cr_assert_eq(machine_load(a, INGOT_SOURCE_DIR "/configs", "a100-sxm-80gb", &m, NULL, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(calibration_load(a, INGOT_SOURCE_DIR "/configs", &m, &out.fitted, &err), STATUS_OK, "%s", err.text);
    fit_rows rows = {.rows = s->list, .count = ROWS};
    calibrate_residual_classes(a, &rows, s->residuals, &out);
    return out;
}

static const residual_range *named(const calibrate_result *r, const char *name) {
    for (size_t i = 0; i < r->residual_count; i++)
        if (strcmp(r->residuals[i].name, name) == 0)
            return &r->residuals[i];
    cr_assert_fail("no class %s", name);
    return NULL;
}

Test(calibrate_spread, ranges_are_in_proportion_to_residuals) {
    arena a = {0};
    static sweeps once, twice;
    fill(&once, 1), fill(&twice, 2);
    calibrate_result narrow = ranges_of(&a, &once), wide = ranges_of(&a, &twice);
    cr_assert_eq(narrow.residual_count, wide.residual_count);
    for (size_t i = 0; i < narrow.residual_count; i++) {
        cr_expect_float_eq(wide.residuals[i].lower, 2 * narrow.residuals[i].lower, 1e-12);
        cr_expect_float_eq(wide.residuals[i].upper, 2 * narrow.residuals[i].upper, 1e-12);
    }
    arena_free(&a);
}

Test(calibrate_spread, ranges_hold_sweeps_and_follow_their_classes) {
    arena a = {0};
    static sweeps s;
    fill(&s, 1);
    calibrate_result r = ranges_of(&a, &s);
    const residual_range *all = named(&r, "collective"), *two = named(&r, "collective 2 ranks"),
                         *eight = named(&r, "collective 8 ranks");
    cr_expect(all->lower < -OFF && all->upper > OFF);
    cr_expect(two->lower < -OFF && two->upper > OFF, "%g %g", two->lower, two->upper);
    cr_expect(eight->upper - eight->lower > 1.3 * (two->upper - two->lower));
    arena_free(&a);
}

/* Residuals without spread leave ranges without width. */
Test(calibrate_spread, nothing_off_nothing_wide) {
    arena a = {0};
    static sweeps s;
    fill(&s, 0);
    calibrate_result r = ranges_of(&a, &s);
    for (size_t i = 0; i < r.residual_count; i++)
        cr_expect(r.residuals[i].lower == 0 && r.residuals[i].upper == 0);
    arena_free(&a);
}
