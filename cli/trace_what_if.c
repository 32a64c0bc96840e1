/* ingot trace what-if: a trace replayed under changes. */
#include "cli/setup_arguments.h"
#include "cli/trace_commands.h"
#include "cli/trace_prediction.h"
#include "core/base/json_writer.h"
#include "core/base/number.h"
#include "core/base/si.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/schedule.h"
#include "validate/trace_replay.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { CHANGES_MAX = 16, KEY_SCALE = 256, KEY_GRAPH, KEY_FUSE, KEY_FROM, KEY_ANY_ORDER };
/* Between the nodes of a captured graph: measured on an H200 (configs/machines). */
static const double NODE_GAP_S = 0.87e-6;

typedef struct what_if_options {
    setup_options common;
    const char *file, *from;
    const char *scales[CHANGES_MAX], *fuses[CHANGES_MAX];
    size_t scale_count, fuse_count;
    bool graph, json, any_order;
    argument_failure failure;
} what_if_options;

static const struct argp_option option_table[] = {
    {"scale", KEY_SCALE, "OP=K", 0, "Kernels of a category, framework operator or name K times faster: linear=2", 0},
    {"graph", KEY_GRAPH, 0, 0, "One CUDA graph launch a step instead of one launch a kernel", 0},
    {"fuse", KEY_FUSE, "A,B", 0, "Every B right behind an A joins it", 0},
    {"from", KEY_FROM, "NAME", 0, "With --machine and --workload: the machine that the trace is from", 0},
    {"any-order", KEY_ANY_ORDER, 0, 0, "Sort GPU events that stand out of order", 0},
    {"json", 'j', 0, 0, "Print JSON", 0},
    SETUP_ARGUMENTS,
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    what_if_options *o = state->input;
    if (setup_argument(&o->common, key, value, &o->failure))
        return 0;
    switch (key) {
    case KEY_SCALE:
        if (o->scale_count == CHANGES_MAX)
            return EINVAL;
        o->scales[o->scale_count++] = value;
        break;
    case KEY_FUSE:
        if (o->fuse_count == CHANGES_MAX)
            return EINVAL;
        o->fuses[o->fuse_count++] = value;
        break;
    case KEY_GRAPH:
        o->graph = true;
        break;
    case KEY_FROM:
        o->from = value;
        break;
    case KEY_ANY_ORDER:
        o->any_order = true;
        break;
    case 'j':
        o->json = true;
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

/* What was changed, for the report. */
typedef struct change_log {
    size_t scaled, fused;
    double transferred_frac; /* of GPU time that another machine's prediction replaced; NaN: no machine asked for */
} change_log;

static bool *select_or_fail(arena *a, const trace *t, const char *what, size_t *count, error *err) {
    bool *selected = replay_select(a, t, what, count);
    if (*count > 0)
        return selected;
    error_set(err, STATUS_NEGATIVE, "%s: no kernel, category or framework operator is named '%.60s'", t->path, what);
    return NULL;
}

static status apply_scale(arena *a, const trace *t, const char *text, replay_change *change, change_log *changes,
                          error *err) {
    const char *equals = strrchr(text, '=');
    double times;
    if (!equals || equals == text || !number_parse(equals + 1, &times) || times <= 0)
        return error_set(err, STATUS_BAD_INPUT, "--scale: '%.60s' is not OP=K with a positive K", text);
    size_t count;
    bool *selected = select_or_fail(a, t, arena_strndup(a, text, (size_t)(equals - text)), &count, err);
    if (!selected)
        return STATUS_NEGATIVE;
    replay_scale(t, selected, times, change);
    changes->scaled += count;
    return STATUS_OK;
}

static status apply_fuse(arena *a, const trace *t, const char *text, replay_change *change, change_log *changes,
                         error *err) {
    const char *comma = strchr(text, ',');
    if (!comma || comma == text || !comma[1])
        return error_set(err, STATUS_BAD_INPUT, "--fuse: '%.60s' is not A,B", text);
    size_t count;
    bool *first = select_or_fail(a, t, arena_strndup(a, text, (size_t)(comma - text)), &count, err);
    bool *second = first ? select_or_fail(a, t, comma + 1, &count, err) : NULL;
    if (!second)
        return STATUS_NEGATIVE;
    size_t pairs = replay_fuse(t, first, second, change);
    changes->fused += pairs;
    if (pairs == 0)
        return error_set(err, STATUS_NEGATIVE, "%s: nothing named '%.60s' runs right behind the other", t->path,
                         comma + 1);
    return STATUS_OK;
}

static double node_time_s(const setup *s, size_t phase, const flat_op *flat, const step_clock *clock) {
    cost_block cost;
    node_cost node;
    op o;
    const graph_phase *p = &s->graph.phases[phase];
    engine_cost_at(&s->graph, p, &p->nodes[flat->node - p->nodes], &s->scenario, 0, flat->layer, &s->block, &s->options,
                   clock, &o, &cost, &node);
    return cost.time_s[0];
}

/* Every matched kernel takes as much longer or shorter as its operator's prediction does from one machine to the
 * other: what the model misses on both is kept. */
static status apply_machine(arena *a, const what_if_options *o, const trace *t, replay_change *change,
                            change_log *changes, error *err) {
    trace_question q = {.common = o->common, .file = o->file};
    q.common.machine = o->from;
    setup *from = ARENA_NEW(a, setup), *to = ARENA_NEW(a, setup);
    trace_comparison *c = ARENA_NEW(a, trace_comparison);
    status result = trace_match_workload(a, &q, t, from, c, err);
    if (result != STATUS_OK)
        return result;
    setup_options options = o->common;
    if (options.request.decode_steps < 0)
        options.request.decode_steps = (int64_t)t->step_count;
    result = setup_load(a, &options, to, err);
    if (result != STATUS_OK)
        return result;
    double *ratios = ARENA_ARRAY(a, double, c->match.op_count + 1);
    size_t phase = c->phase_index;
    step_clock from_clock = engine_step_clock(&from->graph, phase, &from->scenario, 0, &from->block, &from->options, a);
    step_clock to_clock = engine_step_clock(&to->graph, phase, &to->scenario, 0, &to->block, &to->options, a);
    for (size_t j = 0; j < c->match.op_count; j++) {
        if (c->match.ops[j].events == 0)
            continue;
        flat_op there = c->view.ops[j];
        const graph_phase *own = &from->graph.phases[phase];
        there.node = &to->graph.phases[phase].nodes[there.node - own->nodes];
        ratios[j] = node_time_s(to, phase, &there, &to_clock) / node_time_s(from, phase, &c->view.ops[j], &from_clock);
    }
    for (size_t i = 0; i < t->gpu_count; i++)
        if (c->match.op_of[i] != TRACE_NONE)
            change->duration_ns[i] = llround((double)change->duration_ns[i] * ratios[c->match.op_of[i]]);
    changes->transferred_frac = match_time_frac(&c->match);
    return STATUS_OK;
}

static status apply_all(arena *a, const what_if_options *o, const trace *t, replay_change *change, change_log *changes,
                        error *err) {
    status result = STATUS_OK;
    double node_gap_s = NODE_GAP_S;
    if (o->common.machine) {
        machine *m = ARENA_NEW(a, machine);
        result = machine_load(a, command_config_dir(), o->common.machine, m, NULL, err);
        node_gap_s = m->host.graph_node_s;
    }
    if (result == STATUS_OK && o->common.workload)
        result = apply_machine(a, o, t, change, changes, err);
    for (size_t i = 0; i < o->scale_count && result == STATUS_OK; i++)
        result = apply_scale(a, t, o->scales[i], change, changes, err);
    for (size_t i = 0; i < o->fuse_count && result == STATUS_OK; i++)
        result = apply_fuse(a, t, o->fuses[i], change, changes, err);
    if (result == STATUS_OK && o->graph)
        replay_capture(t, llround(node_gap_s * NS_PER_S), change);
    return result;
}

/* ---- the answer ---- */

static void print_result(const trace *t, const what_if_options *o, const change_log *changes,
                         const replay_result *before, const replay_result *after) {
    double steps = (double)t->step_count;
    printf("%s, %zu step%s\n", t->path, t->step_count, t->step_count == 1 ? "" : "s");
    if (changes->scaled > 0)
        printf("scaled: %zu kernels\n", changes->scaled);
    if (changes->fused > 0)
        printf("fused: %zu pairs (the time of both, less one kernel's fixed time)\n", changes->fused);
    if (!isnan(changes->transferred_frac))
        printf("on %s instead of %s: %.1f %% of GPU time scaled by predictions, the rest as recorded\n",
               o->common.machine, o->from, 100 * changes->transferred_frac);
    if (o->graph)
        puts("captured: one launch a step");
    printf("%-10s %12s %12s %9s\n", "a step", "as recorded", "what if", "speedup");
    printf("%-10s %9.3f ms %9.3f ms %9.2f\n", "wall", before->wall_s * MS_PER_S / steps,
           after->wall_s * MS_PER_S / steps, before->wall_s / after->wall_s);
    printf("%-10s %9.3f ms %9.3f ms %9.2f\n", "GPU busy", before->busy_s * MS_PER_S / steps,
           after->busy_s * MS_PER_S / steps, before->busy_s / after->busy_s);
    printf("%-10s %10.1f %% %10.1f %%\n", "GPU idle", 100 * (1 - before->busy_s / before->wall_s),
           100 * (1 - after->busy_s / after->wall_s));
    printf("%-10s %12.1f %12.1f\n", "kernels", (double)before->kernels / steps, (double)after->kernels / steps);
}

static void side_json(json_writer *w, const char *key, const replay_result *r) {
    json_object_begin(w, key);
    json_number(w, "wall_s", r->wall_s);
    json_number(w, "gpu_busy_s", r->busy_s);
    json_number(w, "gpu_idle_s", r->wall_s - r->busy_s);
    json_integer(w, "kernels", (int64_t)r->kernels);
    json_object_end(w);
}

static status result_json(const trace *t, const change_log *changes, const replay_result *before,
                          const replay_result *after, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "trace", t->path);
    json_integer(&w, "steps", (int64_t)t->step_count);
    json_integer(&w, "scaled", (int64_t)changes->scaled);
    json_integer(&w, "fused", (int64_t)changes->fused);
    json_number(&w, "transferred_frac", changes->transferred_frac);
    side_json(&w, "recorded", before);
    side_json(&w, "what_if", after);
    json_number(&w, "speedup", before->wall_s / after->wall_s);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static status answer(arena *a, const what_if_options *o, const trace *t, error *err) {
    replay_change change = replay_unchanged(a, t);
    replay_result before, after;
    change_log changes = {.transferred_frac = NAN};
    replay_run(a, t, &change, &before);
    status result = apply_all(a, o, t, &change, &changes, err);
    if (result != STATUS_OK)
        return result;
    replay_run(a, t, &change, &after);
    if (o->json)
        return result_json(t, &changes, &before, &after, err);
    print_result(t, o, &changes, &before, &after);
    return STATUS_OK;
}

static status check_options(const what_if_options *o, error *err) {
    if (o->failure.status != STATUS_OK)
        return o->failure.status;
    if (!o->file)
        return error_set(err, STATUS_BAD_INPUT, "ingot trace what-if: give a trace; see --help");
    if (o->common.workload && (!o->common.machine || !o->from))
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot trace what-if: another machine needs --machine, --from and "
                         "--workload");
    if (!o->common.workload && o->from)
        return error_set(err, STATUS_BAD_INPUT, "ingot trace what-if: --from needs --workload");
    if (o->scale_count + o->fuse_count == 0 && !o->graph && !o->common.workload)
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot trace what-if: give --scale, --fuse, --graph or --machine with "
                         "--from and --workload");
    return STATUS_OK;
}

status trace_what_if(int argc, char **argv, error *err) {
    static const char doc[] = "Replays a trace, host and dependencies respected, as if kernels were faster, joined, "
                              "launched as one graph a step, or run on another GPU.\v"
                              "example: ingot trace what-if step.json.gz --graph --scale linear=2";
    what_if_options o = {.common = setup_arguments_default("baseline"), .failure = {.err = err}};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "TRACE", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = check_options(&o, err);
    if (result != STATUS_OK)
        return result;
    trace t;
    result = trace_read(o.file, o.any_order, &t, err);
    if (result != STATUS_OK)
        return result;
    arena a = {0};
    result = answer(&a, &o, &t, err);
    arena_free(&a);
    trace_free(&t);
    return result;
}
