/* Kernel times from CUPTI's activity records, in one clock with the host's. */
#ifndef INGOT_RECORDER_H
#define INGOT_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One kernel, copy or set on the GPU. */
typedef struct activity {
    uint64_t start_ns, end_ns;
} activity;

/* Loads CUPTI and starts to record; false when it is not there or refuses (`why` says). Once a process: CUPTI's
 * callbacks carry no context. */
bool recorder_start(const char **why);

/* Forgets what has been recorded so far, and what the GPU has finished. */
void recorder_clear(void);

/* Everything recorded since, in order of start; valid until the next call of the recorder. The GPU must be idle. */
const activity *recorder_take(size_t *count);

void recorder_stop(void);

/* The host's time in the records' clock. */
uint64_t recorder_now_ns(void);

#ifdef __cplusplus
}
#endif
#endif
