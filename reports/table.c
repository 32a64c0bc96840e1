#include "reports/table.h"

#include <assert.h>
#include <math.h>

report_table table_begin(arena *memory, const char *caption, size_t rows_max) {
    return (report_table){
        .caption = caption,
        .row_capacity = rows_max,
        .cells = ARENA_ARRAY(memory, report_cell, rows_max * TABLE_COLUMNS_MAX),
    };
}

void table_column(report_table *table, const char *header, bool is_number) {
    assert(table->column_count < TABLE_COLUMNS_MAX && table->row_count == 0);
    table->columns[table->column_count++] = (report_column){.header = header, .is_number = is_number};
}

table_writer table_row(arena *memory, report_table *table) {
    assert(table->row_count < table->row_capacity);
    table->row_count++;
    return (table_writer){memory, table, 0};
}

static report_cell *next_cell(table_writer *row) {
    report_table *table = row->table;
    assert(row->column < table->column_count);
    return &table->cells[(table->row_count - 1) * table->column_count + row->column++];
}

void row_text(table_writer *row, const char *text) {
    next_cell(row)->text = text ? text : "";
}

void row_number(table_writer *row, unit u, double value) {
    report_cell *cell = next_cell(row);
    cell->text = arena_strdup(row->memory, unit_format(u, value).text);
    cell->is_number = isfinite(value);
    cell->u = u;
    cell->value = value;
}

/* Smaller changes are rounding. */
static const double CHANGE_STEP = 5e-5;

void row_change(table_writer *row, double fraction) {
    report_cell *cell = next_cell(row);
    double shown = fabs(fraction) < CHANGE_STEP ? 0 : fraction;
    cell->text = arena_printf(row->memory, "%s%s", shown > 0 ? "+" : "", unit_format(UNIT_FRACTION, shown).text);
    cell->is_number = isfinite(fraction);
    cell->is_change = true;
    cell->value = fraction;
}

void row_rounded(table_writer *row, double value, const char *text) {
    report_cell *cell = next_cell(row);
    cell->text = text;
    cell->is_number = isfinite(value);
    cell->is_change = true;
    cell->value = value;
}

static void share_unit(arena *memory, report_table *table, size_t column) {
    static const double NEAR = 100; /* largest over smallest */
    double smallest = INFINITY, largest = 0;
    unit u = UNIT_COUNT;
    for (size_t row = 0; row < table->row_count; row++) {
        const report_cell *cell = &table->cells[row * table->column_count + column];
        if (!cell->is_number || cell->value == 0)
            continue;
        if (cell->is_change || (u != UNIT_COUNT && u != cell->u))
            return;
        u = cell->u;
        smallest = fmin(smallest, fabs(cell->value));
        largest = fmax(largest, fabs(cell->value));
    }
    if (u == UNIT_COUNT || largest / smallest > NEAR)
        return;
    unit_scale scale = unit_scale_for(u, largest);
    for (size_t row = 0; row < table->row_count; row++) {
        report_cell *cell = &table->cells[row * table->column_count + column];
        if (cell->is_number && cell->value != 0)
            cell->text = arena_strdup(memory, unit_format_in(u, scale, cell->value).text);
    }
}

void table_share_units(arena *memory, report_table *table) {
    for (size_t column = 0; column < table->column_count; column++)
        share_unit(memory, table, column);
}
