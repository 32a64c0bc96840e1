/* Where configuration files lie: a name stands for DIRECTORY/NAME.yaml, anything with a slash or ending in .yaml is a
 * path itself. */
#ifndef INGOT_CONFIG_FIND_H
#define INGOT_CONFIG_FIND_H

#include "core/base/arena.h"
#include "core/base/config.h"
#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

bool config_is_path(const char *name_or_path);

/* The path of a file that can be named either way. `kind` ("machine", "host profile") is for the message when a name
 * has no file, which tells the nearest name that has; a path is returned without a look. */
status config_find(arena *a, const char *directory, const char *kind, const char *name_or_path, const char **path,
                   error *err);

/* config_find, config_load and config_schema in one: the tree of a file that is named either way. */
status config_open(arena *a, const char *directory, const char *kind, const char *name_or_path, int schema_version,
                   const config_node **root, error *err);

/* The names in a directory, sorted. STATUS_ENVIRONMENT when it cannot be read. */
status config_list(arena *a, const char *directory, const char *const **names, size_t *count, error *err);

/* "h200-sxm" of "configs/machines/h200-sxm.yaml". */
const char *config_stem(arena *a, const char *path);

#ifdef __cplusplus
}
#endif
#endif
