#include "cli/gpu_setup.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

status gpu_setup_open(gpu_setup *out, error *err) {
    *out = (gpu_setup){0};
    status result = gpu_load(&out->api, err);
    return result == STATUS_OK ? out->api->open(0, &out->context, &out->info, err) : result;
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

void gpu_environment_json(json_writer *w, const gpu_setup *gpu, int argc, char **argv) {
    char date[64], command[1024] = "";
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof command; i++) {
        int written = snprintf(command + used, sizeof command - used, "%s%s", i ? " " : "", argv[i]);
        used += written > 0 ? (size_t)written : 0;
    }
    gpu_telemetry t = gpu->api->telemetry(gpu->context);
    json_text(w, "version", INGOT_VERSION);
    json_text(w, "command", command);
    json_text(w, "date", date);
    json_text(w, "gpu", gpu->info.name);
    json_number(w, "sm_count", gpu->info.sm_count);
    json_number(w, "memory_bytes", gpu->info.memory_bytes);
    json_text(w, "driver_cuda", gpu->info.driver);
    json_text(w, "runtime_cuda", gpu->info.runtime);
    gpu_telemetry_json(w, "before", &t);
}
