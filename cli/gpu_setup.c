#include "cli/gpu_setup.h"

#include "core/base/clock.h"
#include "core/base/si.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SM_COUNT_MAX = 4096 };

/* What a part of the GPU may be: some of it, and not all. */
static double share(argument_failure *f, const char *option, const char *text) {
    static const double LEAST = 1e-3, MOST = 0.999;
    return argument_number(f, option, text, LEAST, MOST);
}

bool gpu_variant_argument(gpu_variant *out, int key, const char *value, argument_failure *failure) {
    switch (key) {
    case KEY_SMS:
        out->sm_count = (int32_t)argument_whole_within(failure, "sms", value, 1, SM_COUNT_MAX);
        return true;
    case KEY_L2_SET_ASIDE:
        out->l2_set_aside_bytes = argument_number(failure, "l2-set-aside-mb", value, 1e-3, INFINITY) * BYTES_PER_MB;
        return true;
    case KEY_L2_SHARE:
        out->l2_share = share(failure, "l2-share", value);
        return true;
    case KEY_BANDWIDTH_SHARE:
        out->bandwidth_share = share(failure, "bandwidth-share", value);
        return true;
    default:
        return false;
    }
}

/* What no GPU can be at once. */
static status check_variant(const gpu_variant *v, error *err) {
    bool by_bytes = v->l2_set_aside_bytes > 0, by_share = v->l2_share > 0;
    if (by_bytes && by_share)
        return error_set(err, STATUS_BAD_INPUT, "--l2-set-aside-mb and --l2-share say the same: give one of them");
    if ((by_bytes || by_share) && v->bandwidth_share > 0)
        return error_set(err, STATUS_BAD_INPUT,
                         "less L2 and --bandwidth-share cannot be had at once: give one of them");
    return STATUS_OK;
}

status gpu_setup_open(const gpu_variant *variant, gpu_setup *out, error *err) {
    *out = (gpu_setup){.variant = *variant};
    status result = check_variant(variant, err);
    if (result == STATUS_OK)
        result = gpu_load(&out->api, err);
    if (result == STATUS_OK)
        result = out->api->open(0, &out->context, &out->info, err);
    out->actual.sm_count = out->info.sm_count;
    out->actual.sm_method = "whole GPU";
    bool whole = variant->sm_count == 0 && variant->l2_set_aside_bytes == 0 && variant->l2_share == 0 &&
                 variant->bandwidth_share == 0;
    if (result == STATUS_OK && !whole)
        result = out->api->variant_begin(out->context, variant, &out->actual, err);
    return result;
}

void gpu_setup_close(gpu_setup *gpu) {
    if (gpu->api && gpu->context)
        gpu->api->close(gpu->context);
    *gpu = (gpu_setup){0};
}

void gpu_telemetry_json(json_writer *w, const char *key, const gpu_telemetry *t) {
    json_object_begin(w, key);
    json_number(w, "sm_clock_hz", t->sm_clock_hz);
    json_number(w, "memory_clock_hz", t->memory_clock_hz);
    json_number(w, "power_w", t->power_w);
    json_number(w, "temperature_c", t->temperature_c);
    json_object_end(w);
}

/* Without and with what takes L2 or bandwidth; nothing where nothing does. */
static void memory_rates_json(json_writer *w, const char *key, const gpu_memory_rates *rates) {
    if (rates->read_bytes_per_s <= 0)
        return;
    json_object_begin(w, key);
    json_number(w, "read_bytes_per_s", rates->read_bytes_per_s);
    json_number(w, "write_bytes_per_s", rates->write_bytes_per_s);
    json_number(w, "l2_read_bytes_per_s", rates->l2_read_bytes_per_s);
    json_number(w, "l2_bytes", rates->l2_bytes);
    json_object_end(w);
}

void gpu_environment_json(json_writer *w, const gpu_setup *gpu, int argc, char **argv) {
    char command[1024] = "";
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof command; i++) {
        int written = snprintf(command + used, sizeof command - used, "%s%s", i ? " " : "", argv[i]);
        used += written > 0 ? (size_t)written : 0;
    }
    gpu_telemetry t = gpu->api->telemetry(gpu->context);
    json_text(w, "version", INGOT_VERSION);
    json_text(w, "command", command);
    json_text(w, "date", clock_moment().text);
    json_text(w, "gpu", gpu->info.name);
    json_number(w, "sm_count", gpu->info.sm_count);
    json_number(w, "memory_bytes", gpu->info.memory_bytes);
    json_text(w, "driver_cuda", gpu->info.driver);
    json_text(w, "runtime_cuda", gpu->info.runtime);
    gpu_telemetry_json(w, "before", &t);
    json_object_begin(w, "variant");
    json_number(w, "sm_count", gpu->actual.sm_count);
    json_text(w, "sm_method", gpu->actual.sm_method);
    json_number(w, "l2_set_aside_bytes", gpu->actual.l2_set_aside_bytes);
    json_number(w, "bandwidth_share_wanted", gpu->variant.bandwidth_share > 0 ? gpu->variant.bandwidth_share : NAN);
    memory_rates_json(w, "alone", &gpu->actual.alone);
    memory_rates_json(w, "left", &gpu->actual.left);
    json_integer(w, "resident_blocks", gpu->actual.resident_blocks);
    json_integer(w, "resident_sm_count", gpu->actual.resident_sm_count);
    json_object_end(w);
}
