/* Board power, clocks and rates of loads that go on (kernels/power.h). While a load is launched again and again, a
 * thread of its own asks NVML; power is that of the board's energy counter between two of its steps, so its own pace
 * costs no accuracy. The SM clock is the SMs' own: cycle counters over the GPU's timer, read by kernels between
 * launches. */
#include "kernels/power.h"

#include "core/base/clock.h"
#include "core/base/si.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cuda_runtime.h>
#include <math.h>
#include <mutex>
#include <thread>
#include <vector>

enum {
    SMS_MAX = 256,
    BURST_RECORDS = 1024,
    RECORDS = BURST_RECORDS + 2,
    RECORD_BLOCKS_PER_SM = 2, /* enough that nearly every SM gets one */
};

static const double SETTLE_S = 0.7;         /* before the window: several times what the limit's control takes */
static const double BURST_S = 0.5;          /* at a product's start, launch by launch */
static const double SPIN_BEFORE_S = 0.3;    /* before a burst: highest clock, little power */
static const double CHUNK_S = 0.02;         /* launched ahead */
static const double BUFFER_BYTES = 8e9;     /* far beyond L2 */
static const double L2_BUFFER_BYTES = 20e6; /* that any L2 of 40 MB holds, and no L1 */
static const double PRODUCT_SIDE = 8192;

/* Cycle counter and time of an SM. */
typedef struct sm_record {
    unsigned long long cycles, time_ns;
} sm_record;

static __global__ void record_kernel(sm_record *records) {
    unsigned sm;
    unsigned long long cycles, time_ns;
    asm volatile("mov.u32 %0, %smid;" : "=r"(sm));
    asm volatile("mov.u64 %0, %clock64;" : "=l"(cycles));
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(time_ns));
    if (sm < SMS_MAX)
        records[sm] = sm_record{cycles, time_ns};
}

typedef struct power_sample {
    double at_s;
    gpu_telemetry t;
} power_sample;

/* Asks NVML until it is told to stop. */
class power_sampler {
  public:
    explicit power_sampler(gpu_context *context) : context_(context) {
        telemetry_read(context); /* opens NVML in this thread */
        thread_ = std::thread([this] { run(); });
    }
    ~power_sampler() {
        stop_ = true;
        thread_.join();
    }
    std::vector<power_sample> between(double begin_s, double end_s) {
        std::lock_guard<std::mutex> guard(mutex_);
        std::vector<power_sample> found;
        for (const power_sample &s : samples_)
            if (s.at_s >= begin_s && s.at_s <= end_s)
                found.push_back(s);
        return found;
    }

  private:
    void run() {
        const auto pause = std::chrono::milliseconds(5);
        while (!stop_) {
            power_sample s = {0, telemetry_read(context_)};
            s.at_s = clock_now_s();
            {
                std::lock_guard<std::mutex> guard(mutex_);
                samples_.push_back(s);
            }
            std::this_thread::sleep_for(pause);
        }
    }

