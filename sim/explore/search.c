#include "sim/explore/search_private.h"

#include "core/base/config.h"
#include "core/base/hash.h"
#include "core/base/random.h"

#include <assert.h>
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_names[SEARCH_METHOD_COUNT] = {
    [SEARCH_GRID] = "grid",     [SEARCH_RANDOM] = "random", [SEARCH_SOBOL] = "sobol",
    [SEARCH_ANNEAL] = "anneal", [SEARCH_EVOLVE] = "evolve",
};

const char *search_method_name(search_method method) {
    assert(method < SEARCH_METHOD_COUNT);
    return method_names[method];
}

status search_method_parse(const char *name, search_method *out, error *err) {
    for (int m = 0; m < SEARCH_METHOD_COUNT; m++) {
        if (strcmp(name, method_names[m]) == 0) {
            *out = (search_method)m;
            return STATUS_OK;
        }
    }
    const char *nearest = config_nearest(name, method_names, SEARCH_METHOD_COUNT);
    return error_set(err, STATUS_BAD_INPUT, "unknown search method '%.40s'%s%s", name,
                     nearest ? "; did you mean " : ": grid, random, sobol, anneal or evolve", nearest ? nearest : "");
}

/* ---- the space ---- */

double search_size(const search_problem *p) {
    double size = 1;
    for (size_t d = 0; d < p->dimension_count; d++)
        size *= (double)p->dimensions[d].levels;
    return size;
}

void search_levels(const search_problem *p, int64_t design, int64_t *levels) {
    for (size_t d = p->dimension_count; d-- > 0;) {
        levels[d] = design % p->dimensions[d].levels;
        design /= p->dimensions[d].levels;
    }
}

int64_t search_design(const search_problem *p, const int64_t *levels) {
    int64_t design = 0;
    for (size_t d = 0; d < p->dimension_count; d++)
        design = design * p->dimensions[d].levels + levels[d];
    return design;
}

/* ---- the archive ---- */

static void *checked(void *memory) {
    if (!memory)
        abort();
    return memory;
}

static void allocate(search_archive *archive, size_t capacity) {
    archive->capacity = capacity;
    archive->designs = checked(malloc(capacity * sizeof *archive->designs));
    archive->values = checked(malloc(capacity * sizeof *archive->values));
    for (size_t i = 0; i < capacity; i++)
        archive->designs[i] = -1;
}

void search_archive_begin(search_archive *archive, const search_problem *p, int64_t budget) {
    enum { FIRST_CAPACITY = 1024 };
    double size = search_size(p);
    *archive = (search_archive){.problem = p, .budget = (double)budget < size ? budget : (int64_t)size};
    allocate(archive, FIRST_CAPACITY);
}

void search_archive_free(search_archive *archive) {
    free(archive->designs);
    free(archive->values);
}

static size_t slot_of(const search_archive *archive, int64_t design) {
    size_t slot = hash_mix64((uint64_t)design) & (archive->capacity - 1);
    while (archive->designs[slot] >= 0 && archive->designs[slot] != design)
        slot = (slot + 1) & (archive->capacity - 1);
    return slot;
}

const search_value *search_find(const search_archive *archive, int64_t design) {
    size_t slot = slot_of(archive, design);
    return archive->designs[slot] == design ? &archive->values[slot] : NULL;
}

static void keep(search_archive *archive, int64_t design, const search_value *value) {
    if (2 * (size_t)(archive->count + 1) > archive->capacity) {
        search_archive old = *archive;
        allocate(archive, 2 * old.capacity);
        for (size_t i = 0; i < old.capacity; i++) {
            if (old.designs[i] < 0)
                continue;
            size_t slot = slot_of(archive, old.designs[i]);
            archive->designs[slot] = old.designs[i];
            archive->values[slot] = old.values[i];
        }
        search_archive_free(&old);
    }
    size_t slot = slot_of(archive, design);
    archive->designs[slot] = design;
    archive->values[slot] = *value;
    archive->count++;
}

bool search_done(const search_archive *archive) {
    return archive->count >= archive->budget;
}

/* One call of the problem: fresh designs, at most a batch. */
static status ask_batch(search_archive *archive, const int64_t *fresh, size_t count, error *err) {
    search_value values[SEARCH_BATCH_MAX];
    const search_problem *p = archive->problem;
    status result = count > 0 ? p->evaluate(p->context, fresh, count, values, err) : STATUS_OK;
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        keep(archive, fresh[i], &values[i]);
    return result;
}

static bool among(const int64_t *designs, size_t count, int64_t design) {
    for (size_t i = 0; i < count; i++)
        if (designs[i] == design)
            return true;
    return false;
}

status search_ask(search_archive *archive, const int64_t *designs, size_t count, size_t *answered, error *err) {
    int64_t fresh[SEARCH_BATCH_MAX];
    size_t fresh_count = 0;
    status result = STATUS_OK;
    for (*answered = 0; *answered < count && result == STATUS_OK; (*answered)++) {
        int64_t design = designs[*answered];
        if (search_find(archive, design) || among(fresh, fresh_count, design))
            continue;
        if (archive->count + (int64_t)fresh_count == archive->budget)
            break;
        fresh[fresh_count++] = design;
        if (fresh_count == SEARCH_BATCH_MAX) {
            result = ask_batch(archive, fresh, fresh_count, err);
            fresh_count = 0;
        }
    }
    return result == STATUS_OK ? ask_batch(archive, fresh, fresh_count, err) : result;
}

