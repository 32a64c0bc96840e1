/* The GPU side of ingot, as the rest of the program sees it: one table of C functions in libingot_gpu.so, which is
 * loaded when a command needs it. No CUDA header is needed to use it, and the program links no CUDA. */
#ifndef INGOT_GPU_H
#define INGOT_GPU_H

#include "core/base/error.h"
#include "core/operands.h"
#include "core/plan.h"
#include "kernels/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0: success; above 0: a cudaError_t; below: one of these. */
typedef int gpu_status;
enum {
    GPU_NO_KERNEL = -1,      /* no kernel of ours for these parameters: op and plan are fine, the answer is no */
    GPU_BAD_OPERANDS = -2,   /* a missing, misaligned or overlapping operand, or strides that no kernel takes */
    GPU_LIBRARY_FAILED = -3, /* cuBLASLt or NCCL refused */
    GPU_NOT_PREPARED = -4,   /* gpu_api.prepare was not called for this operator */
    GPU_NO_RANKS = -5,       /* a collective on a context that was not opened with ranks_open */
};

/* A tensor in device memory. Strides are in elements and used where the operand is `strided` (operands.h); rows of
 * contiguous operands follow one another. Data begin at 16 bytes; rows of strided 16-bit operands too. */
typedef struct gpu_tensor {
    void *data; /* NULL: left out */
    int64_t row_stride, block_stride;
} gpu_tensor;

typedef struct gpu_context gpu_context; /* library handles and their chosen algorithms */

/* By operand index: at[OPERAND_gemm_a]. */
typedef struct gpu_operands {
    gpu_tensor at[OPERANDS_MAX];
    gpu_context *context;
} gpu_operands;

typedef struct gpu_device_info {
    char name[256], driver[64], runtime[64];
    int32_t sm_count, compute_major, compute_minor;
    int32_t max_threads_per_sm, max_ctas_per_sm, registers_per_sm;
    double memory_bytes, free_bytes, l2_bytes, shared_bytes_per_sm, shared_bytes_per_block;
    double sm_clock_max_hz, memory_clock_max_hz, memory_bus_bits;
    double persisting_l2_max_bytes;
} gpu_device_info;

/* ---- running graphs ---- */

typedef enum gpu_launch_mode {
    GPU_LAUNCH_EAGER, /* a launch an operator */
    GPU_LAUNCH_GRAPH, /* a step is captured into a CUDA graph, then replayed */
} gpu_launch_mode;

typedef struct gpu_run_options {
    gpu_launch_mode mode;
    double dispatch_s_per_call; /* emulated: the host spins so long for each framework call of a node; eager only */
    double launch_s;            /* emulated: the host spins so long before each launch, a replay included */
    int32_t repeats;            /* runs of each step (outputs are the same); times are those of the median one */
    bool record;                /* times of every operator, besides the step's */
    bool counters;              /* bytes through the memories, by the GPU's counters; without `record` */
} gpu_run_options;

/* Bytes of a step, by the hardware's counters; NaN: not counted. */
typedef struct gpu_counters {
    double dram_read_bytes, dram_write_bytes;
    double l2_bytes; /* that L2's slices served, reads and writes */
} gpu_counters;

/* Times from the moment the step began on the host. */
typedef struct gpu_op_time {
    double issue_s, issue_end_s; /* on the host; in a graph, those of the launch of the whole */
    double start_s, duration_s;  /* on the GPU, first kernel's start to last one's end; NaN: not recorded */
    double busy_s;               /* kernels alone */
    int32_t kernels;
} gpu_op_time;

