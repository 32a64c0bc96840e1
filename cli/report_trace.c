/* A trace or run held against its prediction, as a report. */
#include "cli/report_designs.h"
#include "cli/report_validation.h"
#include "cli/trace_prediction.h"
#include "core/base/si.h"

#include <math.h>
#include <string.h>

static void put_pair(arena *a, report_table *table, const char *name, unit u, double measured, double predicted) {
    table_writer row = table_row(a, table);
    row_text(&row, name);
    row_number(&row, u, measured);
    row_number(&row, u, predicted);
    row_change(&row, measured > 0 ? predicted / measured - 1 : NAN);
}

static double idle_of(double busy_s, double wall_s) {
    return wall_s > 0 ? fmax(0, 1 - busy_s / wall_s) : NAN;
}

static void trace_summary(arena *a, const trace *t, const setup *s, const trace_comparison *c,
                          report_section *section) {
    section_paragraph(section,
                      arena_printf(a,
                                   "%zu %s steps of %s against %s on %s under %s; %.1f %% of the GPU's time is "
                                   "matched to operators. A profiler slows the host: the wall of a step that "
                                   "waits for it is an upper bound.",
                                   c->match.step_count, c->phase, t->path, s->workload.name, s->machine.name,
                                   s->host.name, 100 * match_time_frac(&c->match)));
    report_table *table = section_table(a, section, "A step, measured against predicted", 4);
    static const char *const HEADERS[] = {"", "Measured", "Predicted", "Error"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, i == 0 ? "What" : HEADERS[i], i > 0);
    put_pair(a, table, "GPU busy", UNIT_SECONDS, c->measured_busy_s, c->predicted_busy_s);
    put_pair(a, table, "wall", UNIT_SECONDS, c->measured_wall_s, c->predicted_wall_s);
    put_pair(a, table, "GPU idle", UNIT_FRACTION, idle_of(c->measured_busy_s, c->measured_wall_s),
             idle_of(c->predicted_busy_s, c->predicted_wall_s));
    put_pair(a, table, "kernels", UNIT_PLAIN, c->measured_kernels, c->predicted_kernels);
}

static void trace_operators(arena *a, const trace_comparison *c, report_section *section) {
    report_table *table = section_table(a, section, "Operators of a step", c->node_count);
    static const char *const HEADERS[] = {"Operator",  "Shape", "Count",   "Kernels", "Measured",
                                          "Predicted", "Error", "At best", "Bound"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 2 && i <= 7);
    for (size_t i = 0; i < c->node_count; i++) {
        const node_comparison *n = &c->nodes[i];
        if (!n->node || n->count == 0)
            continue;
        char shape[256];
        op_shape_text(&n->shape, shape, sizeof shape);
        table_writer row = table_row(a, table);
        row_text(&row, n->node->id);
        row_text(&row, arena_strdup(a, shape));
        row_number(&row, UNIT_PLAIN, n->count);
        row_number(&row, UNIT_PLAIN, n->kernels);
        row_number(&row, UNIT_SECONDS, n->measured_s);
        row_number(&row, UNIT_SECONDS, n->predicted_s);
        row_change(&row, n->measured_s > 0 ? n->predicted_s / n->measured_s - 1 : NAN);
        row_number(&row, UNIT_SECONDS, n->floor_s);
        row_text(&row, bound_name(n->bound));
    }
}

static void trace_gaps(arena *a, const trace_comparison *c, report_section *section) {
    const node_comparison *gaps[TRACE_GAPS_MAX];
    size_t count = trace_largest_gaps(c, gaps);
    report_table *table = section_table(a, section, "", count);
    table_column(table, "Operator", false);
    table_column(table, "Measured less predicted", true);
    table_column(table, "What would close it", false);
    for (size_t i = 0; i < count; i++) {
        char advice[TRACE_ADVICE_BYTES];
        trace_advise(gaps[i], advice);
        table_writer row = table_row(a, table);
        row_text(&row, gaps[i]->node->id);
        row_number(&row, UNIT_SECONDS, gaps[i]->measured_s - gaps[i]->predicted_s);
        row_text(&row, arena_strdup(a, advice));
    }
}

/* ---- figures ---- */

/* Time by category of a step, measured and predicted; idle fills the wall. */
static void put_bars(arena *a, const trace_comparison *c, report_input *input) {
    report_bar *bars = ARENA_ARRAY(a, report_bar, 2);
    bars[0].label = "measured";
    bars[1].label = "predicted";
    double steps = (double)c->match.step_count;
    for (size_t i = 0; i < c->node_count; i++) {
        const node_comparison *n = &c->nodes[i];
        if (!n->node)
            continue;
        bars[0].category_s[n->node->category] += n->measured_s;
        bars[1].category_s[n->node->category] += n->predicted_s;
    }
    bars[0].category_s[CATEGORY_MISC] += (c->match.time_s - c->match.matched_s) / steps; /* not matched */
    bars[0].category_s[CATEGORY_IDLE] = fmax(0, c->measured_wall_s - c->measured_busy_s);
    bars[1].category_s[CATEGORY_IDLE] = fmax(0, c->predicted_wall_s - c->predicted_busy_s);
    input->bars = bars;
    input->bar_count = 2;
}

