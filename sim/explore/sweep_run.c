/* Running a sweep: chunks of points go round a ring. They are enumerated in order, computed by threads and other ranks
 * in any order, and written in order by the calling thread, to which the store belongs. */
#include "sim/explore/sweep_chunks.h"
#include "sim/explore/sweep_private.h"

#include <omp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* Chunks in the ring for each thread, here or on another rank. A rank is given few at a time, so that its last results
 * are never what the writing of all the others waits for: one that each thread computes, and some on their way. */
enum { CHUNKS_A_THREAD = 24, GIVEN_A_THREAD = 10 };

/* Who computes a chunk that is TAKEN: THIS_RANK's threads, or another rank. */
typedef struct peer {
    int64_t credit;             /* further chunks it may be given */
    size_t *given, first, held; /* slots of chunks that it works on, oldest first, in a ring as large as the chunks' */
    bool gone;
} peer;

typedef struct sweep_runner {
    const sweep *s;
    const sweep_options *options;
    const ranks *ranks; /* NULL: alone */
    chunk_source source;
    chunk *ring;
    size_t size;             /* of the ring */
    int64_t filled, written; /* chunks so far: slot = number % size */
    pthread_mutex_t mutex;   /* over the states and `taken`, `closed` */
    pthread_cond_t waiting, computed;
    int64_t taken; /* every chunk before is taken, done or free */
    bool closed;   /* nothing more will wait */
    int threads;
    evaluate_worker **workers; /* one a thread */
    peer *peers;               /* one a rank */
    void *message;
} sweep_runner;

static bool asked_to_stop(const sweep_runner *r) {
    return r->options->stop && *r->options->stop;
}

/* ---- chunks that wait ---- */

static chunk *take_locked(sweep_runner *r, size_t *slot) {
    while (r->taken < r->filled) {
        *slot = (size_t)(r->taken++ % (int64_t)r->size);
        if (r->ring[*slot].state == CHUNK_WAITING) {
            r->ring[*slot].state = CHUNK_TAKEN;
            return &r->ring[*slot];
        }
    }
    return NULL;
}

static chunk *take(sweep_runner *r, size_t *slot) {
    pthread_mutex_lock(&r->mutex);
    chunk *c = take_locked(r, slot);
    pthread_mutex_unlock(&r->mutex);
    return c;
}

static void set_state(sweep_runner *r, chunk *c, chunk_state state) {
    pthread_mutex_lock(&r->mutex);
    c->state = state;
    if (state == CHUNK_WAITING)
        r->filled++;
    pthread_cond_signal(state == CHUNK_WAITING ? &r->waiting : &r->computed);
    pthread_mutex_unlock(&r->mutex);
}

static chunk_state state_of(sweep_runner *r, int64_t number) {
    pthread_mutex_lock(&r->mutex);
    chunk_state state = r->ring[number % (int64_t)r->size].state;
    pthread_mutex_unlock(&r->mutex);
    return state;
}

static void close_ring(sweep_runner *r) {
    pthread_mutex_lock(&r->mutex);
    r->closed = true;
    r->taken = r->filled; /* what waits is dropped */
    pthread_cond_broadcast(&r->waiting);
    pthread_mutex_unlock(&r->mutex);
}

/* A computing thread's life. */
static void compute_chunks(sweep_runner *r, evaluate_worker *worker) {
    size_t slot;
    for (;;) {
        pthread_mutex_lock(&r->mutex);
        chunk *c = NULL;
        while (!r->closed && !(c = take_locked(r, &slot)))
            pthread_cond_wait(&r->waiting, &r->mutex);
        pthread_mutex_unlock(&r->mutex);
        if (!c)
            return;
        chunk_compute(&r->source, worker, c);
        set_state(r, c, CHUNK_DONE);
    }
}

