/* The lines of the fidelity table that stand on the project's own measurements: operator rows, runs of whole models,
 * variants of one GPU. */
#ifndef INGOT_FIDELITY_OWN_H
#define INGOT_FIDELITY_OWN_H

#include "core/base/arena.h"
#include "validate/sources.h"

/* What is shipped was measured on this machine. */
#define OWN_MACHINE "h100-sxm"
#define OWN_FOLDER INGOT_SOURCE_DIR "/validate/measured/" OWN_MACHINE

/* Files of a folder by the end of their names, sorted; at most so many. Text is owned by the arena. */
size_t fidelity_list_files(arena *a, const char *folder, const char *ending, const char **out, size_t most);

/* Each prints its lines of the table to stdout. STATUS_BAD_INPUT: a file of OWN_FOLDER is damaged, or a variant has no
 * reference beside it. */
status fidelity_own_rows(arena *a, const source_map *sources, error *err);
status fidelity_own_runs(arena *a, error *err);
status fidelity_own_variants(arena *a, const source_map *sources, error *err);

#endif
