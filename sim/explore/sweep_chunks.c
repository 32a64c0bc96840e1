#include "sim/explore/sweep_chunks.h"

#include <string.h>

bool chunk_is_done(const chunk_source *source, int64_t index) {
    return source->done && (source->done[index / 8] >> (index % 8) & 1) != 0;
}

bool chunk_next(chunk_source *source, chunk *out) {
    const sweep *s = source->s;
    out->block_count = 0;
    while (source->at < s->point_count && out->block_count < CHUNK_BLOCKS) {
        int64_t left = s->variant_count - source->at % s->variant_count;
        int64_t count = left < MACHINE_LANES ? left : MACHINE_LANES;
        bool missing = false;
        for (int64_t i = 0; i < count; i++)
            missing |= !chunk_is_done(source, source->at + i);
        if (missing)
            out->blocks[out->block_count++] = (point_block){source->at, count};
        source->at += count;
    }
    return out->block_count > 0;
}

static size_t case_of(const sweep *s, int64_t index) {
    return (size_t)(index / s->variant_count % (int64_t)s->case_count);
}

static size_t machine_of(const sweep *s, int64_t index) {
    return (size_t)(index / (s->variant_count * (int64_t)s->case_count));
}

void chunk_compute(const chunk_source *source, evaluate_worker *worker, chunk *c) {
    const sweep *s = source->s;
    double knobs[MACHINE_LANES * STORE_KNOBS_MAX];
    c->failure = STATUS_OK;
    for (size_t b = 0; b < c->block_count && c->failure == STATUS_OK; b++) {
        const point_block *block = &c->blocks[b];
        evaluated *points = &c->points[b * MACHINE_LANES];
        for (int64_t i = 0; i < block->count; i++)
            source->knobs_at(s, block->first + i, &knobs[(size_t)i * s->knob_count]);
        c->failure = evaluate_knobs(worker, machine_of(s, block->first), case_of(s, block->first), knobs,
                                    (size_t)block->count, points, &c->reason);
        for (int64_t i = 0; i < block->count; i++)
            points[i].point.index = block->first + i;
    }
}

status chunk_put(const chunk_source *source, const chunk *c, store *points, int64_t *computed, error *err) {
    if (c->failure != STATUS_OK)
        return error_set(err, c->failure, "%s", c->reason.text);
    for (size_t b = 0; b < c->block_count; b++)
        for (int64_t i = 0; i < c->blocks[b].count; i++) {
            if (chunk_is_done(source, c->blocks[b].first + i))
                continue;
            status result =
                points ? store_put(points, &c->points[b * MACHINE_LANES + (size_t)i].point, err) : STATUS_OK;
            if (result != STATUS_OK)
                return result;
            (*computed)++;
        }
    return STATUS_OK;
}

/* ---- messages ---- */

char *message_put(char *at, const void *data, size_t bytes) {
    memcpy(at, data, bytes);
    return at + bytes;
}

const char *message_get(const char *at, void *data, size_t bytes) {
    memcpy(data, at, bytes);
    return at + bytes;
}

char *evaluated_pack(const evaluated *e, char *at) {
    at = message_put(at, &e->point, sizeof e->point);
    return e->point.reason ? message_put(at, e->reason.text, strlen(e->reason.text) + 1) : at;
}

const char *evaluated_unpack(const sweep *s, size_t machine_index, size_t case_index, const char *at, evaluated *out) {
    at = message_get(at, &out->point, sizeof out->point);
    const sweep_case *own = &s->cases[case_index];
    out->point.machine = s->machines[machine_index].base.name;
    out->point.workload = own->workload, out->point.levers = own->levers;
    if (!out->point.reason)
        return at;
    at = message_get(at, out->reason.text, strlen(at) + 1);
    out->point.reason = out->reason.text;
    return at;
}

size_t chunk_pack(const chunk *c, void *message) {
    char *at = message_put(message, &c->failure, sizeof c->failure);
    if (c->failure != STATUS_OK)
        at = message_put(at, c->reason.text, strlen(c->reason.text) + 1);
    for (size_t b = 0; b < c->block_count && c->failure == STATUS_OK; b++)
        for (int64_t i = 0; i < c->blocks[b].count; i++)
            at = evaluated_pack(&c->points[b * MACHINE_LANES + (size_t)i], at);
    return (size_t)(at - (char *)message);
}

void chunk_unpack(const sweep *s, const void *message, chunk *c) {
    const char *at = message_get(message, &c->failure, sizeof c->failure);
    if (c->failure != STATUS_OK)
        strcpy(c->reason.text, at);
    for (size_t b = 0; b < c->block_count && c->failure == STATUS_OK; b++)
        for (int64_t i = 0; i < c->blocks[b].count; i++) {
            int64_t index = c->blocks[b].first + i;
            at = evaluated_unpack(s, machine_of(s, index), case_of(s, index), at,
                                  &c->points[b * MACHINE_LANES + (size_t)i]);
        }
}
