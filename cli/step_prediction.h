/* Measured steps of whole models, predicted: the same model, levers, batch and lengths through the engine. */
#ifndef INGOT_STEP_PREDICTION_H
#define INGOT_STEP_PREDICTION_H

#include "core/scores.h"
#include "validate/steps.h"

typedef struct step_prediction {
    const measured_step *measured;
    const char *name; /* "codellama-7b sdpa decode, batch 8, prompt 1024" */
    const char *levers;
    double busy_s, wall_s, kernels;
    double wall_low_s, wall_high_s; /* over the host profile's range of call costs */
    double implied_call_s;          /* host cost a framework call that makes the wall what was measured; NaN where the
                                       host is not what the step waits for (captured graphs) */
    double host_calls;              /* framework calls of the step */
} step_prediction;

typedef struct step_scores {
    step_prediction *steps;
    size_t count;
    score busy, kernels;
    score graph_wall;               /* of captured steps: eager walls depend on a host that was noisy when measured */
    double call_low_s, call_high_s; /* range of implied_call_s; NaN when there is none */
    double kernel_low_s, kernel_high_s; /* measured wall of eager steps over predicted kernels: its range */
} step_scores;

/* Predicts every step of the table on one machine; the arena owns the result, which borrows from the table. A step of
 * an unknown lever or model is an error with its line. */
status steps_predict(arena *a, const step_table *table, const char *machine_name, step_scores *out, error *err);

#endif
