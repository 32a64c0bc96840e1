#include "cli/processes.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set by a signal handler, which has no other way. */
static volatile sig_atomic_t stop_asked, stop_signal;

static void ask_to_stop(int number) {
    stop_asked = 1;
    stop_signal = number;
}

const volatile sig_atomic_t *stop_requests(void) {
    /* Once: the second Ctrl-C finds the default again. Interrupted system calls go on. */
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_asked;
}

void end_as_asked(void) {
    if (!stop_asked)
        return;
    signal(stop_signal, SIG_DFL);
    raise(stop_signal);
}

static bool launched_with_others(void) {
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (!size)
        size = getenv("PMI_SIZE");
    return size && strtol(size, NULL, 10) > 1;
}

status processes_start(const ranks **out, error *err) {
    static const char library_name[] = "libingot_mpi.so";
    enum { PATH_BYTES = 4096 };
    *out = NULL;
    if (!launched_with_others())
        return STATUS_OK;
    char path[PATH_BYTES] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof library_name);
    char *slash = length > 0 ? strrchr(path, '/') : NULL;
    if (slash)
        strcpy(slash + 1, library_name); /* beside the program */
    /* Global: Open MPI's own plugins look for its symbols. */
    void *library = slash ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (!library)
        return error_set(err, STATUS_ENVIRONMENT,
                         "several processes were started, but %s is not beside the program or does not load: install "
                         "libopenmpi-dev and build again",
                         library_name);
    ranks_start_function *start = NULL;
    *(void **)&start = dlsym(library, RANKS_START_NAME);
    if (!start)
        return error_set(err, STATUS_ENVIRONMENT, "%s is of another version of ingot: build it again", path);
    *out = start();
    return STATUS_OK;
}
