/* Machines from YAML: configs/machines/NAME.yaml, or any path.
 *
 * Keys are those of core/machine.def in their groups, and `schema` (1), `name`, `description`, `vendor`,
 * `process_node`, `memory_kind`, `generation`, `calibration` and `base`. A file with `base:` is a variant: it states
 * only what differs. Its name is the file's when it gives none. `base` and `calibration` are names, or paths relative
 * to the file. */
#ifndef INGOT_MACHINE_LOAD_H
#define INGOT_MACHINE_LOAD_H

#include "core/base/arena.h"
#include "core/machine.h"

enum { MACHINE_SCHEMA = 1, MACHINE_BASES_MAX = 8 };

/* Where the numbers of a machine come from; arrays as long as machine_keys, owned by the arena. */
typedef struct machine_notes {
    const char *path;     /* the file that was named */
    const char *base;     /* as its `base:` says; NULL where it stands alone */
    bool *present;        /* whether any file of the chain states the key; else it is 0 */
    bool *overridden;     /* whether the named file states the key over its base */
    const char **sources; /* the source note beside the value in force; NULL where none was given */
    const char **files;   /* the file that states the value in force */
} machine_notes;

/* Loads and checks a machine. Every text lives in the arena; `notes` may be NULL. An unknown name, an unreadable file
 * and anything wrong in it are STATUS_BAD_INPUT; in files, with file:line:column. */
status machine_load(arena *a, const char *config_dir, const char *name_or_path, machine *out, machine_notes *notes,
                    error *err);

/* Sets one number from "sm.count=120". The value must be in the key's range; whether the machine still agrees with
 * itself is for machine_check, after the last override. */
status machine_override(machine *m, const char *assignment, error *err);

/* The names of the shipped machines, sorted. */
status machine_list(arena *a, const char *config_dir, const char *const **names, size_t *count, error *err);

#endif
