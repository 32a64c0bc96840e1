#include "validate/match.h"

#include "core/base/si.h"

#include <stdlib.h>
#include <string.h>

/* Cells of one step's alignment: a byte each. */
static const double CELLS_MAX = 512e6;
/* What a second kernel of the same operator, or a second operator in the same kernel, adds to the alignment's score. */
static const double JOIN_SCALE = 0.2;
/* The least fit for what is tried out of order. */
static const double OUT_OF_ORDER_FIT_MIN = 0.55;

typedef enum cell_from { FROM_MATCH, FROM_EVENT, FROM_OP } cell_from;        /* of the best score up to a cell */
typedef enum match_from { MATCH_FIRST, MATCH_MORE, MATCH_FUSED } match_from; /* of a match in a cell */

typedef struct alignment {
    const graph_view *view;
    const match_event *events;
    size_t event_count;
    uint32_t *op_of;   /* one an event */
    uint32_t *absorbs; /* one an operator: event whose kernel does it too, or TRACE_NONE */
} alignment;

/* Libraries may launch several kernels for these. */
static bool may_take_more(const flat_op *flat) {
    op_kind kind = flat->op.kind;
    return kind == OP_attention || kind == OP_sample || kind == OP_topk || flat->node->launches > 0;
}

/* ---- the alignment: the heaviest common subsequence, where an operator may take several events and a fused event
 * several operators ---- */

typedef struct scores_row {
    float *best, *match; /* up to the cell; ending in a match in the cell */
} scores_row;

static const float NO_MATCH = -1e30F;

static unsigned char fill_cell(const alignment *al, size_t i, size_t j, const scores_row *above, scores_row *row) {
    const match_event *e = &al->events[i];
    const flat_op *flat = &al->view->ops[j];
    float fit = (float)match_fit(e, &flat->op), match = NO_MATCH;
    match_from how = MATCH_FIRST;
    if (fit > 0) {
        match = above->best[j] + fit;
        float more = above->match[j + 1] + (float)JOIN_SCALE * fit;
        float fused = row->match[j] + (float)JOIN_SCALE * fit;
        if (may_take_more(flat) && more > match) {
            match = more;
            how = MATCH_MORE;
        }
        if ((e->traits & TRAIT_FUSED) && fused > match) {
            match = fused;
            how = MATCH_FUSED;
        }
    }
    row->match[j + 1] = match;
    cell_from from = FROM_MATCH;
    float best = match;
    if (above->best[j + 1] >= best) {
        best = above->best[j + 1];
        from = FROM_EVENT;
    }
    if (row->best[j] > best) {
        best = row->best[j];
        from = FROM_OP;
    }
    row->best[j + 1] = best;
    return (unsigned char)(from | how << 2);
}

static void trace_back(alignment *al, const unsigned char *cells) {
    size_t i = al->event_count, j = al->view->count, width = al->view->count;
    bool in_match = false;
    while (i > 0 && j > 0) {
        unsigned char cell = cells[(i - 1) * width + (j - 1)];
        cell_from from = (cell_from)(cell & 3);
        if (!in_match && from != FROM_MATCH) {
            i -= from == FROM_EVENT;
            j -= from == FROM_OP;
            continue;
        }
        match_from how = (match_from)(cell >> 2);
        if (how == MATCH_FUSED) { /* the event belongs to the first of its operators */
            al->absorbs[j - 1] = (uint32_t)(i - 1);
            j--;
        } else {
            al->op_of[i - 1] = (uint32_t)(j - 1);
            i--;
            j -= how == MATCH_FIRST;
        }
        in_match = how != MATCH_FIRST;
    }
}

static void align(alignment *al) {
    size_t width = al->view->count;
    unsigned char *cells = malloc(al->event_count * width + 1);
    float *space = calloc(4 * (width + 1), sizeof *space);
    if (!cells || !space)
        abort();
    scores_row above = {space, space + (width + 1)}, row = {space + 2 * (width + 1), space + 3 * (width + 1)};
    for (size_t j = 0; j <= width; j++)
        above.match[j] = row.match[j] = NO_MATCH;
    for (size_t i = 0; i < al->event_count; i++) {
        for (size_t j = 0; j < width; j++)
            cells[i * width + j] = fill_cell(al, i, j, &above, &row);
        scores_row swap = above;
        above = row;
        row = swap;
    }
    trace_back(al, cells);
    free(cells);
    free(space);
}

/* ---- what the alignment left ---- */

static bool op_is_taken(const size_t *events_of, const alignment *al, size_t j) {
    return events_of[j] > 0 || al->absorbs[j] != TRACE_NONE || !match_op_launches(&al->view->ops[j].op);
}

