#include "cli/calibrate_host.h"

#include "cli/command.h"
#include "core/base/config_find.h"
#include "core/base/si.h"
#include "core/base/whole_file.h"
#include "hwmodels/machine_load.h"
#include "validate/host_fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static status add_file(arena *a, const char *path, host_fit *fit, error *err) {
    if (strstr(path, ".jsonl")) {
        run r;
        status result = run_read(a, path, &r, err);
        if (result == STATUS_OK)
            host_fit_add_run(a, path, &r, fit);
        return result;
    }
    trace t;
    status result = trace_read(path, false, &t, err);
    if (result != STATUS_OK)
        return result;
    host_fit_add_trace(a, &t, fit);
    trace_free(&t);
    return STATUS_OK;
}

static void print_range(const char *name, const host_range *r, double scale, const char *label) {
    if (!isnan(r->median))
        printf("%-10s %10.3f %s, from %.3f to %.3f\n", name, r->median * scale, label, r->low * scale, r->high * scale);
}

static void print_fit(const host_fit *fit) {
    printf("%-44s %4s %10s %8s %8s %8s %9s %9s %9s\n", "trace or run", "step", "wall ms", "busy ms", "calls",
           "launches", "us/launch", "stall ms", "us/call");
    for (size_t i = 0; i < fit->count; i++) {
        const host_step *s = &fit->steps[i];
        size_t length = strlen(s->path);
        printf("%-44s %4zu %10.3f %8.3f %8.0f %8.0f %9.2f %9.3f ", s->path + (length > 44 ? length - 44 : 0), s->step,
               s->wall_s * MS_PER_S, s->busy_s * MS_PER_S, s->calls, s->launches,
               s->launches > 0 ? s->launch_s * US_PER_S / s->launches : 0, s->stall_s * MS_PER_S);
        if (!isnan(s->call_s))
            printf("%9.2f\n", s->call_s * US_PER_S);
        else
            printf("%9s\n", s->captured ? "captured" : "GPU-bound");
    }
    print_range("call", &fit->call_s, US_PER_S, "us");
    print_range("launch", &fit->launch_s, US_PER_S, "us");
    print_range("step", &fit->step_s, MS_PER_S, "ms");
}

static double known(double value) {
    return isnan(value) ? 0 : value;
}

static status write_profile(arena *a, const host_fit *fit, double launch_ratio, const char *source, const char *path,
                            error *err) {
    whole_file *file;
    status result = whole_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    fprintf(whole_file_stream(file),
            "schema: 1\nname: %s\ndescription: fitted from traces, whose profiler slows the host\n"
            "call_s: {value: %.4g, source: \"median of %s\"}\n"
            "call_low_s: {value: %.4g, source: \"least of the same\"}\n"
            "call_high_s: {value: %.4g, source: \"most of the same\"}\n"
            "step_s: {value: %.4g, source: \"median of stalls, or of what lies between captured steps\"}\n"
            "launch_scale_ratio: {value: %.4g, source: \"%s\"}\n",
            config_stem(a, path), known(fit->call_s.median), source, known(fit->call_s.low), known(fit->call_s.high),
            known(fit->step_s.median), launch_ratio,
            launch_ratio == 1 ? "the machine's own launch cost" : "launch calls of the same over the machine's own");
    return whole_file_close(file, err);
}

static status fit_and_write(arena *a, const char *const *files, size_t file_count, const char *machine_name,
                            const char *output, error *err) {
    host_fit fit = {0};
    const char *source = arena_printf(a, "%zu file%s:", file_count, file_count == 1 ? "" : "s");
    status result = STATUS_OK;
    for (size_t i = 0; i < file_count && result == STATUS_OK; i++) {
        result = add_file(a, files[i], &fit, err);
        source = arena_printf(a, "%s %s", source, config_stem(a, files[i]));
    }
    if (result == STATUS_OK)
        result = host_fit_finish(a, &fit, err);
    if (result != STATUS_OK)
        return result;
    double launch_ratio = 1;
    if (machine_name && !isnan(fit.launch_s.median)) {
        machine *m = ARENA_NEW(a, machine);
        result = machine_load(a, command_config_dir(), machine_name, m, NULL, err);
        if (result != STATUS_OK)
            return result;
        launch_ratio = fit.launch_s.median / m->host.launch_s;
    }
    print_fit(&fit);
    return output ? write_profile(a, &fit, launch_ratio, source, output, err) : STATUS_OK;
}

status calibrate_host(const char *const *files, size_t file_count, const char *machine_name, const char *output,
                      error *err) {
    if (file_count == 0)
        return error_set(err, STATUS_BAD_INPUT, "ingot calibrate --host: give traces or runs; see --help");
    arena a = {0};
    status result = fit_and_write(&a, files, file_count, machine_name, output, err);
    arena_free(&a);
    return result;
}
