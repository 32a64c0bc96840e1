/* NSGA-II on levels: tournaments by rank and crowding, simulated binary crossover and polynomial mutation rounded to
 * levels (K. Deb, R. B. Agrawal, "Simulated binary crossover for continuous search space", Complex Systems 9, 1995),
 * uniform exchange where levels have no order. With one objective, a part of each generation are neighbours of the best
 * designs, so that the end of a search is found to the level. */
#include "sim/explore/nondominated.h"
#include "sim/explore/search_private.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    POPULATION_ONE = 40, /* with one objective: many generations */
    POPULATION_SEVERAL = 96,
    POPULATION_MAX = POPULATION_SEVERAL,
    GENERATIONS_MIN = 10, /* a small budget has a smaller population */
    POPULATION_MIN = 8,
    FRESH_TRIES = 10, /* mutations of a child that was asked for before, until it is replaced by a random design */
};

/* Distribution indices: how near children stay to their parents (Deb's usual choices). */
static const double CROSSOVER_INDEX = 15, MUTATION_INDEX = 20;
static const double CROSSOVER_CHANCE = 0.9;
/* With one objective: the share of children that are neighbours of a leading design. */
static const double NEIGHBOUR_FRAC = 0.4;

typedef struct evolution {
    search_archive *archive;
    gsl_rng *rng;
    size_t size, count;                  /* of the population; members */
    int64_t designs[2 * POPULATION_MAX]; /* members, then children */
    search_value values[2 * POPULATION_MAX];
    size_t rank[2 * POPULATION_MAX];
    double crowding[2 * POPULATION_MAX];
} evolution;

static size_t random_below(gsl_rng *rng, size_t count) {
    return (size_t)(gsl_rng_uniform(rng) * (double)count);
}

static bool better(const evolution *e, size_t a, size_t b) {
    if (e->rank[a] != e->rank[b])
        return e->rank[a] < e->rank[b];
    return e->crowding[a] > e->crowding[b];
}

static size_t tournament(const evolution *e) {
    size_t a = random_below(e->rng, e->count), b = random_below(e->rng, e->count);
    return better(e, b, a) ? b : a;
}

static int64_t clamp_level(double level, int64_t levels) {
    double whole = round(level);
    return whole < 0 ? 0 : whole > (double)(levels - 1) ? levels - 1 : (int64_t)whole;
}

/* One child of two parents. */
static void cross(const evolution *e, const int64_t *a, const int64_t *b, int64_t *child) {
    const search_problem *p = e->archive->problem;
    for (size_t d = 0; d < p->dimension_count; d++) {
        bool first = gsl_rng_uniform(e->rng) < 0.5;
        double u = gsl_rng_uniform(e->rng);
        child[d] = first ? a[d] : b[d];
        if (!p->dimensions[d].ordered || a[d] == b[d] || gsl_rng_uniform(e->rng) < 0.5)
            continue;
        double spread = pow(u <= 0.5 ? 2 * u : 1 / (2 * (1 - u)), 1 / (CROSSOVER_INDEX + 1));
        double middle = 0.5 * (double)(a[d] + b[d]), half = 0.5 * spread * (double)(a[d] - b[d]);
        child[d] = clamp_level(middle + (first ? half : -half), p->dimensions[d].levels);
    }
}

/* Moves a level by a polynomially distributed part of the range, but always by one at least. */
static void mutate_level(const search_dimension *dimension, gsl_rng *rng, int64_t *level) {
    int64_t last = dimension->levels - 1;
    double u = gsl_rng_uniform(rng);
    if (!dimension->ordered) {
        int64_t other = (int64_t)(u * (double)last);
        *level = other + (other >= *level);
        return;
    }
    double power = 1 / (MUTATION_INDEX + 1), part = u < 0.5 ? pow(2 * u, power) - 1 : 1 - pow(2 * (1 - u), power);
    double move = part * (double)dimension->levels;
    int64_t by = (int64_t)(move < 0 ? floor(move) : ceil(move));
    if (*level + by < 0 || *level + by > last)
        by = -by;
    *level = clamp_level((double)(*level + by), dimension->levels);
}

/* Every dimension with one chance in their number; one of them at any rate. */
static void mutate(const evolution *e, int64_t *levels, bool always) {
    const search_problem *p = e->archive->problem;
    size_t at_any_rate = always ? random_below(e->rng, p->dimension_count) : p->dimension_count;
    for (size_t d = 0; d < p->dimension_count; d++)
        if (p->dimensions[d].levels > 1 &&
            (d == at_any_rate || gsl_rng_uniform(e->rng) * (double)p->dimension_count < 1))
            mutate_level(&p->dimensions[d], e->rng, &levels[d]);
}

