/* The names in a store (machines, workloads, lever sets): once each in the file, and a hash table here. */
#include "core/store_private.h"

#include "core/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

static struct store_name *slot_of(const store_names *names, const char *text) {
    size_t mask = names->capacity - 1;
    size_t at = (size_t)hash_mix64(hash_text(text)) & mask;
    while (names->slots[at].text && strcmp(names->slots[at].text, text) != 0)
        at = (at + 1) & mask;
    return &names->slots[at];
}

static void grow(store_names *names) {
    store_names larger = *names;
    larger.capacity = names->capacity ? 2 * names->capacity : FIRST_CAPACITY;
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        abort();
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].text)
            *slot_of(&larger, names->slots[i].text) = names->slots[i];
    free(names->slots);
    *names = larger;
}

static void add(store_names *names, const char *text, int64_t id) {
    if (2 * (names->count + 1) > names->capacity)
        grow(names);
    *slot_of(names, text) = (struct store_name){arena_strdup(&names->memory, text), id};
    names->count++;
}

void store_names_free(store_names *names) {
    free(names->slots);
    arena_free(&names->memory);
    *names = (store_names){0};
}

status store_names_load(store *s, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "SELECT id, text FROM name", &statement, err);
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        add(&s->names, (const char *)sqlite3_column_text(statement, 1), sqlite3_column_int64(statement, 0));
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_finalize(statement);
    return result;
}

status store_name_id(store *s, const char *text, int64_t *id, error *err) {
    if (s->names.capacity) {
        const struct store_name *slot = slot_of(&s->names, text);
        *id = slot->id;
        if (slot->text)
            return STATUS_OK;
    }
    sqlite3_bind_text(s->insert_name, 1, text, -1, SQLITE_STATIC);
    status result = STATUS_OK;
    if (sqlite3_step(s->insert_name) == SQLITE_ROW)
        *id = sqlite3_column_int64(s->insert_name, 0);
    else
        result = store_fail(s, err);
    /* A failure that comes after the row shows when the statement ends. */
    if (result == STATUS_OK && sqlite3_step(s->insert_name) != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_reset(s->insert_name);
    if (result == STATUS_OK)
        add(&s->names, text, *id);
    return result;
}
