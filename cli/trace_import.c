/* ingot trace import: a summary of what a trace holds. */
#include "cli/trace_commands.h"
#include "core/base/json_writer.h"
#include "core/base/si.h"
#include "validate/trace_idle.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_ANY_ORDER = 256 };
enum { HOST_ROWS = 12, UNRECOGNISED_ROWS = 10 };

typedef struct import_options {
    const char *file;
    bool json, any_order;
} import_options;

static const struct argp_option option_table[] = {
    {"json", 'j', 0, 0, "Print JSON", 0},
    {"any-order", KEY_ANY_ORDER, 0, 0, "Sort GPU events that the file holds out of order instead of refusing them", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    import_options *o = state->input;
    switch (key) {
    case 'j':
        o->json = true;
        break;
    case KEY_ANY_ORDER:
        o->any_order = true;
        break;
    case ARGP_KEY_ARG:
        if (o->file)
            return EINVAL;
        o->file = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

typedef struct summary {
    trace_window window;
    double wall_s, busy_s, recognised_s, gpu_s; /* gpu_s: sum of durations */
    double category_s[CATEGORY_COUNT];
    trace_idle idle;
    classified *classes;
    host_cost *ops, *calls;
    size_t op_count, call_count;
} summary;

static void summarise(const trace *t, summary *s) {
    *s = (summary){.window = trace_window_of(t), .classes = trace_classify(t)};
    s->wall_s = (double)(s->window.end_ns - s->window.start_ns) * S_PER_NS;
    s->busy_s = trace_busy_s(t, 0, t->gpu_count);
    for (size_t i = 0; i < t->gpu_count; i++) {
        double duration_s = (double)t->gpu[i].duration_ns * S_PER_NS;
        s->gpu_s += duration_s;
        s->recognised_s += s->classes[i].traits ? duration_s : 0;
    }
    trace_categories(t, s->classes, s->window, s->category_s);
    trace_idle_of(t, s->window, &s->idle);
    s->ops = trace_host_ops(t, &s->op_count);
    s->calls = trace_host_calls(t, &s->call_count);
}

static void summary_free(summary *s) {
    free(s->classes);
    free(s->ops);
    free(s->calls);
}

static void idle_json(json_writer *w, const trace_idle *idle) {
    json_object_begin(w, "idle");
    for (int c = 0; c < IDLE_CAUSE_COUNT; c++) {
        char key[32];
        snprintf(key, sizeof key, "%s_s", idle_cause_name((idle_cause)c));
        json_number(w, key, idle->cause_s[c]);
    }
    json_array_begin(w, "gaps");
    for (int i = 0; i < GAP_SIZES; i++) {
        json_object_begin(w, NULL);
        json_number(w, "below_s", gap_size_below_s[i]);
        json_integer(w, "count", (int64_t)idle->size_count[i]);
        json_number(w, "time_s", idle->size_s[i]);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void host_json(json_writer *w, const char *key, const trace *t, const host_cost *costs, size_t count) {
    json_array_begin(w, key);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(w, NULL);
        json_text(w, "name", trace_name(t, costs[i].name));
        json_integer(w, "count", (int64_t)costs[i].count);
        json_integer(w, "launches", (int64_t)costs[i].launches);
        json_number(w, "total_s", costs[i].total_s);
        json_number(w, "self_s", costs[i].self_s);
        json_object_end(w);
    }
    json_array_end(w);
}

static status print_json(const trace *t, const summary *s, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "device", t->device);
    json_number(&w, "wall_s", s->wall_s);
    json_number(&w, "gpu_busy_s", s->busy_s);
    json_number(&w, "gpu_idle_s", s->wall_s - s->busy_s);
    json_integer(&w, "kernels", (int64_t)t->gpu_count);
    json_number(&w, "matched_frac", s->gpu_s > 0 ? s->recognised_s / s->gpu_s : NAN);
    json_object_begin(&w, "categories");
    for (int c = 0; c < CATEGORY_COUNT; c++)
        json_number(&w, op_category_name((op_category)c), s->category_s[c]);
    json_object_end(&w);
    json_integer(&w, "steps", (int64_t)t->step_count);
    json_text(&w, "steps_by", t->step_source);
    json_array_begin(&w, "step_list");
    for (size_t i = 0; i < t->step_count; i++) {
        json_object_begin(&w, NULL);
        json_number(&w, "start_s", (double)(t->gpu[t->steps[i].first].start_ns - s->window.start_ns) * S_PER_NS);
        json_number(&w, "wall_s", trace_step_wall_s(t, i));
        json_number(&w, "gpu_busy_s", trace_busy_s(t, t->steps[i].first, t->steps[i].count));
        json_integer(&w, "kernels", (int64_t)t->steps[i].count);
        json_object_end(&w);
    }
    json_array_end(&w);
    idle_json(&w, &s->idle);
    host_json(&w, "host_ops", t, s->ops, s->op_count);
    host_json(&w, "host_calls", t, s->calls, s->call_count);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static void print_costs(const char *title, const trace *t, const host_cost *costs, size_t count) {
    if (count == 0)
        return;
    printf("%-40s %8s %9s %10s %10s %10s\n", title, "count", "launches", "ms", "us each", "us/launch");
    for (size_t i = 0; i < count && i < HOST_ROWS; i++) {
        const host_cost *c = &costs[i];
        printf("  %-38.38s %8zu %9zu %10.3f %10.2f ", trace_name(t, c->name), c->count, c->launches,
               c->total_s * MS_PER_S, c->total_s * US_PER_S / (double)c->count);
        if (c->launches > 0)
            printf("%10.2f\n", c->total_s * US_PER_S / (double)c->launches);
        else
            printf("%10s\n", "");
    }
    if (count > HOST_ROWS)
        printf("  and %zu more names\n", count - HOST_ROWS);
}

static void print_unrecognised(const trace *t, const summary *s) {
    if (s->recognised_s >= s->gpu_s)
        return;
    printf("not recognised: %.1f %% of GPU time, counted as misc, for example\n",
           100 * (1 - s->recognised_s / s->gpu_s));
    uint32_t shown[UNRECOGNISED_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < t->gpu_count && count < UNRECOGNISED_ROWS; i++) {
        bool known = s->classes[i].traits != 0;
        for (size_t j = 0; j < count && !known; j++)
            known = shown[j] == t->gpu[i].name;
        if (known)
            continue;
        shown[count++] = t->gpu[i].name;
        printf("  %.100s\n", trace_name(t, t->gpu[i].name));
    }
}

static void print_idle(const summary *s, double idle_s) {
    printf("GPU idle %.3f ms, because:\n", idle_s * MS_PER_S);
    for (int c = 0; c < IDLE_CAUSE_COUNT; c++)
        if (s->idle.cause_s[c] > 0)
            printf("  %-14s %10.3f ms  %5.1f %%\n", idle_cause_name((idle_cause)c), s->idle.cause_s[c] * MS_PER_S,
                   100 * s->idle.cause_s[c] / idle_s);
    fputs("  gaps by size:", stdout);
    for (int i = 0; i < GAP_SIZES; i++)
        if (isinf(gap_size_below_s[i]))
            printf(" longer: %zu (%.3f ms)\n", s->idle.size_count[i], s->idle.size_s[i] * MS_PER_S);
        else
            printf(" < %g us: %zu (%.3f ms),", gap_size_below_s[i] * US_PER_S, s->idle.size_count[i],
                   s->idle.size_s[i] * MS_PER_S);
}

static void print_text(const trace *t, const summary *s) {
    printf("%s%s%s\n", t->path, t->device ? ": " : "", t->device ? t->device : "");
    printf("wall %.3f ms, GPU busy %.3f ms (%.1f %%), %zu kernels, copies and sets\n", s->wall_s * MS_PER_S,
           s->busy_s * MS_PER_S, 100 * s->busy_s / s->wall_s, t->gpu_count);
    printf("%zu step%s (by %s):", t->step_count, t->step_count == 1 ? "" : "s", t->step_source);
    for (size_t i = 0; i < t->step_count && i < HOST_ROWS; i++)
        printf(" %.3f ms", trace_step_wall_s(t, i) * MS_PER_S);
    puts(t->step_count > HOST_ROWS ? " ..." : "");
    for (int c = 0; c < CATEGORY_COUNT; c++)
        if (s->category_s[c] > 0)
            printf("  %-14s %10.3f ms  %5.1f %%\n", op_category_name((op_category)c), s->category_s[c] * MS_PER_S,
                   100 * s->category_s[c] / s->wall_s);
    if (s->wall_s > s->busy_s)
        print_idle(s, s->wall_s - s->busy_s);
    print_costs("host, by framework operator", t, s->ops, s->op_count);
    print_costs("host, by CUDA call", t, s->calls, s->call_count);
    print_unrecognised(t, s);
}

status trace_import(int argc, char **argv, error *err) {
    static const char doc[] = "Reads a Kineto or Chrome JSON trace, plain or gzip: GPU busy and idle and why, time by "
                              "category, steps, host cost.\v"
                              "example: ingot trace import step.json.gz --json";
    import_options o = {0};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "TRACE", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result != STATUS_OK)
        return result;
    if (!o.file)
        return error_set(err, STATUS_BAD_INPUT, "ingot trace import: give a trace file; see --help");
    trace t;
    result = trace_read(o.file, o.any_order, &t, err);
    if (result != STATUS_OK)
        return result;
    summary s;
    summarise(&t, &s);
    if (o.json)
        result = print_json(&t, &s, err);
    else
        print_text(&t, &s);
    summary_free(&s);
    trace_free(&t);
    return result;
}
