#include "cli/report_input.h"

#include "cli/command.h"
#include "cli/findings.h"
#include "cli/report_designs.h"
#include "cli/report_validation.h"
#include "cli/setup.h"
#include "cli/step_prediction.h"
#include "core/base/si.h"
#include "core/base/text.h"
#include "hwmodels/machine_load.h"
#include "reports/cloud.h"
#include "sim/explore/row_prediction.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The project's own measurements, and the machine they were made on. */
#define SHIPPED_STEPS "validate/measured/h200-sxm/codellama-7b-pytorch.jsonl"
static const char SHIPPED_MACHINE[] = "h200-sxm";

typedef struct report_parts {
    arena *a;
    store *points;
    const store_manifest *manifest;
    analysis found;
    report_input input;
    report_cloud cloud;
    step_table steps;  /* texts of the validation section */
    const setup *base; /* the base design's machine and workload, or NULL */
    report_design *front, *base_row;
} report_parts;

/* ---- designs ---- */

static report_design design_of(const report_parts *parts, const store_point *p, size_t series, const char *name) {
    assert(series < parts->found.series_count && parts->found.series);
    report_design d = {
        .name = name,
        .levers = parts->found.series[series].label,
        .lever_set = series,
        .latency_s = p->latency_s,
        .tpot_s = p->tpot_s,
        .energy_j = p->energy_j,
        .area_m2 = p->area_m2,
        .cost_usd = p->cost_usd,
        .peak_memory_bytes = p->peak_memory_bytes,
        .idle_frac = p->gpu_idle_s / p->latency_s,
    };
    memcpy(d.knobs, p->knobs, parts->manifest->knob_count * sizeof *d.knobs);
    return d;
}

static void add_designs(report_parts *parts) {
    const analysis *found = &parts->found;
    report_input *input = &parts->input;
    const analysis_series *base = findings_base(found);
    if (base) {
        report_design *design = ARENA_NEW(parts->a, report_design);
        *design = design_of(parts, &base->base, (size_t)(base - found->series), base->machine);
        input->base = parts->base_row = design;
    }
    report_design *front = ARENA_ARRAY(parts->a, report_design, found->front_count + 1);
    for (size_t i = 0; i < found->front_count; i++)
        front[i] = design_of(parts, &found->front[i], found->front_series[i], NULL);
    input->front = parts->front = front;
    input->front_count = found->front_count;
    input->feasible_count = (double)found->feasible;
    input->infeasible_count = (double)found->infeasible;
    input->infeasible_reason = found->most_frequent_reason;
}

static status add_to_cloud(void *context, const store_point *p, error *err) {
    (void)err;
    report_parts *parts = context;
    const analysis *found = &parts->found;
    if (p->reason || p->batch != found->batch || strcmp(p->workload, found->workload) != 0)
        return STATUS_OK;
    for (size_t i = 0; i < found->series_count; i++)
        if (strcmp(found->series[i].levers, p->levers) == 0 && strcmp(found->series[i].machine, p->machine) == 0)
            report_cloud_add(&parts->cloud, &(report_point){p->latency_s, p->energy_j, i});
    return STATUS_OK;
}

/* ---- breakdown ---- */

static void add_bar(report_bar *bars, size_t *count, const char *label, const store_point *p) {
    bars[*count].label = label;
    memcpy(bars[*count].category_s, p->category_s, sizeof p->category_s);
    (*count)++;
}

static const store_point *least(const analysis *found, sweep_objective objective) {
    const store_point *best = NULL;
    for (size_t i = 0; i < found->front_count; i++) {
        double value = sweep_objective_of(objective, &found->front[i]);
        if (!isnan(value) && (!best || value < sweep_objective_of(objective, best)))
            best = &found->front[i];
    }
    return best;
}

enum { BARS_OF_FRONT = 3, BARS_OF_BASES = 12 };

