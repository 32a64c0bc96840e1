/* libingot_mpi.so: sweeps' messages over MPI. Loaded only where mpirun started the process, so that nothing else waits
 * for MPI to start or needs it installed. */
#include "sim/explore/ranks.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>

/* Any error ends all ranks (MPI_ERRORS_ARE_FATAL), and so does a message longer than MPI counts. */

static void send_message(int to, int tag, const void *data, size_t bytes) {
    if (bytes > INT_MAX)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Send(data, (int)bytes, MPI_BYTE, to, tag, MPI_COMM_WORLD);
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
