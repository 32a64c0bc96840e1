#include "cli/sweep_table.h"

#include "core/base/units.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 28, CELL_WIDTH = 11 };

/* Cases are workloads outermost, then batches, then lever sets: the row's lever sets are neighbours. */
static size_t columns_of(const sweep *s) {
    size_t count = 1;
    while (count < s->case_count && s->cases[count].batch == s->cases[0].batch &&
           strcmp(s->cases[count].workload, s->cases[0].workload) == 0)
        count++;
    return count;
}

bool sweep_is_table(const sweep *s) {
    size_t columns = columns_of(s);
    return s->speedup_count == 0 && s->machine_count == 1 && s->variant_count == 1 && columns > 1 &&
           s->case_count > columns;
}

typedef struct table_walk {
    arena *a;
    sweep_table *out;
} table_walk;

static status visit(void *context, const store_point *p, error *err) {
    (void)err;
    table_walk *walk = context;
    store_point *cell = &walk->out->points[p->index];
    *cell = *p;
    cell->machine = walk->out->asked->machines[0].base.name;
    cell->workload = walk->out->asked->cases[p->index].workload;
    cell->levers = walk->out->asked->cases[p->index].levers;
    cell->reason = p->reason ? arena_strdup(walk->a, p->reason) : NULL;
    return STATUS_OK;
}

status sweep_table_read(arena *a, const sweep *s, store *points, sweep_table *out, error *err) {
    *out = (sweep_table){.asked = s, .points = ARENA_ARRAY(a, store_point, s->case_count)};
    return store_each(points, false, visit, &(table_walk){a, out}, err);
}

static size_t note_of(const char *reason, const char **reasons, size_t *count) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(reasons[i], reason) == 0)
            return i;
    reasons[*count] = reason;
    return (*count)++;
}

void sweep_table_print(arena *a, const sweep_table *t) {
    const sweep *s = t->asked;
    size_t columns = columns_of(s), reason_count = 0;
    const char **reasons = ARENA_ARRAY(a, const char *, s->case_count);
    printf("%s, latency\n%-*s %5s", s->machines[0].base.name, LABEL_WIDTH, "workload", "batch");
    for (size_t c = 0; c < columns; c++)
        printf(" %*s", CELL_WIDTH, s->cases[c].levers);
    for (size_t i = 0, column = 0; i < s->case_count; i++, column = column + 1 < columns ? column + 1 : 0) {
        if (column == 0)
            printf("\n%-*s %5lld", LABEL_WIDTH, s->cases[i].workload, (long long)s->cases[i].batch);
        const char *cell = unit_format(UNIT_SECONDS, t->points[i].latency_s).text;
        if (t->points[i].reason)
            cell = arena_printf(a, "- (%zu)", 1 + note_of(t->points[i].reason, reasons, &reason_count));
        printf(" %*s", CELL_WIDTH, cell);
    }
    putchar('\n');
    for (size_t i = 0; i < reason_count; i++)
        printf("(%zu) %s\n", i + 1, reasons[i]);
}

void sweep_table_json(json_writer *w, const sweep_table *t) {
    json_array_begin(w, "cells");
    for (size_t i = 0; i < t->asked->case_count; i++) {
        const store_point *p = &t->points[i];
        json_object_begin(w, NULL);
        json_text(w, "workload", p->workload);
        json_integer(w, "batch", p->batch);
        json_text(w, "levers", p->levers);
        json_number(w, "latency_s", p->latency_s);
        json_text(w, "not_applicable", p->reason);
        json_object_end(w);
    }
    json_array_end(w);
}