/* One or two levels away in one dimension, or in two at once: along a constraint one must give what the other takes. */
static void neighbour(const evolution *e, int64_t *levels) {
    const search_problem *p = e->archive->problem;
    enum { REACH = 3 };
    size_t moves = 1 + random_below(e->rng, 2);
    for (size_t i = 0; i < moves; i++) {
        size_t d = random_below(e->rng, p->dimension_count);
        const search_dimension *dimension = &p->dimensions[d];
        if (dimension->levels < 2)
            continue;
        int64_t by = 1 + (int64_t)random_below(e->rng, REACH);
        if (!dimension->ordered)
            mutate_level(dimension, e->rng, &levels[d]);
        else
            levels[d] =
                clamp_level((double)(levels[d] + (gsl_rng_uniform(e->rng) < 0.5 ? by : -by)), dimension->levels);
    }
}

/* A design that was not asked for yet. */
static int64_t make_child(const evolution *e, const int64_t *siblings, size_t sibling_count) {
    const search_problem *p = e->archive->problem;
    int64_t a[SEARCH_DIMENSIONS_MAX], b[SEARCH_DIMENSIONS_MAX], child[SEARCH_DIMENSIONS_MAX];
    bool near = p->objective_count == 1 && gsl_rng_uniform(e->rng) < NEIGHBOUR_FRAC;
    enum { LEADERS = 4 };
    if (near) {
        search_levels(p, e->designs[random_below(e->rng, e->count < LEADERS ? e->count : LEADERS)], child);
        neighbour(e, child);
    } else {
        search_levels(p, e->designs[tournament(e)], a);
        search_levels(p, e->designs[tournament(e)], b);
        memcpy(child, a, sizeof child);
        if (gsl_rng_uniform(e->rng) < CROSSOVER_CHANCE)
            cross(e, a, b, child);
        mutate(e, child, false);
    }
    for (int i = 0; i < FRESH_TRIES; i++) {
        int64_t design = search_design(p, child);
        bool known = search_find(e->archive, design) != NULL;
        for (size_t s = 0; s < sibling_count && !known; s++)
            known = siblings[s] == design;
        if (!known)
            return design;
        mutate(e, child, true);
    }
    return search_fresh_from(e->archive, search_random_design(p, e->rng));
}

static status ask(evolution *e, size_t first, size_t count, size_t *answered, error *err) {
    status result = search_ask(e->archive, &e->designs[first], count, answered, err);
    for (size_t i = 0; i < *answered && result == STATUS_OK; i++)
        e->values[first + i] = *search_find(e->archive, e->designs[first + i]);
    return result;
}

static void rank_all(evolution *e, size_t count) {
    size_t objectives = e->archive->problem->objective_count;
    nondominated_sort(e->values, count, objectives, e->rank);
    nondominated_crowding(e->values, e->rank, count, objectives, e->crowding);
}

/* Brings the best `size` of `count` to the front, best first: a selection sort, as the numbers are small. */
static void select_best(evolution *e, size_t count) {
    rank_all(e, count);
    e->count = count < e->size ? count : e->size;
    for (size_t i = 0; i < e->count; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < count; j++)
            if (better(e, j, best))
                best = j;
#define SWAP(array)                                                                                                    \
    do {                                                                                                               \
        __typeof__(array[0]) swapped = array[i];                                                                       \
        array[i] = array[best];                                                                                        \
        array[best] = swapped;                                                                                         \
    } while (0)
        SWAP(e->designs);
        SWAP(e->values);
        SWAP(e->rank);
        SWAP(e->crowding);
#undef SWAP
    }
}

static status first_generation(evolution *e, error *err) {
    search_sequence *sequence = search_sequence_new(e->archive->problem, e->rng);
    for (size_t i = 0; i < e->size; i++)
        e->designs[i] = search_sequence_next(sequence);
    search_sequence_free(sequence);
    size_t answered;
    status result = ask(e, 0, e->size, &answered, err);
    if (result == STATUS_OK)
        select_best(e, answered);
    return result;
}

status search_evolve(search_archive *archive, gsl_rng *rng, error *err) {
    evolution *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->archive = archive;
    e->rng = rng;
    size_t usual = archive->problem->objective_count == 1 ? POPULATION_ONE : POPULATION_SEVERAL;
    size_t affordable = (size_t)archive->budget / GENERATIONS_MIN;
    e->size = affordable < POPULATION_MIN ? POPULATION_MIN : affordable < usual ? affordable : usual;
    status result = first_generation(e, err);
    while (result == STATUS_OK && !search_done(archive)) {
        size_t answered;
        for (size_t i = 0; i < e->size; i++)
            e->designs[e->count + i] = make_child(e, &e->designs[e->count], i);
        result = ask(e, e->count, e->size, &answered, err);
        if (result == STATUS_OK)
            select_best(e, e->count + answered);
    }
    free(e);
    return result;
}
