/* Measured against predicted, for people and programs. */
#include "cli/trace_prediction.h"
#include "core/base/json_writer.h"
#include "core/base/si.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNMATCHED_ROWS = 8, LINE_BYTES = TRACE_ADVICE_BYTES };
/* A difference that needs no explanation. */
static const double SAME_FRAC = 0.02;
/* More kernels than predicted that are worth telling. */
static const double MORE_KERNELS_RATIO = 1.2;

static double share_idle(double busy_s, double wall_s) {
    return wall_s > 0 ? fmax(0, 1 - busy_s / wall_s) : 0;
}

void trace_advise(const node_comparison *n, char text[TRACE_ADVICE_BYTES]) {
    const size_t bytes = TRACE_ADVICE_BYTES;
    double ratio = n->predicted_s / n->measured_s;
    op_work work = op_work_of(&n->shape);
    double moved = work.weight_bytes + work.read_bytes + work.write_bytes;
    if (n->measured_s <= 0) {
        snprintf(text, bytes,
                 n->absorbed ? "runs in another operator's kernel" : "no kernel found: the graph has one too many");
    } else if (ratio > 1 + SAME_FRAC) {
        snprintf(text, bytes, "faster than predicted: the model is pessimistic here");
    } else if (ratio >= 1 - SAME_FRAC) {
        snprintf(text, bytes, "as predicted; datasheet rates would take %.0f %% of it",
                 100 * n->floor_s / n->measured_s);
    } else if (n->kernels > MORE_KERNELS_RATIO * n->predicted_kernels) {
        snprintf(text, bytes, "runs %.0f kernels where %.0f are predicted: a split product's reduction, a reset",
                 n->kernels, n->predicted_kernels);
    } else if (n->bound == BOUND_COMPUTE) {
        snprintf(text, bytes, "reaches %.3g of %.3g TFLOP/s expected: another tile or algorithm, a higher clock",
                 work.flops * n->found / n->measured_s / FLOPS_PER_TFLOP,
                 work.flops * n->count / n->predicted_s / FLOPS_PER_TFLOP);
    } else if (n->bound == BOUND_HBM || n->bound == BOUND_L2) {
        snprintf(text, bytes, "moves %.0f of %.0f GB/s expected: wider loads, more bytes in flight, or fewer bytes",
                 moved * n->found / n->measured_s / BYTES_PER_GB, moved * n->count / n->predicted_s / BYTES_PER_GB);
    } else {
        snprintf(text, bytes, "%.2f us a kernel, mostly latency: fuse it with a neighbour",
                 n->measured_s * US_PER_S / fmax(1, n->kernels));
    }
}

static int compare_gaps(const void *a, const void *b) {
    const node_comparison *const *x = a, *const *y = b;
    double gx = fabs((*x)->measured_s - (*x)->predicted_s), gy = fabs((*y)->measured_s - (*y)->predicted_s);
    return (gx < gy) - (gx > gy);
}

size_t trace_largest_gaps(const trace_comparison *c, const node_comparison **out) {
    const node_comparison **list = calloc(c->node_count + 1, sizeof *list);
    if (!list)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < c->node_count; i++)
        if (c->nodes[i].node && (c->nodes[i].measured_s > 0 || c->nodes[i].predicted_s > 0))
            list[count++] = &c->nodes[i];
    qsort(list, count, sizeof *list, compare_gaps);
    if (count > TRACE_GAPS_MAX)
        count = TRACE_GAPS_MAX;
    memcpy(out, list, count * sizeof *list);
    free(list);
    return count;
}

typedef struct unmatched_name {
    uint32_t name;
    size_t count;
    double time_s;
} unmatched_name;

static int compare_unmatched(const void *a, const void *b) {
    const unmatched_name *x = a, *y = b;
    return (x->time_s < y->time_s) - (x->time_s > y->time_s);
}

/* Kernels that fit no operator, by name, longest first; the caller frees the list. */
static unmatched_name *unmatched_names(const trace *t, const trace_match *m, size_t *count) {
    unmatched_name *list = calloc(names_count(t->names) + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < t->gpu_count; i++)
        if (m->op_of[i] == TRACE_NONE) {
            list[t->gpu[i].name].count++;
            list[t->gpu[i].name].time_s += (double)t->gpu[i].duration_ns * S_PER_NS;
        }
    *count = 0;
    for (uint32_t name = 0; name < names_count(t->names); name++)
        if (list[name].count > 0) {
            unmatched_name kept = list[name];
            kept.name = name;
            list[(*count)++] = kept;
        }
    qsort(list, *count, sizeof *list, compare_unmatched);
    return list;
}

