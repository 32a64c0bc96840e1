#include "core/base/config_find.h"

#include "core/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char suffix[] = ".yaml";
enum { SUFFIX_LENGTH = sizeof suffix - 1 };

/* With something before it. */
static bool has_suffix(const char *text) {
    return strlen(text) > SUFFIX_LENGTH && text_ends_with(text, suffix);
}

bool config_is_path(const char *name_or_path) {
    return strchr(name_or_path, '/') || has_suffix(name_or_path);
}

const char *config_stem(arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    return arena_strndup(a, file, strlen(file) - (has_suffix(file) ? SUFFIX_LENGTH : 0));
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

status config_list(arena *a, const char *directory, const char *const **names, size_t *count, error *err) {
    *names = NULL;
    *count = 0;
    DIR *entries = opendir(directory);
    if (!entries)
        return error_set(err, STATUS_ENVIRONMENT, "cannot read %s: %s", directory, strerror(errno));
    const char **list = NULL;
    size_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.' || !has_suffix(entry->d_name))
            continue;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            const char **larger = ARENA_ARRAY(a, const char *, capacity);
            if (*count)
                memcpy(larger, list, *count * sizeof *list);
            list = larger;
        }
        list[(*count)++] = config_stem(a, entry->d_name);
    }
    closedir(entries);
    if (*count)
        qsort(list, *count, sizeof *list, compare_names);
    *names = list;
    return STATUS_OK;
}

/* "h100-nvl', 'h100-pcie' or 'h100-sxm" of "h100": whoever leaves the rest out is told all of it. NULL: none does. */
static const char *names_that_begin(arena *a, const char *const *names, size_t count, const char *word) {
    static const size_t LEAST_LETTERS = 2, NAMES_MAX = 8;
    const char *out = NULL;
    size_t length = strlen(word), found = 0, told = 0;
    for (size_t i = 0; i < count; i++)
        found += strncmp(names[i], word, length) == 0;
    if (length < LEAST_LETTERS || found > NAMES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], word, length) != 0)
            continue;
        told++;
        out = out ? arena_printf(a, told == found ? "%s' or '%s" : "%s', '%s", out, names[i]) : names[i];
    }
    return out;
}

status config_find(arena *a, const char *directory, const char *kind, const char *name_or_path, const char **path,
                   error *err) {
    *path = arena_strdup(a, name_or_path);
    if (config_is_path(name_or_path))
        return STATUS_OK;
    *path = arena_printf(a, "%s/%s%s", directory, name_or_path, suffix);
    if (access(*path, F_OK) == 0)
        return STATUS_OK;
    arena scratch = {0};
    const char *const *names;
    size_t count;
    status result = config_list(&scratch, directory, &names, &count, err);
    if (result == STATUS_OK) {
        const char *beginning = names_that_begin(&scratch, names, count, name_or_path);
        const char *nearest = beginning ? beginning : config_nearest(name_or_path, names, count);
        result = nearest ? error_set(err, STATUS_BAD_INPUT, "unknown %s '%.80s'; did you mean '%s'?", kind,
                                     name_or_path, nearest)
                         : error_set(err, STATUS_BAD_INPUT, "unknown %s '%.80s' (none is near; a path needs a '/')",
                                     kind, name_or_path);
    }
    arena_free(&scratch);
    return result;
}

status config_open(arena *a, const char *directory, const char *kind, const char *name_or_path, int schema_version,
                   const config_node **root, error *err) {
    const char *path;
    status result = config_find(a, directory, kind, name_or_path, &path, err);
    if (result == STATUS_OK)
        result = config_load(a, path, root, err);
    return result == STATUS_OK ? config_schema(*root, schema_version, err) : result;
}
