/* Designs' points on several processes: rank 0 asks and judges, all compute. The points of a batch are dealt out by the
 * threads that each rank has, in a fixed order; where a point is computed changes nothing about it. */
#include "sim/explore/designs_private.h"
#include "sim/explore/sweep_chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct rank_team {
    const ranks *all;
    int *owners; /* the rank that computes every owner_count-th task, from each offset on: one entry a thread */
    size_t owner_count;
    int waiting; /* ranks that have not said goodbye */
    char *message;
    size_t message_bytes;
};

static char *message_of(rank_team *t, size_t bytes) {
    if (bytes > t->message_bytes) {
        char *larger = realloc(t->message, bytes);
        if (!larger)
            abort();
        t->message = larger;
        t->message_bytes = bytes;
    }
    return t->message;
}

/* Waits for a message. */
static void receive_next(rank_team *t, int *from, int *tag, size_t *bytes) {
    while (!t->all->probe(true, from, tag, bytes))
        ;
    t->all->receive(*from, *tag, message_of(t, *bytes + 1), *bytes);
}

/* ---- tasks as messages ---- */

typedef struct task_head {
    size_t machine_index, case_index, count; /* count x knob_count values follow */
} task_head;

static bool is_of(const rank_team *t, size_t number, int rank) {
    return t->owners[number % t->owner_count] == rank;
}

static void send_tasks(explorer *e, size_t task_count, int rank) {
    const size_t knobs_bytes = e->s->knob_count * sizeof *e->knobs;
    size_t bytes = 0;
    for (size_t i = 0; i < task_count; i++)
        bytes += is_of(e->team, i, rank) ? sizeof(task_head) + e->tasks[i].count * knobs_bytes : 0;
    char *begin = message_of(e->team, bytes), *at = begin;
    for (size_t i = 0; i < task_count; i++) {
        const point_task *piece = &e->tasks[i];
        if (!is_of(e->team, i, rank))
            continue;
        const task_head head = {piece->machine_index, piece->case_index, piece->count};
        at = message_put(at, &head, sizeof head);
        at = message_put(at, &e->knobs[piece->first * e->s->knob_count], piece->count * knobs_bytes);
    }
    e->team->all->send(rank, RANKS_WORK, begin, bytes);
}

/* ---- rank 0 ---- */

static status receive_points(explorer *e, size_t task_count, int rank, error *err) {
    status result;
    const char *at = message_get(e->team->message, &result, sizeof result);
    if (result != STATUS_OK)
        return error_set(err, result, "%s", at);
    for (size_t i = 0; i < task_count; i++) {
        const point_task *piece = &e->tasks[i];
        for (size_t k = 0; is_of(e->team, i, rank) && k < piece->count; k++)
            at = evaluated_unpack(e->s, piece->machine_index, piece->case_index, at,
                                  explorer_slot(e, piece->row, piece->first + k));
    }
    return STATUS_OK;
}

status rank_team_run(explorer *e, size_t task_count, error *err) {
    rank_team *t = e->team;
    for (int rank = 1; rank < t->all->count; rank++)
        send_tasks(e, task_count, rank);
    error own = {""};
    status result = explorer_compute(e, task_count, e->knobs, &own);
    if (result != STATUS_OK)
        error_set(err, result, "%s", own.text);
    for (int left = t->all->count - 1; left > 0; left--) {
        int from, tag;
        size_t bytes;
        receive_next(t, &from, &tag, &bytes);
        if (tag == RANKS_BYE) {
            t->waiting--;
            return error_set(err, STATUS_ENVIRONMENT, "rank %d gave up", from);
        }
        status one = receive_points(e, task_count, from, result == STATUS_OK ? err : NULL);
        result = result == STATUS_OK ? one : result;
    }
    return result;
}

bool rank_team_computes(const explorer *e, size_t number) {
    return !e->team || e->team->all->rank > 0 || is_of(e->team, number, 0);
}

static status check_hello(const rank_team *t, const sweep *s, int from, int tag, error *err) {
    const char *hash = t->message + sizeof(int64_t);
    if (tag != RANKS_HELLO)
        return error_set(err, STATUS_ENVIRONMENT, "rank %d gave up", from);
    if (strcmp(hash, s->config_hash) == 0)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_INPUT, "rank %d reads another sweep (configuration %s, this one is %s)", from,
                     hash, s->config_hash);
}

