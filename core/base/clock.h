/* The time that durations are differences of. */
#ifndef INGOT_CLOCK_H
#define INGOT_CLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds since some moment in the past, which no change of the date moves. */
double clock_now_s(void);

/* Seconds of CPU time that this process has used, its threads added up. */
double clock_cpu_s(void);

#ifdef __cplusplus
}
#endif
#endif