int64_t search_fresh_from(const search_archive *archive, int64_t design) {
    int64_t size = (int64_t)search_size(archive->problem);
    while (search_find(archive, design))
        design = design + 1 < size ? design + 1 : 0;
    return design;
}

/* ---- random numbers ---- */

gsl_rng *search_rng(uint64_t seed, search_method method) {
    gsl_rng *rng = checked(gsl_rng_alloc(gsl_rng_mt19937));
    gsl_rng_set(rng, (unsigned long)(random_bits(seed, (uint64_t)method, 0) & 0xffffffffu)); /* it takes 32 bits */
    return rng;
}

int64_t search_random_design(const search_problem *p, gsl_rng *rng) {
    int64_t levels[SEARCH_DIMENSIONS_MAX];
    for (size_t d = 0; d < p->dimension_count; d++)
        levels[d] = (int64_t)(gsl_rng_uniform(rng) * (double)p->dimensions[d].levels);
    return search_design(p, levels);
}

struct search_sequence {
    const search_problem *problem;
    gsl_qrng *sequence;
    double shift[SEARCH_DIMENSIONS_MAX];
};

search_sequence *search_sequence_new(const search_problem *p, gsl_rng *rng) {
    search_sequence *s = checked(calloc(1, sizeof *s));
    s->problem = p;
    s->sequence = checked(gsl_qrng_alloc(gsl_qrng_sobol, (unsigned)(p->dimension_count ? p->dimension_count : 1)));
    for (size_t d = 0; d < p->dimension_count; d++)
        s->shift[d] = gsl_rng_uniform(rng);
    return s;
}

int64_t search_sequence_next(search_sequence *s) {
    double point[SEARCH_DIMENSIONS_MAX];
    int64_t levels[SEARCH_DIMENSIONS_MAX];
    gsl_qrng_get(s->sequence, point);
    for (size_t d = 0; d < s->problem->dimension_count; d++) {
        double shifted = point[d] + s->shift[d];
        shifted -= floor(shifted);
        int64_t last = s->problem->dimensions[d].levels - 1, level = (int64_t)(shifted * ((double)last + 1));
        levels[d] = level < last ? level : last;
    }
    return search_design(s->problem, levels);
}

void search_sequence_free(search_sequence *s) {
    if (s)
        gsl_qrng_free(s->sequence);
    free(s);
}

/* ---- the methods that do not learn ---- */

/* Nothing is kept: a grid may be far larger than memory. */
static status run_grid(const search_problem *p, int64_t *evaluated, error *err) {
    int64_t designs[SEARCH_BATCH_MAX], size = (int64_t)search_size(p);
    search_value values[SEARCH_BATCH_MAX];
    status result = STATUS_OK;
    for (*evaluated = 0; *evaluated < size && result == STATUS_OK;) {
        size_t count = 0;
        while (count < SEARCH_BATCH_MAX && *evaluated < size)
            designs[count++] = (*evaluated)++;
        result = p->evaluate(p->context, designs, count, values, err);
    }
    return result;
}

static status run_points(search_archive *archive, gsl_rng *rng, bool sobol, error *err) {
    search_sequence *sequence = sobol ? search_sequence_new(archive->problem, rng) : NULL;
    status result = STATUS_OK;
    while (!search_done(archive) && result == STATUS_OK) {
        int64_t designs[SEARCH_BATCH_MAX];
        int64_t before = archive->count;
        size_t answered;
        for (size_t i = 0; i < SEARCH_BATCH_MAX; i++)
            designs[i] = sobol ? search_sequence_next(sequence) : search_random_design(archive->problem, rng);
        result = search_ask(archive, designs, SEARCH_BATCH_MAX, &answered, err);
        if (result == STATUS_OK && archive->count == before) { /* the space is nearly exhausted */
            designs[0] = search_fresh_from(archive, designs[0]);
            result = search_ask(archive, designs, 1, &answered, err);
        }
    }
    search_sequence_free(sequence);
    return result;
}

status search_run(const search_problem *p, const search_options *options, int64_t *evaluated, error *err) {
    assert(p->dimension_count <= SEARCH_DIMENSIONS_MAX && p->objective_count >= 1 &&
           p->objective_count <= SEARCH_OBJECTIVES_MAX && search_size(p) <= SEARCH_DESIGNS_MAX);
    *evaluated = 0;
    if (options->method == SEARCH_ANNEAL && p->objective_count > 1)
        return error_set(err, STATUS_BAD_INPUT, "annealing follows one objective, not %zu", p->objective_count);
    if (options->method == SEARCH_GRID || (double)options->evaluations >= search_size(p))
        return run_grid(p, evaluated, err);
    search_archive archive;
    search_archive_begin(&archive, p, options->evaluations);
    gsl_rng *rng = search_rng(options->seed, options->method);
    status result;
    if (options->method == SEARCH_ANNEAL)
        result = search_anneal(&archive, rng, err);
    else if (options->method == SEARCH_EVOLVE)
        result = search_evolve(&archive, rng, err);
    else
        result = run_points(&archive, rng, options->method == SEARCH_SOBOL, err);
    *evaluated = archive.count;
    gsl_rng_free(rng);
    search_archive_free(&archive);
    return result;
}
