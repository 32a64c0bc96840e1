/* A sweep's missing points in pieces, for threads and processes to compute. Private to sim/explore/sweep_*.c. */
#ifndef INGOT_SWEEP_CHUNKS_H
#define INGOT_SWEEP_CHUNKS_H

#include "sim/explore/evaluate.h"

/* Variants of one case, at most MACHINE_LANES neighbours. */
typedef struct point_block {
    int64_t first;
    int64_t count;
} point_block;

/* What is handed out and kept at a time: a millisecond's work, so that nobody waits long, and a few hundred kilobytes.
 */
enum { CHUNK_BLOCKS = 32, CHUNK_POINTS = CHUNK_BLOCKS * MACHINE_LANES };

typedef enum chunk_state { CHUNK_FREE, CHUNK_WAITING, CHUNK_TAKEN, CHUNK_DONE } chunk_state;

typedef struct chunk {
    chunk_state state;
    size_t block_count;
    point_block blocks[CHUNK_BLOCKS];
    status failure; /* of the evaluation */
    error reason;
    evaluated points[CHUNK_POINTS]; /* MACHINE_LANES a block */
} chunk;

/* Where the enumeration stands. */
typedef struct chunk_source {
    const sweep *s;
    sweep_knobs_function *knobs_at;
    const unsigned char *done; /* a bit a point (store_done); NULL: none is */
    int64_t at;                /* everything before is handed out or there */
} chunk_source;

bool chunk_is_done(const chunk_source *source, int64_t index);

/* Fills in the next blocks that hold a missing point; false where there are none. Blocks begin at multiples of
 * MACHINE_LANES within a case. */
bool chunk_next(chunk_source *source, chunk *out);

/* Computes all of its points. */
void chunk_compute(const chunk_source *source, evaluate_worker *worker, chunk *c);

/* Puts the points that are missing into the store, in order; adds to `computed`. */
status chunk_put(const chunk_source *source, const chunk *c, store *points, int64_t *computed, error *err);

/* Bytes into a message, and out of one; both return what follows them. */
char *message_put(char *at, const void *data, size_t bytes);
const char *message_get(const char *at, void *data, size_t bytes);

/* One point as part of a message: texts go along or are found again in the sweep. Both return what follows it. */
enum { EVALUATED_MESSAGE_MAX = sizeof(evaluated) };
char *evaluated_pack(const evaluated *e, char *at);
const char *evaluated_unpack(const sweep *s, size_t machine_index, size_t case_index, const char *at, evaluated *out);

/* As a message: what remains of a chunk without pointers. `pack` returns the bytes used, at most CHUNK_MESSAGE_MAX. */
enum { CHUNK_MESSAGE_MAX = sizeof(chunk) };
size_t chunk_pack(const chunk *c, void *message);
/* Texts point into the chunk and the sweep again. The blocks are those of the chunk already. */
void chunk_unpack(const sweep *s, const void *message, chunk *c);

#endif
