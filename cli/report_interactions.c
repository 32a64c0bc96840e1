/* How changes act together, from the designs of a store that differ from the base in two things at most. */
#include "cli/findings.h"
#include "cli/report_designs.h"

#include <math.h>
#include <string.h>

typedef struct interactions {
    arena *a;
    const store_manifest *manifest;
    const analysis *found;
    size_t base_series;
    double from[STORE_KNOBS_MAX], to[STORE_KNOBS_MAX]; /* ends of the swept range, the slower one first */
    double *knob_pairs;                                /* [knob][end][knob][end], under the base's levers */
    double *lever_pairs;                               /* [series][knob][end] */
} interactions;

static double *knob_pair(const interactions *in, size_t i, size_t i_end, size_t j, size_t j_end) {
    size_t knobs = in->manifest->knob_count;
    return &in->knob_pairs[((i * 2 + i_end) * knobs + j) * 2 + j_end];
}

static double *lever_pair(const interactions *in, size_t series, size_t knob, size_t end) {
    return &in->lever_pairs[(series * in->manifest->knob_count + knob) * 2 + end];
}

/* An end of the range that is the base itself counts as the end. */
static bool can_be(const interactions *in, const store_point *p, size_t knob, size_t end) {
    return p->knobs[knob] == (end ? in->to[knob] : in->from[knob]);
}

static bool others_at_base(const interactions *in, const store_point *p, size_t i, size_t j) {
    for (size_t k = 0; k < in->manifest->knob_count; k++)
        if (k != i && k != j && p->knobs[k] != in->manifest->knob_base[k])
            return false;
    return true;
}

static void put(interactions *in, const store_point *p, size_t series) {
    size_t knobs = in->manifest->knob_count;
    for (size_t i = 0; i < knobs; i++) {
        for (size_t end = 0; end < 2; end++)
            if (can_be(in, p, i, end) && others_at_base(in, p, i, i))
                *lever_pair(in, series, i, end) = p->latency_s;
        for (size_t j = 0; j < i && series == in->base_series; j++) {
            if (!others_at_base(in, p, i, j))
                continue;
            for (size_t ends = 0; ends < 4; ends++)
                if (can_be(in, p, i, ends / 2) && can_be(in, p, j, ends % 2))
                    *knob_pair(in, i, ends / 2, j, ends % 2) = p->latency_s;
        }
    }
}

static status visit(void *context, const store_point *p, error *err) {
    (void)err;
    interactions *in = context;
    const analysis *found = in->found;
    if (p->reason || p->batch != found->batch || strcmp(p->workload, found->workload) != 0)
        return STATUS_OK;
    for (size_t i = 0; i < found->series_count; i++)
        if (strcmp(found->series[i].levers, p->levers) == 0 && strcmp(found->series[i].machine, p->machine) == 0)
            put(in, p, i);
    return STATUS_OK;
}

static double *unknown(arena *a, size_t count) {
    double *list = ARENA_ARRAY(a, double, count + 1);
    for (size_t i = 0; i < count; i++)
        list[i] = NAN;
    return list;
}

/* latency(both) latency(neither) / (latency(one) latency(other)) - 1 */
static double together(double neither, double one, double other, double both) {
    return both * neither / (one * other) - 1;
}

static double knobs_together(const interactions *in, size_t i, size_t j) {
    if (i == j)
        return NAN;
    size_t a = i > j ? i : j, b = i > j ? j : i;
    return together(*knob_pair(in, a, 0, b, 0), *knob_pair(in, a, 1, b, 0), *knob_pair(in, a, 0, b, 1),
                    *knob_pair(in, a, 1, b, 1));
}

static double lever_together(const interactions *in, size_t reference, size_t series, size_t knob) {
    return together(*lever_pair(in, reference, knob, 0), *lever_pair(in, series, knob, 0),
                    *lever_pair(in, reference, knob, 1), *lever_pair(in, series, knob, 1));
}

static void find_ranges(interactions *in, const analysis_series *base) {
    for (size_t k = 0; k < in->manifest->knob_count; k++) {
        const knob_effect *effect = &base->latency_effects[k];
        bool more_is_worse = effect->elasticity > 0;
        in->from[k] = more_is_worse ? effect->high : effect->low;
        in->to[k] = more_is_worse ? effect->low : effect->high;
    }
}

static void tell(const interactions *in, size_t reference, report_interactions *out) {
    const analysis *found = in->found;
    size_t knobs = in->manifest->knob_count, others = found->series_count - 1;
    const char **rows = ARENA_ARRAY(in->a, const char *, knobs + others + 1);
    const char **columns = ARENA_ARRAY(in->a, const char *, knobs + 1);
    double *effect = ARENA_ARRAY(in->a, double, (knobs + others + 1) * knobs + 1);
    size_t row = 0, known = 0;
    for (size_t k = 0; k < knobs; k++)
        columns[k] = knob_text(in->a, in->manifest->knob_keys[k]);
    for (size_t i = 0; i < knobs && knobs > 1; i++, row++) {
        rows[row] = columns[i];
        for (size_t j = 0; j < knobs; j++)
            effect[row * knobs + j] = knobs_together(in, i, j);
    }
    for (size_t s = 0; s < found->series_count; s++) {
        if (s == reference)
            continue;
        rows[row] = found->series[s].label;
        for (size_t j = 0; j < knobs; j++)
            effect[row * knobs + j] = lever_together(in, reference, s, j);
        row++;
    }
    for (size_t i = 0; i < row * knobs; i++)
        known += isfinite(effect[i]);
    if (known == 0)
        return;
    *out = (report_interactions){rows, columns, row, knobs, effect, NULL};
    out->about = arena_printf(in->a,
                              "Each knob goes from the slower end of its swept range to the faster one, all others "
                              "stay at the base machine's. Pairs of knobs are under %s; lever sets are taken over %s.",
                              found->series[in->base_series].label, found->series[reference].label);
}

status store_interactions(arena *a, store *points, const store_manifest *manifest, const analysis *found,
                          const analysis_series *base, report_interactions *out, error *err) {
    size_t knobs = manifest->knob_count, reference = 0;
    *out = (report_interactions){0};
    if (!base || base->feasible == 0 || knobs == 0)
        return STATUS_OK;
    for (size_t i = 1; i < found->series_count; i++) /* the slowest base: what the others gain over */
        if (found->series[i].has_base && found->series[reference].has_base &&
            found->series[i].base.latency_s > found->series[reference].base.latency_s)
            reference = i;
    interactions *in = ARENA_NEW(a, interactions);
    *in = (interactions){.a = a, .manifest = manifest, .found = found, .base_series = (size_t)(base - found->series)};
    in->knob_pairs = unknown(a, 4 * knobs * knobs);
    in->lever_pairs = unknown(a, 2 * knobs * found->series_count);
    find_ranges(in, base);
    status result = store_each(points, false, visit, in, err);
    if (result == STATUS_OK)
        tell(in, reference, out);
    return result;
}
