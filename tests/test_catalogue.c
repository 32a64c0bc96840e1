/* Every operator of the catalogue has a kernel, a reference and a case of the kernel test, and cases name no others. */
#include "core/catalogue.h"
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What needs no kernel. */
static const char *const without_a_case[] = {"LS-6" /* lengths only */};

static bool is_listed(const char *id) {
    for (size_t i = 0; i < sizeof without_a_case / sizeof without_a_case[0]; i++)
        if (strcmp(without_a_case[i], id) == 0)
            return true;
    return false;
}

static char *read_cases(void) {
    glob_t found;
    cr_assert_eq(glob(INGOT_SOURCE_DIR "/tests/gpu/cases_*.c", 0, NULL, &found), 0);
    size_t used = 0, capacity = 1 << 20;
    char *text = calloc(capacity, 1);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r");
        cr_assert_not_null(file);
        used += fread(text + used, 1, capacity - 1 - used, file);
        fclose(file);
    }
    globfree(&found);
    return text;
}

/* The id stands in quotes or between commas: LM-6 is not LM-6b. */
static bool names(const char *text, const char *id) {
    size_t length = strlen(id);
    for (const char *at = strstr(text, id); at; at = strstr(at + 1, id))
        if (at > text && (at[-1] == '"' || at[-1] == ',') && (at[length] == '"' || at[length] == ','))
            return true;
    return false;
}

Test(catalogue, every_operator_has_a_case) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    char *text = read_cases();
    bool attention_is_there = ref_function_of(OP_attention) != NULL;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].kind == OP_attention && !attention_is_there)
            continue;
        cr_expect_neq(names(text, entries[i].id), is_listed(entries[i].id), "%s", entries[i].id);
    }
    free(text);
}

Test(catalogue, every_operator_has_a_kernel_and_a_reference) {
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    bool attention_is_there = ref_function_of(OP_attention) != NULL;
    for (size_t i = 0; i < count; i++) {
        char path[512];
        if (is_listed(entries[i].id) || (entries[i].kind == OP_attention && !attention_is_there))
            continue;
        const char *kind = op_info_get(entries[i].kind)->name;
        cr_expect_not_null(ref_function_of(entries[i].kind), "%s", kind);
        snprintf(path, sizeof path, "%s/kernels/%s.cu", INGOT_SOURCE_DIR, kind);
        cr_expect_eq(access(path, R_OK), 0, "%s", path);
    }
}
