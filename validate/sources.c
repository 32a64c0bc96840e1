#include "validate/sources.h"

#include "core/base/csv.h"

#include <stdlib.h>
#include <string.h>

typedef struct source_columns {
    int source, backend, dynamic_quantise;
} source_columns;

static status parse_backend(const csv_row *row, int column, attention_backend *out, error *err) {
#define X(name) #name,
    static const char *const names[] = {ATTENTION_BACKENDS(X)};
#undef X
    const char *text = row->fields[column].text;
    *out = attention_backend_best;
    if (!*text)
        return STATUS_OK;
    for (size_t i = 0; i < attention_backend_count; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (attention_backend)i;
            return STATUS_OK;
        }
    }
    const char *nearest = config_nearest(text, names, attention_backend_count);
    if (nearest)
        return CSV_ERROR(row, column, err, "unknown attention backend '%.80s'; did you mean '%s'?", text, nearest);
    return CSV_ERROR(row, column, err, "unknown attention backend '%.80s'", text);
}

static status read_source(const csv_row *row, const source_columns *columns, arena *memory, measurement_source *out,
                          error *err) {
    const char *name = row->fields[columns->source].text;
    if (!*name)
        return CSV_ERROR(row, columns->source, err, "source is blank");
    status result = parse_backend(row, columns->backend, &out->backend, err);
    if (result != STATUS_OK)
        return result;
    if (columns->dynamic_quantise >= 0) {
        const char *flag = row->fields[columns->dynamic_quantise].text;
        if (strcmp(flag, "") != 0 && strcmp(flag, "0") != 0 && strcmp(flag, "1") != 0)
            return CSV_ERROR(row, columns->dynamic_quantise, err, "dynamic_quantise is '%.80s': expected 0 or 1", flag);
        out->dynamic_quantise = flag[0] == '1';
    }
    out->name = arena_strdup(memory, name);
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b) {
    const measurement_source *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static status check_unique(const source_map *map, const char *path, error *err) {
    for (size_t i = 1; i < map->count; i++)
        if (compare_names(&map->entries[i - 1], &map->entries[i]) == 0)
            return error_at(err, path, 1, 1, "source '%.200s' stands twice", map->entries[i].name);
    return STATUS_OK;
}

static status read_sources(csv_reader *reader, source_map *out, error *err) {
    source_columns columns;
    status result = csv_require_column(reader, "source", &columns.source, err);
    if (result == STATUS_OK)
        result = csv_require_column(reader, "backend", &columns.backend, err);
    columns.dynamic_quantise = csv_find_column(reader, "dynamic_quantise");
    size_t capacity = 0;
    const csv_row *row = NULL;
    while (result == STATUS_OK && (result = csv_next(reader, &row, err)) == STATUS_OK && row) {
        if (out->count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            measurement_source *grown = realloc(out->entries, capacity * sizeof *grown);
            if (!grown)
                abort();
            out->entries = grown;
        }
        measurement_source *entry = &out->entries[out->count];
        *entry = (measurement_source){0};
        result = read_source(row, &columns, &out->memory, entry, err);
        out->count += result == STATUS_OK;
    }
    return result;
}

status sources_load(const char *path, source_map *out, error *err) {
    *out = (source_map){0};
    csv_reader *reader;
    status result = csv_open(path, &reader, err);
    if (result != STATUS_OK)
        return result;
    result = read_sources(reader, out, err);
    csv_close(reader);
    if (result != STATUS_OK)
        return result;
    if (out->count > 0)
        qsort(out->entries, out->count, sizeof *out->entries, compare_names);
    return check_unique(out, path, err);
}

const measurement_source *sources_find(const source_map *map, const char *name) {
    if (!map || map->count == 0)
        return NULL;
    measurement_source key = {.name = name};
    return bsearch(&key, map->entries, map->count, sizeof *map->entries, compare_names);
}

void sources_free(source_map *map) {
    free(map->entries);
    arena_free(&map->memory);
    *map = (source_map){0};
}
