#include "validate/trace_replay.h"

#include "core/base/si.h"
#include "validate/trace_class.h"
#include "validate/trace_idle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Between kernels that are queued, where the trace does not show a smaller gap; and from issue to start where it does
 * not show a shorter time: what an H200 needs (its stream gap is about 1 us, its launch latency about 2 us). */
static const int64_t QUEUE_GAP_NS = 1000, LAUNCH_LATENCY_NS = 2000;

/* ---- changes ---- */

replay_change replay_unchanged(arena *a, const trace *t) {
    replay_change change = {.duration_ns = ARENA_ARRAY(a, int64_t, t->gpu_count + 1),
                            .dropped = ARENA_ARRAY(a, bool, t->gpu_count + 1),
                            .unlaunched = ARENA_ARRAY(a, bool, t->gpu_count + 1)};
    for (size_t i = 0; i < t->gpu_count; i++)
        change.duration_ns[i] = (int64_t)t->gpu[i].duration_ns;
    return change;
}

static bool launched_by(const trace *t, const trace_event *e, const char *framework_op) {
    const trace_event *host = trace_launch(t, e);
    for (; host; host = host->parent == TRACE_NONE ? NULL : &t->host[host->parent])
        if (host->kind == TRACE_HOST_OP && strcmp(trace_name(t, host->name), framework_op) == 0)
            return true;
    return false;
}

bool *replay_select(arena *a, const trace *t, const char *what, size_t *count) {
    bool *selected = ARENA_ARRAY(a, bool, t->gpu_count + 1);
    classified *classes = trace_classify(t);
    *count = 0;
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *e = &t->gpu[i];
        selected[i] = strcmp(op_category_name(classes[i].category), what) == 0 ||
                      strstr(trace_name(t, e->name), what) != NULL || launched_by(t, e, what);
        *count += selected[i];
    }
    free(classes);
    return selected;
}

void replay_scale(const trace *t, const bool *selected, double times_faster, replay_change *change) {
    for (size_t i = 0; i < t->gpu_count; i++)
        if (selected[i])
            change->duration_ns[i] = (int64_t)llround((double)change->duration_ns[i] / times_faster);
}

void replay_capture(const trace *t, int64_t node_gap_ns, replay_change *change) {
    change->any_graph = true;
    change->node_gap_ns = node_gap_ns;
    for (size_t s = 0; s < t->step_count; s++)
        for (size_t i = t->steps[s].first + 1; i < t->steps[s].first + t->steps[s].count; i++)
            change->unlaunched[i] = true;
}

size_t replay_fuse(const trace *t, const bool *first, const bool *second, replay_change *change) {
    int64_t fixed_ns = INT64_MAX;
    for (size_t i = 0; i < t->gpu_count; i++)
        if (t->gpu[i].kind == TRACE_KERNEL && (int64_t)t->gpu[i].duration_ns < fixed_ns)
            fixed_ns = (int64_t)t->gpu[i].duration_ns;
    size_t *last = calloc(t->track_count + 1, sizeof *last); /* on each stream: index + 1 */
    if (!last)
        abort();
    size_t pairs = 0;
    for (size_t i = 0; i < t->gpu_count; i++) {
        size_t before = last[t->gpu[i].track];
        last[t->gpu[i].track] = i + 1;
        if (before == 0 || !first[before - 1] || !second[i] || change->dropped[before - 1])
            continue;
        change->duration_ns[before - 1] += change->duration_ns[i] - fixed_ns;
        change->dropped[i] = true;
        change->unlaunched[i] = true;
        pairs++;
    }
    free(last);
    return pairs;
}

/* ---- the replay ---- */

/* A CUDA call that launches GPU events or waits for them. */
typedef struct action {
    uint32_t host;
    size_t first, count; /* its GPU events, in `events` of the player */
    bool waits;
} action;

typedef struct stream_clock {
    bool any;
    int64_t end_ns, recorded_end_ns; /* of its last event: replayed and recorded */
} stream_clock;

typedef struct host_clock {
    int64_t now_ns, recorded_ns;
} host_clock;

typedef struct player {
    const trace *t;
    const replay_change *change;
    action *actions;
    size_t action_count;
    uint32_t *events; /* GPU events by launch, in order of start */
    stream_clock *streams;
    host_clock *hosts;
    bool waits_across;                 /* streams wait for each other */
    int64_t done_ns, recorded_done_ns; /* when everything issued so far has ended */
    int64_t step_end_ns;               /* recorded launch of a captured step's last event: waits before are gone */
    replay_result *out;
} player;

static int compare_actions(const void *a, const void *b, void *context) {
    const trace *t = context;
    const trace_event *x = &t->host[((const action *)a)->host], *y = &t->host[((const action *)b)->host];
    if (x->start_ns != y->start_ns)
        return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
    return (((const action *)a)->host > ((const action *)b)->host) -
           (((const action *)a)->host < ((const action *)b)->host);
}

