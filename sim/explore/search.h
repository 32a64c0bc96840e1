/* Searches over a space of designs that is too large to enumerate: a product of dimensions with finitely many levels.
 *
 * A design is its index, the mixed radix number of its levels with the last dimension varying fastest. A search asks
 * the caller for values by the batch, never twice for the same design, and depends on the problem, the method, the
 * budget and the seed alone: never on threads. All objectives are minimised. */
#ifndef INGOT_SEARCH_H
#define INGOT_SEARCH_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEARCH_DIMENSIONS_MAX = 24,
    SEARCH_OBJECTIVES_MAX = 4,
    SEARCH_BATCH_MAX = 2048, /* designs that are asked for at once */
};

/* Indices stay exact as doubles too. */
static const double SEARCH_DESIGNS_MAX = 9007199254740992.0;

typedef enum search_method {
    SEARCH_GRID,   /* every design, in order */
    SEARCH_RANDOM, /* uniformly, none twice */
    SEARCH_SOBOL,  /* Sobol's sequence (GSL), shifted at random: even in every projection */
    SEARCH_ANNEAL, /* simulated annealing (GSL); one objective */
    SEARCH_EVOLVE, /* NSGA-II: nondominated sorting, crowding, constraint domination */
    SEARCH_METHOD_COUNT
} search_method;

const char *search_method_name(search_method method); /* "grid", "random", "sobol", "anneal", "evolve" */
/* STATUS_BAD_INPUT names the nearest. */
status search_method_parse(const char *name, search_method *out, error *err);

typedef struct search_dimension {
    int64_t levels; /* at least 1 */
    bool ordered;   /* whether neighbouring levels are alike: a number is, a name is not */
} search_dimension;

typedef struct search_value {
    double objectives[SEARCH_OBJECTIVES_MAX]; /* NaN where a design has none; it then has a violation too */
    double violation;                         /* 0: feasible; else how far from it, INFINITY where that is not known */
} search_value;

typedef struct search_problem {
    search_dimension dimensions[SEARCH_DIMENSIONS_MAX];
    size_t dimension_count;
    size_t objective_count;
    /* Fills `values` of `count` different designs, at most SEARCH_BATCH_MAX. */
    status (*evaluate)(void *context, const int64_t *designs, size_t count, search_value *values, error *err);
    void *context;
} search_problem;

double search_size(const search_problem *p); /* designs in all */
void search_levels(const search_problem *p, int64_t design, int64_t *levels);
int64_t search_design(const search_problem *p, const int64_t *levels);

typedef struct search_options {
    search_method method;
    int64_t evaluations; /* designs to ask for; a grid asks for all, and a smaller space than this ends sooner */
    uint64_t seed;
} search_options;

/* `evaluated` receives how many designs were asked for. The space must have at most SEARCH_DESIGNS_MAX (asserted).
 * STATUS_BAD_INPUT where the method cannot take the problem. */
status search_run(const search_problem *p, const search_options *options, int64_t *evaluated, error *err);

#endif
