/* ingot trace export: simulated, executed and recorded timelines as Chrome JSON, side by side where two are given. */
#include "cli/setup_arguments.h"
#include "cli/trace_commands.h"
#include "cli/trace_counters.h"
#include "core/base/si.h"
#include "reports/chrome_trace.h"
#include "validate/run_reader.h"
#include "validate/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXPORT_INPUTS_MAX = 8, KEY_SIMULATE = 256, KEY_TIMELINE_STEPS, KEY_ANY_ORDER };
/* Processes of the file: two a timeline, its GPU and its host. */
enum { PIDS_A_TIMELINE = 2, HOST_TID = 1, FIRST_STREAM = 7 /* PyTorch's default stream, which readers expect */ };
/* Correlation ids of different timelines in one file differ, and stay within 32 bits. */
enum { CORRELATIONS_A_TIMELINE = 400 * 1000 * 1000 };
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

static int64_t first_correlation(int pid) {
    return (int64_t)(pid / PIDS_A_TIMELINE) * CORRELATIONS_A_TIMELINE;
}

/* ---- intervals of simulated and executed runs ---- */

/* One timeline on its way into the file. */
typedef struct timeline_export {
    chrome_trace *out;
    int gpu_pid, host_pid;
    int64_t next_correlation;
    const setup *s; /* of a simulated one: counters can be told; else NULL */
    /* The step that is open. */
    const char *phase;
    int64_t step;
    bool any_step;
    double step_start_s, step_end_s;
    int64_t step_number, graph_correlation;
    interval host; /* the last one, whose launch the next GPU interval is */
    bool has_host;
    double launch_s; /* how long a launch call takes, at most */
} timeline_export;

static void close_step(timeline_export *x) {
    if (!x->any_step)
        return;
    char name[64];
    snprintf(name, sizeof name, "ProfilerStep#%lld", (long long)x->step_number++);
    chrome_event mark = {.category = "user_annotation",
                         .name = name,
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = x->step_start_s,
                         .duration_s = x->step_end_s - x->step_start_s,
                         .phase = x->phase,
                         .step = x->step};
    chrome_trace_event(x->out, &mark);
}

/* Behind the last step: an empty mark, since Holistic Trace Analysis leaves out whatever the last mark covers. */
static void close_timeline(timeline_export *x) {
    static const double MARK_S = 1e-6;
    close_step(x);
    x->step_start_s = x->step_end_s;
    x->step_end_s += MARK_S;
    close_step(x);
}

static void open_step(timeline_export *x, const interval *item) {
    if (x->any_step && x->step == item->step && strcmp(x->phase, item->phase) == 0)
        return;
    close_step(x);
    x->any_step = true;
    x->phase = item->phase;
    x->step = item->step;
    x->step_start_s = item->start_s;
    x->step_end_s = item->start_s;
    x->graph_correlation = 0;
    x->has_host = false;
}

static chrome_event event_of(const timeline_export *x, const interval *item, const char *category) {
    bool gpu = item->lane == LANE_GPU;
    return (chrome_event){.category = category,
                          .name = item->op_id,
                          .pid = gpu ? x->gpu_pid : x->host_pid,
                          .tid = gpu ? FIRST_STREAM + item->stream : HOST_TID,
                          .start_s = item->start_s,
                          .duration_s = item->duration_s,
                          .op_class = op_category_name(item->category),
                          .phase = item->phase,
                          .step = item->step,
                          .layer = item->layer};
}

/* The call at the end of the host's work for an operator, from which the kernel's arrow starts. */
static void write_launch(timeline_export *x, const chrome_event *kernel, int64_t correlation) {
    double length_s = fmin(x->launch_s, x->host.duration_s);
    chrome_event call = {.category = "cuda_runtime",
                         .name = "cudaLaunchKernel",
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = x->host.start_s + x->host.duration_s - length_s,
                         .duration_s = length_s,
                         .correlation = correlation};
    chrome_trace_event(x->out, &call);
    chrome_trace_flow(x->out, correlation, call.pid, call.tid, call.start_s, kernel->pid, kernel->tid, kernel->start_s);
}

/* Kernels without host work of their own were captured: one graph launch a step, in front of the first of them. */
static void write_graph_launch(timeline_export *x, const chrome_event *kernel) {
    x->graph_correlation = x->next_correlation++;
    chrome_event call = {.category = "cuda_runtime",
                         .name = "cudaGraphLaunch",
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = kernel->start_s - x->launch_s,
                         .duration_s = x->launch_s,
                         .correlation = x->graph_correlation};
    if (call.start_s < x->step_start_s)
        x->step_start_s = call.start_s;
    chrome_trace_event(x->out, &call);
    chrome_trace_flow(x->out, x->graph_correlation, call.pid, call.tid, call.start_s, kernel->pid, kernel->tid,
                      kernel->start_s);
}

/* ---- counters ---- */

static const graph_node *find_node(const graph *g, const interval *item, const graph_phase **phase) {
    for (size_t p = 0; p < g->phase_count; p++) {
        if (strcmp(g->phases[p].name, item->phase) != 0)
            continue;
        *phase = &g->phases[p];
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (strcmp(g->phases[p].nodes[n].id, item->op_id) == 0)
                return &g->phases[p].nodes[n];
    }
    return NULL;
}

