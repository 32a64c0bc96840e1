#include "core/base/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Short runs of digits, the common case in large files, need no strtod. Fifteen digits are exact in a double. */
static bool parse_digits(const char *text, double *out) {
    int64_t value = 0;
    int count = 0;
    for (; text[count] >= '0' && text[count] <= '9'; count++) {
        if (count == DBL_DIG)
            return false;
        value = value * 10 + (text[count] - '0');
    }
    *out = (double)value;
    return count > 0 && text[count] == '\0';
}

bool number_parse(const char *text, double *out) {
    if (parse_digits(text, out))
        return true;
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    char *end;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

void number_format(double value, char text[NUMBER_TEXT_BYTES]) {
    static const double EXACT_INTEGER_MAX = 1e15; /* below 2^53 */
    assert(isfinite(value));
    bool negative_zero = value == 0 && signbit(value);
    if (fabs(value) < EXACT_INTEGER_MAX && value == (double)(int64_t)value && !negative_zero) {
        snprintf(text, NUMBER_TEXT_BYTES, "%lld", (long long)value);
        return;
    }
    /* A decimal of up to 15 digits survives the way through a normal double, so the shortest form, if it has no more
     * than 15, is what %.15g prints. Subnormal numbers carry fewer digits. */
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    for (; digits < DBL_DECIMAL_DIG; digits++) {
        snprintf(text, NUMBER_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
    snprintf(text, NUMBER_TEXT_BYTES, "%.*g", DBL_DECIMAL_DIG, value);
}