static void list_actions(arena *a, player *p) {
    const trace *t = p->t;
    size_t *counts = ARENA_ARRAY(a, size_t, t->host_count + 1);
    for (size_t i = 0; i < t->gpu_count; i++)
        if (t->gpu[i].launch != TRACE_NONE)
            counts[t->gpu[i].launch]++;
    size_t *at = ARENA_ARRAY(a, size_t, t->host_count + 1), next = 0;
    p->actions = ARENA_ARRAY(a, action, t->host_count + 1);
    for (size_t h = 0; h < t->host_count; h++) {
        const char *name = t->host[h].kind == TRACE_CALL ? trace_name(t, t->host[h].name) : "";
        bool waits = strstr(name, "Synchronize") != NULL;
        p->waits_across = p->waits_across || strstr(name, "StreamWaitEvent");
        at[h] = next;
        if (counts[h] > 0 || waits)
            p->actions[p->action_count++] = (action){(uint32_t)h, next, counts[h], waits};
        next += counts[h];
    }
    p->events = ARENA_ARRAY(a, uint32_t, next + 1);
    for (size_t i = 0; i < t->gpu_count; i++)
        if (t->gpu[i].launch != TRACE_NONE)
            p->events[at[t->gpu[i].launch]++] = (uint32_t)i;
    qsort_r(p->actions, p->action_count, sizeof *p->actions, compare_actions, (void *)t);
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Other streams' events that had ended before this one started, if streams wait for each other. */
static int64_t wait_across(const player *p, const trace_event *e, int64_t start_ns) {
    for (size_t s = 0; p->waits_across && s < p->t->track_count; s++) {
        const stream_clock *other = &p->streams[s];
        if (s != e->track && other->any && other->recorded_end_ns <= e->start_ns)
            start_ns = later(start_ns, other->end_ns);
    }
    return start_ns;
}

/* `issued`: when its launch returned, replayed and recorded; NULL for an event that follows the one before it. */
static void play_event(player *p, uint32_t index, const host_clock *issued) {
    const trace_event *e = &p->t->gpu[index];
    stream_clock *stream = &p->streams[e->track];
    if (p->change->dropped[index]) { /* the event that took it over has ended for both */
        stream->recorded_end_ns = later(stream->recorded_end_ns, trace_end_ns(e));
        return;
    }
    int64_t start_ns;
    if (p->change->unlaunched[index]) {
        start_ns = stream->any ? stream->end_ns + p->change->node_gap_ns : issued ? issued->now_ns : e->start_ns;
    } else if (!stream->any && !issued) {
        start_ns = e->start_ns;
    } else if (!issued) {
        start_ns = stream->end_ns + (e->start_ns - stream->recorded_end_ns);
    } else {
        int64_t latency_ns = e->start_ns - issued->recorded_ns, gap_ns = e->start_ns - stream->recorded_end_ns;
        bool queued = stream->any && issued->recorded_ns < stream->recorded_end_ns;
        if (queued)
            latency_ns = earlier(latency_ns, LAUNCH_LATENCY_NS);
        else
            gap_ns = earlier(gap_ns, QUEUE_GAP_NS);
        start_ns = issued->now_ns + latency_ns;
        if (stream->any)
            start_ns = later(start_ns, stream->end_ns + gap_ns);
    }
    start_ns = wait_across(p, e, start_ns);
    p->out->start_ns[index] = start_ns;
    *stream = (stream_clock){true, start_ns + p->change->duration_ns[index], trace_end_ns(e)};
    p->done_ns = later(p->done_ns, stream->end_ns);
    p->recorded_done_ns = later(p->recorded_done_ns, stream->recorded_end_ns);
}

static void play_wait(player *p, host_clock *host, const trace_event *call) {
    int64_t end_ns = trace_end_ns(call);
    if (p->recorded_done_ns > end_ns) { /* it waited for something else */
        host->now_ns += (int64_t)call->duration_ns;
        return;
    }
    int64_t behind_ns = end_ns - later(call->start_ns, p->recorded_done_ns);
    host->now_ns = later(host->now_ns, p->done_ns) + behind_ns;
}

/* Whether an action's host time is gone: all of its events lost their launch, or it waits inside a captured step. */
static bool is_gone(const player *p, const action *act) {
    if (act->count == 0)
        return p->change->any_graph && trace_end_ns(&p->t->host[act->host]) <= p->step_end_ns;
    for (size_t i = act->first; i < act->first + act->count; i++)
        if (!p->change->unlaunched[p->events[i]])
            return false;
    return true;
}

/* The recorded start of the last launch of the step that an event belongs to. */
static int64_t step_end_of(const trace *t, uint32_t event) {
    for (size_t s = 0; s < t->step_count; s++) {
        const trace_step *step = &t->steps[s];
        if (event < step->first || event >= step->first + step->count)
            continue;
        for (size_t i = step->first + step->count; i-- > step->first;)
            if (trace_launch(t, &t->gpu[i]))
                return trace_launch(t, &t->gpu[i])->start_ns;
    }
    return INT64_MIN;
}

static void play_action(player *p, const action *act) {
    const trace_event *call = &p->t->host[act->host];
    host_clock *host = &p->hosts[call->track];
    bool gone = is_gone(p, act);
    if (p->change->any_graph && act->count > 0 && !gone)
        p->step_end_ns = step_end_of(p->t, p->events[act->first]);
    int64_t end_ns = trace_end_ns(call), work_ns = later(0, call->start_ns - host->recorded_ns);
    int64_t call_ns = later(0, end_ns - later(call->start_ns, host->recorded_ns)); /* calls may nest */
    host->now_ns += gone ? 0 : work_ns;
    if (act->waits && !gone)
        play_wait(p, host, call);
    else if (!gone)
        host->now_ns += call_ns;
    host->recorded_ns = later(host->recorded_ns, end_ns);
    host_clock issued = {host->now_ns, end_ns};
    for (size_t i = act->first; i < act->first + act->count; i++)
        play_event(p, p->events[i], i == act->first ? &issued : NULL);
}

/* Events that nothing in the trace launched follow one another, on a stream of their own kind; among launched ones they
 * stay where they are. */
static void play_unlaunched(arena *a, player *p) {
    bool *mixed = ARENA_ARRAY(a, bool, p->t->track_count + 1);
    for (size_t s = 0; s < p->t->track_count; s++)
        mixed[s] = p->streams[s].any;
    for (uint32_t i = 0; i < p->t->gpu_count; i++) {
        if (p->t->gpu[i].launch != TRACE_NONE)
            continue;
        if (mixed[p->t->gpu[i].track])
            p->out->start_ns[i] = p->t->gpu[i].start_ns;
        else
            play_event(p, i, NULL);
    }
}

static int compare_windows(const void *a, const void *b) {
    const trace_window *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void measure(arena *a, const player *p, trace_window window, replay_result *out) {
    const trace *t = p->t;
    trace_window *intervals = ARENA_ARRAY(a, trace_window, t->gpu_count + 1);
    for (size_t i = 0; i < t->gpu_count; i++)
        if (!p->change->dropped[i])
            intervals[out->kernels++] = (trace_window){out->start_ns[i], out->start_ns[i] + p->change->duration_ns[i]};
    qsort(intervals, out->kernels, sizeof *intervals, compare_windows);
    int64_t busy_ns = 0, covered_ns = INT64_MIN, end_ns = INT64_MIN;
    for (size_t i = 0; i < out->kernels; i++) {
        int64_t start_ns = later(intervals[i].start_ns, covered_ns);
        if (intervals[i].end_ns > start_ns)
            busy_ns += intervals[i].end_ns - start_ns;
        covered_ns = later(covered_ns, intervals[i].end_ns);
    }
    end_ns = covered_ns;
    for (size_t track = 0; track < t->track_count; track++) { /* what each thread does behind its last call */
        int64_t last_ns = INT64_MIN;
        for (size_t h = 0; h < t->host_count; h++)
            if (t->host[h].track == track && t->host[h].kind == TRACE_HOST_OP)
                last_ns = later(last_ns, trace_end_ns(&t->host[h]));
        const host_clock *host = &p->hosts[track];
        if (last_ns > window.start_ns || host->recorded_ns > window.start_ns)
            end_ns = later(end_ns, host->now_ns + later(0, earlier(last_ns, window.end_ns) - host->recorded_ns));
    }
    out->busy_s = (double)busy_ns * S_PER_NS;
    out->wall_s = (double)(end_ns - window.start_ns) * S_PER_NS;
}

void replay_run(arena *a, const trace *t, const replay_change *change, replay_result *out) {
    *out = (replay_result){.start_ns = ARENA_ARRAY(a, int64_t, t->gpu_count + 1)};
    trace_window window = trace_window_of(t);
    player p = {.t = t,
                .change = change,
                .out = out,
                .streams = ARENA_ARRAY(a, stream_clock, t->track_count + 1),
                .hosts = ARENA_ARRAY(a, host_clock, t->track_count + 1),
                .done_ns = INT64_MIN,
                .recorded_done_ns = INT64_MIN,
                .step_end_ns = INT64_MIN};
    for (size_t i = 0; i < t->track_count; i++)
        p.hosts[i] = (host_clock){window.start_ns, window.start_ns};
    list_actions(a, &p);
    for (size_t i = 0; i < p.action_count; i++)
        if (t->host[p.actions[i].host].start_ns < window.end_ns &&
            trace_end_ns(&t->host[p.actions[i].host]) > window.start_ns)
            play_action(&p, &p.actions[i]);
    play_unlaunched(a, &p);
    measure(a, &p, window, out);
}