/* ---- text ---- */

static void print_header(const trace *t, const setup *s, const trace_comparison *c) {
    printf("%s%s%s: %zu %s step%s against %s on %s (host %s)\n", t->path, t->device ? ", " : "",
           t->device ? t->device : "", c->match.step_count, c->phase, c->match.step_count == 1 ? "" : "s",
           s->workload.name, s->machine.name, s->host.name);
    printf("matched: %.2f %% of GPU time, %zu of %zu operators a step\n", 100 * match_time_frac(&c->match),
           c->match.found_count, c->match.launching_count);
    printf("%-12s %12s %12s %9s\n", "a step", "measured", "predicted", "error");
    printf("%-12s %9.3f ms %9.3f ms %+8.1f %%\n", "GPU busy", c->measured_busy_s * MS_PER_S,
           c->predicted_busy_s * MS_PER_S, 100 * c->busy_error);
    printf("%-12s %9.3f ms %9.3f ms %+8.1f %%  measured %.3f to %.3f, predicted %.3f to %.3f over the host's range\n",
           "wall", c->measured_wall_s * MS_PER_S, c->predicted_wall_s * MS_PER_S, 100 * c->wall_error,
           c->measured_wall_low_s * MS_PER_S, c->measured_wall_high_s * MS_PER_S, c->predicted_wall_low_s * MS_PER_S,
           c->predicted_wall_high_s * MS_PER_S);
    double measured = share_idle(c->measured_busy_s, c->measured_wall_s);
    double predicted = share_idle(c->predicted_busy_s, c->predicted_wall_s);
    printf("%-12s %10.1f %% %10.1f %% %+8.1f points\n", "GPU idle", 100 * measured, 100 * predicted,
           100 * (predicted - measured));
    printf("%-12s %12.1f %12.1f %+8.1f %%\n", "kernels", c->measured_kernels, c->predicted_kernels,
           100 * (c->predicted_kernels / c->measured_kernels - 1));
}

static void print_nodes(const trace_comparison *c) {
    printf("%-20s %6s %8s %8s %11s %11s %7s %11s %-8s %s\n", "operator", "count", "kernels", "predict", "measured us",
           "predict us", "ratio", "at best us", "bound", "shape");
    for (size_t i = 0; i < c->node_count; i++) {
        const node_comparison *n = &c->nodes[i];
        if (!n->node || n->count == 0)
            continue;
        char shape[LINE_BYTES], ratio[16] = "";
        op_shape_text(&n->shape, shape, sizeof shape);
        if (n->measured_s > 0)
            snprintf(ratio, sizeof ratio, "%.2f", n->predicted_s / n->measured_s);
        printf("%-20s %6.0f %8.1f %8.1f %11.2f %11.2f %7s %11.2f %-8s %s%s\n", n->node->id, n->count, n->kernels,
               n->predicted_kernels, n->measured_s * US_PER_S, n->predicted_s * US_PER_S, ratio, n->floor_s * US_PER_S,
               bound_name(n->bound), shape, n->absorbed ? " (partly in another operator's kernel)" : "");
    }
}

static void print_unmatched(const trace *t, const trace_comparison *c) {
    size_t count;
    unmatched_name *list = unmatched_names(t, &c->match, &count);
    double steps = (double)c->match.step_count;
    printf("unmatched: %.2f us a step\n", (c->match.time_s - c->match.matched_s) * US_PER_S / steps);
    for (size_t i = 0; i < count && i < UNMATCHED_ROWS; i++)
        printf("  %8.2f us, %5.1f a step: %.90s\n", list[i].time_s * US_PER_S / steps, (double)list[i].count / steps,
               trace_name(t, list[i].name));
    if (count > UNMATCHED_ROWS)
        printf("  and %zu more names\n", count - UNMATCHED_ROWS);
    free(list);
}

