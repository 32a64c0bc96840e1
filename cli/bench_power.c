#include "cli/bench_power.h"

#include <math.h>

/* A field; blank where it is not known. */
static void power_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, ",%.6g", value);
    else
        fputc(',', out);
}

static status power_row_out(void *user, const power_row *r, error *err) {
    FILE *out = user;
    fprintf(out, "%s,%s,%.10g,%g,%d,%.4f,%.4f", r->load, r->dtype, r->size, r->data, r->sm_count, r->begin_s,
            r->seconds);
    power_number(out, r->power_w);
    power_number(out, r->memory_power_w);
    power_number(out, r->sm_clock_hz);
    power_number(out, r->nvml_clock_hz);
    power_number(out, r->memory_clock_hz);
    power_number(out, r->temperature_c);
    power_number(out, r->limited_frac);
    power_number(out, r->flops_per_s);
    power_number(out, r->bytes_per_s);
    fprintf(out, ",%d\n", r->samples);
    return fflush(out) == 0 ? STATUS_OK : error_set(err, STATUS_ENVIRONMENT, "cannot write a row");
}

status bench_power(const gpu_setup *gpu, double seconds, FILE *out, error *err) {
    fputs("load,dtype,size,data,sm_count,begin_s,seconds,power_w,memory_power_w,sm_clock_hz,nvml_clock_hz,"
          "memory_clock_hz,temperature_c,limited_frac,flops_per_s,bytes_per_s,samples\n",
          out);
    return gpu->api->power_loads(gpu->context, seconds, power_row_out, out, err);
}