/* Operators that run at another place than the graph says take, in order, the events that fit and are left. */
static void match_out_of_order(alignment *al) {
    size_t *events_of = calloc(al->view->count + 1, sizeof *events_of);
    size_t *next_of = calloc(al->view->phase->node_count + 1, sizeof *next_of);
    if (!events_of || !next_of)
        abort();
    for (size_t i = 0; i < al->event_count; i++)
        if (al->op_of[i] != TRACE_NONE)
            events_of[al->op_of[i]]++;
    for (size_t j = 0; j < al->view->count; j++) {
        if (op_is_taken(events_of, al, j))
            continue;
        const flat_op *flat = &al->view->ops[j];
        size_t *next = &next_of[flat->node - al->view->phase->nodes];
        for (; *next < al->event_count; (*next)++) {
            double fit = match_fit(&al->events[*next], &flat->op);
            bool fits = match_takes_leftovers(&flat->op) ? fit > 0 : fit >= OUT_OF_ORDER_FIT_MIN;
            if (al->op_of[*next] != TRACE_NONE || !fits)
                continue;
            al->op_of[(*next)++] = (uint32_t)j;
            break;
        }
    }
    free(events_of);
    free(next_of);
}

/* ---- a step ---- */

static const trace_event *framework_op_of(const trace *t, size_t event) {
    const trace_event *launcher = trace_host_op(t, trace_launch(t, &t->gpu[event]));
    /* A compiled region launches many operators' kernels: it says nothing about which. */
    return launcher && strncmp(trace_name(t, launcher->name), "aten::", 6) == 0 ? launcher : NULL;
}

/* Reductions of split products follow their product; other helpers share the framework operator that launched a
 * matched kernel next to them. */
static void join_helpers(const trace *t, const classified *classes, const trace_step *step, uint32_t *op_of) {
    uint32_t product = TRACE_NONE;
    for (size_t i = step->first; i < step->first + step->count; i++) {
        if (classes[i].traits & TRAIT_GEMM)
            product = op_of[i];
        if (op_of[i] == TRACE_NONE && (classes[i].traits & TRAIT_GEMM_HELPER))
            op_of[i] = product;
    }
    for (size_t i = step->first; i < step->first + step->count; i++) {
        const trace_event *launcher = op_of[i] == TRACE_NONE ? framework_op_of(t, i) : NULL;
        if (!launcher)
            continue;
        if (i > step->first && op_of[i - 1] != TRACE_NONE && framework_op_of(t, i - 1) == launcher)
            op_of[i] = op_of[i - 1];
        else if (i + 1 < step->first + step->count && framework_op_of(t, i + 1) == launcher)
            op_of[i] = op_of[i + 1];
    }
}

static size_t list_events(const trace *t, const classified *classes, const trace_step *step, match_event *events) {
    size_t count = 0;
    for (size_t i = step->first; i < step->first + step->count; i++) {
        if (classes[i].traits & TRAIT_GEMM_HELPER)
            continue;
        match_event e = {.traits = classes[i].traits, .index = i, .ctas = t->gpu[i].ctas};
        match_read_shape(t, &t->gpu[i], &e);
        events[count++] = e;
    }
    return count;
}

static void count_sizes(const alignment *al, trace_match *out) {
    for (size_t i = 0; i < al->event_count; i++) {
        if (al->op_of[i] == TRACE_NONE)
            continue;
        const op *o = &al->view->ops[al->op_of[i]].op;
        if (match_elements(o) == 0 || al->events[i].ctas == 0)
            continue;
        out->sized_count++;
        out->misfit_count += !match_size_fits(&al->events[i], o);
    }
}

static void match_step(arena *scratch, const trace *t, const classified *classes, const trace_step *step,
                       const graph_view *view, trace_match *out) {
    match_event *events = ARENA_ARRAY(scratch, match_event, step->count + 1);
    alignment al = {.view = view, .events = events, .event_count = list_events(t, classes, step, events)};
    al.op_of = ARENA_ARRAY(scratch, uint32_t, al.event_count + 1);
    al.absorbs = ARENA_ARRAY(scratch, uint32_t, view->count + 1);
    memset(al.op_of, 0xff, (al.event_count + 1) * sizeof *al.op_of);
    memset(al.absorbs, 0xff, (view->count + 1) * sizeof *al.absorbs);
    align(&al);
    match_out_of_order(&al);
    count_sizes(&al, out);
    for (size_t i = 0; i < al.event_count; i++)
        out->op_of[events[i].index] = al.op_of[i];
    join_helpers(t, classes, step, out->op_of);
    for (size_t i = step->first; i < step->first + step->count; i++) {
        if (out->op_of[i] == TRACE_NONE)
            continue;
        out->ops[out->op_of[i]].events++;
        out->ops[out->op_of[i]].time_s += (double)t->gpu[i].duration_ns * S_PER_NS;
    }
    for (size_t j = 0; j < view->count; j++)
        if (al.absorbs[j] != TRACE_NONE) {
            out->ops[j].absorbed++;
            out->ops[j].primary = al.op_of[al.absorbs[j]];
        }
}

