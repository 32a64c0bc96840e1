#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void keep_one_printable_line(char *text) {
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

status error_set(error *err, status code, const char *format, ...) {
    if (!err)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    keep_one_printable_line(err->text);
    return code;
}

status error_at(error *err, const char *file, int line, int column, const char *format, ...) {
    if (!err)
        return STATUS_BAD_INPUT;
    int used = snprintf(err->text, sizeof err->text, "%s:%d:%d: ", file, line, column);
    if (used < 0 || (size_t)used >= sizeof err->text)
        used = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text + used, sizeof err->text - (size_t)used, format, arguments);
    va_end(arguments);
    keep_one_printable_line(err->text);
    return STATUS_BAD_INPUT;
}