void trace_comparison_print(const trace *t, const setup *s, const trace_comparison *c) {
    print_header(t, s, c);
    print_nodes(c);
    print_unmatched(t, c);
    puts("A profiler slows the host: the measured wall of a host-bound step is an upper bound.");
    const node_comparison *list[TRACE_GAPS_MAX];
    size_t count = trace_largest_gaps(c, list);
    puts("largest differences, and what would close them:");
    for (size_t i = 0; i < count; i++) {
        char advice[LINE_BYTES];
        trace_advise(list[i], advice);
        printf("  %-20s %+9.2f us  %s\n", list[i]->node->id, (list[i]->measured_s - list[i]->predicted_s) * US_PER_S,
               advice);
    }
}

/* ---- JSON ---- */

static void node_json(json_writer *w, const node_comparison *n) {
    char text[LINE_BYTES];
    json_object_begin(w, NULL);
    json_text(w, "id", n->node->id);
    json_text(w, "kind", op_info_get(n->shape.kind)->name);
    json_text(w, "category", op_category_name(n->node->category));
    op_shape_text(&n->shape, text, sizeof text);
    json_text(w, "shape", text);
    json_number(w, "count", n->count);
    json_number(w, "found", n->found);
    json_number(w, "kernels", n->kernels);
    json_number(w, "predicted_kernels", n->predicted_kernels);
    json_number(w, "measured_s", n->measured_s);
    json_number(w, "predicted_s", n->predicted_s);
    json_number(w, "floor_s", n->floor_s);
    json_number(w, "ratio", n->measured_s > 0 ? n->predicted_s / n->measured_s : NAN);
    json_text(w, "bound", bound_name(n->bound));
    json_bool(w, "absorbed", n->absorbed);
    trace_advise(n, text);
    json_text(w, "advice", text);
    json_object_end(w);
}

static void unmatched_json(json_writer *w, const trace *t, const trace_comparison *c) {
    size_t count;
    unmatched_name *list = unmatched_names(t, &c->match, &count);
    json_array_begin(w, "unmatched");
    for (size_t i = 0; i < count; i++) {
        json_object_begin(w, NULL);
        json_text(w, "name", trace_name(t, list[i].name));
        json_number(w, "kernels", (double)list[i].count / (double)c->match.step_count);
        json_number(w, "time_s", list[i].time_s / (double)c->match.step_count);
        json_object_end(w);
    }
    json_array_end(w);
    free(list);
}

status trace_comparison_json(const trace *t, const setup *s, const trace_comparison *c, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "trace", t->path);
    json_text(&w, "device", t->device);
    json_text(&w, "machine", s->machine.name);
    json_text(&w, "workload", s->workload.name);
    json_text(&w, "host", s->host.name);
    json_text(&w, "phase", c->phase);
    json_integer(&w, "steps", (int64_t)c->match.step_count);
    json_number(&w, "matched_frac", match_time_frac(&c->match));
    json_number(&w, "found_frac", match_op_frac(&c->match));
    json_number(&w, "measured_busy_s", c->measured_busy_s);
    json_number(&w, "predicted_busy_s", c->predicted_busy_s);
    json_number(&w, "busy_error", c->busy_error);
    json_number(&w, "measured_wall_s", c->measured_wall_s);
    json_number(&w, "predicted_wall_s", c->predicted_wall_s);
    json_number(&w, "wall_error", c->wall_error);
    json_number(&w, "wall_lower_s", c->predicted_wall_low_s);
    json_number(&w, "wall_upper_s", c->predicted_wall_high_s);
    json_number(&w, "measured_idle_frac", share_idle(c->measured_busy_s, c->measured_wall_s));
    json_number(&w, "predicted_idle_frac", share_idle(c->predicted_busy_s, c->predicted_wall_s));
    json_number(&w, "measured_kernels", c->measured_kernels);
    json_number(&w, "predicted_kernels", c->predicted_kernels);
    json_array_begin(&w, "ops");
    for (size_t i = 0; i < c->node_count; i++)
        if (c->nodes[i].node && c->nodes[i].count > 0)
            node_json(&w, &c->nodes[i]);
    json_array_end(&w);
    const node_comparison *list[TRACE_GAPS_MAX];
    size_t count = trace_largest_gaps(c, list);
    json_array_begin(&w, "largest_gaps");
    for (size_t i = 0; i < count; i++)
        json_text(&w, NULL, list[i]->node->id);
    json_array_end(&w);
    unmatched_json(&w, t, c);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}
