/* Board power and clock of models' steps, beside what they were measured to be. */
#include "cli/command.h"
#include "cli/fidelity_power.h"
#include "cli/fidelity_verdict.h"
#include "cli/setup.h"
#include "core/base/si.h"
#include "sim/engine/power.h"

#include <stdio.h>
#include <string.h>

enum { STEP_WORKLOAD, STEP_SET, STEP_PHASE, STEP_BATCH, STEP_PROMPT, STEP_POWER, STEP_CLOCK, STEP_WALL };
const char *const step_power_columns[STEP_POWER_COLUMNS] = {"workload",      "set",     "phase",       "batch",
                                                            "prompt_tokens", "power_w", "sm_clock_hz", "step_wall_s"};

typedef struct step_power_row {
    const char *workload, *set, *phase;
    double batch, prompt_tokens, power_w, clock_hz, wall_s;
} step_power_row;

static status read_step(const csv_reader *r, const csv_row *row, const int *columns, step_power_row *out, error *err) {
    static const double TOKENS_MAX = 1e6, POWER_MAX_W = 1e5, CLOCK_MAX_HZ = 1e11, WALL_MAX_S = 1e4;
    *out = (step_power_row){.workload = row->fields[columns[STEP_WORKLOAD]].text,
                            .set = row->fields[columns[STEP_SET]].text,
                            .phase = row->fields[columns[STEP_PHASE]].text};
    status result = csv_number(r, row, columns[STEP_BATCH], 1, TOKENS_MAX, &out->batch, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_PROMPT], 1, TOKENS_MAX, &out->prompt_tokens, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_POWER], 0, POWER_MAX_W, &out->power_w, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_CLOCK], 0, CLOCK_MAX_HZ, &out->clock_hz, err);
    if (result == STATUS_OK)
        result = csv_number(r, row, columns[STEP_WALL], 0, WALL_MAX_S, &out->wall_s, err);
    return result;
}

/* The phase's step, repeated until the clock is the sustained one. */
static status predict_step(arena *a, const step_power_row *row, phase_totals *out, error *err) {
    char preset[64];
    snprintf(preset, sizeof preset, "compile flavour=ingot %.30s", row->set);
    setup_options options = {.machine = "h100-sxm",
                             .workload = row->workload,
                             .preset = preset,
                             .engine = engine_name(ENGINE_ANALYTIC),
                             .thermal = thermal_name(THERMAL_SUSTAINED),
                             .request = {.batch = (int64_t)row->batch,
                                         .prompt_tokens = (int64_t)row->prompt_tokens,
                                         .decode_steps = 1,
                                         .statistic = "mean"}};
    setup *s = ARENA_NEW(a, setup);
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = setup_load(a, &options, s, err);
    if (result == STATUS_OK)
        result = engine_run(&s->graph, &s->scenario, &s->block, &s->options, a, r, NULL, err);
    if (result != STATUS_OK)
        return result;
    for (size_t p = 0; p < r->phase_count; p++) {
        if (strcmp(s->graph.phases[p].name, row->phase) != 0)
            continue;
        *out = r->phases[p];
        out->clocks[0] *= s->block.sm_clock_max_hz[0] / out->latency_s[0];
        return STATUS_OK;
    }
    return error_set(err, STATUS_BAD_INPUT, "%s has no phase '%s'", row->workload, row->phase);
}

status step_power_line(const csv_reader *r, const csv_row *at, const int *columns, const machine_block *block,
                       error *err) {
    (void)block;
    static const double POWER_BAR = 0.10, CLOCK_BAR = 0.06;
    step_power_row row;
    phase_totals *step = NULL;
    arena a = {0};
    status result = read_step(r, at, columns, &row, err);
    if (result == STATUS_OK) {
        step = ARENA_NEW(&a, phase_totals);
        result = predict_step(&a, &row, step, err);
    }
    if (result == STATUS_OK) {
        char text[64];
        snprintf(text, sizeof text, "6 H100 %.14s%s%.8s, %.0f x %.0f, %.8s", row.workload, *row.set ? " " : "",
                 *row.set ? strchr(row.set, '=') + 1 : "", row.batch, row.prompt_tokens, row.phase);
        printf("%-40s", text);
        power_beside(row.power_w, step->energy_j[0] / step->latency_s[0], 1, POWER_BAR, NULL);
        power_beside(row.clock_hz, step->clocks[0], HZ_PER_MHZ, CLOCK_BAR, NULL);
        printf(" %7.2f %7.2f ms\n", row.wall_s * MS_PER_S, step->latency_s[0] * MS_PER_S);
    }
    arena_free(&a);
    return result;
}
