#include "core/base/clock.h"

#include "core/base/si.h"

#include <time.h>

static double read_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * S_PER_NS;
}

double clock_now_s(void) {
    return read_s(CLOCK_MONOTONIC);
}

double clock_cpu_s(void) {
    return read_s(CLOCK_PROCESS_CPUTIME_ID);
}
