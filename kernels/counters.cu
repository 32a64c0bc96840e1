/* One user range around the work, replayed by us pass after pass until the hardware has seen all that was asked for.
 * The host part of the profiler turns raw counts to metrics. Everything comes from libcupti, loaded when asked for. */
#include "kernels/counters.h"

#include <cuda.h>
#include <cuda_runtime.h>
#include <cupti_profiler_host.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>
#include <dlfcn.h>
#include <math.h>
#include <vector>

static const char *const METRICS[] = {"dram__bytes_read.sum", "dram__bytes_write.sum", "lts__t_bytes.sum"};
enum { METRIC_COUNT = sizeof METRICS / sizeof METRICS[0], PASSES_MAX = 64 };
static const char RANGE_NAME[] = "ingot";

typedef struct profiler {
    void *library;
    decltype(&cuptiGetResultString) result_text;
    decltype(&cuptiProfilerInitialize) initialise;
    decltype(&cuptiDeviceGetChipName) chip_name;
    decltype(&cuptiProfilerHostInitialize) host_open;
    decltype(&cuptiProfilerHostDeinitialize) host_close;
    decltype(&cuptiProfilerHostConfigAddMetrics) add_metrics;
    decltype(&cuptiProfilerHostGetConfigImageSize) config_size;
    decltype(&cuptiProfilerHostGetConfigImage) config_image;
    decltype(&cuptiProfilerHostEvaluateToGpuValues) evaluate;
    decltype(&cuptiRangeProfilerEnable) enable;
    decltype(&cuptiRangeProfilerDisable) disable;
    decltype(&cuptiRangeProfilerGetCounterDataSize) data_size;
    decltype(&cuptiRangeProfilerCounterDataImageInitialize) data_begin;
    decltype(&cuptiRangeProfilerSetConfig) configure;
    decltype(&cuptiRangeProfilerStart) start;
    decltype(&cuptiRangeProfilerStop) stop;
    decltype(&cuptiRangeProfilerPushRange) push;
    decltype(&cuptiRangeProfilerPopRange) pop;
    decltype(&cuptiRangeProfilerDecodeData) decode;
    CUpti_Profiler_Host_Object *host;
    CUpti_RangeProfiler_Object *range;
    std::vector<uint8_t> config, data;
} profiler;

/* A parameter struct of CUPTI, whose size tells its version. */
#define PARAMS(type, name)                                                                                             \
    type name = {};                                                                                                    \
    name.structSize = type##_STRUCT_SIZE

template <typename F> static bool find(void *library, const char *name, F *out) {
    *out = reinterpret_cast<F>(dlsym(library, name));
    return *out != nullptr;
}

