/* Graphs as JSON: what an engine predicted, operator by operator, with every choice made (docs/workloads.md). */
#ifndef INGOT_GRAPH_JSON_H
#define INGOT_GRAPH_JSON_H

#include "cli/setup.h"

enum { GRAPH_SCHEMA = 1 };

/* Writes the set-up graph, its alternatives resolved on the machine. STATUS_ENVIRONMENT when the file cannot be
 * written. */
status graph_save(arena *a, const setup *s, const char *path, error *err);

#endif