/* A thread of each rank in turn, as long as there are any. */
static void deal_out(rank_team *t, const int64_t *threads) {
    t->owner_count = 0;
    for (int rank = 0; rank < t->all->count; rank++)
        t->owner_count += (size_t)threads[rank];
    assert(t->owner_count > 0); /* rank 0 has a thread */
    t->owners = calloc(t->owner_count, sizeof *t->owners);
    if (!t->owners)
        abort();
    size_t at = 0;
    for (int64_t thread = 0; at < t->owner_count; thread++)
        for (int rank = 0; rank < t->all->count; rank++)
            if (thread < threads[rank])
                t->owners[at++] = rank;
}

status explorer_join(explorer *e, const ranks *all, error *err) {
    rank_team *t = calloc(1, sizeof *t);
    int64_t *threads = calloc((size_t)all->count, sizeof *threads);
    if (!t || !threads)
        abort();
    *t = (rank_team){.all = all, .waiting = all->count - 1};
    e->team = t;
    threads[0] = e->threads;
    status result = STATUS_OK;
    for (int heard = 1; heard < all->count && all->rank == 0; heard++) {
        int from, tag;
        size_t bytes;
        receive_next(t, &from, &tag, &bytes);
        t->message[bytes] = '\0';
        t->waiting -= tag == RANKS_BYE;
        memcpy(&threads[from], t->message, tag == RANKS_HELLO ? sizeof *threads : 0);
        status one = check_hello(t, e->s, from, tag, result == STATUS_OK ? err : NULL);
        result = result == STATUS_OK ? one : result;
    }
    if (all->rank == 0 && result == STATUS_OK)
        deal_out(t, threads);
    free(threads);
    return result;
}

void rank_team_end(explorer *e) {
    rank_team *t = e->team;
    if (!t)
        return;
    int from, tag;
    size_t bytes;
    for (int rank = 1; rank < t->all->count && t->all->rank == 0; rank++)
        t->all->send(rank, RANKS_STOP, "", 0);
    while (t->all->rank == 0 && t->waiting > 0) {
        receive_next(t, &from, &tag, &bytes);
        t->waiting -= tag == RANKS_BYE;
    }
    free(t->owners);
    free(t->message);
    free(t);
    e->team = NULL;
}

/* ---- other ranks ---- */

/* Takes the tasks apart, a point's slot behind the other's; returns how many they are. `knobs` has room for them. */
static size_t read_tasks(explorer *e, const char *message, size_t bytes, double *knobs) {
    size_t count = 0, points = 0;
    for (const char *at = message, *end = message + bytes; at < end; count++) {
        task_head head;
        at = message_get(at, &head, sizeof head);
        e->tasks[count] = (point_task){points, head.count, head.machine_index, head.case_index, 0};
        at = message_get(at, &knobs[points * e->s->knob_count], head.count * e->s->knob_count * sizeof *knobs);
        points += head.count;
    }
    return count;
}

static void send_points(explorer *e, size_t task_count, status result, const error *why) {
    rank_team *t = e->team;
    size_t bytes = sizeof result + sizeof *why;
    for (size_t i = 0; i < task_count; i++)
        bytes += e->tasks[i].count * EVALUATED_MESSAGE_MAX;
    char *begin = message_of(t, bytes), *at = message_put(begin, &result, sizeof result);
    if (result != STATUS_OK)
        at = message_put(at, why->text, strlen(why->text) + 1);
    for (size_t i = 0; i < task_count && result == STATUS_OK; i++)
        for (size_t k = 0; k < e->tasks[i].count; k++)
            at = evaluated_pack(explorer_slot(e, 0, e->tasks[i].first + k), at);
    t->all->send(0, RANKS_RESULT, begin, (size_t)(at - begin));
}

void explorer_serve(explorer *e) {
    rank_team *t = e->team;
    int64_t threads = e->threads;
    size_t hash_bytes = strlen(e->s->config_hash) + 1;
    char *hello = message_of(t, sizeof threads + hash_bytes);
    message_put(message_put(hello, &threads, sizeof threads), e->s->config_hash, hash_bytes);
    t->all->send(0, RANKS_HELLO, hello, sizeof threads + hash_bytes);
    for (;;) {
        int from, tag;
        size_t bytes;
        receive_next(t, &from, &tag, &bytes);
        if (tag != RANKS_WORK)
            break;
        arena memory = {0};
        double *knobs = ARENA_ARRAY(&memory, double, bytes / sizeof(double) + 1);
        size_t task_count = read_tasks(e, t->message, bytes, knobs);
        error why = {""};
        status result = explorer_compute(e, task_count, knobs, &why);
        send_points(e, task_count, result, &why);
        arena_free(&memory);
    }
    t->all->send(0, RANKS_BYE, "", 0);
}
