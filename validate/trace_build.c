#include "validate/trace_build.h"

#include "core/base/si.h"

#include <stdlib.h>
#include <string.h>

/* So that durations fit 40 bits. */
static const int64_t DURATION_MAX_NS = INT64_C(1000) * 1000 * 1000 * 1000;

static status append(trace_event **list, size_t *count, size_t *capacity, const trace *t, const trace_event *e,
                     error *err) {
    if (t->gpu_count + t->host_count >= TRACE_EVENTS_MAX)
        return error_set(err, STATUS_BAD_INPUT, "more than %d million events of GPU and host work: split the trace",
                         TRACE_EVENTS_MAX / 1000000);
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity + *capacity / 2 : 4096;
        trace_event *larger = realloc(*list, *capacity * sizeof *larger);
        if (!larger)
            abort();
        *list = larger;
    }
    (*list)[(*count)++] = *e;
    return STATUS_OK;
}

static status find_track(trace_builder *b, bool gpu, const trace_input *in, uint16_t *out, error *err) {
    trace *t = b->t;
    for (size_t i = t->track_count; i-- > 0;) { /* the last one used is the likeliest */
        trace_track *track = &t->tracks[i];
        if (track->gpu == gpu && strcmp(track->thread, in->thread) == 0 && strcmp(track->process, in->process) == 0) {
            *out = (uint16_t)i;
            return STATUS_OK;
        }
    }
    if (t->track_count == TRACE_TRACKS_MAX)
        return error_set(err, STATUS_BAD_INPUT, "more than %d streams and threads", TRACE_TRACKS_MAX);
    if (t->track_count == b->track_capacity) {
        b->track_capacity = b->track_capacity ? 2 * b->track_capacity : 16;
        t->tracks = realloc(t->tracks, b->track_capacity * sizeof *t->tracks);
        if (!t->tracks)
            abort();
    }
    uint32_t process = names_intern(t->names, in->process, strlen(in->process));
    uint32_t thread = names_intern(t->names, in->thread, strlen(in->thread));
    t->tracks[t->track_count] = (trace_track){.process = names_text(t->names, process),
                                              .thread = names_text(t->names, thread),
                                              .last_start_ns = INT64_MIN,
                                              .gpu = gpu};
    *out = (uint16_t)t->track_count++;
    return STATUS_OK;
}

static status check_order(trace_builder *b, const trace_event *e, const char *name, error *err) {
    trace_track *track = &b->t->tracks[e->track];
    if (e->start_ns < track->last_start_ns) {
        b->t->backward_count++;
        if (!b->any_order)
            return error_set(err, STATUS_BAD_INPUT,
                             "time goes backward on stream %.20s: '%.60s' starts %.3f us before the event above it "
                             "(--any-order sorts)",
                             track->thread, name, (double)(track->last_start_ns - e->start_ns) / NS_PER_US);
    }
    track->last_start_ns = e->start_ns;
    return STATUS_OK;
}

status trace_build(trace_builder *b, const trace_input *in, error *err) {
    trace *t = b->t;
    bool gpu = in->kind <= TRACE_MEMSET;
    if (in->duration_ns < 0 || in->duration_ns > DURATION_MAX_NS)
        return error_set(err, STATUS_BAD_INPUT,
                         "'%.60s' lasts %g us: an event cannot end before it begins or outlast %g s", in->name,
                         (double)in->duration_ns / NS_PER_US, (double)DURATION_MAX_NS * S_PER_NS);
    uint16_t track = 0;
    status result = find_track(b, gpu, in, &track, err);
    if (result != STATUS_OK)
        return result;
    trace_event kept = {.start_ns = in->start_ns,
                        .duration_ns = (uint64_t)in->duration_ns,
                        .track = track,
                        .kind = (unsigned)in->kind,
                        .name = names_intern(t->names, in->name, in->name_bytes),
                        .correlation = in->correlation};
    uint32_t dims = in->dims ? names_intern(t->names, in->dims, in->dims_bytes) : TRACE_NONE;
    if (kept.name == TRACE_NONE)
        return error_set(err, STATUS_BAD_INPUT, "different names of more than %d MiB in all",
                         TRACE_NAMES_MAX_BYTES >> 20);
    if (!gpu) {
        kept.parent = TRACE_NONE;
        kept.dims = dims;
        return append(&t->host, &t->host_count, &b->host_capacity, t, &kept, err);
    }
    kept.launch = TRACE_NONE;
    kept.ctas = in->ctas;
    result = check_order(b, &kept, in->name, err);
    return result == STATUS_OK ? append(&t->gpu, &t->gpu_count, &b->gpu_capacity, t, &kept, err) : result;
}
