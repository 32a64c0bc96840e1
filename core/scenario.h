/* A scenario: everything data-dependent about a request batch, drawn beforehand. Simulator and executor consume the
 * same one, so that both see the same lengths. */
#ifndef INGOT_SCENARIO_H
#define INGOT_SCENARIO_H

#include "core/base/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum scenario_variable {
#define VARIABLE(enumerator, name, text) SCENARIO_##enumerator,
#include "core/scenario.def"
    SCENARIO_VARIABLE_COUNT
} scenario_variable;

const char *scenario_variable_name(scenario_variable variable);

typedef struct scenario {
    uint64_t seed;
    double values[SCENARIO_VARIABLE_COUNT];
    /* Tokens that a sequence has produced before each decode step, and after the last one: DECODE_STEPS + 1 values, not
     * falling. NULL: one token a step. Speculation draws more than one; whoever fills it owns it. */
    const double *progress;
} scenario;

/* Tokens produced before decode step `step` (0 to DECODE_STEPS). */
double scenario_progress(const scenario *s, int64_t step);

/* A scenario of `batch` equal sequences: `prompt_tokens` each, `output_tokens` generated each (at least 1; the first
 * comes from the prefill). kv_reserved_tokens 0 reserves prompt and output rounded up to a multiple of 8. */
status scenario_fixed(int64_t batch, int64_t prompt_tokens, int64_t output_tokens, int64_t kv_reserved_tokens,
                      uint64_t seed, scenario *out, error *err);

/* Tokens that a static cache reserves for so many: rounded up. */
double scenario_reserve(double tokens);

#ifdef __cplusplus
}
#endif
#endif
