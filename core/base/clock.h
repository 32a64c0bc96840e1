/* The clock that durations are differences of, and the date. */
#ifndef INGOT_CLOCK_H
#define INGOT_CLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds since some moment in the past, which no change of the date moves. */
double clock_now_s(void);

/* Seconds of CPU time that this process has used, its threads added up. */
double clock_cpu_s(void);

typedef struct date_text {
    char text[32];
} date_text;

/* Now, in UTC: "2026-01-31", and "2026-01-31T23:59:59Z". */
date_text clock_date(void);
date_text clock_moment(void);

#ifdef __cplusplus
}
#endif
#endif