static void add_bars(report_parts *parts) {
    const analysis *found = &parts->found;
    report_bar *bars = ARENA_ARRAY(parts->a, report_bar, BARS_OF_BASES + BARS_OF_FRONT);
    size_t count = 0;
    for (size_t i = 0; i < found->series_count && count < BARS_OF_BASES; i++)
        if (found->series[i].has_base)
            add_bar(bars, &count, arena_printf(parts->a, "base, %s", found->series[i].label), &found->series[i].base);
    const struct {
        const char *text;
        sweep_objective objective;
    } ends[BARS_OF_FRONT] = {
        {"fastest", OBJECTIVE_LATENCY}, {"least energy", OBJECTIVE_ENERGY}, {"cheapest", OBJECTIVE_COST}};
    for (int i = 0; i < BARS_OF_FRONT; i++) {
        const store_point *p = least(found, ends[i].objective);
        if (p)
            add_bar(bars, &count, arena_printf(parts->a, "front, %s (%s)", ends[i].text, p->levers), p);
    }
    parts->input.bars = bars;
    parts->input.bar_count = count;
}

/* ---- roofline ---- */

static void add_operators(report_parts *parts, const node_totals *nodes) {
    const graph *g = &parts->base->graph;
    size_t node_count = engine_node_count(g), count = 0;
    report_operator *operators = ARENA_ARRAY(parts->a, report_operator, node_count + 1);
    for (size_t n = 0; n < node_count; n++) {
        const node_totals *t = &nodes[n];
        if (!t->node || t->time_s <= 0)
            continue;
        operators[count++] = (report_operator){
            .name = t->phase == 0 ? arena_printf(parts->a, "prefill %s", t->node->id) : t->node->id,
            .category = t->node->category,
            .count = t->launches,
            .flops = t->flops,
            .bytes = t->hbm_bytes,
            .time_s = t->time_s,
            .bound = bound_name(t->bound),
        };
    }
    parts->input.operators = operators;
    parts->input.operator_count = count;
}

static void add_roofline(report_parts *parts, const base_design *base) {
    parts->base = &base->setup;
    parts->input.roofline_machine =
        arena_printf(parts->a, "%s, %s, %s", base->series->machine, parts->found.workload, base->series->levers);
    report_put_ceilings(parts->a, &base->setup.block, &parts->input);
    add_operators(parts, base->nodes);
}

/* ---- the base designs in detail ---- */

enum { DESIGNS_IN_DETAIL_MAX = 12 };

static const analysis_series *slowest_base(const analysis *found) {
    const analysis_series *slowest = NULL;
    for (size_t i = 0; i < found->series_count; i++) {
        const analysis_series *series = &found->series[i];
        if (series->has_base && (!slowest || series->base.latency_s > slowest->base.latency_s))
            slowest = series;
    }
    return slowest;
}

/* A front's design is as uncertain, relatively, as the base machine under the same levers: where it has another
 * bandwidth or more SMs, the same operators and the same model err. */
static void spread_interval(report_parts *parts, const base_design *base, double low_s, double high_s) {
    size_t series = (size_t)(base->series - parts->found.series);
    double latency_s = base->result.latency_s[0];
    for (size_t i = 0; i < parts->input.front_count; i++)
        if (parts->front[i].lever_set == series) {
            parts->front[i].latency_low_s = parts->front[i].latency_s * low_s / latency_s;
            parts->front[i].latency_high_s = parts->front[i].latency_s * high_s / latency_s;
        }
    if (parts->base_row && parts->base_row->lever_set == series) {
        parts->base_row->latency_low_s = low_s;
        parts->base_row->latency_high_s = high_s;
    }
}

/* Memory of every lever set on its base machine, and intervals; steps of the slowest and the fastest; operators of the
 * fastest. */
