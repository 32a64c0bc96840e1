/* Whether two sweep stores hold the same points, every number to the last bit: store_diff A.db B.db
 * Prints the first difference, or how many points were compared. Exits 0 when they are equal. */
#include "core/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 4096 };

/* Rows as text, numbers in hexadecimal. */
typedef struct rows {
    char (*texts)[ROW_BYTES];
    int64_t count, capacity;
} rows;

static int number(char *at, size_t bytes, double value) {
    return snprintf(at, bytes, " %a", value);
}

static status add_row(void *context, const store_point *p, error *err) {
    rows *all = context;
    if (all->count == all->capacity)
        return error_set(err, STATUS_BAD_INPUT, "more rows than counted");
    char *text = all->texts[all->count++];
    int at = snprintf(text, ROW_BYTES, "%lld %s %s %s %lld [%s]", (long long)p->index, p->machine, p->workload,
                      p->levers, (long long)p->batch, p->reason ? p->reason : "");
    const double totals[] = {p->latency_s, p->ttft_s,  p->tpot_s,   p->gpu_busy_s,       p->gpu_idle_s,
                             p->energy_j,  p->area_m2, p->cost_usd, p->peak_memory_bytes};
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        at += number(text + at, ROW_BYTES - (size_t)at, totals[i]);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        at += number(text + at, ROW_BYTES - (size_t)at, p->category_s[i]);
    return STATUS_OK;
}

static status read_rows(arena *a, const char *path, rows *out, error *err) {
    store *s;
    store_manifest manifest;
    status result = store_open(path, a, &manifest, &s, err);
    if (result != STATUS_OK)
        return result;
    result = store_count(s, &out->capacity, err);
    if (result == STATUS_OK) {
        out->texts = calloc((size_t)out->capacity + 1, ROW_BYTES);
        result = out->texts ? store_each(s, false, add_row, out, err) : STATUS_ENVIRONMENT;
    }
    store_close(s, NULL);
    return result;
}

static bool same(const rows *a, const rows *b) {
    for (int64_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->texts[i], b->texts[i]) != 0) {
            printf("%s\n%s\n", a->texts[i], b->texts[i]);
            return false;
        }
    printf("%lld and %lld points\n", (long long)a->count, (long long)b->count);
    return a->count == b->count;
}

int main(int argc, char **argv) {
    arena memory = {0};
    rows a = {0}, b = {0};
    error err = {""};
    if (argc != 3) {
        fputs("usage: store_diff A.db B.db\n", stderr);
        return 2;
    }
    status result = read_rows(&memory, argv[1], &a, &err);
    if (result == STATUS_OK)
        result = read_rows(&memory, argv[2], &b, &err);
    if (result != STATUS_OK)
        fprintf(stderr, "%s\n", err.text);
    bool equal = result == STATUS_OK && same(&a, &b);
    free(a.texts);
    free(b.texts);
    arena_free(&memory);
    return equal ? 0 : 1;
}
