#include "hwmodels/machine_load.h"
#include "core/base/config_find.h"
#include "core/base/number.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* What one file says, bound over what its base said. */
typedef struct machine_file {
    machine values;
    const config_node *schema, *base, *generation;
} machine_file;

enum {
    FIELD_SCHEMA,
    FIELD_BASE,
    FIELD_GENERATION,
    FIELD_NAME,
    FIELD_DESCRIPTION,
    FIELD_CALIBRATION = FIELD_DESCRIPTION + 4,
    FIELD_FIRST_NUMBER,
};

/* clang-format off */
static const config_field fields[] = {
    [FIELD_SCHEMA] = {"schema", CONFIG_NODE, offsetof(machine_file, schema), 0, 0, true},
    [FIELD_BASE] = {"base", CONFIG_NODE, offsetof(machine_file, base), 0, 0, false},
    [FIELD_GENERATION] = {"generation", CONFIG_NODE, offsetof(machine_file, generation), 0, 0, true},
    [FIELD_NAME] = {"name", CONFIG_TEXT, offsetof(machine_file, values.name), 0, 0, true},
    [FIELD_DESCRIPTION] = {"description", CONFIG_TEXT, offsetof(machine_file, values.description), 0, 0, true},
    {"vendor", CONFIG_TEXT, offsetof(machine_file, values.vendor), 0, 0, true},
    {"process_node", CONFIG_TEXT, offsetof(machine_file, values.process_node), 0, 0, true},
    {"memory_kind", CONFIG_TEXT, offsetof(machine_file, values.memory_kind), 0, 0, true},
    [FIELD_CALIBRATION] = {"calibration", CONFIG_TEXT, offsetof(machine_file, values.calibration_name), 0, 0, false},
#define REQUIRED true
#define OPTIONAL false
#define NUMBER(group, name, min, max, need, text)                                                                      \
    {#group "." #name, CONFIG_NUMBER, offsetof(machine_file, values.group.name), min, max, need},
#include "core/machine.def"
#undef REQUIRED
#undef OPTIONAL
};
/* clang-format on */

enum { FIELD_COUNT = sizeof fields / sizeof fields[0], NUMBER_COUNT = FIELD_COUNT - FIELD_FIRST_NUMBER };

/* The files being loaded, from the one just opened to the one that was named, to find cycles. */
typedef struct open_file {
    const struct open_file *variant;
    dev_t device;
    ino_t inode;
    int depth;
} open_file;

typedef struct loader {
    arena *memory;
    const char *machine_dir, *calibration_dir;
    machine_notes notes;
    const config_node *root; /* of the file that was named, once it is read */
    error *err;
} loader;

static const char *nearest_generation(const char *word) {
    const char *names[GENERATION_COUNT];
    for (size_t i = 0; i < GENERATION_COUNT; i++)
        names[i] = generation_name((generation)i);
    return config_nearest(word, names, GENERATION_COUNT);
}

static status bind_generation(const config_node *node, generation *out, error *err) {
    const char *text;
    if (config_text(node, &text, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (generation_parse(text, out) == STATUS_OK)
        return STATUS_OK;
    const char *nearest = nearest_generation(text);
    if (nearest)
        return CONFIG_ERROR(node, err, "unknown generation '%.80s'; did you mean '%s'?", text, nearest);
    return CONFIG_ERROR(node, err, "unknown generation '%.80s'", text);
}

/* The path of what `node` in `file` names: a name means a file of `directory`; a path is relative to the file that says
 * it. */
static status named_path(const loader *l, const char *file, const config_node *node, const char *directory,
                         const char *kind, const char **path) {
    const char *text;
    if (config_text(node, &text, l->err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (!config_is_path(text)) {
        error why = {0};
        if (config_find(l->memory, directory, kind, text, path, &why) != STATUS_OK)
            return CONFIG_ERROR(node, l->err, "%.200s", why.text);
        return STATUS_OK;
    }
    const char *slash = strrchr(file, '/');
    *path = text[0] == '/' || !slash ? text : arena_printf(l->memory, "%.*s%s", (int)(slash - file + 1), file, text);
    return STATUS_OK;
}

/* A calibration is loaded later, by name or path; that it is there is checked where it is named. */
static status bind_calibration(const loader *l, const char *file, const config_node *node, const char **name) {
    const char *path;
    status result = named_path(l, file, node, l->calibration_dir, "calibration", &path);
    if (result != STATUS_OK)
        return result;
    struct stat info;
    if (stat(path, &info) != 0)
        return CONFIG_ERROR(node, l->err, "cannot open the calibration '%.200s': %s", path, strerror(errno));
    if (config_is_path(*name))
        *name = path;
    return STATUS_OK;
}

/* Identifies the file and refuses it where it would close a cycle or make the chain too long. `named_at` is the node
 * that names it, NULL for the first file, whose absence config_load reports. */
static status enter_file(const char *path, const config_node *named_at, const open_file *variant, open_file *here,
                         error *err) {
    struct stat info = {0};
    if (stat(path, &info) != 0 && named_at)
        return CONFIG_ERROR(named_at, err, "cannot open the base '%.200s': %s", path, strerror(errno));
    *here = (open_file){variant, info.st_dev, info.st_ino, variant ? variant->depth + 1 : 0};
    for (const open_file *f = variant; f; f = f->variant)
        if (f->device == here->device && f->inode == here->inode)
            return CONFIG_ERROR(named_at, err, "the bases form a cycle: '%.200s' is based on itself", path);
    if (here->depth > MACHINE_BASES_MAX)
        return CONFIG_ERROR(named_at, err, "more than %d bases, one on another", MACHINE_BASES_MAX);
    return STATUS_OK;
}

/* Later files win, as their values do. */
static void merge_notes(loader *l, const char *path, bool is_variant, const bool *present, const char **sources) {
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        bool stated = present[FIELD_FIRST_NUMBER + i];
        l->notes.overridden[i] = stated && is_variant;
        if (!stated)
            continue;
        l->notes.present[i] = true;
        l->notes.sources[i] = sources[FIELD_FIRST_NUMBER + i];
        l->notes.files[i] = path;
    }
}

static status load_file(loader *l, const char *path, const config_node *named_at, const open_file *variant,
                        machine_file *out);

static status load_base(loader *l, const char *path, const config_node *root, const open_file *here,
                        machine_file *out) {
    const config_node *base = config_get(root, "base");
    l->notes.base = NULL;
    if (!base)
        return STATUS_OK;
    const char *next;
    status result = named_path(l, path, base, l->machine_dir, "machine", &next);
    if (result == STATUS_OK)
        result = load_file(l, next, base, here, out);
    l->notes.base = base->text;
    return result;
}

static status load_file(loader *l, const char *path, const config_node *named_at, const open_file *variant,
                        machine_file *out) {
    open_file here;
    const config_node *root;
    status result = enter_file(path, named_at, variant, &here, l->err);
    if (result == STATUS_OK)
        result = config_load(l->memory, path, &root, l->err);
    if (result == STATUS_OK)
        result = config_schema(root, MACHINE_SCHEMA, l->err);
    if (result == STATUS_OK)
        result = load_base(l, path, root, &here, out);
    if (result != STATUS_OK)
        return result;
    bool is_variant = l->notes.base != NULL;
    bool present[FIELD_COUNT] = {0};
    const char *sources[FIELD_COUNT] = {0};
    result = config_bind(root, fields, FIELD_COUNT, !is_variant, out, (config_notes){present, sources}, l->err);
    if (result == STATUS_OK && present[FIELD_GENERATION])
        result = bind_generation(out->generation, &out->values.generation, l->err);
    if (result == STATUS_OK && present[FIELD_CALIBRATION])
        result = bind_calibration(l, path, config_get(root, "calibration"), &out->values.calibration_name);
    if (result != STATUS_OK)
        return result;
    if (!present[FIELD_NAME])
        out->values.name = config_stem(l->memory, path);
    if (!present[FIELD_DESCRIPTION])
        out->values.description = arena_printf(l->memory, "a variant of %s", l->notes.base);
    merge_notes(l, path, is_variant, present, sources);
    l->root = root;
    return STATUS_OK;
}

/* Points machine_check's reason at the value that the named file states, else at its group, else at the file. */
static status check_machine(const machine *m, const config_node *root, error *err) {
    error why = {0};
    if (machine_check(m, &why) == STATUS_OK)
        return STATUS_OK;
    size_t group_length = strcspn(why.text, ".");
    size_t path_length = strcspn(why.text, " ");
    arena scratch = {0};
    const config_node *node = config_get(root, arena_strndup(&scratch, why.text, path_length));
    const config_node *group = config_get(root, arena_strndup(&scratch, why.text, group_length));
    if (!node && group && group->kind == CONFIG_MAPPING && path_length > group_length) {
        node = config_get(group, arena_strndup(&scratch, why.text + group_length + 1, path_length - group_length - 1));
        if (!node)
            node = group;
    }
    arena_free(&scratch);
    if (!node)
        return error_at(err, root->file, 1, 1, "%s", why.text);
    return CONFIG_ERROR(node, err, "%s", why.text);
}

static const char *machine_directory(arena *a, const char *config_dir) {
    return arena_printf(a, "%s/machines", config_dir);
}

status machine_load(arena *a, const char *config_dir, const char *name_or_path, machine *out, machine_notes *notes,
                    error *err) {
    loader l = {.memory = a,
                .machine_dir = machine_directory(a, config_dir),
                .calibration_dir = arena_printf(a, "%s/calibration", config_dir),
                .err = err};
    l.notes.present = ARENA_ARRAY(a, bool, NUMBER_COUNT);
    l.notes.overridden = ARENA_ARRAY(a, bool, NUMBER_COUNT);
    l.notes.sources = ARENA_ARRAY(a, const char *, NUMBER_COUNT);
    l.notes.files = ARENA_ARRAY(a, const char *, NUMBER_COUNT);
    machine_file file = {0};
    status result = config_find(a, l.machine_dir, "machine", name_or_path, &l.notes.path, err);
    if (result == STATUS_OK)
        result = load_file(&l, l.notes.path, NULL, NULL, &file);
    if (result == STATUS_OK)
        result = check_machine(&file.values, l.root, err);
    if (result != STATUS_OK)
        return result;
    if (!file.values.calibration_name)
        file.values.calibration_name = generation_name(file.values.generation);
    *out = file.values;
    if (notes)
        *notes = l.notes;
    return STATUS_OK;
}

static status unknown_override(const char *path, error *err) {
    size_t count;
    const machine_key *keys = machine_keys(&count);
    arena scratch = {0};
    const char **paths = ARENA_ARRAY(&scratch, const char *, count);
    for (size_t i = 0; i < count; i++)
        paths[i] = keys[i].path;
    const char *nearest = config_nearest(path, paths, count);
    arena_free(&scratch); /* the candidate itself is the key's own text */
    if (nearest)
        return error_set(err, STATUS_BAD_INPUT, "unknown machine key '%.80s'; did you mean '%s'?", path, nearest);
    return error_set(err, STATUS_BAD_INPUT, "unknown machine key '%.80s'", path);
}

status machine_override(machine *m, const char *assignment, error *err) {
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return error_set(err, STATUS_BAD_INPUT, "'%.80s': expected KEY=NUMBER, as sm.count=120", assignment);
    arena scratch = {0};
    const char *path = arena_strndup(&scratch, assignment, (size_t)(equals - assignment));
    const machine_key *key = machine_key_find(path);
    double value;
    status result = STATUS_OK;
    if (!key)
        result = unknown_override(path, err);
    else if (!number_parse(equals + 1, &value))
        result = error_set(err, STATUS_BAD_INPUT, "%s: not a number: '%.80s' (write SI units without a suffix)",
                           key->path, equals + 1);
    else if (value < key->min || value > key->max)
        result = error_set(err, STATUS_BAD_INPUT, "%s: %.80s is out of range: must be from %.7g to %.7g", key->path,
                           equals + 1, key->min, key->max);
    else
        machine_set(m, key, value);
    arena_free(&scratch);
    return result;
}

status machine_list(arena *a, const char *config_dir, const char *const **names, size_t *count, error *err) {
    return config_list(a, machine_directory(a, config_dir), names, count, err);
}