static void write_counters(timeline_export *x, const interval *item) {
    const graph_phase *phase;
    const graph_node *node = x->s ? find_node(&x->s->graph, item, &phase) : NULL;
    if (node)
        counters_write(x->out, x->gpu_pid, x->s,
                       &(counted_kernel){.phase = phase,
                                         .node = node,
                                         .step = item->step,
                                         .layer = item->layer,
                                         .start_s = item->start_s,
                                         .duration_s = item->duration_s,
                                         .share = 1});
}

static status take_interval(void *context, const interval *item, error *err) {
    (void)err;
    timeline_export *x = context;
    open_step(x, item);
    x->step_end_s = fmax(x->step_end_s, item->start_s + item->duration_s);
    if (item->lane == LANE_HOST) {
        chrome_event host_op = event_of(x, item, "cpu_op");
        chrome_trace_event(x->out, &host_op);
        x->host = *item;
        x->has_host = true;
        return STATUS_OK;
    }
    chrome_event kernel = event_of(x, item, "kernel");
    char name[256]; /* tells its category to whoever reads names alone */
    snprintf(name, sizeof name, "%s (%s)", item->op_id, op_category_name(item->category));
    kernel.name = name;
    bool launched = x->has_host && strcmp(x->host.op_id, item->op_id) == 0 && x->host.layer == item->layer;
    if (launched) {
        kernel.correlation = x->next_correlation++;
        write_launch(x, &kernel, kernel.correlation);
        x->has_host = false;
    } else {
        if (x->graph_correlation == 0)
            write_graph_launch(x, &kernel);
        kernel.correlation = x->graph_correlation;
    }
    chrome_trace_event(x->out, &kernel);
    write_counters(x, item);
    return STATUS_OK;
}

static void name_processes(chrome_trace *out, int gpu_pid, const char *kind, const char *gpu, const char *host) {
    char name[256];
    snprintf(name, sizeof name, "%s: GPU %s", kind, gpu);
    chrome_trace_process(out, gpu_pid, name);
    chrome_trace_thread(out, gpu_pid, FIRST_STREAM, "stream 7");
    snprintf(name, sizeof name, "%s: host %s", kind, host);
    chrome_trace_process(out, gpu_pid + 1, name);
    chrome_trace_thread(out, gpu_pid + 1, HOST_TID, "issuing thread");
}

static status export_simulated(const export_options *o, const setup *s, chrome_trace *out, int pid, error *err) {
    name_processes(out, pid, "predicted", s->machine.name, s->host.name);
    timeline_export x = {.out = out,
                         .gpu_pid = pid,
                         .host_pid = pid + 1,
                         .next_correlation = 1 + first_correlation(pid),
                         .s = s,
                         .launch_s = s->machine.host.launch_s};
    int64_t steps = o->steps > 0 ? o->steps : DEFAULT_STEPS;
    status result = engine_timeline(&s->graph, &s->scenario, &s->block, &s->options, steps,
                                    (timeline_sink){.emit = take_interval, .context = &x}, err);
    close_timeline(&x);
    return result;
}

/* Of a run that does not say what a launch costs: one from C, measured on an H200. */
static const double RUN_LAUNCH_S = 3.3e-6;

static status export_run(arena *a, const char *path, chrome_trace *out, int pid, error *err) {
    run r;
    status result = run_read(a, path, &r, err);
    if (result != STATUS_OK)
        return result;
    name_processes(out, pid, path, r.header.machine, r.header.host);
    timeline_export x = {.out = out,
                         .gpu_pid = pid,
                         .host_pid = pid + 1,
                         .next_correlation = 1 + first_correlation(pid),
                         .launch_s = RUN_LAUNCH_S};
    for (size_t i = 0; i < r.count && result == STATUS_OK; i++)
        result = take_interval(&x, &r.intervals[i], err);
    close_timeline(&x);
    return result;
}

/* ---- recorded traces ---- */

static const char *category_of(trace_kind kind) {
    static const char *const names[] = {"kernel",       "gpu_memcpy", "gpu_memset",
                                        "cuda_runtime", "cpu_op",     "user_annotation"};
    return names[kind];
}

static int64_t correlation_of(const trace_event *e, int pid) {
    return e->correlation == 0 ? 0 : first_correlation(pid) + e->correlation % CORRELATIONS_A_TIMELINE;
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
    name_processes(out, pid, "measured", t.device ? t.device : "", path);
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

static bool is_run(const char *path) {
    return strstr(path, ".jsonl") != NULL;
}

static status write_all(arena *a, const export_options *o, const setup *s, chrome_trace *out, error *err) {
    int pid = 0;
    status result = STATUS_OK;
    if (o->simulate) {
        result = export_simulated(o, s, out, pid, err);
        pid += PIDS_A_TIMELINE;
    }
    for (size_t i = 0; i < o->input_count && result == STATUS_OK; i++, pid += PIDS_A_TIMELINE)
        result = is_run(o->inputs[i]) ? export_run(a, o->inputs[i], out, pid, err)
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
