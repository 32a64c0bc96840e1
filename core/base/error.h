/* Status codes and the one-line error message that every fallible function fills. */
#ifndef INGOT_ERROR_H
#define INGOT_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* The values are the program's exit codes (design.md 8). */
typedef enum status {
    STATUS_OK = 0,
    STATUS_NEGATIVE = 1,    /* a well-formed question whose answer is no: infeasible, not applicable, gate missed */
    STATUS_BAD_INPUT = 2,   /* usage, or a file that does not say what it should */
    STATUS_ENVIRONMENT = 3, /* this machine lacks something: a GPU, gnuplot, disk space */
} status;

enum { ERROR_TEXT_BYTES = 1024 };

/* One line of text, without a trailing newline. Control characters and broken UTF-8 of quoted input are shown as '?'.
 */
typedef struct error {
    char text[ERROR_TEXT_BYTES];
} error;

/* Fills *err (which may be NULL) and returns code, so that a caller can write `return error_set(...)`. */
status error_set(error *err, status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a place in a file: the text becomes `file:line:column: what`; returns STATUS_BAD_INPUT. */
status error_at(error *err, const char *file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#ifdef __cplusplus
}
#endif
#endif
