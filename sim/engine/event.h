/* The event engine: kernels as blocks on SMs, and the L2 and device memory that they share.
 *
 * Blocks that are dispatched together and alike form a cohort; events are the stages of cohorts and the starts and ends
 * of kernels. What a block needs comes from the cost functions (cta_work), so that both engines share one physics; what
 * this one adds is time: waves and tails as they fall, kernels of several streams side by side, and shares of L2 and
 * HBM among whatever runs. */
#ifndef INGOT_EVENT_H
#define INGOT_EVENT_H

#include "core/graph.h"
#include "sim/engine/cost.h"
#include "sim/engine/hbm.h"
#include "sim/engine/schedule.h"

/* What kernels share. */
typedef struct event_machine {
    double sms;
    double hbm_peak_bytes_per_s;
    const hbm_efficiency *memory; /* what the device can do; NULL: its pin rate */
} event_machine;

/* Lane `i`; `memory` is NULL or holds a table a lane. */
event_machine event_machine_of(const machine_block *machines, const hbm_efficiency *memory, size_t i);

/* ---- the chip: event_chip.c ---- */

typedef enum event_stage { EVENT_WAITING, EVENT_BEFORE, EVENT_RUNNING, EVENT_AFTER, EVENT_DONE } event_stage;

/* A kernel (or chain of kernels) of one operator. The caller sets the first three. */
typedef struct event_kernel {
    const cta_work *work;
    double time_s;  /* of it all, where no blocks are described */
    double start_s; /* earliest */
    event_stage stage;
    double timer_s; /* when the stage ends, unless blocks decide */
    double undispatched, running;
    double end_s;
} event_kernel;

typedef enum cohort_stage { COHORT_PROLOGUE, COHORT_LOOP, COHORT_EPILOGUE, COHORT_ENDED } cohort_stage;

/* Blocks that move in step. Seconds are at full speed; L2 and HBM seconds are the whole chip's. */
typedef struct event_cohort {
    event_kernel *kernel;
    double ctas, residents, sms; /* residents: of its own, an SM; sms: that their slots would fill */
    double prologue_s, loop_s, epilogue_s;
    cohort_stage stage;
    double left_s; /* of the stage */
    double l2_left_s, hbm_left_s;
    double sm_s, memory_s; /* how long either side has taken */
    bool exposed;          /* both are done, and what did not overlap follows */
    bool shares_sm;        /* its loop is bound by SM time that other residents want too */
} event_cohort;

enum { EVENT_KERNELS_MAX = 16, EVENT_COHORTS_MAX = 96 };

/* Zero-initialise, then set `machine`. */
typedef struct event_chip {
    event_machine machine;
    double now_s, used_sms;
    event_kernel *kernels[EVENT_KERNELS_MAX]; /* not done, in order of arrival */
    size_t kernel_count;
    event_cohort cohorts[EVENT_COHORTS_MAX];
    size_t cohort_count;
} event_chip;

/* Hands over a kernel; it must stay in place until done. At most EVENT_KERNELS_MAX at once. */
void event_chip_add(event_chip *chip, event_kernel *kernel);

/* Goes on to the next event. Afterwards kernels whose stage is EVENT_DONE have left the chip, at now_s. */
void event_chip_advance(event_chip *chip);

/* Hands out blocks to SMs with free slots: event_dispatch.c. */
void event_dispatch(event_chip *chip);

/* SMs that hold any of its blocks. */
double event_held_sms(const event_cohort *c);

/* The loop of the block at a place of its period. */
double event_uneven_s(const cta_period *p, double at);

/* A kernel alone on the chip, start to end. */
double event_alone_s(const event_machine *on, const cta_work *work);

/* ---- one operator: event_cost.c ---- */

/* Like cost_analytic, whose pick it takes, with times from simulated blocks. */
void cost_event(const op *o, residency where, const machine_block *machines, const hbm_efficiency *memory,
                cost_block *out);

/* ---- one step: event_step.c ---- */

/* An operator of a flat view, on one machine. */
typedef struct event_op {
    const flat_op *flat;
    const cta_work *work;
    double time_s, host_s, gap_s;
    bool waits, launches;
    /* results; both 0 where nothing is launched */
    double issue_s; /* when the host begins with it */
    double start_s, end_s;
} event_op;

typedef struct event_step_totals {
    double host_s, gpu_s, busy_s, starved_s, gap_s;
    double category_s[CATEGORY_COUNT]; /* an instant with several kernels is shared equally among them */
} event_step_totals;

/* Runs a step: an in-order host from `host_s` on, kernels in order on each stream, dependencies between streams. */
void event_step(const event_machine *on, event_op *ops, size_t count, double host_s, double launch_latency_s,
                arena *memory, event_step_totals *out);

/* The same for every lane of a block: `costs` and `blocks` hold one entry a node of the view's phase. On entry the
 * clocks hold when the host begins. */
void event_step_lanes(const graph_view *view, const node_cost *costs, const cost_block *const *blocks,
                      const machine_block *machines, const hbm_efficiency *memory, const lanes launch_latency_s,
                      step_clocks *clocks, lanes category_s[CATEGORY_COUNT]);

/* An operator of the view on one lane. */
event_op event_op_of(const flat_op *flat, const node_cost *cost, const cost_block *block, size_t lane);

/* Whether nodes of a phase run on more than one stream. */
bool event_phase_overlaps(const graph_phase *phase);

#endif
