#include "core/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the printable UTF-8 character at `c`; 0 for a control character, a stray byte or a character cut short. */
static size_t printable_bytes(const unsigned char *c) {
    if (*c < 0x80)
        return *c >= ' ' && *c != 0x7f;
    size_t length = 0;
    if (*c >= 0xc2 && *c < 0xf5)
        length = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool is_control = c[0] == 0xc2 && c[1] < 0xa0; /* U+0080 to U+009F */
    return is_control ? 0 : length;
}

static void keep_one_printable_line(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c;) {
        size_t length = printable_bytes(c);
        if (length == 0)
            *c = '?';
        c += length ? length : 1;
    }
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
