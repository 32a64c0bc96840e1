/* Numbers as text, the same way in every file format. */
#ifndef INGOT_NUMBER_H
#define INGOT_NUMBER_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a plain decimal (1.98e9, -3) that fills the whole text and is finite. strtod alone would also take "0x10",
 * "nan", "inf" and leading blanks. */
bool number_parse(const char *text, double *out);

/* Enough for number_format's text and its NUL. */
enum { NUMBER_TEXT_BYTES = 32 };

/* The fewest digits that read back as the same double; `value` must be finite. */
void number_format(double value, char text[NUMBER_TEXT_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
