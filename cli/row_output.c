#include "cli/row_output.h"

#include "core/base/csv.h"

#include <string.h>

static bool is_added(const row_output *o, size_t column) {
    for (size_t i = 0; i < o->added_count; i++)
        if (strcmp(o->added[i], row_reader_column_name(o->reader, column)) == 0)
            return true;
    return false;
}

void row_output_header(const row_output *o) {
    for (size_t c = 0; c < row_reader_column_count(o->reader); c++) {
        if (is_added(o, c))
            continue;
        csv_write_field(o->out, row_reader_column_name(o->reader, c));
        putc(',', o->out);
    }
    for (size_t i = 0; i < o->added_count; i++)
        fprintf(o->out, "%s%c", o->added[i], i + 1 < o->added_count ? ',' : '\n');
}

void row_output_fields(const row_output *o, const operator_row *row) {
    for (size_t c = 0; c < row_reader_column_count(o->reader); c++) {
        if (is_added(o, c))
            continue;
        csv_write_field(o->out, row->fields[c]);
        putc(',', o->out);
    }
}
