/* Holds a report against the store that it was made of: report_check STORE.db PAGE.html. Every row of the tables of
 * designs and of time by category must be one point of the store, number by number (columns of intervals apart, which
 * the store does not hold). Exits 0 and says how many numbers it compared, or 1 with a line that says which row is no
 * point. */
#include "core/store.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 32, VALUES_MAX = STORE_KNOBS_MAX + 8 + CATEGORY_COUNT };

/* Sums of categories differ from the latency in the last bits. */
static const double SAME = 1e-12;

typedef struct point_values {
    double values[VALUES_MAX];
    size_t count;
} point_values;

typedef struct points {
    size_t knob_count;
    point_values *list;
    size_t count, capacity;
} points;

static status take(void *context, const store_point *p, error *err) {
    (void)err;
    points *all = context;
    if (p->reason)
        return STATUS_OK;
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 1024;
        all->list = realloc(all->list, all->capacity * sizeof *all->list);
        if (!all->list)
            abort();
    }
    point_values *v = &all->list[all->count++];
    const double fixed[] = {p->latency_s, p->tpot_s,
                            p->energy_j,  p->area_m2,
                            p->cost_usd,  p->peak_memory_bytes,
                            p->ttft_s,    p->gpu_idle_s / p->latency_s};
    memcpy(v->values, fixed, sizeof fixed);
    v->count = sizeof fixed / sizeof fixed[0];
    for (size_t i = 0; i < all->knob_count; i++)
        v->values[v->count++] = p->knobs[i];
    for (int i = 0; i < CATEGORY_COUNT; i++)
        v->values[v->count++] = p->category_s[i];
    return STATUS_OK;
}

static bool holds(const point_values *v, double number) {
    for (size_t i = 0; i < v->count; i++)
        if (fabs(v->values[i] - number) <= SAME * fabs(number))
            return true;
    return false;
}

static char *read_page(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        abort();
    fclose(file);
    return text;
}

/* Which columns hold ends of intervals. */
static size_t read_header(const char *table, bool *is_end) {
    size_t count = 0;
    const char *end = strstr(table, "</thead>");
    for (const char *at = table; (at = strstr(at, "<th scope=\"col\"")) && at < end && count < COLUMNS_MAX; at++) {
        const char *name = strchr(at, '>') + 1;
        is_end[count++] = strncmp(name, "from<", 5) == 0 || strncmp(name, "to<", 3) == 0;
    }
    return count;
}

/* The row's numbers; unknown ones are left out. */
static size_t read_row(const char *row, const char *end, const bool *is_end, double *numbers) {
    size_t count = 0, column = 0;
    for (const char *at = row; at < end && column < COLUMNS_MAX; column++) {
        const char *cell = strstr(at, " class=\""), *close = cell ? strstr(cell, "</t") : NULL;
        if (!close || close > end)
            break;
        const char *data = strstr(cell, "<data value=\"");
        if (data && data < close && !is_end[column])
            numbers[count++] = strtod(data + strlen("<data value=\""), NULL);
        at = close;
    }
    return count;
}

/* Returns how many numbers were compared; 0 after a row that is no point. */
static size_t check_table(const points *all, const char *page, const char *id) {
    char needle[64];
    snprintf(needle, sizeof needle, "<section id=\"%s\"", id);
    const char *section = strstr(page, needle), *table = section ? strstr(section, "<table") : NULL;
    const char *end = table ? strstr(table, "</table>") : NULL;
    bool is_end[COLUMNS_MAX] = {false};
    size_t compared = 0;
    if (!end) {
        printf("no table in %s\n", id);
        return 0;
    }
    read_header(table, is_end);
    for (const char *row = strstr(table, "<tbody>"); (row = strstr(row, "<tr")) && row < end; row++) {
        double numbers[COLUMNS_MAX];
        size_t count = read_row(row + 4, strstr(row, "</tr>"), is_end, numbers), found = 0;
        while (found < all->count) {
            size_t same = 0;
            while (same < count && holds(&all->list[found], numbers[same]))
                same++;
            if (same == count)
                break;
            found++;
        }
        if (count == 0 || found == all->count) {
            printf("%s: no point of the store has the row's %zu numbers: %.120s\n", id, count, row);
            return 0;
        }
        compared += count;
    }
    return compared;
}

int main(int argc, char **argv) {
    arena memory = {0};
    store_manifest manifest;
    store *s = NULL;
    points all = {0};
    error err = {""};
    char *page = argc == 3 ? read_page(argv[2]) : NULL;
    if (!page || store_open(argv[1], &memory, &manifest, &s, &err) != STATUS_OK) {
        printf("usage: report_check STORE PAGE; %s\n", err.text);
        return 1;
    }
    all.knob_count = manifest.knob_count;
    status result = store_each(s, false, take, &all, &err);
    size_t designs = result == STATUS_OK ? check_table(&all, page, "designs") : 0;
    size_t times = result == STATUS_OK ? check_table(&all, page, "time") : 0;
    store_close(s, NULL);
    arena_free(&memory);
    free(all.list);
    free(page);
    if (designs == 0 || times == 0)
        return 1;
    printf("%zu numbers of designs and %zu of times are the store's\n", designs, times);
    return 0;
}