/* Until the chunk is done, or a moment has passed where messages may come too. */
static void wait_for(sweep_runner *r, int64_t number) {
    static const long MOMENT_NS = 200 * 1000, SECOND_NS = 1000 * 1000 * 1000;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += MOMENT_NS;
    until.tv_sec += until.tv_nsec / SECOND_NS;
    until.tv_nsec %= SECOND_NS;
    pthread_mutex_lock(&r->mutex);
    if (r->ring[number % (int64_t)r->size].state != CHUNK_DONE) {
        if (r->ranks)
            pthread_cond_timedwait(&r->computed, &r->mutex, &until);
        else
            pthread_cond_wait(&r->computed, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
}

/* ---- rank 0 ---- */

static bool fill_ring(sweep_runner *r) {
    bool any = false;
    while (r->filled - r->written < (int64_t)r->size) {
        chunk *c = &r->ring[r->filled % (int64_t)r->size];
        if (!chunk_next(&r->source, c))
            break;
        set_state(r, c, CHUNK_WAITING);
        any = true;
    }
    return any;
}

static void give_chunks(sweep_runner *r) {
    for (int rank = 1; r->ranks && rank < r->ranks->count; rank++) {
        peer *p = &r->peers[rank];
        size_t slot;
        for (chunk *c; p->credit > 0 && (c = take(r, &slot)); p->credit--) {
            p->given[(p->first + p->held++) % r->size] = slot;
            r->ranks->send(rank, RANKS_WORK, c->blocks, c->block_count * sizeof *c->blocks);
        }
    }
}

static status check_hello(const sweep_runner *r, int from, const char *hello, error *err) {
    const char *hash = hello + sizeof(int64_t);
    if (strcmp(hash, r->s->config_hash) == 0)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_INPUT, "rank %d reads another sweep (configuration %s, this one is %s)", from,
                     hash, r->s->config_hash);
}

/* One message, where there is one. */
static status receive_one(sweep_runner *r, bool wait, bool *any, error *err) {
    int from, tag;
    size_t bytes;
    if (!r->ranks || !r->ranks->probe(wait, &from, &tag, &bytes))
        return STATUS_OK;
    *any = true;
    r->ranks->receive(from, tag, r->message, bytes);
    peer *p = &r->peers[from];
    if (tag == RANKS_HELLO) {
        memcpy(&p->credit, r->message, sizeof p->credit);
        p->credit = p->credit < (int64_t)r->size ? p->credit : (int64_t)r->size;
        return check_hello(r, from, r->message, err);
    }
    if (tag == RANKS_BYE) {
        p->gone = true;
        return error_set(err, STATUS_ENVIRONMENT, "rank %d gave up", from);
    }
    chunk *c = &r->ring[p->given[p->first]];
    p->first = (p->first + 1) % r->size;
    p->held--, p->credit++;
    chunk_unpack(r->s, r->message, c);
    set_state(r, c, CHUNK_DONE);
    return STATUS_OK;
}

static status write_done(sweep_runner *r, store *points, int64_t *computed, bool *any, error *err) {
    while (r->written < r->filled && state_of(r, r->written) == CHUNK_DONE) {
        chunk *c = &r->ring[r->written % (int64_t)r->size];
        status result = chunk_put(&r->source, c, points, computed, err);
        if (result != STATUS_OK)
            return result;
        const point_block *last = &c->blocks[c->block_count - 1];
        int64_t reached = last->first + last->count;
        c->state = CHUNK_FREE; /* only this thread looks at it until it is filled again */
        r->written++;
        *any = true;
        if (r->options->progress)
            r->options->progress(r->options->progress_context, reached, r->s->point_count);
    }
    return STATUS_OK;
}

static bool compute_one(sweep_runner *r) {
    size_t slot;
    chunk *c = take(r, &slot);
    if (!c)
        return false;
    chunk_compute(&r->source, r->workers[0], c);
    set_state(r, c, CHUNK_DONE);
    return true;
}

/* Ends the other ranks; what they still send is dropped. `message` has room for CHUNK_MESSAGE_MAX bytes. */
static void dismiss(const ranks *all, const peer *peers, void *message) {
    int left = 0, from, tag;
    size_t bytes;
    for (int rank = 1; rank < all->count; rank++) {
        all->send(rank, RANKS_STOP, "", 0);
        left += !peers[rank].gone;
    }
    while (left > 0 && all->probe(true, &from, &tag, &bytes)) {
        all->receive(from, tag, message, bytes);
        left -= tag == RANKS_BYE;
    }
}

static status lead(sweep_runner *r, bool alone, store *points, int64_t *computed, error *err) {
    status result = STATUS_OK;
    while (result == STATUS_OK && !asked_to_stop(r)) {
        bool any = fill_ring(r);
        if (r->written == r->filled)
            break;
        give_chunks(r);
        for (bool more = true; more && result == STATUS_OK; any |= more) {
            more = false;
            result = receive_one(r, false, &more, err);
        }
        if (result == STATUS_OK)
            result = write_done(r, points, computed, &any, err);
        if (result != STATUS_OK || any || (alone && compute_one(r)))
            continue;
        if (alone) /* nothing is left but what others compute */
            result = receive_one(r, true, &any, err);
        else if (r->written < r->filled)
            wait_for(r, r->written);
    }
    close_ring(r);
    return result;
}

/* ---- other ranks ---- */

/* Whether to go on. */
static bool serve_message(sweep_runner *r, bool wait, bool *any) {
    int from, tag;
    size_t bytes;
    if (!r->ranks->probe(wait, &from, &tag, &bytes))
        return true;
    *any = true;
    chunk *c = &r->ring[r->filled % (int64_t)r->size]; /* free: rank 0 gives no more than the ring holds */
    r->ranks->receive(from, tag, tag == RANKS_WORK ? (void *)c->blocks : r->message, bytes);
    c->block_count = bytes / sizeof *c->blocks;
    if (tag == RANKS_WORK)
        set_state(r, c, CHUNK_WAITING);
    return tag == RANKS_WORK;
}

static void send_done(sweep_runner *r, bool *any) {
    while (r->written < r->filled && state_of(r, r->written) == CHUNK_DONE) {
        chunk *c = &r->ring[r->written % (int64_t)r->size];
        r->ranks->send(0, RANKS_RESULT, r->message, chunk_pack(c, r->message));
        c->state = CHUNK_FREE;
        r->written++;
        *any = true;
    }
}

static void serve(sweep_runner *r, bool alone) {
    char *hello = r->message;
    int64_t credit = (int64_t)r->threads * GIVEN_A_THREAD;
    memcpy(hello, &credit, sizeof credit);
    strcpy(hello + sizeof credit, r->s->config_hash);
    r->ranks->send(0, RANKS_HELLO, hello, sizeof credit + strlen(r->s->config_hash) + 1);
    for (bool go_on = true; go_on;) {
        bool any = false;
        for (bool more = true; more && go_on; any |= more) {
            more = false;
            go_on = serve_message(r, false, &more);
        }
        send_done(r, &any);
        if (!go_on || any || (alone && compute_one(r)))
            continue;
        if (r->written == r->filled)
            go_on = serve_message(r, true, &any);
        else
            wait_for(r, r->written);
    }
    close_ring(r);
    r->ranks->send(0, RANKS_BYE, "", 0);
}

void sweep_leave_ranks(const ranks *all) {
    arena memory = {0};
    void *message = arena_alloc(&memory, CHUNK_MESSAGE_MAX);
    if (all->rank == 0) {
        dismiss(all, ARENA_ARRAY(&memory, peer, (size_t)all->count), message);
    } else {
        int from, tag = RANKS_BYE;
        size_t bytes;
        all->send(0, RANKS_BYE, "", 0);
        while (tag != RANKS_STOP && all->probe(true, &from, &tag, &bytes))
            all->receive(from, tag, message, bytes);
    }
    arena_free(&memory);
}

/* ---- both ---- */

static bool leads(const sweep_runner *r) {
    return !r->ranks || r->ranks->rank == 0;
}

static status run_team(sweep_runner *r, store *points, int64_t *computed, error *err) {
    status result = STATUS_OK;
    int team = r->threads > 1 ? r->threads + 1 : 1; /* the caller besides; one thread does everything itself */
#pragma omp parallel num_threads(team)
    {
        bool alone = omp_get_num_threads() == 1;
        int thread = omp_get_thread_num();
        if (thread > 0)
            compute_chunks(r, r->workers[thread - 1]);
        else if (leads(r))
            result = lead(r, alone, points, computed, err);
        else
            serve(r, alone);
    }
    return result;
}

static void begin(sweep_runner *r, arena *memory) {
    int all = r->threads;
    if (r->ranks && r->ranks->rank == 0)
        all *= r->ranks->count; /* others may have more threads: then they wait a little more */
    r->size = (size_t)all * CHUNKS_A_THREAD;
    r->ring = ARENA_ARRAY(memory, chunk, r->size);
    r->workers = ARENA_ARRAY(memory, evaluate_worker *, (size_t)r->threads);
    r->message = arena_alloc(memory, CHUNK_MESSAGE_MAX);
    r->peers = ARENA_ARRAY(memory, peer, r->ranks ? (size_t)r->ranks->count : 1);
    for (int rank = 1; r->ranks && rank < r->ranks->count; rank++)
        r->peers[rank].given = ARENA_ARRAY(memory, size_t, r->size);
}

status sweep_run(const sweep *s, store *points, const sweep_options *options, int64_t *computed, error *err) {
    *computed = 0;
    arena memory = {0};
    sweep_runner *r = ARENA_NEW(&memory, sweep_runner);
    *r = (sweep_runner){.s = s, .options = options, .mutex = PTHREAD_MUTEX_INITIALIZER};
    r->waiting = r->computed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    r->ranks = options->ranks && options->ranks->count > 1 ? options->ranks : NULL;
    r->threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    begin(r, &memory);
    unsigned char *done = NULL;
    status result = STATUS_OK;
    if (points) {
        done = ARENA_ARRAY(&memory, unsigned char, (size_t)s->point_count / 8 + 1);
        result = store_done(points, done, s->point_count, err);
    }
    r->source =
        (chunk_source){.s = s, .knobs_at = options->knobs_at ? options->knobs_at : sweep_knobs_at, .done = done};
    evaluator *e = evaluator_new(s);
    for (int t = 0; t < r->threads; t++)
        r->workers[t] = evaluate_worker_new(e);
    if (result == STATUS_OK)
        result = run_team(r, points, computed, err);
    if (r->ranks && leads(r))
        dismiss(r->ranks, r->peers, r->message);
    if (points && result == STATUS_OK)
        result = store_flush(points, err);
    else if (points)
        store_flush(points, NULL); /* what was computed before the failure is kept */
    for (int t = 0; t < r->threads; t++)
        evaluate_worker_free(r->workers[t]);
    evaluator_free(e);
    arena_free(&memory);
    return result;
}