    gpu_context *context_;
    std::mutex mutex_;
    std::vector<power_sample> samples_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

typedef struct power_run {
    gpu_context *context;
    power_sampler *sampler;
    power_memory memory;
    sm_record *records; /* RECORDS x SMS_MAX, of the GPU */
    cudaEvent_t ahead[2];
    double seconds;
    power_emit *emit;
    void *user;
} power_run;

/* ---- what samples and records say ---- */

/* The energy counter goes up in steps: from the first to the last one within the window. */
static double mean_power_w(const std::vector<power_sample> &samples) {
    const power_sample *first = nullptr, *last = nullptr;
    for (size_t i = 1; i < samples.size(); i++) {
        if (!(samples[i].t.energy_j > samples[i - 1].t.energy_j))
            continue;
        first = first ? first : &samples[i];
        last = &samples[i];
    }
    return first && last != first ? (last->t.energy_j - first->t.energy_j) / (last->at_s - first->at_s) : NAN;
}

static double mean_of(const std::vector<power_sample> &samples, double gpu_telemetry::*member) {
    double sum = 0;
    for (const power_sample &s : samples)
        sum += s.t.*member;
    return samples.empty() ? NAN : sum / static_cast<double>(samples.size());
}

/* Mean clock over the SMs between two records; `elapsed_s` likewise. NaN where they say nothing of the kind. */
static double clock_between(const sm_record *from, const sm_record *to, double *elapsed_s) {
    static const double LEAST_HZ = 1e8, MOST_HZ = 1e10;
    double cycles = 0, ns = 0;
    int count = 0;
    for (int sm = 0; sm < SMS_MAX; sm++) {
        if (from[sm].time_ns == 0 || to[sm].time_ns <= from[sm].time_ns || to[sm].cycles <= from[sm].cycles)
            continue;
        cycles += static_cast<double>(to[sm].cycles - from[sm].cycles);
        ns += static_cast<double>(to[sm].time_ns - from[sm].time_ns);
        count++;
    }
    *elapsed_s = count > 0 ? ns / count * S_PER_NS : NAN;
    double hz = count > 0 ? cycles / ns * NS_PER_S : NAN;
    return hz > LEAST_HZ && hz < MOST_HZ ? hz : NAN;
}

/* So that an SM which a record misses is known. */
static void clear_records(const power_run *r, int count) {
    cudaMemsetAsync(r->records, 0, sizeof(sm_record) * SMS_MAX * static_cast<size_t>(count), r->context->stream);
}

static void record(const power_run *r, int index) {
    unsigned blocks = static_cast<unsigned>(r->context->info.sm_count) * RECORD_BLOCKS_PER_SM;
    record_kernel<<<blocks, 1, 0, r->context->stream>>>(r->records + static_cast<size_t>(index) * SMS_MAX);
}

static status fetch(const power_run *r, int count, std::vector<sm_record> *out, error *err) {
    out->resize(static_cast<size_t>(count) * SMS_MAX);
    gpu_status code = cudaMemcpyAsync(out->data(), r->records, out->size() * sizeof(sm_record), cudaMemcpyDeviceToHost,
                                      r->context->stream);
    return gpu_check(code ? code : cudaStreamSynchronize(r->context->stream), "reading cycle counters", err);
}

/* ---- going on ---- */

/* Launches for so long, with up to two chunks ahead, then waits; adds up what was done. */
static status go_on(const power_run *r, const power_load *load, double seconds, double once_s, power_work *sum,
                    error *err) {
    double begin_s = clock_now_s();
    int chunk = static_cast<int>(std::max(1.0, CHUNK_S / once_s));
    *sum = power_work{};
    for (int i = 0; clock_now_s() - begin_s < seconds; i++) {
        status result = gpu_check(cudaEventSynchronize(r->ahead[i % 2]), "waiting for a load", err);
        for (int j = 0; j < chunk && result == STATUS_OK; j++) {
            power_work work;
            result = power_launch(r->context, load, &r->memory, &work, err);
            sum->flops += work.flops;
            sum->bytes += work.bytes;
            sum->sm_count = work.sm_count;
        }
        if (result != STATUS_OK)
            return result;
        cudaEventRecord(r->ahead[i % 2], r->context->stream);
    }
    return gpu_check(cudaStreamSynchronize(r->context->stream), "waiting for a load", err);
}

static void pause_for(double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

static power_row row_of(const power_load *load) {
    power_row row = {};
    row.load = load->name;
    row.dtype = load->kind == POWER_GEMM || load->kind == POWER_TENSOR ? dtype_name(load->type) : "";
    row.size = load->size;
    row.data = load->data;
    row.power_w = row.memory_power_w = row.sm_clock_hz = row.nvml_clock_hz = row.memory_clock_hz = NAN;
    row.temperature_c = row.limited_frac = row.flops_per_s = row.bytes_per_s = NAN;
    return row;
}

/* A window of the load as it goes on; its samples too. */
static status measure_window(const power_run *r, const power_load *load, double begin_s, double once_s, error *err) {
    power_row row = row_of(load);
    power_work done = {};
    double from_s = clock_now_s();
    status result = STATUS_OK;
    if (load->kind == POWER_IDLE) {
        pause_for(r->seconds);
    } else {
        clear_records(r, 2);
        record(r, 0);
        result = go_on(r, load, r->seconds, once_s, &done, err);
        record(r, 1);
    }
    double to_s = clock_now_s();
    std::vector<sm_record> records;
    if (result == STATUS_OK)
        result = fetch(r, 2, &records, err);
    if (result != STATUS_OK)
        return result;
    row.begin_s = begin_s;
    row.seconds = to_s - from_s;
    row.sm_count = done.sm_count;
    if (load->kind != POWER_IDLE) {
        double elapsed_s;
        row.sm_clock_hz = clock_between(records.data(), records.data() + SMS_MAX, &elapsed_s);
        elapsed_s = isfinite(elapsed_s) ? elapsed_s : row.seconds;
        row.flops_per_s = done.flops > 0 ? done.flops / elapsed_s : NAN;
        row.bytes_per_s = done.bytes > 0 ? done.bytes / elapsed_s : NAN;
    }
    std::vector<power_sample> samples = r->sampler->between(from_s, to_s);
    row.samples = static_cast<int32_t>(samples.size());
    row.power_w = mean_power_w(samples);
    row.memory_power_w = mean_of(samples, &gpu_telemetry::memory_power_w);
    row.nvml_clock_hz = mean_of(samples, &gpu_telemetry::sm_clock_hz);
    row.memory_clock_hz = mean_of(samples, &gpu_telemetry::memory_clock_hz);
    row.temperature_c = mean_of(samples, &gpu_telemetry::temperature_c);
    row.limited_frac = mean_of(samples, &gpu_telemetry::power_limited);
    return r->emit(r->user, &row, err);
}

/* The first half second of a product from a cool start, launch by launch: how soon the limit is felt. */
static status measure_burst(const power_run *r, const power_load *load, double once_s, error *err) {
    static const power_load spin = {POWER_SPIN, "spin", DTYPE_bf16, 0, 1, 1, 0};
    static const double EDGES_S[] = {0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, BURST_S};
    int count = std::min<int>(BURST_RECORDS - 1, static_cast<int>(BURST_S / once_s));
    power_work work = {};
    status result = go_on(r, &spin, SPIN_BEFORE_S, 2e-3, &work, err);
    clear_records(r, count + 1);
    record(r, 0);
    for (int i = 1; i <= count && result == STATUS_OK; i++) {
        result = power_launch(r->context, load, &r->memory, &work, err);
        record(r, i);
    }
    std::vector<sm_record> records;
    if (result == STATUS_OK)
        result = fetch(r, count + 1, &records, err);
    const int edges = sizeof EDGES_S / sizeof EDGES_S[0];
    for (int i = 1, from = 0, edge = 1; i <= count && edge < edges && result == STATUS_OK; i++) {
        double since_s, elapsed_s;
        const sm_record *end = records.data() + static_cast<size_t>(i) * SMS_MAX;
        clock_between(records.data(), end, &since_s);
        if (since_s < EDGES_S[edge] && i < count)
            continue;
        power_row row = row_of(load);
        row.sm_clock_hz = clock_between(records.data() + static_cast<size_t>(from) * SMS_MAX, end, &elapsed_s);
        row.begin_s = since_s - elapsed_s;
        row.seconds = elapsed_s;
        row.sm_count = r->context->info.sm_count;
        row.flops_per_s = work.flops * (i - from) / elapsed_s;
        result = r->emit(r->user, &row, err);
        from = i;
        while (edge < edges && EDGES_S[edge] <= since_s)
            edge++;
    }
    return result;
}

/* Seconds of one launch, warm. */
static status time_once(const power_run *r, const power_load *load, double *out, error *err) {
    enum { LAUNCHES = 3 };
    power_work work;
    double begin_s = 0;
    for (int i = 0; i <= LAUNCHES; i++) {
        status result = power_launch(r->context, load, &r->memory, &work, err);
        if (i == 0 && result == STATUS_OK)
            result = gpu_check(cudaStreamSynchronize(r->context->stream), "running a load", err);
        if (result != STATUS_OK)
            return result;
        if (i == 0)
            begin_s = clock_now_s();
    }
    status result = gpu_check(cudaStreamSynchronize(r->context->stream), "running a load", err);
    *out = std::max(1e-5, (clock_now_s() - begin_s) / LAUNCHES);
    return result;
}

static status measure_load(power_run *r, const power_load *load, error *err) {
    if (load->kind == POWER_IDLE) {
        pause_for(load->after_s);
        return measure_window(r, load, load->after_s, 1, err);
    }
    double once_s = 1;
    power_work ignored;
    status result = power_prepare(r->context, load, &r->memory, err);
    if (result == STATUS_OK)
        result = time_once(r, load, &once_s, err);
    if (result == STATUS_OK && load->kind == POWER_GEMM)
        result = measure_burst(r, load, once_s, err);
    if (result == STATUS_OK)
        result = go_on(r, load, SETTLE_S, once_s, &ignored, err);
    if (result == STATUS_OK)
        result = measure_window(r, load, SETTLE_S + (load->kind == POWER_GEMM ? BURST_S : 0), once_s, err);
    bench_operands_free(&r->memory.operands);
    return result;
}

/* In an order that has idle beside the load that it follows, and the largest loads last. */
static const power_load loads[] = {
    {POWER_IDLE, "idle", DTYPE_bf16, 0, 1, 0, 0},
    {POWER_SLEEP, "sleep", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_SPIN, "spin", DTYPE_bf16, 0, 1, 0, 0}, /* one SM */
    {POWER_SPIN, "spin", DTYPE_bf16, 0, 1, 0.5, 0},
    {POWER_SPIN, "spin", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_IDLE, "idle", DTYPE_bf16, 0, 1, 0, 0},
    {POWER_ISSUE, "issue", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_FMA, "fma", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_FMA, "fma", DTYPE_bf16, 0, 1, 0.5, 0},
    {POWER_SHARED, "shared", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_TENSOR, "tensor", DTYPE_bf16, 0, 0, 1, 0},
    {POWER_TENSOR, "tensor", DTYPE_bf16, 0, 1, 1, 0},
    {POWER_TENSOR, "tensor", DTYPE_bf16, 0, 1, 0.5, 0},
    {POWER_L2, "l2", DTYPE_bf16, L2_BUFFER_BYTES, 1, 1, 0},
    {POWER_L2, "l2", DTYPE_bf16, L2_BUFFER_BYTES, 1, 0.5, 0},
    {POWER_READ, "read", DTYPE_bf16, BUFFER_BYTES, 0, 1, 0},
    {POWER_READ, "read", DTYPE_bf16, BUFFER_BYTES, 1, 1, 0},
    {POWER_READ, "read", DTYPE_bf16, BUFFER_BYTES, 1, 0.25, 0}, /* fewer SMs ask for less */
    {POWER_READ, "read", DTYPE_bf16, BUFFER_BYTES, 1, 0.125, 0},
    {POWER_READ, "read", DTYPE_bf16, BUFFER_BYTES, 1, 0.0625, 0},
    {POWER_WRITE, "write", DTYPE_bf16, BUFFER_BYTES, 1, 1, 0},
    {POWER_COPY, "copy", DTYPE_bf16, BUFFER_BYTES, 1, 1, 0},
    {POWER_IDLE, "idle", DTYPE_bf16, 0, 1, 0, 0},
    {POWER_GEMM, "gemm", DTYPE_bf16, PRODUCT_SIDE, 0, 1, 0},
    {POWER_GEMM, "gemm", DTYPE_bf16, PRODUCT_SIDE, 1, 1, 0},
    {POWER_GEMM, "gemm", DTYPE_fp8, PRODUCT_SIDE, 0, 1, 0},
    {POWER_GEMM, "gemm", DTYPE_fp8, PRODUCT_SIDE, 1, 1, 0},
    {POWER_GEMM, "gemm", DTYPE_bf16, PRODUCT_SIDE / 2, 1, 1, 0},
    {POWER_IDLE, "idle", DTYPE_bf16, 0, 1, 0, 0},
    {POWER_IDLE, "idle", DTYPE_bf16, 0, 1, 0, 3},
};

static status make_run(power_run *r, error *err) {
    r->memory.bytes = static_cast<size_t>(BUFFER_BYTES);
    status result = gpu_check(cudaMalloc(&r->memory.a, r->memory.bytes), "allocating buffers of the loads", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&r->memory.b, r->memory.bytes), "allocating buffers of the loads", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&r->memory.sink, sizeof(unsigned)), "allocating buffers of the loads", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&r->records, sizeof(sm_record) * RECORDS * SMS_MAX), "allocating records", err);
    for (int i = 0; i < 2 && result == STATUS_OK; i++)
        result = gpu_check(cudaEventCreateWithFlags(&r->ahead[i], cudaEventDisableTiming), "making events", err);
    return result;
}

static void free_run(power_run *r) {
    bench_operands_free(&r->memory.operands);
    cudaFree(r->memory.a);
    cudaFree(r->memory.b);
    cudaFree(r->memory.sink);
    cudaFree(r->records);
    for (cudaEvent_t event : r->ahead)
        if (event)
            cudaEventDestroy(event);
}

status power_loads(gpu_context *context, double seconds, power_emit *emit, void *user, error *err) {
    power_sampler sampler(context);
    power_run r = {};
    r.context = context;
    r.sampler = &sampler;
    r.seconds = seconds;
    r.emit = emit;
    r.user = user;
    status result = make_run(&r, err);
    for (size_t i = 0; i < sizeof loads / sizeof loads[0] && result == STATUS_OK; i++) {
        error why = {};
        result = measure_load(&r, &loads[i], &why);
        if (result == STATUS_NEGATIVE) /* this GPU has no such load */
            result = STATUS_OK;
        else if (result != STATUS_OK)
            *err = why;
    }
    free_run(&r);
    return result;
}
