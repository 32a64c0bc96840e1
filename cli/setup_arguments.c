#include "cli/setup_arguments.h"

setup_options setup_arguments_default(const char *preset) {
    return (setup_options){
        .preset = preset, .engine = "analytic", .request = {.batch = 1, .decode_steps = -1, .statistic = "mean"}};
}

bool setup_argument(setup_options *o, int key, const char *value, argument_failure *failure) {
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
        argument_append(failure, "set", value, o->lever_overrides, &o->lever_override_count, SETUP_OVERRIDES_MAX);
        return true;
    case SETUP_KEY_OVERRIDE:
        argument_append(failure, "override", value, o->machine_overrides, &o->machine_override_count,
                        SETUP_OVERRIDES_MAX);
        return true;
    case 'b':
        o->request.batch = argument_whole(failure, "batch", value, 1);
        return true;
    case 'P':
        o->request.prompt_tokens = argument_whole(failure, "prompt", value, 1);
        return true;
    case SETUP_KEY_STEPS:
        o->request.decode_steps = argument_whole(failure, "steps", value, 0);
        return true;
    case SETUP_KEY_STATISTIC:
        o->request.statistic = value;
        return true;
    default:
        return false;
    }
}
