/* Reads one JSON value, or with --lines one a line, from standard input and checks that it is valid and holds the
 * members that the arguments name: json_check [--lines] [MEMBER...]. A member of a nested object is written a.b; the
 * members of an array are looked for in its first element. Exits 0 when all is there, 1 with a line that says what is
 * not. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

static char *read_all(FILE *file) {
    size_t used = 0, room = 1 << 16;
    char *text = malloc(room);
    while (text) {
        used += fread(text + used, 1, room - used - 1, file);
        if (used < room - 1)
            break;
        text = realloc(text, room *= 2);
    }
    if (!text)
        abort();
    text[used] = '\0';
    return text;
}

static bool has_member(yajl_val value, const char *path) {
    while (value && *path) {
        if (YAJL_IS_ARRAY(value)) {
            value = value->u.array.len > 0 ? value->u.array.values[0] : NULL;
            continue;
        }
        char name[128];
        size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        const char *names[] = {name, NULL};
        value = yajl_tree_get(value, names, yajl_t_any);
        path += length + (path[length] == '.');
    }
    return value != NULL;
}

static bool check(const char *text, int count, char **members) {
    char why[512];
    yajl_val value = yajl_tree_parse(text, why, sizeof why);
    if (!value) {
        printf("not valid JSON: %s\n", why);
        return false;
    }
    bool good = true;
    for (int i = 0; i < count; i++)
        if (!has_member(value, members[i])) {
            printf("no member %s\n", members[i]);
            good = false;
        }
    yajl_tree_free(value);
    return good;
}

int main(int argc, char **argv) {
    bool lines = argc > 1 && strcmp(argv[1], "--lines") == 0, good = true;
    int first = lines ? 2 : 1, values = 0;
    char *text = read_all(stdin), *rest = NULL;
    if (!lines) {
        good = check(text, argc - first, argv + first);
        values = 1;
    } else {
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), values++)
            good = check(line, argc - first, argv + first) && good;
    }
    if (values == 0)
        puts("no JSON value");
    free(text);
    return good && values > 0 ? 0 : 1;
}
