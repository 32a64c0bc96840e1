/* Several processes for one command, and ending early in an orderly way. */
#ifndef INGOT_PROCESSES_H
#define INGOT_PROCESSES_H

#include "core/base/error.h"
#include "sim/explore/ranks.h"

#include <signal.h>

/* The ranks that mpirun (or another PMI launcher) started this process among; NULL: it is alone. STATUS_ENVIRONMENT
 * where ingot was built without MPI. */
status processes_start(const ranks **out, error *err);

/* Becomes 1 when the user asks to end (Ctrl-C, or SIGTERM); a second Ctrl-C ends at once. */
const volatile sig_atomic_t *stop_requests(void);

/* Ends the process as the signal that asked for it would have; returns where none did. */
void end_as_asked(void);

#endif