static status add_details(report_parts *parts, error *err) {
    const analysis *found = &parts->found;
    const analysis_series *fastest = findings_base(found), *slowest = slowest_base(found);
    report_memory *memories = ARENA_ARRAY(parts->a, report_memory, DESIGNS_IN_DETAIL_MAX);
    report_strip *strips = ARENA_ARRAY(parts->a, report_strip, 2 * STRIPS_A_DESIGN_MAX);
    size_t strip_count = 0, count;
    status result = STATUS_OK;
    for (size_t i = 0; i < found->series_count && result == STATUS_OK; i++) {
        const analysis_series *series = &found->series[i];
        base_design *base = parts->input.memory_count < DESIGNS_IN_DETAIL_MAX || series == fastest || series == slowest
                                ? base_design_of(parts->a, found, parts->manifest, series)
                                : NULL;
        if (!base)
            continue;
        double low_s, high_s;
        if (parts->input.memory_count < DESIGNS_IN_DETAIL_MAX)
            memories[parts->input.memory_count++] = design_memory(parts->a, base);
        result = design_interval(parts->a, base, &low_s, &high_s, err);
        if (result == STATUS_OK && !isnan(low_s))
            spread_interval(parts, base, low_s, high_s);
        if (result == STATUS_OK && (series == fastest || series == slowest)) {
            result = design_strips(parts->a, base, strips + strip_count, &count, err);
            strip_count += count;
        }
        if (series == fastest)
            add_roofline(parts, base);
    }
    parts->input.memories = memories;
    parts->input.strips = strips;
    parts->input.strip_count = strip_count;
    if (result == STATUS_OK)
        result = store_interactions(parts->a, parts->points, parts->manifest, found, fastest,
                                    &parts->input.interactions, err);
    return result;
}

/* ---- which knob matters ---- */

static void add_elasticities(report_parts *parts) {
    const analysis *found = &parts->found;
    size_t knobs = parts->manifest->knob_count, count = 0;
    report_elasticity *out = ARENA_ARRAY(parts->a, report_elasticity, 2 * knobs * found->series_count + 1);
    for (size_t i = 0; i < found->series_count; i++) {
        const analysis_series *series = &found->series[i];
        if (series->feasible == 0)
            continue;
        for (int objective = 0; objective < 2; objective++) {
            const knob_effect *effects = objective == 0 ? series->latency_effects : series->energy_effects;
            for (size_t k = 0; k < knobs; k++)
                if (!isnan(effects[k].elasticity))
                    out[count++] = (report_elasticity){.lever_set = i,
                                                       .objective = objective == 0 ? "latency" : "energy",
                                                       .knob = parts->manifest->knob_keys[k],
                                                       .elasticity = effects[k].elasticity,
                                                       .low = effects[k].low,
                                                       .high = effects[k].high,
                                                       .effect = effects[k].effect};
        }
    }
    parts->input.elasticities = out;
    parts->input.elasticity_count = count;
}

/* ---- validation ---- */

static status add_validation(report_parts *parts, error *err) {
    step_scores scores;
    status result = steps_load(INGOT_SOURCE_DIR "/" SHIPPED_STEPS, &parts->steps, err);
    if (result == STATUS_OK)
        result = steps_predict(parts->a, &parts->steps, SHIPPED_MACHINE, &scores, err);
    if (result != STATUS_OK)
        return result;
    report_put_steps(parts->a, &scores, &parts->input);
    parts->input.validation_date = "2026-11-23";
    parts->input.validation_data =
        arena_printf(parts->a,
                     "%s: PyTorch 2.11 on one H200. Eager walls imply %.1f to %.1f µs of "
                     "host a kernel: they are not scored, and the predicted ones take the "
                     "quietest host",
                     SHIPPED_STEPS, scores.kernel_low_s * US_PER_S, scores.kernel_high_s * US_PER_S);
    return STATUS_OK;
}

/* ---- assumptions ---- */

enum { ASSUMPTIONS_MAX = 96 };

/* Every number of the base machine that is an estimate, by its own source note; the calibration; the host. */
static status add_assumptions(report_parts *parts, error *err) {
    report_assumption *list = ARENA_ARRAY(parts->a, report_assumption, ASSUMPTIONS_MAX);
    size_t count = 0, key_count;
    if (parts->base) {
        const setup *s = parts->base;
        list[count++] = (report_assumption){
            arena_printf(parts->a, "Model parameters: calibration %s of %s", s->calibration.name, s->calibration.date),
            s->calibration.data};
        list[count++] = (report_assumption){
            arena_printf(parts->a, "Host %s: %.1f us a framework call; measured hosts span %.1f to %.1f us",
                         s->host.name, s->host.call_s * US_PER_S, s->host.call_low_s * US_PER_S,
                         s->host.call_high_s * US_PER_S),
            s->host.description};
        machine m;
        machine_notes notes;
        status result = machine_load(parts->a, command_config_dir(), s->machine.name, &m, &notes, err);
        if (result != STATUS_OK)
            return result;
        const machine_key *keys = machine_keys(&key_count);
        for (size_t k = 0; k < key_count && count < ASSUMPTIONS_MAX; k++)
            if (notes.sources[k] && strstr(notes.sources[k], "estimate"))
                list[count++] = (report_assumption){
                    arena_printf(parts->a, "%s = %.6g", keys[k].path, machine_get(&m, &keys[k])), notes.sources[k]};
    }
    parts->input.assumptions = list;
    parts->input.assumption_count = count;
    return STATUS_OK;
}