void match_count_found(trace_match *m, const graph_view *view) {
    for (size_t j = 0; j < view->count; j++) {
        bool launches = match_op_launches(&view->ops[j].op);
        m->launching_count += launches;
        m->found_count += launches && (m->ops[j].events > 0 || m->ops[j].absorbed > 0);
    }
}

status trace_match_phase(arena *a, const trace *t, const classified *classes, const graph *g, size_t phase,
                         const scenario *s, trace_match *out, graph_view *view, error *err) {
    *view = graph_at(g, phase, s, 0, a);
    *out = (trace_match){.phase = g->phases[phase].name, .step_count = t->step_count, .op_count = view->count};
    out->ops = ARENA_ARRAY(a, matched_op, view->count + 1);
    out->op_of = ARENA_ARRAY(a, uint32_t, t->gpu_count + 1);
    memset(out->op_of, 0xff, (t->gpu_count + 1) * sizeof *out->op_of);
    for (size_t i = 0; i < t->step_count; i++) {
        if ((double)t->steps[i].count * (double)view->count > CELLS_MAX)
            return error_set(err, STATUS_NEGATIVE,
                             "%s: step %zu has %zu kernels and the graph %zu operators: too many "
                             "to align",
                             t->path, i, t->steps[i].count, view->count);
        arena scratch = {0};
        match_step(&scratch, t, classes, &t->steps[i], view, out);
        arena_free(&scratch);
    }
    for (size_t i = 0; i < t->gpu_count; i++) {
        out->time_s += (double)t->gpu[i].duration_ns * S_PER_NS;
        out->matched_s += out->op_of[i] == TRACE_NONE ? 0 : (double)t->gpu[i].duration_ns * S_PER_NS;
    }
    match_count_found(out, view);
    return STATUS_OK;
}

/* ---- the verdict ---- */

double match_time_frac(const trace_match *m) {
    return m->time_s > 0 ? m->matched_s / m->time_s : 0;
}

double match_op_frac(const trace_match *m) {
    return m->launching_count > 0 ? (double)m->found_count / (double)m->launching_count : 0;
}

static double size_frac(const trace_match *m) {
    return m->sized_count > 0 ? 1 - (double)m->misfit_count / (double)m->sized_count : 1;
}

double match_quality(const trace_match *m) {
    return match_time_frac(m) * match_op_frac(m) * size_frac(m);
}

/* Layers whose every product and attention was found. */
static int64_t layers_found(const trace_match *m, const graph_view *view, int64_t *layers) {
    const graph_phase *phase = view->phase;
    const graph_segment *longest = &phase->segments[0];
    for (size_t i = 1; i < phase->segment_count; i++)
        if (phase->segments[i].layers * (int64_t)phase->segments[i].node_count >
            longest->layers * (int64_t)longest->node_count)
            longest = &phase->segments[i];
    *layers = longest->layers;
    int64_t found = 0;
    size_t in_layer = 0;
    bool whole = true;
    for (size_t j = 0; j < view->count; j++) {
        size_t node = (size_t)(view->ops[j].node - phase->nodes);
        if (node < longest->first_node || node >= longest->first_node + longest->node_count)
            continue;
        op_kind kind = view->ops[j].op.kind;
        if (kind == OP_gemm || kind == OP_attention)
            whole = whole && m->ops[j].events > 0;
        if (++in_layer == longest->node_count) {
            found += whole;
            in_layer = 0;
            whole = true;
        }
    }
    return found;
}

status match_check(const trace_match *m, const graph_view *view, error *err) {
    int64_t layers, found = layers_found(m, view, &layers);
    if (match_op_frac(m) < MATCH_MIN_FRAC)
        return error_set(err, STATUS_NEGATIVE,
                         "the trace does not run this graph: it has kernels for %zu of %zu "
                         "operators of a %s step (%lld of %lld layers)",
                         m->found_count, m->launching_count, m->phase, (long long)found, (long long)layers);
    if (match_time_frac(m) < MATCH_MIN_FRAC)
        return error_set(err, STATUS_NEGATIVE,
                         "the trace does not run this graph: %.1f %% of its GPU time fits no "
                         "operator of a %s step",
                         100 * (1 - match_time_frac(m)), m->phase);
    if (size_frac(m) < MATCH_MIN_FRAC)
        return error_set(err, STATUS_NEGATIVE,
                         "the trace does not run this graph: %zu of %zu launches are of another "
                         "size than a %s step's operators (prompt or batch differ?)",
                         m->misfit_count, m->sized_count, m->phase);
    return STATUS_OK;
}
