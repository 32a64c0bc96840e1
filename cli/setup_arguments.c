#include "cli/setup_arguments.h"

#include "core/base/number.h"

#include <math.h>

setup_options setup_arguments_default(const char *preset) {
    return (setup_options){
        .preset = preset, .engine = "analytic", .request = {.batch = 1, .decode_steps = -1, .statistic = "mean"}};
}

static int64_t whole(const char *option, const char *text, double min, status *failure, error *err) {
    static const double MAX = 1e9;
    double value;
    if (number_parse(text, &value) && value >= min && value <= MAX && value == floor(value))
        return (int64_t)value;
    if (*failure == STATUS_OK)
        *failure =
            error_set(err, STATUS_BAD_INPUT, "--%s: '%.40s' is not a whole number of at least %g", option, text, min);
    return (int64_t)min;
}

static void add(const char **list, size_t *count, const char *text, status *failure, error *err) {
    if (*count < SETUP_OVERRIDES_MAX)
        list[(*count)++] = text;
    else
        *failure = error_set(err, STATUS_BAD_INPUT, "more than %d overrides", SETUP_OVERRIDES_MAX);
}

bool setup_argument(setup_options *o, int key, const char *value, status *failure, error *err) {
    switch (key) {
    case 'm':
        o->machine = value;
        return true;
    case 'w':
        o->workload = value;
        return true;
    case 'p':
        o->preset = value;
        return true;
    case 'H':
        o->host = value;
        return true;
    case 's':
        add(o->lever_overrides, &o->lever_override_count, value, failure, err);
        return true;
    case SETUP_KEY_OVERRIDE:
        add(o->machine_overrides, &o->machine_override_count, value, failure, err);
        return true;
    case 'b':
        o->request.batch = whole("batch", value, 1, failure, err);
        return true;
    case 'P':
        o->request.prompt_tokens = whole("prompt", value, 1, failure, err);
        return true;
    case SETUP_KEY_STEPS:
        o->request.decode_steps = whole("steps", value, 0, failure, err);
        return true;
    case SETUP_KEY_STATISTIC:
        o->request.statistic = value;
        return true;
    default:
        return false;
    }
}
