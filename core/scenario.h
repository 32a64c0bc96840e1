/* A scenario: everything data-dependent about a request batch, drawn beforehand. Simulator and executor consume the
 * same one, so that both see the same lengths. */
#ifndef INGOT_SCENARIO_H
#define INGOT_SCENARIO_H

#include "core/base/error.h"

#include <stdint.h>

/* Quantities that graph dimensions may depend on. A batch is padded to its longest prompt. */
typedef enum scenario_variable {
    SCENARIO_ONE,           /* the constant 1 */
    SCENARIO_BATCH,         /* sequences */
    SCENARIO_PROMPT_TOKENS, /* a sequence, padded */
    SCENARIO_PROMPT_ROWS,   /* batch x prompt tokens */
    SCENARIO_KV_RESERVED,   /* tokens a sequence that a static cache reserves */
    SCENARIO_DECODE_STEPS,  /* steps after the prefill until the longest output is complete */
    SCENARIO_VARIABLE_COUNT
} scenario_variable;

const char *scenario_variable_name(scenario_variable variable);

typedef struct scenario {
    uint64_t seed;
    double values[SCENARIO_VARIABLE_COUNT];
} scenario;

/* A scenario of `batch` equal sequences: `prompt_tokens` each, `output_tokens` generated each (at least 1; the first
 * comes from the prefill). kv_reserved_tokens 0 reserves prompt and output rounded up to a multiple of 8. */
status scenario_fixed(int64_t batch, int64_t prompt_tokens, int64_t output_tokens, int64_t kv_reserved_tokens,
                      uint64_t seed, scenario *out, error *err);

#endif
