/* What the search methods share. Private to sim/explore/search_*.c. */
#ifndef INGOT_SEARCH_PRIVATE_H
#define INGOT_SEARCH_PRIVATE_H

#include "sim/explore/search.h"

#include <gsl/gsl_rng.h>

/* Every design that was asked for, with its values: a hash table. */
typedef struct search_archive {
    const search_problem *problem;
    int64_t budget, count;
    int64_t *designs; /* -1: free */
    search_value *values;
    size_t capacity; /* a power of two */
} search_archive;

void search_archive_begin(search_archive *archive, const search_problem *p, int64_t budget);
void search_archive_free(search_archive *archive);

/* NULL when the design was not asked for yet. */
const search_value *search_find(const search_archive *archive, int64_t design);
bool search_done(const search_archive *archive); /* the budget is spent, or the space */

/* The next design that was not asked for, from `design` on; there must be one. */
int64_t search_fresh_from(const search_archive *archive, int64_t design);

/* Values of designs that may be known already or stand twice; as many new ones as the budget allows are asked for.
 * Returns how many, from the first on, have values now. */
status search_ask(search_archive *archive, const int64_t *designs, size_t count, size_t *answered, error *err);

/* A method's own generator. */
gsl_rng *search_rng(uint64_t seed, search_method method);
int64_t search_random_design(const search_problem *p, gsl_rng *rng);

/* `count` designs of Sobol's sequence, shifted, the sequence continued from call to call. */
typedef struct search_sequence search_sequence;
search_sequence *search_sequence_new(const search_problem *p, gsl_rng *rng);
int64_t search_sequence_next(search_sequence *s);
void search_sequence_free(search_sequence *s);

/* The methods. */
status search_anneal(search_archive *archive, gsl_rng *rng, error *err);
status search_evolve(search_archive *archive, gsl_rng *rng, error *err);

#endif
