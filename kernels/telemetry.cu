/* Clocks, power and energy through NVML, which comes with the driver. Its few functions are declared here, so that
 * building needs no header of it. */
#include "kernels/context.h"

#include "core/base/si.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

typedef struct nvmlDevice_st *nvml_device;
typedef int nvml_result; /* 0: success */

enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2, NVML_TEMPERATURE_GPU = 0 }; /* nvml.h, nvmlClockType_t */

/* nvml.h: power now, as a field; of device memory alone; and why the clock is lower than it might be. */
enum { NVML_FI_DEV_POWER_AVERAGE = 185, NVML_FI_DEV_POWER_INSTANT = 186, NVML_POWER_SCOPE_MEMORY = 2 };
static const unsigned long long NVML_REASON_SW_POWER_CAP = 0x4, NVML_REASON_HW_POWER_BRAKE = 0x80;

/* nvml.h, nvmlFieldValue_t. */
typedef struct nvml_field {
    unsigned id, scope;
    long long time_us, latency_us;
    unsigned value_type;
    nvml_result result;
    union {
        unsigned as_unsigned;
        unsigned long long as_long;
    };
} nvml_field;

static const double J_PER_MILLIJOULE = 1e-3, W_PER_MILLIWATT = 1e-3;

typedef struct nvml {
    void *library;
    nvml_device device;
    nvml_result (*energy)(nvml_device, unsigned long long *millijoules);
    nvml_result (*power)(nvml_device, unsigned *milliwatts);
    nvml_result (*clock)(nvml_device, int type, unsigned *mhz);
    nvml_result (*temperature)(nvml_device, int sensor, unsigned *celsius);
    nvml_result (*fields)(nvml_device, int count, nvml_field *);
    nvml_result (*reasons)(nvml_device, unsigned long long *);
    nvml_result (*shutdown)(void);
} nvml;

template <typename F> static void find(void *library, const char *name, F *out) {
    *out = library ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
}

static nvml *open_nvml(int device) {
    nvml *n = static_cast<nvml *>(calloc(1, sizeof *n));
    if (!n)
        abort();
    n->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    nvml_result (*init)(void) = nullptr;
    nvml_result (*by_bus)(const char *, nvml_device *) = nullptr;
    find(n->library, "nvmlInit_v2", &init);
    find(n->library, "nvmlDeviceGetHandleByPciBusId_v2", &by_bus);
    char bus[32] = "";
    bool ready = init && by_bus && init() == 0 && cudaDeviceGetPCIBusId(bus, sizeof bus, device) == cudaSuccess &&
                 by_bus(bus, &n->device) == 0;
    if (!ready)
        return n; /* every reading is unknown */
    find(n->library, "nvmlDeviceGetTotalEnergyConsumption", &n->energy);
    find(n->library, "nvmlDeviceGetPowerUsage", &n->power);
    find(n->library, "nvmlDeviceGetClockInfo", &n->clock);
    find(n->library, "nvmlDeviceGetTemperature", &n->temperature);
    find(n->library, "nvmlDeviceGetFieldValues", &n->fields);
    find(n->library, "nvmlDeviceGetCurrentClocksThrottleReasons", &n->reasons);
    find(n->library, "nvmlShutdown", &n->shutdown);
    return n;
}

extern "C" void nvml_free(struct nvml *n) {
    if (!n)
        return;
    if (n->shutdown)
        n->shutdown();
    if (n->library)
        dlclose(n->library);
    free(n);
}

/* Of device memory, now or over the last second; NaN where the board does not measure it apart. */
static double memory_power_w(const nvml *n) {
    const unsigned ids[] = {NVML_FI_DEV_POWER_INSTANT, NVML_FI_DEV_POWER_AVERAGE};
    for (unsigned id : ids) {
        nvml_field field = {};
        field.id = id;
        field.scope = NVML_POWER_SCOPE_MEMORY;
        if (n->fields && n->fields(n->device, 1, &field) == 0 && field.result == 0 && field.as_unsigned > 0)
            return field.as_unsigned * W_PER_MILLIWATT;
    }
    return NAN;
}

extern "C" gpu_telemetry telemetry_read(gpu_context *context) {
    if (!context->nvml)
        context->nvml = open_nvml(context->device);
    const nvml *n = context->nvml;
    gpu_telemetry t = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    unsigned long long energy = 0, reasons = 0;
    unsigned value = 0;
    if (n->energy && n->energy(n->device, &energy) == 0)
        t.energy_j = static_cast<double>(energy) * J_PER_MILLIJOULE;
    if (n->power && n->power(n->device, &value) == 0)
        t.power_w = value * W_PER_MILLIWATT;
    if (n->clock && n->clock(n->device, NVML_CLOCK_SM, &value) == 0)
        t.sm_clock_hz = value * HZ_PER_MHZ;
    if (n->clock && n->clock(n->device, NVML_CLOCK_MEMORY, &value) == 0)
        t.memory_clock_hz = value * HZ_PER_MHZ;
    if (n->temperature && n->temperature(n->device, NVML_TEMPERATURE_GPU, &value) == 0)
        t.temperature_c = value;
    t.memory_power_w = memory_power_w(n);
    if (n->reasons && n->reasons(n->device, &reasons) == 0)
        t.power_limited = (reasons & (NVML_REASON_SW_POWER_CAP | NVML_REASON_HW_POWER_BRAKE)) != 0;
    return t;
}