enum { CELLS = 128 };

/* The trace's middle step in cells; what is not matched counts as misc. */
static void put_strip(arena *a, const trace *t, const trace_comparison *c, report_input *input) {
    size_t step = t->step_count / 2;
    const trace_step *events = &t->steps[step];
    double wall_s = trace_step_wall_s(t, step), cell_s = wall_s / CELLS;
    if (events->count == 0 || !(wall_s > 0))
        return;
    double(*share)[CATEGORY_COUNT] = arena_alloc(a, CELLS * sizeof *share);
    memset(share, 0, CELLS * sizeof *share);
    int64_t start_ns = t->gpu[events->first].start_ns;
    for (size_t i = events->first; i < events->first + events->count; i++) {
        const trace_event *e = &t->gpu[i];
        uint32_t op_index = c->match.op_of[i];
        op_category category = op_index == TRACE_NONE ? CATEGORY_MISC : c->view.ops[op_index].node->category;
        double from = (double)(e->start_ns - start_ns) * S_PER_NS / cell_s,
               to = from + (double)e->duration_ns * S_PER_NS / cell_s;
        for (int cell = (int)fmax(0, floor(from)); cell < CELLS && cell < to; cell++)
            share[cell][category] += fmax(0, fmin(to, cell + 1) - fmax(from, cell));
    }
    for (int cell = 0; cell < CELLS; cell++) {
        double busy = 0;
        for (int k = 0; k < CATEGORY_IDLE; k++)
            busy += share[cell][k];
        for (int k = 0; k < CATEGORY_IDLE && busy > 1; k++) /* side by side on streams */
            share[cell][k] /= busy;
        share[cell][CATEGORY_IDLE] = fmax(0, 1 - busy);
    }
    report_strip *strip = ARENA_NEW(a, report_strip);
    *strip = (report_strip){arena_printf(a, "measured, %s", c->phase), wall_s, CELLS,
                            (const double(*)[CATEGORY_COUNT])share};
    input->strips = strip;
    input->strip_count = 1;
}

/* Operators at their measured time, under the machine's datasheet rates. */
static void put_roofline(arena *a, const setup *s, const trace_comparison *c, report_input *input) {
    report_operator *operators = ARENA_ARRAY(a, report_operator, c->node_count + 1);
    for (size_t i = 0; i < c->node_count; i++) {
        const node_comparison *n = &c->nodes[i];
        if (!n->node || !(n->measured_s > 0))
            continue;
        op_work work = op_work_of(&n->shape);
        operators[input->operator_count++] =
            (report_operator){.name = n->node->id,
                              .category = n->node->category,
                              .count = n->kernels,
                              .flops = work.flops * n->count,
                              .bytes = (work.weight_bytes + work.read_bytes + work.write_bytes) * n->count,
                              .time_s = n->measured_s,
                              .bound = bound_name(n->bound)};
    }
    input->operators = operators;
    input->roofline_machine = arena_printf(a, "%s, measured times", s->machine.name);
    report_put_ceilings(a, &s->block, input);
}

status report_trace_append(arena *a, const char *path, const setup_options *common, const char *part,
                           report_document *document, error *err) {
    if (!common->workload)
        return error_set(err, STATUS_BAD_INPUT, "ingot report: %s needs --workload, what was run", path);
    trace_question q = {.common = *common, .file = path};
    setup *s = ARENA_NEW(a, setup);
    trace_comparison *c = ARENA_NEW(a, trace_comparison);
    trace t;
    status result = trace_compare(a, &q, &t, s, c, err);
    if (result != STATUS_OK)
        return result;
    report_input *input = ARENA_NEW(a, report_input);
    *input = (report_input){
        .title = arena_printf(a, "%s on %s, measured", s->workload.name, s->machine.name),
        .question = "Which kernels leave time on the table, and how much of the step is the GPU idle?",
        .date = document->date,
        .version = INGOT_VERSION,
    };
    const char **lines = ARENA_ARRAY(a, const char *, 2);
    lines[0] = arena_printf(a, "GPU busy time of a step is predicted %+.1f %% off, its wall %+.1f %%.",
                            100 * c->busy_error, 100 * c->wall_error);
    lines[1] = arena_printf(a, "The GPU is idle for %.1f %% of a step; predicted are %.1f %%.",
                            100 * idle_of(c->measured_busy_s, c->measured_wall_s),
                            100 * idle_of(c->predicted_busy_s, c->predicted_wall_s));
    input->answer = lines;
    input->answer_count = 2;
    size_t number = document->section_count + 1;
    report_section *section =
        document_section(document, arena_printf(a, "trace-%zu", number), "Measured against predicted");
    section->part = part;
    trace_summary(a, &t, s, c, section);
    trace_operators(a, c, section);
    section = document_section(document, arena_printf(a, "gaps-%zu", number), "The largest gaps, and what closes them");
    section->part = part;
    trace_gaps(a, c, section);
    put_bars(a, c, input);
    put_strip(a, &t, c, input);
    put_roofline(a, s, c, input);
    document_append(a, document, input, part);
    trace_free(&t);
    return STATUS_OK;
}