typedef struct gpu_step_times {
    double wall_s;          /* issue to completion: the median run, unrecorded */
    double least_s, most_s; /* of all runs */
    double issue_s;         /* the host's part, of the median run */
    double busy_s;          /* kernels, of the recorded run; NaN: not recorded */
    double recorded_wall_s; /* of the recorded run, which tracing slows down */
    /* All unrecorded runs, one after the other: time, the board's energy and the SM clock at their end. The board
     * counts in steps of up to 0.1 s, so short series tell little; NaN: NVML does not say. */
    double repeated_s, repeated_j, repeated_clock_hz;
    const char *recorder; /* "cupti", "events", or why operators have no times */
    gpu_counters counters;
    size_t count;           /* of graph_at's view */
    const gpu_op_time *ops; /* valid until the next step */
} gpu_step_times;

typedef struct gpu_executor gpu_executor;

/* What NVML tells; NaN for what it does not, or without it. */
typedef struct gpu_telemetry {
    double energy_j; /* of the board, since the driver was loaded */
    double power_w, sm_clock_hz, memory_clock_hz, temperature_c;
    double memory_power_w; /* of device memory, where the board measures it apart */
    double power_limited;  /* 1: the clock is held down for power, else 0 */
} gpu_telemetry;

/* ---- variants of this GPU ---- */

/* Real silicon variants, in force from variant_begin to the end of the process. 0: as it is. */
typedef struct gpu_variant {
    int32_t sm_count;          /* run on so many SMs */
    double l2_set_aside_bytes; /* taken from L2 by lines that stay */
    double l2_share;           /* the same as a share of L2 that is left, in (0, 1) */
    double bandwidth_share;    /* of a read's bandwidth that traffic of other SMs leaves, in (0, 1) */
} gpu_variant;

/* Of the measured SMs: streams over a gigabyte, rereading a fifth of L2, and the buffer that half of is found again. */
typedef struct gpu_memory_rates {
    double read_bytes_per_s, write_bytes_per_s, l2_read_bytes_per_s, l2_bytes;
} gpu_memory_rates;

typedef struct gpu_variant_actual {
    int32_t sm_count;
    const char *sm_method;                      /* "whole GPU" or "green context" */
    double l2_set_aside_bytes;                  /* as the driver rounded it */
    gpu_memory_rates alone, left;               /* without and with what takes L2 or bandwidth; 0: neither wanted */
    int32_t resident_blocks, resident_sm_count; /* of that, on SMs of its own */
} gpu_variant_actual;

/* ---- measuring ---- */

typedef enum bench_method {
    BENCH_CUPTI_COLD_L2, /* kernel time with L2 flushed before */
    BENCH_GRAPH_STEADY,  /* mean over back-to-back replays of a CUDA graph */
} bench_method;

typedef struct bench_result {
    double median_s, least_s, most_s; /* over `runs` */
    int32_t runs, kernels;            /* kernels: 0 when they were not counted */
    plan actual;                      /* what a library took; zero for our own kernels */
    const char *recorder;             /* "cupti" or "events" */
    gpu_telemetry telemetry;          /* just afterwards */
} bench_result;

/* One figure of what the GPU can do, in the SI unit that its name states; NaN: not measured, `method` says why. */
typedef struct ceiling {
    const char *name;
    double value;
    const char *method;
} ceiling;

enum { CEILINGS_MAX = 48 };

/* What a load draws while it goes on, over one window of it; NaN: not measured. */
typedef struct power_row {
    const char *load, *dtype; /* what runs, and on what: "" without operands */
    double size;              /* bytes of a buffer or side of a product; 0: neither */
    double data;              /* of operands: 1 random, 0 zeros */
    int32_t sm_count;         /* that have work */
    double begin_s, seconds;  /* of the window, from the load's start */
    double power_w, memory_power_w;
    double sm_clock_hz;                    /* by the SMs' own cycle counters */
    double nvml_clock_hz, memory_clock_hz; /* by NVML, mean of samples */
    double temperature_c;
    double limited_frac; /* of samples in which the clock was held down for power */
    double flops_per_s, bytes_per_s;
    int32_t samples;
} power_row;

/* Receives a row; another status than STATUS_OK ends the measurement with it. */
typedef status power_emit(void *user, const power_row *row, error *err);

