/* The strict YAML reader: every class of error, at its exact place. */
#include "core/base/config.h"
#include "core/base/config_find.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static status parse(arena *a, const char *text, const config_node **root, error *err) {
    return config_parse(a, "f.yaml", text, strlen(text), root, err);
}

static void fails_with_bytes(const char *text, size_t bytes, const char *place, const char *expected) {
    arena a = {0};
    const config_node *root;
    error err = {0};
    status result = config_parse(&a, "f.yaml", text, bytes, &root, &err);
    cr_expect_eq(result, STATUS_BAD_INPUT, "accepted: %s", text);
    cr_expect_eq(strncmp(err.text, place, strlen(place)), 0, "'%s' is not at %s", err.text, place);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    cr_expect_null(strchr(err.text, '\n'));
    cr_expect_null(root);
    arena_free(&a);
}

static void fails(const char *text, const char *place, const char *expected) {
    fails_with_bytes(text, strlen(text), place, expected);
}

Test(config, a_tree_with_positions) {
    arena a = {0};
    const config_node *root;
    error err = {0};
    cr_assert_eq(parse(&a, "# a comment\na: 1\nbb:\n  - x\n  - {c: \"y\"}\n", &root, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(root->kind, CONFIG_MAPPING);
    cr_expect_eq(root->count, 2);
    const config_node *list = config_get(root, "bb");
    cr_assert_eq(list->kind, CONFIG_SEQUENCE);
    cr_expect_eq(list->values[0]->line, 4);
    cr_expect_eq(list->values[0]->column, 5);
    const config_node *quoted = config_get(list->values[1], "c");
    cr_expect_str_eq(quoted->text, "y");
    cr_expect_not(quoted->plain);
    cr_expect_eq(quoted->line, 5);
    cr_expect_eq(quoted->column, 9);
    cr_expect_null(config_get(root, "c"));
    arena_free(&a);
}

Test(config, what_is_not_the_subset) {
    fails("", "f.yaml:1:1: ", "empty");
    fails("# nothing\n", "f.yaml:2:1: ", "empty");
    fails("- a\n- b\n", "f.yaml:1:1: ", "top level");
    fails("just text\n", "f.yaml:1:1: ", "top level");
    fails("a: 1\na: 2\n", "f.yaml:2:1: ", "duplicate key 'a'");
    fails("g:\n  b: 1\n  c: 2\n  b: 3\n", "f.yaml:4:3: ", "duplicate key 'b'");
    fails("a: &x 1\n", "f.yaml:1:4: ", "anchors");
    fails("a: &x {b: 1}\n", "f.yaml:1:4: ", "anchors");
    fails("a: &x [1]\n", "f.yaml:1:4: ", "anchors");
    fails("a: *x\n", "f.yaml:1:4: ", "aliases");
    fails("a: !!float 1\n", "f.yaml:1:4: ", "tags");
    fails("a: 1\n---\nb: 2\n", "f.yaml:2:1: ", "one document");
    fails("a:\n\tb: 1\n", "f.yaml:2:1: ", "");
    fails("a: 1\n b: 2\n", "f.yaml:2:3: ", "");
    fails("a: [1, 2\nb: 3\n", "f.yaml:2:2: ", "");
    fails("a: \"no end\n", "f.yaml:2:1: ", "");
    fails("{a: 1}: 2\n", "f.yaml:1:1: ", "a key must be a plain word");
    fails("a: 1\nb\n", "f.yaml:3:1: ", "");
    fails("a: \"x\\0y\"\n", "f.yaml:1:4: ", "NUL");
}

Test(config, bytes_that_are_no_text) {
    static const char invalid_utf8[] = "a: 1\nb: x\xff\n", control[] = "a: 1\nbc: \x01\n", nul[] = "a: 1\n\0b: 2\n";
    fails_with_bytes(invalid_utf8, sizeof invalid_utf8 - 1, "f.yaml:2:5: ", "UTF-8");
    fails_with_bytes(control, sizeof control - 1, "f.yaml:2:5: ", "control characters");
    fails_with_bytes(nul, sizeof nul - 1, "f.yaml:2:1: ", "control characters");
    static const char after_umlaut[] = "\xc3\xa4: \xff\n"; /* columns count characters, not bytes */
    fails_with_bytes(after_umlaut, sizeof after_umlaut - 1, "f.yaml:1:4: ", "UTF-8");
    /* Each way of ending a line counts once. */
    static const char line_ends[] = "a: 1\rb: 2\r\nc: 3\nd: \xff\n";
    fails_with_bytes(line_ends, sizeof line_ends - 1, "f.yaml:4:4: ", "UTF-8");
}

Test(config, messages_hold_no_broken_characters) {
    arena a = {0};
    const config_node *root;
    error err = {0};
    char text[256] = "a"; /* two keys, alike, of 1 + 2 * 50 bytes: a cut at an even number of bytes splits a letter */
    for (int i = 0; i < 50; i++)
        strcat(text, "\xc3\xa4");
    const char *both = arena_printf(&a, "%s: 1\n%s: 2\n", text, text);
    cr_expect_eq(parse(&a, both, &root, &err), STATUS_BAD_INPUT);
    const char *last = strrchr(err.text, '\'');
    cr_assert(last && last - err.text > 3, "%s", err.text);
    cr_expect_eq(last[-1], '?', "the half letter is replaced: %s", err.text);
    cr_expect_eq(strncmp(last - 3, "\xc3\xa4", 2), 0, "the whole one before it is not: %s", err.text);
    error_set(&err, STATUS_BAD_INPUT, "%s", "\x1b[31m \xc2\x9b \xe2\x82\xac \x80 \xe2\x82");
    cr_expect_str_eq(err.text, "?[31m ?? \xe2\x82\xac ? ??");
    arena_free(&a);
}

Test(config, depth_and_width_are_bounded) {
    char deep[256] = "a: ";
    memset(deep + 3, '[', 100);
    fails(deep, "f.yaml:1:36: ", "nested too deeply"); /* the mapping is level 0, so 32 brackets are allowed */
    arena a = {0};
    char *wide = arena_alloc(&a, (CONFIG_KEYS_MAX + 2) * 16), *end = wide;
    for (int i = 0; i <= CONFIG_KEYS_MAX; i++)
        end += sprintf(end, "k%d: 1\n", i);
    fails(wide, "f.yaml:4097:1: ", "too many keys");
    arena_free(&a);
}

typedef struct sample {
    double count, rate_hz;
    const char *title;
    bool flag;
    const config_node *extra;
} sample;

static const config_field fields[] = {
    {"schema", CONFIG_NODE, offsetof(sample, extra), 0, 0, false},
    {"sm.count", CONFIG_NUMBER, offsetof(sample, count), 1, 4096, true},
    {"sm.rate_hz", CONFIG_NUMBER, offsetof(sample, rate_hz), 0, 1e10, false},
    {"title", CONFIG_TEXT, offsetof(sample, title), 0, 0, false},
    {"flag", CONFIG_BOOL, offsetof(sample, flag), 0, 0, false},
    {"extra", CONFIG_NODE, offsetof(sample, extra), 0, 0, false},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static status bind(arena *a, const char *text, bool check_required, sample *out, config_notes notes, error *err) {
    const config_node *root;
    cr_assert_eq(parse(a, text, &root, err), STATUS_OK, "%s", err->text);
    return config_bind(root, fields, FIELD_COUNT, check_required, out, notes, err);
}

Test(config, binding) {
    arena a = {0};
    error err = {0};
    sample s = {.rate_hz = 7};
    bool present[FIELD_COUNT] = {0};
    const char *sources[FIELD_COUNT] = {0};
    static const char text[] = "title: x y\nflag: true\nextra: [1]\nsm:\n  source: book\n  count: 3\n"
                               "  rate_hz: {value: 1.98e9, source: \"page 5\"}\n";
    cr_assert_eq(bind(&a, text, true, &s, (config_notes){present, sources}, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(s.count, 3);
    cr_expect_eq(s.rate_hz, 1.98e9);
    cr_expect_str_eq(s.title, "x y");
    cr_expect(s.flag);
    cr_expect_eq(s.extra->kind, CONFIG_SEQUENCE);
    cr_expect_str_eq(sources[1], "book");
    cr_expect_str_eq(sources[2], "page 5");
    cr_expect(present[1] && present[2] && present[3] && !present[0]);
    sample variant = s;
    cr_assert_eq(bind(&a, "sm.rate_hz: 5\n", false, &variant, (config_notes){0}, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(variant.rate_hz, 5);
    cr_expect_eq(variant.count, 3, "an absent key keeps its value");
    arena_free(&a);
}

Test(config, binding_errors) {
    static const struct {
        const char *text, *place, *expected;
    } cases[] = {
        {"sm:\n  coutn: 1\n", "f.yaml:2:3: ", "unknown key 'sm.coutn'; did you mean 'sm.count'?"},
        {"ms:\n  count: 1\n", "f.yaml:1:1: ", "did you mean 'sm'?"},
        {"zzzzzz: 1\n", "f.yaml:1:1: ", "unknown key 'zzzzzz'"},
        {"<<: {a: 1}\n", "f.yaml:1:1: ", "unknown key '<<'"},
        {"sm: text\n", "f.yaml:1:5: ", "'sm' is a group"},
        {"sm:\n", "f.yaml:1:4: ", "'sm' is a group"},
        {"sm: [1]\n", "f.yaml:1:5: ", "'sm' is a group"},
        {"title: x\n", "f.yaml:1:1: ", "missing key 'sm.count'"},
        {"sm: {count: }\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: 1.98GHz}\n", "f.yaml:1:13: ", "not a number: '1.98GHz'"},
        {"sm: {count: 0x10}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: nan}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: .inf}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: 1e999}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: \"12\"}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: 1_000}\n", "f.yaml:1:13: ", "not a number"},
        {"sm: {count: 0}\n", "f.yaml:1:13: ", "out of range: must be from 1 to 4096"},
        {"sm: {count: -4}\n", "f.yaml:1:13: ", "out of range"},
        {"sm: {count: [1]}\n", "f.yaml:1:13: ", "expected a number"},
        {"sm:\n  count: {source: x}\n", "f.yaml:2:10: ", "'sm.count' has no 'value'"},
        {"sm:\n  count: {valeu: 1}\n", "f.yaml:2:11: ", "unknown key 'valeu' of 'sm.count'"},
        {"sm:\n  count: {value: x}\n", "f.yaml:2:18: ", "not a number"},
        {"sm:\n  count: {value: 1, source: [x]}\n", "f.yaml:2:29: ", "expected text"},
        {"sm:\n  count: 1\nsm.count: 2\n", "f.yaml:3:1: ", "duplicate key 'sm.count'"},
        {"sm: {count: 1}\ntitle: [x]\n", "f.yaml:2:8: ", "expected text"},
        {"sm: {count: 1}\nflag: yes\n", "f.yaml:2:7: ", "expected true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arena a = {0};
        error err = {0};
        sample s = {0};
        cr_expect_eq(bind(&a, cases[i].text, true, &s, (config_notes){0}, &err), STATUS_BAD_INPUT, "%s", cases[i].text);
        cr_expect_eq(strncmp(err.text, cases[i].place, strlen(cases[i].place)), 0, "'%s' is not at %s", err.text,
                     cases[i].place);
        cr_expect(strstr(err.text, cases[i].expected), "'%s' lacks '%s'", err.text, cases[i].expected);
        arena_free(&a);
    }
}

Test(config, schema) {
    arena a = {0};
    const config_node *root;
    error err = {0};
    cr_assert_eq(parse(&a, "schema: 1\n", &root, &err), STATUS_OK);
    cr_expect_eq(config_schema(root, 1, &err), STATUS_OK);
    cr_expect_eq(config_schema(root, 2, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "f.yaml:1:9: schema 1 is not known: this program reads schema 2");
    cr_assert_eq(parse(&a, "a: 1\n", &root, &err), STATUS_OK);
    cr_expect_eq(config_schema(root, 1, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "f.yaml:1:1: missing key 'schema'"), "%s", err.text);
    arena_free(&a);
}

Test(config, nearest) {
    static const char *const words[] = {"hbm", "link", "host", "power"};
    cr_expect_str_eq(config_nearest("hmb", words, 4), "hbm", "two neighbours swapped are one edit");
    cr_expect_str_eq(config_nearest("hsot", words, 4), "host");
    cr_expect_str_eq(config_nearest("powers", words, 4), "power");
    cr_expect_null(config_nearest("qqqqqq", words, 4));
    cr_expect_null(config_nearest("", words, 4));
    char long_word[200];
    memset(long_word, 'h', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    cr_expect_null(config_nearest(long_word, words, 4));
}

static void loading_fails(const char *path, const char *expected) {
    arena a = {0};
    const config_node *root;
    error err = {0};
    cr_expect_eq(config_load(&a, path, &root, &err), STATUS_BAD_INPUT);
    char *place = arena_printf(&a, "%s:1:1: ", path);
    cr_expect_eq(strncmp(err.text, place, strlen(place)), 0, "'%s'", err.text);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    arena_free(&a);
}

Test(config, files_that_cannot_be_read) {
    loading_fails("/nonexistent/x.yaml", "cannot open");
    loading_fails("/", "is a directory");
    char path[] = "/tmp/ingot-test-config-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    cr_assert_eq(ftruncate(file, CONFIG_FILE_MAX_BYTES + 1), 0);
    close(file);
    loading_fails(path, "larger than 4 MiB");
    remove(path);
}

Test(config, names_and_paths) {
    arena a = {0};
    cr_expect(config_is_path("./x"));
    cr_expect(config_is_path("x.yaml"));
    cr_expect_not(config_is_path("h200-sxm"));
    cr_expect_not(config_is_path(".yaml"));
    cr_expect_str_eq(config_stem(&a, "a/b/h200-sxm.yaml"), "h200-sxm");
    cr_expect_str_eq(config_stem(&a, "plain"), "plain");
    char directory[] = "/tmp/ingot-test-names-XXXXXX";
    cr_assert(mkdtemp(directory));
    static const char *const files[] = {"beta.yaml", "alpha.yaml", "notes.md", ".hidden.yaml"};
    for (size_t i = 0; i < 4; i++)
        fclose(fopen(arena_printf(&a, "%s/%s", directory, files[i]), "w"));
    const char *const *names;
    size_t count;
    error err = {0};
    cr_assert_eq(config_list(&a, directory, &names, &count, &err), STATUS_OK);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(names[0], "alpha");
    cr_expect_str_eq(names[1], "beta");
    const char *path;
    cr_expect_eq(config_find(&a, directory, "thing", "beta", &path, &err), STATUS_OK);
    cr_expect_str_eq(path, arena_printf(&a, "%s/beta.yaml", directory));
    cr_expect_eq(config_find(&a, directory, "thing", "betta", &path, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "unknown thing 'betta'; did you mean 'beta'?");
    for (size_t i = 0; i < 4; i++)
        remove(arena_printf(&a, "%s/%s", directory, files[i]));
    rmdir(directory);
    arena_free(&a);
}
