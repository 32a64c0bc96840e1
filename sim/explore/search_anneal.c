/* Simulated annealing on GSL's gsl_siman: the energy is the objective in units of its spread over a first sample, with
 * a penalty for violations; steps shrink as the budget is spent. */
#include "sim/explore/search_private.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_siman.h>
#include <math.h>

/* The first sample's share of the budget, and its least size. */
static const double SAMPLE_FRAC = 0.1;
enum { SAMPLE_MIN = 8 };

/* Temperatures in units of the objective's spread: at the first most steps are taken, at the last hardly one that
 * costs a thousandth of it. */
static const double TEMPERATURE_FIRST = 0.3, TEMPERATURE_LAST = 1e-4;

/* What a violation of 1 (as much again as is allowed) costs, in the same units; a design without numbers costs as much
 * again on top of the worst. Constraints that bind are worth a few units a violation of 1. */
static const double PENALTY = 30;

/* Standard deviation of a step in an ordered dimension, as a share of its levels: at the start, with nothing spent. */
static const double STEP_FRAC = 0.3;
/* How often a step changes a second dimension too: constraints tie dimensions to each other. */
static const double SECOND_CHANCE = 0.5;

typedef struct annealing {
    search_archive *archive;
    double center, spread, worst; /* of the objective over the first sample */
    int64_t best;
    double best_energy;
    status failure;
    error *err;
} annealing;

/* What GSL copies about. */
typedef struct position {
    annealing *run;
    int64_t design;
} position;

static double energy_of(const annealing *run, const search_value *v) {
    double objective = (isnan(v->objectives[0]) ? run->worst : v->objectives[0]) - run->center;
    double violation = isfinite(v->violation) ? v->violation : 1;
    bool numbers = !isnan(v->objectives[0]);
    return objective / run->spread + PENALTY * (violation + (numbers ? 0 : 1));
}

/* A design that there is no budget for is no improvement. */
static double energy(void *x) {
    position *at = x;
    annealing *run = at->run;
    size_t answered = 0;
    if (run->failure == STATUS_OK)
        run->failure = search_ask(run->archive, &at->design, 1, &answered, run->err);
    if (run->failure != STATUS_OK || answered == 0)
        return HUGE_VAL;
    double value = energy_of(run, search_find(run->archive, at->design));
    if (value < run->best_energy) {
        run->best_energy = value;
        run->best = at->design;
    }
    return value;
}

static void step_dimension(const search_dimension *dimension, double width_frac, const gsl_rng *rng, int64_t *level) {
    int64_t last = dimension->levels - 1;
    if (!dimension->ordered) { /* any other */
        int64_t other = (int64_t)(gsl_rng_uniform(rng) * (double)last);
        *level = other + (other >= *level);
        return;
    }
    double width = fmax(width_frac * (double)dimension->levels, 0.5);
    double move = gsl_ran_gaussian(rng, width);
    int64_t by = (int64_t)(move < 0 ? floor(move) : ceil(move)); /* at least 1 */
    int64_t to = *level + by;
    if (to < 0 || to > last) /* bounce off */
        to = *level - by;
    *level = to < 0 ? 0 : to > last ? last : to;
}

static void take_step(const gsl_rng *rng, void *x, double step_frac) {
    position *at = x;
    const search_archive *archive = at->run->archive;
    const search_problem *p = archive->problem;
    double left = 1 - (double)archive->count / (double)archive->budget;
    int64_t levels[SEARCH_DIMENSIONS_MAX];
    search_levels(p, at->design, levels);
    bool again = true;
    while (again) {
        size_t d = (size_t)(gsl_rng_uniform(rng) * (double)p->dimension_count);
        if (p->dimensions[d].levels < 2)
            continue; /* a space of one design is never annealed */
        step_dimension(&p->dimensions[d], step_frac * left * left, rng, &levels[d]);
        again = gsl_rng_uniform(rng) < SECOND_CHANCE;
    }
    at->design = search_design(p, levels);
}

static double distance(void *a, void *b) {
    return ((position *)a)->design != ((position *)b)->design;
}

static status sample(annealing *run, gsl_rng *rng) {
    search_archive *archive = run->archive;
    search_sequence *sequence = search_sequence_new(archive->problem, rng);
    int64_t designs[SEARCH_BATCH_MAX];
    size_t count = (size_t)(SAMPLE_FRAC * (double)archive->budget), answered;
    count = count < SAMPLE_MIN ? SAMPLE_MIN : count > SEARCH_BATCH_MAX ? SEARCH_BATCH_MAX : count;
    for (size_t i = 0; i < count; i++)
        designs[i] = search_sequence_next(sequence);
    search_sequence_free(sequence);
    status result = search_ask(archive, designs, count, &answered, run->err);
    double sum = 0, squares = 0, known = 0;
    run->worst = -HUGE_VAL;
    for (size_t i = 0; i < answered && result == STATUS_OK; i++) {
        double objective = search_find(archive, designs[i])->objectives[0];
        if (!isfinite(objective))
            continue;
        known++;
        sum += objective;
        squares += objective * objective;
        run->worst = fmax(run->worst, objective);
    }
    run->center = known > 0 ? sum / known : 0;
    run->worst = known > 0 ? run->worst : 0;
    double variance = known > 0 ? squares / known - run->center * run->center : 0;
    run->spread = variance > 0 ? sqrt(variance) : 1;
    for (size_t i = 0; i < answered && result == STATUS_OK; i++)
        energy(&(position){run, designs[i]});
    return result;
}

/* Rounds of GSL's annealing from the best so far: designs that were asked for before are free, so that a round may
 * leave some of the budget. */
status search_anneal(search_archive *archive, gsl_rng *rng, error *err) {
    annealing run = {.archive = archive, .best_energy = HUGE_VAL, .err = err};
    run.failure = sample(&run, rng);
    while (run.failure == STATUS_OK && !search_done(archive)) {
        int64_t before = archive->count, left = archive->budget - archive->count;
        position start = {&run, run.best};
        gsl_siman_params_t parameters = {.iters_fixed_T = 1,
                                         .step_size = STEP_FRAC,
                                         .k = 1,
                                         .t_initial = TEMPERATURE_FIRST,
                                         .t_min = TEMPERATURE_LAST};
        parameters.mu_t = pow(TEMPERATURE_FIRST / TEMPERATURE_LAST, 1 / (double)left);
        gsl_siman_solve(rng, &start, energy, take_step, distance, NULL, NULL, NULL, NULL, sizeof start, parameters);
        if (archive->count == before && run.failure == STATUS_OK)
            energy(&(position){&run, search_random_design(archive->problem, rng)});
    }
    return run.failure;
}
