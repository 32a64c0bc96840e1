/* The names that operator-row files use in their `op` column. */
#ifndef INGOT_ROW_NAMES_H
#define INGOT_ROW_NAMES_H

#include "core/op.h"

/* A name resolved: a kind of ops.def, possibly with a parameter that the name itself states. */
enum { ROW_FIXED_MAX = 2 };

typedef struct row_fixed {
    const char *param; /* NULL: none */
    double value;
} row_fixed;

typedef struct row_name {
    const char *name;
    op_kind kind;
    row_fixed fixed[ROW_FIXED_MAX]; /* parameters of the kind that the name fixes ("silu" is an activation) */
    int64_t inputs;                 /* elementwise: tensors read unless the row says otherwise, else 0 */
    const char *unsupported; /* why rows of this name cannot be predicted yet, or NULL; then `kind` means nothing */
} row_name;

/* STATUS_BAD_INPUT, without a position, for a name that is not known. */
status row_name_parse(const char *name, row_name *out, error *err);

#endif
