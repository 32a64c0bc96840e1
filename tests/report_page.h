/* The example's page, as a text, and its check as XML. */
#ifndef INGOT_REPORT_PAGE_H
#define INGOT_REPORT_PAGE_H

#include "tests/report_example.h"
#include "tests/scratch.h"

#include <ctype.h>
#include <unistd.h>

static char *report_page(const report_input *input, bool html) {
    const char *path = scratch_path(html ? "report.html" : "report.md");
    error err = {""};
    status result = report_write(input, path, &err);
    cr_assert_eq(result, STATUS_OK, "%s", err.text);
    return scratch_read(path);
}

static inline bool report_is_installed(const char *program) {
    const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/bin"};
    char path[256];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

#define NEEDS_GNUPLOT()                                                                                                \
    do {                                                                                                               \
        if (!report_is_installed("gnuplot"))                                                                           \
            cr_skip("gnuplot is not installed");                                                                       \
    } while (0)

/* Reads a page as strict XML: every element closed in order, every attribute quoted and named once, no stray < or &.
 * Returns the number of elements. */
static inline int report_check_markup(const char *page) {
    enum { DEPTH_MAX = 64, NAME_BYTES = 32 };
    char open[DEPTH_MAX][NAME_BYTES];
    int depth = 0, elements = 0;
    const char *at = page;
    if (strncmp(at, "<!DOCTYPE html>", 15) == 0)
        at += 15;
    while (*at) {
        if (*at == '&') {
            size_t length = strcspn(at, "; <");
            cr_assert(at[length] == ';' && length > 1, "stray & at: %.40s", at);
        }
        if (*at++ != '<')
            continue;
        bool closing = *at == '/';
        at += closing;
        char name[NAME_BYTES] = "";
        size_t length = strcspn(at, " />\n");
        cr_assert(length > 0 && length < NAME_BYTES && isalpha((unsigned char)*at), "stray < at: %.40s", at - 1);
        memcpy(name, at, length);
        at += length;
        while (*at && *at != '>' && !(at[0] == '/' && at[1] == '>')) {
            at += strspn(at, " \n");
            size_t key = strcspn(at, "= />\n");
            if (key == 0)
                continue;
            at += key;
            at += strspn(at, " ");
            cr_assert_eq(*at++, '=', "attribute of <%s> without a value", name);
            at += strspn(at, " ");
            char quote = *at++;
            cr_assert(quote == '"' || quote == '\'', "attribute of <%s> is not quoted", name);
            const char *end = strchr(at, quote);
            cr_assert_not_null(end);
            cr_assert_null(memchr(at, '<', (size_t)(end - at)), "< in an attribute of <%s>", name);
            at = end + 1;
        }
        bool empty = *at == '/';
        at += empty + 1;
        elements += !closing;
        if (closing) {
            cr_assert(depth > 0 && strcmp(open[depth - 1], name) == 0, "</%s> closes <%s>", name,
                      depth ? open[depth - 1] : "nothing");
            depth--;
        } else if (!empty) {
            cr_assert_lt(depth, DEPTH_MAX);
            strcpy(open[depth++], name);
        }
    }
    cr_assert_eq(depth, 0, "<%s> is not closed", depth ? open[depth - 1] : "");
    return elements;
}

#endif
