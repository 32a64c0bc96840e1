#include "cli/arguments.h"

#include "core/base/number.h"
#include "core/base/text.h"
#include "core/base/whole_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void argument_refuse(argument_failure *f, const char *option, const char *text, const char *wanted) {
    if (f->status == STATUS_OK)
        f->status = error_set(f->err, STATUS_BAD_INPUT, "--%s: '%.40s' is not %s", option, text, wanted);
}

int64_t argument_whole_within(argument_failure *f, const char *option, const char *text, int64_t low, int64_t high) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool begins_well = isdigit((unsigned char)*text) || *text == '-'; /* strtoll would pass over blanks */
    if (begins_well && *end == '\0' && errno == 0 && value >= low && value <= high)
        return value;
    char wanted[96];
    if (high == INT64_MAX)
        snprintf(wanted, sizeof wanted, "a whole number of at least %lld", (long long)low);
    else
        snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)low, (long long)high);
    argument_refuse(f, option, text, wanted);
    return low;
}

int64_t argument_whole(argument_failure *f, const char *option, const char *text, int64_t low) {
    return argument_whole_within(f, option, text, low, INT64_MAX);
}

double argument_number(argument_failure *f, const char *option, const char *text, double low, double high) {
    double value;
    if (number_parse(text, &value) && value >= low && value <= high)
        return value;
    char wanted[96];
    if (isinf(high))
        snprintf(wanted, sizeof wanted, "a number of at least %g", low);
    else
        snprintf(wanted, sizeof wanted, "a number from %.7g to %.7g", low, high);
    argument_refuse(f, option, text, wanted);
    return low;
}

const char *argument_output(argument_failure *f, const char *option, const char *path, const char *const *endings) {
    if (f->status != STATUS_OK)
        return path;
    char known[96] = "";
    size_t length = 0;
    for (const char *const *ending = endings; *ending; ending++) {
        if (text_ends_with(path, *ending)) {
            f->status = whole_file_possible(path, f->err);
            return path;
        }
        const char *comma = ending == endings ? "" : ending[1] ? ", " : " or ";
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", comma, *ending);
    }
    f->status = error_set(f->err, STATUS_BAD_INPUT, "--%s: '%.200s' does not end in %s", option, path, known);
    return path;
}

void argument_append(argument_failure *f, const char *option, const char *text, const char **list, size_t *count,
                     size_t capacity) {
    if (*count < capacity)
        list[(*count)++] = text;
    else if (f->status == STATUS_OK)
        f->status = error_set(f->err, STATUS_BAD_INPUT, "--%s: more than %zu of them", option, capacity);
}
