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

static const double J_PER_MILLIJOULE = 1e-3, W_PER_MILLIWATT = 1e-3;

typedef struct nvml {
    void *library;
    nvml_device device;
    nvml_result (*energy)(nvml_device, unsigned long long *millijoules);
    nvml_result (*power)(nvml_device, unsigned *milliwatts);
    nvml_result (*clock)(nvml_device, int type, unsigned *mhz);
    nvml_result (*temperature)(nvml_device, int sensor, unsigned *celsius);
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

extern "C" gpu_telemetry telemetry_read(gpu_context *context) {
    if (!context->nvml)
        context->nvml = open_nvml(context->device);
    const nvml *n = context->nvml;
    gpu_telemetry t = {NAN, NAN, NAN, NAN, NAN};
    unsigned long long energy = 0;
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
    return t;
}