static bool load(profiler *p) {
    static const char *const names[] = {"libcupti.so.13", "libcupti.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !p->library; i++)
        p->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    void *l = p->library;
    return l && find(l, "cuptiGetResultString", &p->result_text) &&
           find(l, "cuptiProfilerInitialize", &p->initialise) && find(l, "cuptiDeviceGetChipName", &p->chip_name) &&
           find(l, "cuptiProfilerHostInitialize", &p->host_open) &&
           find(l, "cuptiProfilerHostDeinitialize", &p->host_close) &&
           find(l, "cuptiProfilerHostConfigAddMetrics", &p->add_metrics) &&
           find(l, "cuptiProfilerHostGetConfigImageSize", &p->config_size) &&
           find(l, "cuptiProfilerHostGetConfigImage", &p->config_image) &&
           find(l, "cuptiProfilerHostEvaluateToGpuValues", &p->evaluate) &&
           find(l, "cuptiRangeProfilerEnable", &p->enable) && find(l, "cuptiRangeProfilerDisable", &p->disable) &&
           find(l, "cuptiRangeProfilerGetCounterDataSize", &p->data_size) &&
           find(l, "cuptiRangeProfilerCounterDataImageInitialize", &p->data_begin) &&
           find(l, "cuptiRangeProfilerSetConfig", &p->configure) && find(l, "cuptiRangeProfilerStart", &p->start) &&
           find(l, "cuptiRangeProfilerStop", &p->stop) && find(l, "cuptiRangeProfilerPushRange", &p->push) &&
           find(l, "cuptiRangeProfilerPopRange", &p->pop) && find(l, "cuptiRangeProfilerDecodeData", &p->decode);
}

/* What the metrics need of the hardware, as a configuration. */
static CUptiResult make_config(profiler *p, int32_t device) {
    PARAMS(CUpti_Profiler_Initialize_Params, begin);
    CUptiResult code = p->initialise(&begin);
    PARAMS(CUpti_Device_GetChipName_Params, chip);
    chip.deviceIndex = static_cast<size_t>(device);
    if (code == CUPTI_SUCCESS)
        code = p->chip_name(&chip);
    PARAMS(CUpti_Profiler_Host_Initialize_Params, host);
    host.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
    host.pChipName = chip.pChipName;
    if (code == CUPTI_SUCCESS)
        code = p->host_open(&host);
    p->host = host.pHostObject;
    PARAMS(CUpti_Profiler_Host_ConfigAddMetrics_Params, add);
    add.pHostObject = p->host;
    add.ppMetricNames = const_cast<const char **>(METRICS);
    add.numMetrics = METRIC_COUNT;
    if (code == CUPTI_SUCCESS)
        code = p->add_metrics(&add);
    PARAMS(CUpti_Profiler_Host_GetConfigImageSize_Params, size);
    size.pHostObject = p->host;
    if (code == CUPTI_SUCCESS)
        code = p->config_size(&size);
    if (code != CUPTI_SUCCESS)
        return code;
    p->config.resize(size.configImageSize);
    PARAMS(CUpti_Profiler_Host_GetConfigImage_Params, image);
    image.pHostObject = p->host;
    image.configImageSize = p->config.size();
    image.pConfigImage = p->config.data();
    return p->config_image(&image);
}

/* Room for the counts of one range. */
static CUptiResult make_data(profiler *p) {
    PARAMS(CUpti_RangeProfiler_GetCounterDataSize_Params, size);
    size.pRangeProfilerObject = p->range;
    size.pMetricNames = const_cast<const char **>(METRICS);
    size.numMetrics = METRIC_COUNT;
    size.maxNumOfRanges = size.maxNumRangeTreeNodes = 1;
    CUptiResult code = p->data_size(&size);
    if (code != CUPTI_SUCCESS)
        return code;
    p->data.resize(size.counterDataSize);
    PARAMS(CUpti_RangeProfiler_CounterDataImage_Initialize_Params, begin);
    begin.pRangeProfilerObject = p->range;
    begin.counterDataSize = p->data.size();
    begin.pCounterData = p->data.data();
    return p->data_begin(&begin);
}

static CUptiResult enable(profiler *p) {
    CUcontext current = nullptr;
    cudaFree(nullptr); /* the context exists */
    decltype(&cuCtxGetCurrent) get_current = nullptr;
    cudaDriverEntryPointQueryResult found;
    void *address = nullptr;
    if (cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", &address, CUDART_VERSION, cudaEnableDefault, &found) !=
            cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
        return CUPTI_ERROR_INVALID_CONTEXT;
    get_current = reinterpret_cast<decltype(get_current)>(address);
    get_current(&current);
    PARAMS(CUpti_RangeProfiler_Enable_Params, on);
    on.ctx = current;
    CUptiResult code = p->enable(&on);
    p->range = on.pRangeProfilerObject;
    if (code == CUPTI_SUCCESS)
        code = make_data(p);
    PARAMS(CUpti_RangeProfiler_SetConfig_Params, set);
    set.pRangeProfilerObject = p->range;
    set.configSize = p->config.size();
    set.pConfig = p->config.data();
    set.counterDataImageSize = p->data.size();
    set.pCounterDataImage = p->data.data();
    set.range = CUPTI_UserRange;
    set.replayMode = CUPTI_UserReplay;
    set.maxRangesPerPass = 1;
    set.numNestingLevels = set.minNestingLevel = set.targetNestingLevel = 1;
    return code == CUPTI_SUCCESS ? p->configure(&set) : code;
}

/* One pass; `done` when the hardware has seen enough of them. */
static CUptiResult count_pass(profiler *p, counted_work *work, void *data, gpu_status *failed, bool *done) {
    PARAMS(CUpti_RangeProfiler_Start_Params, start);
    PARAMS(CUpti_RangeProfiler_PushRange_Params, push);
    PARAMS(CUpti_RangeProfiler_PopRange_Params, pop);
    PARAMS(CUpti_RangeProfiler_Stop_Params, stop);
    start.pRangeProfilerObject = push.pRangeProfilerObject = p->range;
    pop.pRangeProfilerObject = stop.pRangeProfilerObject = p->range;
    push.pRangeName = RANGE_NAME;
    CUptiResult code = p->start(&start);
    if (code == CUPTI_SUCCESS)
        code = p->push(&push);
    if (code != CUPTI_SUCCESS)
        return code;
    *failed = work(data);
    code = p->pop(&pop);
    CUptiResult stopped = p->stop(&stop);
    *done = stop.isAllPassSubmitted != 0;
    return code == CUPTI_SUCCESS ? stopped : code;
}

static CUptiResult evaluate(profiler *p, gpu_counters *out) {
    PARAMS(CUpti_RangeProfiler_DecodeData_Params, decode);
    decode.pRangeProfilerObject = p->range;
    CUptiResult code = p->decode(&decode);
    double values[METRIC_COUNT] = {NAN, NAN, NAN};
    PARAMS(CUpti_Profiler_Host_EvaluateToGpuValues_Params, values_of);
    values_of.pHostObject = p->host;
    values_of.pCounterDataImage = p->data.data();
    values_of.counterDataImageSize = p->data.size();
    values_of.ppMetricNames = const_cast<const char **>(METRICS);
    values_of.numMetrics = METRIC_COUNT;
    values_of.pMetricValues = values;
    if (code == CUPTI_SUCCESS)
        code = p->evaluate(&values_of);
    *out = {values[0], values[1], values[2]};
    return code;
}

static void close(profiler *p) {
    PARAMS(CUpti_RangeProfiler_Disable_Params, off);
    off.pRangeProfilerObject = p->range;
    if (p->range)
        p->disable(&off);
    PARAMS(CUpti_Profiler_Host_Deinitialize_Params, end);
    end.pHostObject = p->host;
    if (p->host)
        p->host_close(&end);
}

status counters_measure(gpu_context *context, counted_work *work, void *data, gpu_counters *out, error *err) {
    *out = {NAN, NAN, NAN};
    profiler p = {};
    if (!load(&p))
        return error_set(err, STATUS_ENVIRONMENT,
                         "--counters: no libcupti.so.13 with a range profiler is found: put CUPTI's folder into "
                         "LD_LIBRARY_PATH, or count with ncu");
    CUptiResult code = make_config(&p, context->device);
    if (code == CUPTI_SUCCESS)
        code = enable(&p);
    gpu_status failed = 0;
    bool done = false;
    for (int pass = 0; pass < PASSES_MAX && code == CUPTI_SUCCESS && failed == 0 && !done; pass++)
        code = count_pass(&p, work, data, &failed, &done);
    if (code == CUPTI_SUCCESS && failed == 0)
        code = evaluate(&p, out);
    close(&p);
    if (failed != 0)
        return gpu_check(failed, "counting", err);
    const char *text = "";
    if (code == CUPTI_SUCCESS)
        return STATUS_OK;
    p.result_text(code, &text);
    return error_set(err, STATUS_ENVIRONMENT,
                     "--counters: CUPTI counts nothing here: %.200s (code %d); where the driver keeps counters to "
                     "administrators, run as one or load it with NVreg_RestrictProfilingToAdminUsers=0",
                     text, static_cast<int>(code));
}
