/* Formulas in sweep files: arithmetic over named numbers, compiled once and evaluated for every design.
 *
 *     sum      = product {("+" | "-") product}
 *     product  = factor {("*" | "/") factor}
 *     factor   = "-" factor | atom ["^" factor]
 *     atom     = number | name | function "(" sum {"," sum} ")" | "base" "(" name ")" | "(" sum ")"
 *     relation = sum ("<=" | ">=") sum
 *
 * Functions: min, max (two or more arguments), sqrt, exp, log, round, floor, ceil. `base(name)` is the base machine's
 * number, before the sweep changed it. Names are looked up by the caller. */
#ifndef INGOT_FORMULA_H
#define INGOT_FORMULA_H

#include "core/base/config.h"

#include <stdint.h>

enum {
    FORMULA_DEPTH_MAX = 32,   /* of the evaluation stack, and of brackets */
    FORMULA_TEXT_MAX = 1000,  /* characters */
    FORMULA_TABLES_MAX = 4,   /* structures of numbers that names point into */
    FORMULA_STEPS_MAX = 1000, /* no text of FORMULA_TEXT_MAX needs more */
};

/* A double at `offset` of one of the structures that formula_value is given. */
typedef struct formula_variable {
    unsigned table;
    size_t offset;
} formula_variable;

/* What names mean. `find` returns false for an unknown one; `base` says whether it stood in base(). `list` gives known
 * names for "did you mean". */
typedef struct formula_scope {
    bool (*find)(const void *context, const char *name, bool base, formula_variable *out);
    const void *context;
    const char *const *names;
    size_t name_count;
} formula_scope;

typedef struct formula_step formula_step;

typedef struct formula {
    const formula_step *steps; /* postfix */
    size_t count;
} formula;

typedef struct formula_relation {
    formula left, right;
    bool at_least; /* left >= right; else left <= right */
    const char *text;
} formula_relation;

/* Compiles a scalar's text; everything is owned by the arena. Errors stand at the character that is wrong (a scalar
 * that spans lines: at its beginning). */
status formula_parse(arena *a, const config_node *node, const formula_scope *scope, formula *out, error *err);
status formula_parse_relation(arena *a, const config_node *node, const formula_scope *scope, formula_relation *out,
                              error *err);

/* `tables` are the structures that the scope's variables point into. Division by zero and the like give infinities and
 * NaN, as C does. */
double formula_value(const formula *f, const void *const *tables);

/* Whether the formula reads a variable. */
bool formula_reads(const formula *f, formula_variable variable);

/* Continues a hash over what the formula computes. */
uint64_t formula_hash(const formula *f, uint64_t state);

#endif
