/* libingot_mpi.so: sweeps' messages over MPI. Loaded only where mpirun started the process, so that nothing else waits
 * for MPI to start or needs it installed. */
#include "sim/explore/ranks.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

/* Any error ends all ranks (MPI_ERRORS_ARE_FATAL), and so does a message longer than MPI counts. */

/* Messages on their way: a sender goes on computing while the receiver is busy. There are as many as a rank has chunks,
 * a few for each thread. */
typedef struct outgoing {
    struct outgoing *next;
    MPI_Request request;
    unsigned char data[];
} outgoing;

static outgoing *sent; /* the process's, as MPI itself is */

static void drop_arrived(int wait) {
    for (outgoing **at = &sent; *at;) {
        outgoing *message = *at;
        int done = 1;
        if (wait)
            /* Begun in send_message. NOLINTNEXTLINE(clang-analyzer-optin.mpi*) */
            MPI_Wait(&message->request, MPI_STATUS_IGNORE);
        else
            MPI_Test(&message->request, &done, MPI_STATUS_IGNORE);
        if (!done) {
            at = &message->next;
            continue;
        }
        *at = message->next;
        free(message);
    }
}

static void send_message(int to, int tag, const void *data, size_t bytes) {
    drop_arrived(0);
    outgoing *message = bytes > INT_MAX ? NULL : malloc(sizeof *message + bytes);
    if (!message) {
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
        return;
    }
    memcpy(message->data, data, bytes);
    MPI_Isend(message->data, (int)bytes, MPI_BYTE, to, tag, MPI_COMM_WORLD, &message->request);
    message->next = sent;
    sent = message;
}

static bool probe(bool wait, int *from, int *tag, size_t *bytes) {
    MPI_Status status;
    int there = 1, count;
    if (wait)
        MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    else
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
    if (!there)
        return false;
    MPI_Get_count(&status, MPI_BYTE, &count);
    *from = status.MPI_SOURCE, *tag = status.MPI_TAG, *bytes = (size_t)count;
    return true;
}

static void receive(int from, int tag, void *data, size_t bytes) {
    MPI_Recv(data, (int)bytes, MPI_BYTE, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void finish(void) {
    drop_arrived(1);
    MPI_Finalize();
}

__attribute__((visibility("default"))) const ranks *ingot_ranks_start(void) {
    static ranks all = {.send = send_message, .probe = probe, .receive = receive, .finish = finish};
    int provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &all.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &all.count);
    return &all;
}
