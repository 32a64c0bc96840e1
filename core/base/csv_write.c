#include "core/base/csv.h"

#include <string.h>

void csv_write_field(FILE *file, const char *text) {
    /* A field that opens with a byte order mark could be taken for the file's own. */
    if (!strpbrk(text, ",\"\r\n") && (unsigned char)text[0] != 0xef) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            putc('"', file);
        putc(*c, file);
    }
    putc('"', file);
}
