/* ingot detect: this GPU as a machine description. What the driver tells replaces the numbers of the nearest machine
 * that configs/machines describes; the rest stays the base's. */
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/gpu_setup.h"
#include "core/base/whole_file.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct detect_arguments {
    const char *output;
    argument_failure failure;
} detect_arguments;

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "Write the YAML there instead of stdout", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    static const char *const endings[] = {".yaml", NULL};
    detect_arguments *o = state->input;
    if (key == 'o') {
        o->output = argument_output(&o->failure, "output", value, endings);
        return 0;
    }
    return key == ARGP_KEY_ARG ? EINVAL : ARGP_ERR_UNKNOWN;
}

/* A described machine by compute capability, and by memory where two share one. */
static const char *base_of(const gpu_device_info *info) {
    static const struct {
        int major, minor;
        double least_memory_bytes;
        const char *name;
    } known[] = {
        {10, 3, 0, "b300-sxm"}, {10, 0, 0, "b200-sxm"},     {12, 0, 0, "rtx-pro-6000"}, {9, 0, 100e9, "h200-sxm"},
        {9, 0, 0, "h100-sxm"},  {8, 0, 0, "a100-sxm-80gb"}, {8, 9, 40e9, "l40s"},       {8, 9, 0, "l4"},
        {7, 5, 0, "t4"},        {7, 0, 0, "v100-sxm"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].major == info->compute_major && known[i].minor == info->compute_minor &&
            info->memory_bytes >= known[i].least_memory_bytes)
            return known[i].name;
    return NULL;
}

static void write_number(FILE *out, const char *key, double value, const char *source) {
    fprintf(out, "  %s: {value: %.10g, source: \"%s\"}\n", key, value, source);
}

static void write_machine(FILE *out, const gpu_device_info *info, const char *base) {
    static const char source[] = "read from the driver by ingot detect";
    static const double TRANSFERS_PER_CLOCK = 2, BITS_PER_BYTE = 8; /* double data rate */
    fprintf(out, "schema: 1\nname: this-gpu\nbase: %s\ndescription: %s, as detected\n", base, info->name);
    fprintf(out, "sm:\n");
    write_number(out, "count", info->sm_count, source);
    if (info->sm_clock_max_hz > 0)
        write_number(out, "clock_max_hz", info->sm_clock_max_hz, source);
    write_number(out, "max_ctas", info->max_ctas_per_sm, source);
    write_number(out, "max_threads", info->max_threads_per_sm, source);
    write_number(out, "registers", info->registers_per_sm, source);
    write_number(out, "shared_bytes", info->shared_bytes_per_sm, source);
    fprintf(out, "l2:\n");
    write_number(out, "bytes", info->l2_bytes, source);
    fprintf(out, "hbm:\n");
    write_number(out, "capacity_bytes", info->memory_bytes, source);
    write_number(out, "bus_bits", info->memory_bus_bits, source);
    if (info->memory_clock_max_hz > 0)
        write_number(out, "bandwidth_bytes_per_s",
                     info->memory_clock_max_hz * TRANSFERS_PER_CLOCK * info->memory_bus_bits / BITS_PER_BYTE,
                     "memory clock x 2 x bus width, read from the driver by ingot detect");
}

static status write_file(const char *path, const gpu_device_info *info, const char *base, error *err) {
    whole_file *file;
    status result = whole_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    write_machine(whole_file_stream(file), info, base);
    return whole_file_close(file, err);
}

status command_detect(int argc, char **argv, error *err) {
    static const char doc[] = "Describes this GPU as a machine for the other commands: what the driver tells, over the "
                              "nearest machine that is known.\v"
                              "example: ingot detect -o gpu.yaml";
    detect_arguments o = {.failure = {.err = err}};
    const struct argp parser = {.options = option_table, .parser = parse_option, .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result != STATUS_OK)
        return result;
    gpu_setup gpu = {0};
    result = gpu_setup_open(&(gpu_variant){0}, &gpu, err);
    if (result != STATUS_OK)
        return result;
    const char *base = base_of(&gpu.info);
    if (!base)
        result = error_set(err, STATUS_NEGATIVE, "%s (compute capability %d.%d) is like no machine that is described",
                           gpu.info.name, gpu.info.compute_major, gpu.info.compute_minor);
    else if (o.output)
        result = write_file(o.output, &gpu.info, base, err);
    else
        write_machine(stdout, &gpu.info, base);
    gpu_setup_close(&gpu);
    return result;
}
