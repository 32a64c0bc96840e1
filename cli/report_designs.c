#include "cli/report_designs.h"

#include "cli/command.h"
#include "sim/explore/ensemble.h"

#include <math.h>
#include <string.h>

base_design *base_design_of(arena *a, const analysis *found, const store_manifest *manifest,
                            const analysis_series *series) {
    if (!series->has_base)
        return NULL;
    base_design *base = ARENA_NEW(a, base_design);
    base->series = series;
    setup_options o = {
        .machine = series->machine,
        .workload = found->workload,
        .preset = series->levers,
        .host = manifest->host[0] ? manifest->host : NULL,
        .engine = manifest->engine,
        .request = {.batch = found->batch, .decode_steps = -1, .statistic = "mean"},
    };
    setup *s = &base->setup;
    if (setup_load(a, &o, s, NULL) != STATUS_OK)
        return NULL;
    base->nodes = ARENA_ARRAY(a, node_totals, engine_node_count(&s->graph));
    if (engine_run(&s->graph, &s->scenario, &s->block, &s->options, a, &base->result, base->nodes, NULL) != STATUS_OK)
        return NULL;
    return base->result.latency_s[0] == series->base.latency_s ? base : NULL;
}

/* ---- steps ---- */

typedef struct busy_interval {
    double start_s, end_s;
    op_category category;
} busy_interval;

/* Of one phase's first step. */
typedef struct phase_trail {
    const char *phase;
    busy_interval *busy;
    size_t count, capacity;
    double start_s, end_s;
} phase_trail;

typedef struct trail {
    arena *a;
    phase_trail phases[STRIPS_A_DESIGN_MAX];
    size_t count;
} trail;

static phase_trail *phase_of(trail *t, const interval *item) {
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->phases[i].phase, item->phase) == 0)
            return &t->phases[i];
    if (t->count == STRIPS_A_DESIGN_MAX)
        return NULL;
    phase_trail *p = &t->phases[t->count++];
    *p = (phase_trail){.phase = arena_strdup(t->a, item->phase), .start_s = item->start_s};
    return p;
}

static status take(void *context, const interval *item, error *err) {
    (void)err;
    trail *t = context;
    phase_trail *p = phase_of(t, item);
    if (!p)
        return STATUS_OK;
    p->start_s = fmin(p->start_s, item->start_s);
    p->end_s = fmax(p->end_s, item->start_s + item->duration_s);
    if (item->lane != LANE_GPU || item->duration_s <= 0)
        return STATUS_OK;
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 1024;
        busy_interval *larger = ARENA_ARRAY(t->a, busy_interval, p->capacity);
        if (p->count > 0)
            memcpy(larger, p->busy, p->count * sizeof *larger);
        p->busy = larger;
    }
    p->busy[p->count++] = (busy_interval){item->start_s, item->start_s + item->duration_s, item->category};
    return STATUS_OK;
}

/* Kernels that overlap share a cell equally enough: their shares are scaled down to it. */
static void fill_cells(const phase_trail *p, double (*share)[CATEGORY_COUNT]) {
    double cell_s = (p->end_s - p->start_s) / STRIP_CELLS;
    for (size_t i = 0; i < p->count; i++) {
        const busy_interval *b = &p->busy[i];
        double from = (b->start_s - p->start_s) / cell_s, to = (b->end_s - p->start_s) / cell_s;
        for (int cell = (int)fmax(0, floor(from)); cell < STRIP_CELLS && cell < to; cell++)
            share[cell][b->category] += fmax(0, fmin(to, cell + 1) - fmax(from, cell));
    }
    for (int cell = 0; cell < STRIP_CELLS; cell++) {
        double busy = 0;
        for (int j = 0; j < CATEGORY_IDLE; j++)
            busy += share[cell][j];
        for (int j = 0; j < CATEGORY_IDLE && busy > 1; j++)
            share[cell][j] /= busy;
        share[cell][CATEGORY_IDLE] = fmax(0, 1 - busy);
    }
}

status design_strips(arena *a, const base_design *base, report_strip *strips, size_t *count, error *err) {
    const setup *s = &base->setup;
    trail *t = ARENA_NEW(a, trail);
    *t = (trail){.a = a};
    *count = 0;
    status result = engine_timeline(&s->graph, &s->scenario, &s->block, &s->options, 1,
                                    (timeline_sink){.emit = take, .context = t}, err);
    for (size_t i = 0; i < t->count && result == STATUS_OK; i++) {
        const phase_trail *p = &t->phases[i];
        if (p->count == 0)
            continue;
        double(*share)[CATEGORY_COUNT] = arena_alloc(a, STRIP_CELLS * sizeof *share);
        memset(share, 0, STRIP_CELLS * sizeof *share);
        fill_cells(p, share);
        strips[(*count)++] = (report_strip){
            .label = arena_printf(a, "%s, %s", base->series->label, p->phase),
            .duration_s = p->end_s - p->start_s,
            .cell_count = STRIP_CELLS,
            .share = (const double(*)[CATEGORY_COUNT])share,
        };
    }
    return result;
}

/* ---- memory and intervals ---- */

report_memory design_memory(arena *a, const base_design *base) {
    const graph_memory *m = &base->result.memory;
    return (report_memory){
        .label = arena_printf(a, "%s, %s", base->series->machine, base->series->levers),
        .weight_bytes = m->weight_bytes,
        .kv_bytes = m->kv_bytes,
        .activation_bytes = m->activation_bytes,
        .workspace_bytes = m->workspace_bytes,
        .capacity_bytes = base->setup.machine.hbm.capacity_bytes,
    };
}

status design_interval(arena *a, const base_design *base, double *low_s, double *high_s, error *err) {
    const setup *s = &base->setup;
    ensemble *e = ARENA_NEW(a, ensemble);
    *low_s = *high_s = NAN;
    status result = ensemble_fill(a, command_config_dir(), &s->machine, &s->calibration, e, err);
    if (result == STATUS_OK)
        result = ensemble_latency(a, &s->graph, &s->scenario, &s->options, e, &base->result, base->nodes, low_s, high_s,
                                  err);
    return result;
}

/* ---- roofs ---- */

void report_put_ceilings(arena *a, const machine_block *block, report_input *input) {
    static const struct {
        const char *name;
        data_type dtype;
    } roofs[] = {{"fp8 tensor", DTYPE_fp8}, {"int8 tensor", DTYPE_int8}, {"bf16 tensor", DTYPE_bf16}};
    enum { ROOFS = sizeof roofs / sizeof roofs[0] };
    report_ceiling *ceilings = ARENA_ARRAY(a, report_ceiling, ROOFS + 2);
    size_t count = 0;
    double last = 0;
    for (int i = 0; i < ROOFS; i++) {
        double peak = block->peak_flops_per_s[roofs[i].dtype][0];
        if (peak > 0 && peak != last)
            ceilings[count++] = (report_ceiling){roofs[i].name, peak, 0};
        last = peak;
    }
    ceilings[count++] = (report_ceiling){"HBM", 0, block->hbm_bandwidth_bytes_per_s[0]};
    ceilings[count++] = (report_ceiling){"L2", 0, block->l2_bytes_per_clk[0] * block->sm_clock_max_hz[0]};
    input->ceilings = ceilings;
    input->ceiling_count = count;
}
