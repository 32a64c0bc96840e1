/* Processes that compute one sweep together, by messages. Rank 0 hands out work, writes the store and prints. */
#ifndef INGOT_RANKS_H
#define INGOT_RANKS_H

#include <stdbool.h>
#include <stddef.h>

/* What a message is. HELLO: how much a rank can do, and its sweep's hash. BYE: it sends nothing after this. */
enum { RANKS_HELLO, RANKS_WORK, RANKS_RESULT, RANKS_STOP, RANKS_BYE };

typedef struct ranks {
    int rank, count;
    /* A message arrives in order of its sender; `tag` is the sweep's own. */
    void (*send)(int to, int tag, const void *data, size_t bytes);
    /* Whether a message waits, or, with `wait`, until one does. */
    bool (*probe)(bool wait, int *from, int *tag, size_t *bytes);
    void (*receive)(int from, int tag, void *data, size_t bytes);
    void (*finish)(void); /* all ranks must; nothing after it */
} ranks;

/* Exported by libingot_mpi.so, which is loaded where mpirun started the process. */
typedef const ranks *ranks_start_function(void);
#define RANKS_START_NAME "ingot_ranks_start"

#endif