/* Every function returns STATUS_ENVIRONMENT with the CUDA error's name when the GPU refuses. */
typedef struct gpu_api {
    int32_t version; /* GPU_API_VERSION of the library */

    /* One context for the process; work goes to one stream unless a function says otherwise. */
    status (*open)(int32_t device, gpu_context **out, gpu_device_info *info, error *err);
    void (*close)(gpu_context *context);

    status (*allocate)(gpu_context *context, size_t bytes, void **out, error *err);
    void (*release)(gpu_context *context, void *memory);
    status (*copy_in)(gpu_context *context, void *device, const void *host, size_t bytes, error *err);
    status (*copy_out)(gpu_context *context, void *host, const void *device, size_t bytes, error *err);

    /* Whether a kind has a launcher at all; and how much scratch memory (256-byte aligned) a launch needs. */
    bool (*has_kernel)(op_kind kind);
    size_t (*workspace_bytes)(const op *o, const plan *p);
    /* Chooses library algorithms for an operator, and remembers them; once before its first launch. `actual` (may be
     * NULL) receives what was chosen. */
    gpu_status (*prepare)(gpu_context *context, const op *o, plan *actual);
    /* Launches, then waits: any error of the kernel is returned. A NULL plan is the launcher's own choice. */
    gpu_status (*launch)(gpu_context *context, const op *o, const plan *p, const gpu_operands *operands,
                         void *workspace);
    const char *(*status_text)(gpu_status code);

    /* One allocation for the plan's memory, weights as weight_element says. The plan must outlive it. */
    status (*executor_open)(gpu_context *context, const memory_plan *plan, const gpu_run_options *options,
                            gpu_executor **out, error *err);
    /* Runs a step and waits; `times` may be NULL. */
    status (*executor_step)(gpu_executor *x, size_t phase, int64_t step, gpu_step_times *times, error *err);
    status (*executor_read)(gpu_executor *x, size_t offset_bytes, size_t bytes, void *out, error *err);
    double (*executor_memory_bytes)(const gpu_executor *x); /* all that it holds, scratch included */
    void (*executor_close)(gpu_executor *x);

    gpu_telemetry (*telemetry)(gpu_context *context);

    /* Once, right after `open`. STATUS_ENVIRONMENT or STATUS_NEGATIVE when this GPU cannot. */
    status (*variant_begin)(gpu_context *context, const gpu_variant *wanted, gpu_variant_actual *actual, error *err);

    /* Times an operator on random operands of its own. STATUS_NEGATIVE: it has no kernel. */
    status (*bench)(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err);
    /* Bandwidths over two buffers of `bytes` each, latencies, launch costs, matrix rates. */
    status (*ceilings)(gpu_context *context, double bytes, ceiling *out, size_t capacity, size_t *count, error *err);

    /* Board power, clocks and rates of simple loads, one after the other, each for `seconds` after it has settled. */
    status (*power_loads)(gpu_context *context, double seconds, power_emit *emit, void *user, error *err);

    /* Contexts on the GPUs 0 to ranks - 1, joined by NCCL; each is closed by `close`, all together. STATUS_ENVIRONMENT
     * when there is no NCCL, or STATUS_NEGATIVE when there are fewer GPUs. */
    status (*ranks_open)(int32_t ranks, gpu_context **out, error *err);
    /* A collective on all ranks at once, a thread each, with each rank's own operands; then waits. */
    gpu_status (*launch_ranks)(gpu_context *const *contexts, int32_t ranks, const op *o, const gpu_operands *operands);
} gpu_api;

enum { GPU_API_VERSION = 9 };

/* What libingot_gpu.so exports. */
const gpu_api *ingot_gpu_api(void);
#define GPU_API_SYMBOL "ingot_gpu_api"

/* Loads $INGOT_GPU_LIBRARY, else libingot_gpu.so beside the executable. STATUS_ENVIRONMENT when there is none, or one
 * of another version. The library stays loaded. */
status gpu_load(const gpu_api **out, error *err);

#ifdef __cplusplus
}
#endif
#endif
