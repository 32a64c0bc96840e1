/* The catalogue of operators that the models need (facts: their checklists), and where each is. */
#ifndef INGOT_CATALOGUE_H
#define INGOT_CATALOGUE_H

#include "core/op.h"

typedef struct catalogue_entry {
    const char *id; /* "LM-8b" */
    op_kind kind;
    const char *text;
} catalogue_entry;

const catalogue_entry *catalogue(size_t *count);

#endif
