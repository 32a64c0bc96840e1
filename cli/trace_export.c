/* ingot trace export: simulated, executed and recorded timelines as Chrome JSON, side by side where two are given. */
#include "cli/setup_arguments.h"
#include "cli/trace_commands.h"
#include "cli/trace_counters.h"
#include "cli/trace_timeline.h"
#include "core/base/si.h"
#include "validate/run_reader.h"
#include "validate/trace.h"
#include "validate/trace_run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXPORT_INPUTS_MAX = 8, KEY_SIMULATE = 256, KEY_TIMELINE_STEPS, KEY_ANY_ORDER };
/* Steps of each phase that are simulated unless more are asked for: a viewer shows no more at a time. */
enum { DEFAULT_STEPS = 3 };

typedef struct export_options {
    setup_options common;
    const char *inputs[EXPORT_INPUTS_MAX], *output;
    size_t input_count;
    bool simulate, any_order;
    int64_t steps;
    argument_failure failure;
} export_options;

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE.json[.gz]", 0, "Where to write", 0},
    {"simulate", KEY_SIMULATE, 0, 0, "Simulate the workload and write its timeline first", 0},
    {"timeline-steps", KEY_TIMELINE_STEPS, "N", 0, "Steps of each phase to simulate (default 3)", 0},
    {"any-order", KEY_ANY_ORDER, 0, 0, "Sort a trace's GPU events that stand out of order", 0},
    SETUP_ARGUMENTS,
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    static const char *const endings[] = {".json", ".json.gz", NULL};
    export_options *o = state->input;
    if (setup_argument(&o->common, key, value, &o->failure))
        return 0;
    setup_options steps = {0};
    switch (key) {
    case 'o':
        o->output = argument_output(&o->failure, "output", value, endings);
        break;
    case KEY_SIMULATE:
        o->simulate = true;
        break;
    case KEY_TIMELINE_STEPS:
        setup_argument(&steps, SETUP_KEY_STEPS, value, &o->failure);
        o->steps = steps.request.decode_steps;
        break;
    case KEY_ANY_ORDER:
        o->any_order = true;
        break;
    case ARGP_KEY_ARG:
        if (o->input_count == EXPORT_INPUTS_MAX)
            return EINVAL;
        o->inputs[o->input_count++] = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static status export_simulated(const export_options *o, const setup *s, chrome_trace *out, int pid, error *err) {
    timeline_name_processes(out, pid, "predicted", s->machine.name, s->host.name);
    timeline_export x = {.out = out,
                         .gpu_pid = pid,
                         .host_pid = pid + 1,
                         .next_correlation = 1 + timeline_first_correlation(pid),
                         .s = s,
                         .launch_s = s->machine.host.launch_s};
    int64_t steps = o->steps > 0 ? o->steps : DEFAULT_STEPS;
    status result = engine_timeline(&s->graph, &s->scenario, &s->block, &s->options, steps,
                                    (timeline_sink){.emit = timeline_take_interval, .context = &x}, err);
    timeline_close(&x);
    return result;
}

/* Of a run that does not say what a launch costs: one from C, measured on an H200. */
static const double RUN_LAUNCH_S = 3.3e-6;

static status export_run(arena *a, const char *path, chrome_trace *out, int pid, error *err) {
    run r;
    status result = run_read(a, path, &r, err);
    if (result != STATUS_OK)
        return result;
    timeline_name_processes(out, pid, path, r.header.machine, r.header.host);
    timeline_export x = {.out = out,
                         .gpu_pid = pid,
                         .host_pid = pid + 1,
                         .next_correlation = 1 + timeline_first_correlation(pid),
                         .launch_s = RUN_LAUNCH_S};
    for (size_t i = 0; i < r.count && result == STATUS_OK; i++)
        result = timeline_take_interval(&x, &r.intervals[i], err);
    timeline_close(&x);
    return result;
}

/* ---- recorded traces ---- */

static const char *category_of(trace_kind kind) {
    static const char *const names[] = {"kernel",       "gpu_memcpy", "gpu_memset",
                                        "cuda_runtime", "cpu_op",     "user_annotation"};
    return names[kind];
}

static int64_t correlation_of(const trace_event *e, int pid) {
    return e->correlation == 0 ? 0 : timeline_first_correlation(pid) + e->correlation % CORRELATIONS_A_TIMELINE;
}

/* Threads may be numbered beyond an int's range (Nsight Systems' global ids). */
static int tid_of(const trace_track *track) {
    return (int)(strtoll(track->thread, NULL, 10) & INT32_MAX);
}

static void export_events(const trace *t, const trace_event *list, size_t count, int64_t origin_ns, int pid,
                          chrome_trace *out) {
    for (size_t i = 0; i < count; i++) {
        const trace_event *e = &list[i];
        const trace_track *track = &t->tracks[e->track];
        chrome_event event = {.category = category_of((trace_kind)e->kind),
                              .name = trace_name(t, e->name),
                              .pid = track->gpu ? pid : pid + 1,
                              .tid = tid_of(track),
                              .start_s = (double)(e->start_ns - origin_ns) * S_PER_NS,
                              .duration_s = (double)e->duration_ns * S_PER_NS,
                              .correlation = correlation_of(e, pid)};
        chrome_trace_event(out, &event);
        const trace_event *launch = track->gpu ? trace_launch(t, e) : NULL;
        if (launch)
            chrome_trace_flow(out, event.correlation, pid + 1, tid_of(&t->tracks[launch->track]),
                              (double)(launch->start_ns - origin_ns) * S_PER_NS, pid, event.tid, event.start_s);
    }
}

static status export_trace(arena *a, const export_options *o, const char *path, chrome_trace *out, int pid,
                           error *err) {
    trace t;
    status result = trace_read(path, o->any_order, &t, err);
    if (result != STATUS_OK)
        return result;
    timeline_name_processes(out, pid, "measured", t.device ? t.device : "", path);
    int64_t origin_ns = t.gpu[0].start_ns;
    for (size_t i = 0; i < t.host_count; i++)
        if (t.host[i].kind != TRACE_ANNOTATION && t.host[i].start_ns < origin_ns)
            origin_ns = t.host[i].start_ns;
    export_events(&t, t.host, t.host_count, origin_ns, pid, out);
    export_events(&t, t.gpu, t.gpu_count, origin_ns, pid, out);
    if (o->simulate) /* which says what was run */
        counters_of_trace(a, &o->common, &t, origin_ns, pid, out);
    trace_free(&t);
    return STATUS_OK;
}

static status write_all(arena *a, const export_options *o, const setup *s, chrome_trace *out, error *err) {
    int pid = 0;
    status result = STATUS_OK;
    if (o->simulate) {
        result = export_simulated(o, s, out, pid, err);
        pid += PIDS_A_TIMELINE;
    }
    for (size_t i = 0; i < o->input_count && result == STATUS_OK; i++, pid += PIDS_A_TIMELINE)
        result = trace_is_run(o->inputs[i]) ? export_run(a, o->inputs[i], out, pid, err)
                                            : export_trace(a, o, o->inputs[i], out, pid, err);
    return result;
}

static status export_all(arena *a, const export_options *o, error *err) {
    setup *s = ARENA_NEW(a, setup);
    status result = o->simulate ? setup_load(a, &o->common, s, err) : STATUS_OK;
    if (result != STATUS_OK)
        return result;
    chrome_trace *out;
    result = chrome_trace_open(o->output, o->simulate ? s->machine.name : "GPU", &out, err);
    if (result != STATUS_OK)
        return result;
    result = write_all(a, o, s, out, err);
    if (result == STATUS_OK)
        return chrome_trace_close(out, err);
    chrome_trace_abandon(out);
    return result;
}

status trace_export(int argc, char **argv, error *err) {
    static const char doc[] =
        "Writes timelines as Chrome JSON, which Perfetto and Holistic Trace Analysis open: a simulated one, runs "
        "(.run.jsonl.gz) and recorded traces, side by side.\v"
        "example: ingot trace export --simulate -m h200-sxm -w codellama-7b -p compile -P 169 measured.json.gz -o "
        "both.json";
    export_options o = {.common = setup_arguments_default("compile"), .failure = {.err = err}};
    const struct argp parser = {
        .options = option_table, .parser = parse_option, .args_doc = "[RUN | TRACE]...", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result != STATUS_OK)
        return result;
    if (o.failure.status != STATUS_OK)
        return o.failure.status;
    if (!o.output || (!o.simulate && o.input_count == 0))
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot trace export: give -o and --simulate, a run or a trace; see --help");
    if (o.simulate && (!o.common.machine || !o.common.workload))
        return error_set(err, STATUS_BAD_INPUT, "ingot trace export: --simulate needs --machine and --workload");
    arena a = {0};
    result = export_all(&a, &o, err);
    arena_free(&a);
    return result;
}
