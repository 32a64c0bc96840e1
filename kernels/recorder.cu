#include "kernels/recorder.h"

#include <algorithm>
#include <cupti.h>
#include <dlfcn.h>
#include <mutex>
#include <stdlib.h>
#include <vector>

/* What CUPTI's callbacks fill. They get no pointer of ours, so that this one object is the library's only global. */
typedef struct recorder_state {
    void *library;
    decltype(&cuptiActivityRegisterCallbacks) register_callbacks;
    decltype(&cuptiActivityEnable) enable;
    decltype(&cuptiActivityDisable) disable;
    decltype(&cuptiActivityFlushAll) flush;
    decltype(&cuptiActivityGetNextRecord) next;
    decltype(&cuptiGetTimestamp) timestamp;
    bool started;
    std::mutex lock; /* callbacks come from a thread of CUPTI */
    std::vector<activity> records;
} recorder_state;

static recorder_state state;

enum { BUFFER_BYTES = 8 * 1024 * 1024, BUFFER_ALIGNMENT = 8 };

static const CUpti_ActivityKind KINDS[] = {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
                                           CUPTI_ACTIVITY_KIND_MEMSET};

static void CUPTIAPI give_buffer(uint8_t **buffer, size_t *size, size_t *record_limit) {
    *buffer = static_cast<uint8_t *>(aligned_alloc(BUFFER_ALIGNMENT, BUFFER_BYTES));
    *size = *buffer ? BUFFER_BYTES : 0;
    *record_limit = 0;
}

static void take_record(const CUpti_Activity *record) {
    switch (record->kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        const CUpti_ActivityKernel10 *k = reinterpret_cast<const CUpti_ActivityKernel10 *>(record);
        state.records.push_back({k->start, k->end});
        break;
    }
    case CUPTI_ACTIVITY_KIND_MEMCPY: {
        const CUpti_ActivityMemcpy6 *c = reinterpret_cast<const CUpti_ActivityMemcpy6 *>(record);
        state.records.push_back({c->start, c->end});
        break;
    }
    case CUPTI_ACTIVITY_KIND_MEMSET: {
        const CUpti_ActivityMemset4 *m = reinterpret_cast<const CUpti_ActivityMemset4 *>(record);
        state.records.push_back({m->start, m->end});
        break;
    }
    default:
        break;
    }
}

static void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t *buffer, size_t, size_t valid_bytes) {
    std::lock_guard<std::mutex> guard(state.lock);
    CUpti_Activity *record = nullptr;
    while (valid_bytes > 0 && state.next(buffer, valid_bytes, &record) == CUPTI_SUCCESS)
        take_record(record);
    free(buffer);
}

static bool load(const char **why) {
    static const char *const names[] = {"libcupti.so.13", "libcupti.so", "/usr/local/cuda/lib64/libcupti.so.13",
                                        "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so.13"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !state.library; i++)
        state.library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    *why = "libcupti.so.13 is not found";
    if (!state.library)
        return false;
#define FIND(member, symbol) state.member = reinterpret_cast<decltype(state.member)>(dlsym(state.library, #symbol))
    FIND(register_callbacks, cuptiActivityRegisterCallbacks);
    FIND(enable, cuptiActivityEnable);
    FIND(disable, cuptiActivityDisable);
    FIND(flush, cuptiActivityFlushAll);
    FIND(next, cuptiActivityGetNextRecord);
    FIND(timestamp, cuptiGetTimestamp);
#undef FIND
    *why = "libcupti lacks a function";
    return state.register_callbacks && state.enable && state.disable && state.flush && state.next && state.timestamp;
}

bool recorder_start(const char **why) {
    if (state.started)
        return true;
    if (!state.library && !load(why))
        return false;
    *why = "CUPTI refuses to trace";
    if (state.register_callbacks(give_buffer, take_buffer) != CUPTI_SUCCESS)
        return false;
    for (CUpti_ActivityKind kind : KINDS)
        if (state.enable(kind) != CUPTI_SUCCESS)
            return false;
    state.started = true;
    return true;
}

void recorder_stop(void) {
    if (!state.started)
        return;
    for (CUpti_ActivityKind kind : KINDS)
        state.disable(kind);
    state.flush(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    state.started = false;
}

void recorder_clear(void) {
    state.flush(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    std::lock_guard<std::mutex> guard(state.lock);
    state.records.clear();
}

const activity *recorder_take(size_t *count) {
    state.flush(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    std::lock_guard<std::mutex> guard(state.lock);
    std::sort(state.records.begin(), state.records.end(),
              [](const activity &a, const activity &b) { return a.start_ns < b.start_ns; });
    *count = state.records.size();
    return state.records.data();
}

uint64_t recorder_now_ns(void) {
    uint64_t now = 0;
    state.timestamp(&now);
    return now;
}
