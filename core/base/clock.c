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

static date_text format_now(const char *format) {
    date_text date;
    time_t now = time(NULL);
    struct tm utc;
    strftime(date.text, sizeof date.text, format, gmtime_r(&now, &utc));
    return date;
}

date_text clock_date(void) {
    return format_now("%Y-%m-%d");
}

date_text clock_moment(void) {
    return format_now("%Y-%m-%dT%H:%M:%SZ");
}
