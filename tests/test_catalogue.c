/* Every operator of the catalogue has a kernel, a reference and cases of the kernel test, or a test of the runtime that
 * does it; the catalogue and the cases name each other and nothing else. */
#include "core/catalogue.h"
#include "kernels/ref/ref.h"
#include "tests/gpu/cases.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 512, IDS_MAX = 100 };

/* Operators of the language models, of speculation and of guided generation (facts: workloads, section 3). */
static const char *const expected[] = {
    "LM-1",  "LM-2",  "LM-3",  "LM-4",  "LM-5",  "LM-6",  "LM-6b", "LM-6c", "LM-7a", "LM-7b", "LM-7c", "LM-8a", "LM-8b",
    "LM-9",  "LM-10", "LM-11", "LM-12", "LM-13", "LM-14", "LM-15", "LM-16", "LM-17", "LM-18", "LM-19", "LM-20", "LM-21",
    "LM-22", "LM-23", "LM-24", "LS-1",  "LS-2",  "LS-3",  "LS-4",  "LS-5",  "LS-6",  "CH-1",  "CH-2",  "CH-3"};
enum { EXPECTED = sizeof expected / sizeof expected[0] };

static void name_of(const kernel_case *item, char *text) {
    size_t used = (size_t)snprintf(text, NAME_BYTES, "%s ", op_info_get(item->op.kind)->name);
    op_shape_text(&item->op, text + used, NAME_BYTES - used);
}

static const catalogue_entry *entry_of(const char *id) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].id, id) == 0)
            return &entries[i];
    return NULL;
}

/* Whether the kernel test has a case of that name which is said to be of that entry. */
static bool has_case(const char *id, const char *name) {
    char text[NAME_BYTES];
#define X(family)                                                                                                      \
    for (size_t i = 0; i < kernel_cases_##family().count; i++) {                                                       \
        const kernel_case *item = &kernel_cases_##family().items[i];                                                   \
        name_of(item, text);                                                                                           \
        if (kernel_case_has_id(item, id) && strcmp(text, name) == 0)                                                   \
            return true;                                                                                               \
    }
    KERNEL_FAMILIES(X)
#undef X
    return false;
}

static bool is_in_catalogue(const char *id, const char *name) {
    size_t count;
    const catalogue_case *cases = catalogue_cases(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cases[i].id, id) == 0 && strcmp(cases[i].name, name) == 0)
            return true;
    return false;
}

Test(catalogue, no_operator_is_missing) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    cr_expect_eq(count, (size_t)EXPECTED);
    for (size_t i = 0; i < EXPECTED; i++)
        cr_expect_not_null(entry_of(expected[i]), "%s", expected[i]);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(entry_of(entries[i].id), &entries[i], "%s is there twice", entries[i].id);
}

Test(catalogue, every_named_case_is_one_of_the_kernel_test) {
    size_t count;
    const catalogue_case *cases = catalogue_cases(&count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_not_null(entry_of(cases[i].id), "%s", cases[i].id);
        cr_expect(has_case(cases[i].id, cases[i].name), "%s: no case is '%s'", cases[i].id, cases[i].name);
    }
}

Test(catalogue, every_operator_names_a_case_of_its_kind_or_a_test_of_the_runtime) {
    size_t count, case_count;
    const catalogue_entry *entries = catalogue(&count);
    const catalogue_case *cases = catalogue_cases(&case_count);
    for (size_t i = 0; i < count; i++) {
        const char *kind = op_info_get(entries[i].kind)->name;
        size_t own = 0;
        for (size_t k = 0; k < case_count; k++)
            own += strcmp(cases[k].id, entries[i].id) == 0 && strncmp(cases[k].name, kind, strlen(kind)) == 0 &&
                   cases[k].name[strlen(kind)] == ' ';
        cr_expect_neq(own > 0, entries[i].runtime_test != NULL, "%s: %zu cases", entries[i].id, own);
    }
}

Test(catalogue, every_id_of_a_case_is_listed) {
    char text[NAME_BYTES], ids[NAME_BYTES];
#define X(family)                                                                                                      \
    for (size_t i = 0; i < kernel_cases_##family().count; i++) {                                                       \
        const kernel_case *item = &kernel_cases_##family().items[i];                                                   \
        if (!item->ids)                                                                                                \
            continue;                                                                                                  \
        name_of(item, text);                                                                                           \
        snprintf(ids, sizeof ids, "%s", item->ids);                                                                    \
        for (char *id = strtok(ids, ","); id; id = strtok(NULL, ","))                                                  \
            cr_expect(!entry_of(id) || is_in_catalogue(id, text), "%s: not listed: '%s'", id, text);                   \
    }
    KERNEL_FAMILIES(X)
#undef X
}

/* "test_NAME: CASE" */
Test(catalogue, tests_of_the_runtime_exist) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    for (size_t i = 0; i < count; i++) {
        char path[NAME_BYTES], program[NAME_BYTES], name[NAME_BYTES];
        if (!entries[i].runtime_test)
            continue;
        cr_assert_eq(sscanf(entries[i].runtime_test, "%100[^:]: %100s", program, name), 2, "%s", entries[i].id);
        snprintf(path, sizeof path, "%s/tests/%.200s.c", INGOT_SOURCE_DIR, program);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file, "%s", path);
        static char text[1 << 20];
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
        snprintf(path, sizeof path, ", %.200s) {", name); /* Test(SUITE, NAME) { */
        cr_expect_not_null(strstr(text, path), "%s has no %s", program, name);
    }
}

Test(catalogue, every_operator_has_a_kernel_and_a_reference) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    for (size_t i = 0; i < count; i++) {
        char path[NAME_BYTES];
        if (entries[i].runtime_test)
            continue;
        const char *kind = op_info_get(entries[i].kind)->name;
        cr_expect_not_null(ref_function_of(entries[i].kind), "%s", kind);
        snprintf(path, sizeof path, "%s/kernels/%s.cu", INGOT_SOURCE_DIR, kind);
        cr_expect_eq(access(path, R_OK), 0, "%s", path);
    }
}
