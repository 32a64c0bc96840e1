/* Numbers for people: three significant digits, an SI prefix and a unit, from values in SI. */
#ifndef INGOT_UNITS_H
#define INGOT_UNITS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum unit {
    UNIT_PLAIN, /* a count or ratio: whole numbers below 1e7 in full ("1,663"), others "2.50", "12.5 M" */
    UNIT_SECONDS,
    UNIT_HERTZ,
    UNIT_BYTES, /* decimal prefixes: 80 GB is 80e9 */
    UNIT_BYTES_PER_SECOND,
    UNIT_BYTES_PER_CLOCK,
    UNIT_FLOPS,
    UNIT_FLOPS_PER_SECOND,
    UNIT_FLOPS_PER_BYTE,
    UNIT_FLOPS_PER_CLOCK,
    UNIT_JOULES,
    UNIT_WATTS,
    UNIT_SQUARE_METRES, /* shown in mm² */
    UNIT_DOLLARS,       /* "$0.0123", "$32.5 k" */
    UNIT_FRACTION,      /* shown in percent: "12.3 %" */
    UNIT_COUNT
} unit;

enum { UNIT_TEXT_BYTES = 64 };

typedef struct unit_text {
    char text[UNIT_TEXT_BYTES];
} unit_text;

/* "4.80 TB/s", "1.00 s" for 0.9999, "–" for NaN (not known), "infinite". UTF-8. */
unit_text unit_format(unit u, double value);

/* A scale that suits values up to `largest`: value * factor is to be read with `label` ("ms", "TB/s", "mm²", "%"). The
 * label of UNIT_PLAIN is empty. */
typedef struct unit_scale {
    double factor;
    char label[16];
} unit_scale;
unit_scale unit_scale_for(unit u, double largest);

/* The value in that scale, for columns that share a unit: "0.900 s" beside "3.41 s". */
unit_text unit_format_in(unit u, unit_scale scale, double value);

/* The unit that the last part of a key's name states: "hbm.bandwidth_bytes_per_s" is in bytes a second; a name without
 * one is plain. */
unit unit_of_key(const char *key);
/* Bytes of the key without that unit: of "hbm.bandwidth_bytes_per_s", those of "hbm.bandwidth". */
size_t unit_stem_of_key(const char *key);

#ifdef __cplusplus
}
#endif
#endif