/* ---- the whole ---- */

static status pick_group(report_parts *parts, const char *name, error *err) {
    analysis_group *groups;
    size_t count, pick = 0;
    status result = analysis_groups(parts->a, parts->points, &groups, &count, err);
    if (result != STATUS_OK)
        return result;
    while (name && pick < count && strcmp(groups[pick].workload, name) != 0)
        pick++;
    if (pick == count)
        return error_set(err, STATUS_NEGATIVE,
                         count == 0 ? "the store holds no point" : "the store has no workload '%.60s'", name);
    if (count > 1)
        parts->input.notice =
            arena_printf(parts->a, "This page shows %s at batch %lld, one of %zu workloads and batches of the sweep.",
                         groups[pick].workload, (long long)groups[pick].batch, count);
    sweep_objective objectives[SWEEP_OBJECTIVES_MAX];
    size_t objective_count = sweep_objectives_parse(parts->manifest->objectives, objectives);
    return analysis_of(parts->a, parts->points, parts->manifest, &groups[pick], objectives, objective_count,
                       &parts->found, err);
}

static void add_question(report_parts *parts) {
    const store_manifest *manifest = parts->manifest;
    const analysis *found = &parts->found;
    report_input *input = &parts->input;
    input->title = arena_printf(parts->a, "%s, batch %lld", found->workload, (long long)found->batch);
    input->question = manifest->question;
    findings *f = ARENA_NEW(parts->a, findings);
    *f = findings_of(parts->a, found, manifest);
    input->answer = f->lines;
    input->answer_count = f->count;
    input->date = manifest->date;
    input->version = manifest->version;
    input->command = manifest->command;
    input->knob_count = manifest->knob_count;
    memcpy(input->knob_keys, manifest->knob_keys, sizeof input->knob_keys);
    const char **labels = ARENA_ARRAY(parts->a, const char *, found->series_count + 1);
    for (size_t i = 0; i < found->series_count; i++)
        labels[i] = found->series[i].label;
    input->lever_sets = labels;
    input->lever_set_count = found->series_count;
    const char *objectives = "";
    for (size_t o = 0; o < found->objective_count; o++)
        objectives = arena_printf(parts->a, "%s%s%s", objectives,
                                  o == 0 ? "" : (o + 1 < found->objective_count ? ", " : " and "),
                                  sweep_objective_text(found->objectives[o]));
    input->objectives = objectives;
}

/* The cloud's points move to the arena: the document borrows them. */
static void keep_cloud(report_parts *parts) {
    report_point *points = ARENA_ARRAY(parts->a, report_point, parts->cloud.count + 1);
    if (parts->cloud.count > 0)
        memcpy(points, parts->cloud.points, parts->cloud.count * sizeof *points);
    parts->input.points = points;
    parts->input.point_count = parts->cloud.count;
}

status report_store_append(arena *a, store *points, const store_manifest *manifest, const char *workload_name,
                           const char *part, report_document *document, error *err) {
    report_parts *parts = ARENA_NEW(a, report_parts);
    *parts = (report_parts){.a = a, .points = points, .manifest = manifest};
    status result = pick_group(parts, workload_name, err);
    if (result == STATUS_OK) {
        add_question(parts);
        add_designs(parts);
        add_bars(parts);
        add_elasticities(parts);
        result = store_each(points, false, add_to_cloud, parts, err);
    }
    if (result == STATUS_OK)
        result = add_details(parts, err);
    if (result == STATUS_OK)
        result = add_validation(parts, err);
    if (result == STATUS_OK)
        result = add_assumptions(parts, err);
    if (result == STATUS_OK) {
        keep_cloud(parts);
        document_append(a, document, &parts->input, part);
    }
    report_cloud_free(&parts->cloud);
    steps_free(&parts->steps);
    return result;
}
