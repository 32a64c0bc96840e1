#include "core/scenario.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* Static caches are reserved in multiples of this many tokens (gpt-fast's find_multiple(..., 8)). */
enum { KV_RESERVE_MULTIPLE_TOKENS = 8 };
/* Longest context any shipped model takes is 131,072; this only keeps products far from overflow. */
static const int64_t TOKENS_MAX = 100 * 1000 * 1000;
static const int64_t BATCH_MAX = 1000 * 1000;

const char *scenario_variable_name(scenario_variable variable) {
    static const char *const names[SCENARIO_VARIABLE_COUNT] = {
#define VARIABLE(enumerator, name, text) [SCENARIO_##enumerator] = #name,
#include "core/scenario.def"
    };
    assert(variable < SCENARIO_VARIABLE_COUNT);
    return names[variable];
}

double scenario_progress(const scenario *s, int64_t step) {
    if (!s->progress)
        return (double)step;
    assert(step >= 0 && step <= (int64_t)s->values[SCENARIO_DECODE_STEPS]);
    return s->progress[step];
}

static status check_range(const char *what, int64_t value, int64_t min, int64_t max, error *err) {
    if (value < min || value > max)
        return error_set(err, STATUS_BAD_INPUT, "%s is %lld, must be from %lld to %lld", what, (long long)value,
                         (long long)min, (long long)max);
    return STATUS_OK;
}

double scenario_reserve(double tokens) {
    return ceil(tokens / KV_RESERVE_MULTIPLE_TOKENS) * KV_RESERVE_MULTIPLE_TOKENS;
}

status scenario_fixed(int64_t batch, int64_t prompt_tokens, int64_t output_tokens, int64_t kv_reserved_tokens,
                      uint64_t seed, scenario *out, error *err) {
    if (check_range("batch", batch, 1, BATCH_MAX, err) != STATUS_OK ||
        check_range("prompt tokens", prompt_tokens, 1, TOKENS_MAX, err) != STATUS_OK ||
        check_range("output tokens", output_tokens, 1, TOKENS_MAX, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    int64_t held_tokens = prompt_tokens + output_tokens;
    if (kv_reserved_tokens == 0)
        kv_reserved_tokens = (int64_t)scenario_reserve((double)held_tokens);
    if (check_range("reserved cache tokens", kv_reserved_tokens, held_tokens, 4 * TOKENS_MAX, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    *out = (scenario){
        .seed = seed,
        .values =
            {
                [SCENARIO_ONE] = 1,
                [SCENARIO_BATCH] = (double)batch,
                [SCENARIO_PROMPT_TOKENS] = (double)prompt_tokens,
                [SCENARIO_PROMPT_ROWS] = (double)batch * (double)prompt_tokens,
                [SCENARIO_KV_RESERVED] = (double)kv_reserved_tokens,
                [SCENARIO_DECODE_STEPS] = (double)(output_tokens - 1),
                [SCENARIO_REQUESTS] = (double)batch,
                [SCENARIO_CACHE_TOKENS] = (double)batch * (double)(held_tokens - 1), /* the last token is not cached */
                [SCENARIO_CACHE_RESERVED] = (double)batch * (double)kv_reserved_tokens,
            },
    };
    return STATUS_OK;
}
