/* Steps of whole models, measured: one JSON object a line,
 *
 *   {"model": "codellama-7b", "lever": "compile", "phase": "decode", "batch": 1, "prompt": 154, "kv_len": 218,
 *    "wall_us": 4955.2, "busy_us": 4638.4, "kernels": 645, "cats": {"linear": 4005.1, ...}}
 *
 * Further keys are ignored ("idle" follows from wall and busy). Wall and busy times may come from different
 * repetitions, so busy may exceed wall. */
#ifndef INGOT_STEPS_H
#define INGOT_STEPS_H

#include "core/base/arena.h"
#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Kernel time of one of the profiler's categories ("linear", "elementwise", "cat", ...), which are not op_category's.
 */
typedef struct step_category {
    const char *name;
    double time_s;
} step_category;

typedef struct measured_step {
    const char *model;
    const char *lever; /* "eager", "sdpa", "compile" */
    const char *phase; /* "prefill" or "decode" */
    int64_t batch, prompt_tokens;
    int64_t kv_len;        /* keys that the step's attention sees; a prefill that does not say sees its prompt */
    double wall_s, busy_s; /* busy: union of GPU activity */
    double kernels;        /* kernels, copies and sets on the GPU */
    step_category *categories;
    size_t category_count;
    int line;
} measured_step;

typedef struct step_table {
    const char *path;
    measured_step *steps; /* in file order */
    size_t count;
    arena memory;
} step_table;

/* Missing keys and values that make no sense are errors with file:line:column. Free with steps_free, also after an
 * error. */
status steps_load(const char *path, step_table *out, error *err);
void steps_free(step_table *table);

#endif
