/* What executors cannot run yet: such graphs are predicted only. */
#ifndef INGOT_PREDICTED_ONLY_H
#define INGOT_PREDICTED_ONLY_H

#include "workloads/workload.h"

/* Why executors cannot run a workload under levers as workload_levers gives them, in a phrase; NULL when they can. */
const char *predicted_only(arena *a, const workload *w, const levers *l);

#endif
