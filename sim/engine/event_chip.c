/* Cohorts of blocks and fluid shares.
 *
 *   loop      = norm(residents x max(SM time, waits / stages on their way), shortest loop, starts of blocks)
 *   SM side   = prologue + max(loop, loads through L2) + residents x epilogue
 *   block     = norm(SM side, memory side), or the longer with a part of the shorter exposed
 *
 * L2 and HBM serve what wants them at each moment in proportion to resident blocks; no kernel draws more from HBM than
 * it would alone, and all together no more than the device gives for their mix of reads and writes. */
#include "sim/engine/event.h"

#include "sim/engine/cost_own.h"

#include <assert.h>

/* Seconds below any event of interest: what is left of a stage after rounding. */
static const double NOTHING_S = 1e-15;

event_machine event_machine_of(const machine_block *machines, const hbm_efficiency *memory, size_t i) {
    return (event_machine){.sms = machines->sm_count[i],
                           .hbm_peak_bytes_per_s = machines->hbm_bandwidth_bytes_per_s[i],
                           .memory = memory ? &memory[i] : NULL};
}

void event_chip_add(event_chip *chip, event_kernel *kernel) {
    assert(chip->kernel_count < EVENT_KERNELS_MAX);
    kernel->stage = EVENT_WAITING;
    kernel->timer_s = larger(kernel->start_s, chip->now_s);
    kernel->undispatched = kernel->work->ctas;
    kernel->running = 0;
    chip->kernels[chip->kernel_count++] = kernel;
}

/* ---- shares ---- */

typedef struct shares {
    double sm;                    /* speed of loops and epilogues that share SM time */
    double l2[EVENT_COHORTS_MAX]; /* seconds of service a second */
    double hbm[EVENT_COHORTS_MAX];
} shares;

static bool wants_l2(const event_cohort *c) {
    return !c->exposed && c->l2_left_s > 0 && (!c->kernel->work->l2_in_loop || c->stage == COHORT_LOOP);
}

static bool wants_hbm(const event_cohort *c) {
    return !c->exposed && c->hbm_left_s > 0;
}

/* SM time is conserved: where kernels have blocks on the same SMs, each goes as much slower as they overlap. */
static double sm_speed(const event_chip *chip) {
    double occupied = 0;
    for (size_t i = 0; i < chip->cohort_count; i++)
        if (chip->cohorts[i].kernel->work->shared_s > 0)
            occupied += event_held_sms(&chip->cohorts[i]);
    return occupied > chip->machine.sms ? chip->machine.sms / occupied : 1;
}

static void share_l2(const event_chip *chip, shares *out) {
    double ctas = 0;
    for (size_t i = 0; i < chip->cohort_count; i++)
        ctas += wants_l2(&chip->cohorts[i]) ? chip->cohorts[i].ctas : 0;
    for (size_t i = 0; i < chip->cohort_count; i++)
        out->l2[i] = wants_l2(&chip->cohorts[i]) ? chip->cohorts[i].ctas / ctas : 0;
}

/* A kernel's own rate while it draws from HBM. */
static double own_bytes_per_s(const cta_work *w) {
    return w->hbm_bytes / w->hbm_s;
}

typedef struct hbm_user {
    double ctas;  /* of cohorts that want it */
    double cost;  /* device time a second at the kernel's own rate */
    double speed; /* of its own rate */
    bool settled;
} hbm_user;

/* Device seconds for each byte of the mix that the kernels ask for. */
static double device_s_per_byte(const event_chip *chip, const hbm_user *users) {
    double read = 0, write = 0;
    for (size_t k = 0; k < chip->kernel_count; k++) {
        if (users[k].ctas <= 0)
            continue;
        const cta_work *w = chip->kernels[k]->work;
        read += own_bytes_per_s(w) * (1 - w->hbm_write_frac);
        write += own_bytes_per_s(w) * w->hbm_write_frac;
    }
    if (!chip->machine.memory || read + write <= 0)
        return 1 / chip->machine.hbm_peak_bytes_per_s;
    return hbm_stream_s(chip->machine.memory, read, write) / (read + write);
}

/* Device time goes to kernels by resident blocks; what one cannot use goes to the others. */
static void settle_hbm(hbm_user *users, size_t count) {
    double left = 1;
    for (bool again = true; again;) {
        double ctas = 0;
        for (size_t k = 0; k < count; k++)
            ctas += users[k].ctas > 0 && !users[k].settled ? users[k].ctas : 0;
        again = false;
        for (size_t k = 0; k < count && left > 0 && ctas > 0; k++) {
            hbm_user *u = &users[k];
            if (u->ctas <= 0 || u->settled)
                continue;
            u->speed = smaller(1, left * u->ctas / ctas / u->cost);
            if (u->speed == 1) {
                u->settled = again = true;
                left -= u->cost;
                break; /* the others' shares have grown */
            }
        }
    }
}

static void share_hbm(const event_chip *chip, shares *out) {
    hbm_user users[EVENT_KERNELS_MAX] = {0};
    for (size_t i = 0; i < chip->cohort_count; i++)
        for (size_t k = 0; k < chip->kernel_count; k++)
            if (chip->cohorts[i].kernel == chip->kernels[k] && wants_hbm(&chip->cohorts[i]))
                users[k].ctas += chip->cohorts[i].ctas;
    double s_per_byte = device_s_per_byte(chip, users);
    for (size_t k = 0; k < chip->kernel_count; k++)
        if (users[k].ctas > 0)
            users[k].cost = own_bytes_per_s(chip->kernels[k]->work) * s_per_byte;
    settle_hbm(users, chip->kernel_count);
    for (size_t i = 0; i < chip->cohort_count; i++) {
        const event_cohort *c = &chip->cohorts[i];
        out->hbm[i] = 0;
        for (size_t k = 0; k < chip->kernel_count; k++)
            if (c->kernel == chip->kernels[k] && wants_hbm(c))
                out->hbm[i] = users[k].speed * c->ctas / users[k].ctas;
    }
}

/* ---- time ---- */

static double stage_speed(const event_cohort *c, const shares *s) {
    bool shared =
        (c->stage == COHORT_LOOP && c->shares_sm) || (c->stage == COHORT_EPILOGUE && c->kernel->work->shared_s > 0);
    return shared ? s->sm : 1;
}

static void sooner(double *dt_s, double left_s, double speed) {
    if (left_s > 0 && speed > 0)
        *dt_s = smaller(*dt_s, left_s / speed);
}

static bool memory_ended(const event_cohort *c) {
    return c->hbm_left_s == 0 && (c->kernel->work->l2_in_loop || c->l2_left_s == 0);
}

static double next_event_s(const event_chip *chip, const shares *s) {
    double dt_s = INFINITY;
    for (size_t k = 0; k < chip->kernel_count; k++)
        if (chip->kernels[k]->stage != EVENT_RUNNING)
            dt_s = smaller(dt_s, larger(0, chip->kernels[k]->timer_s - chip->now_s));
    for (size_t i = 0; i < chip->cohort_count; i++) {
        const event_cohort *c = &chip->cohorts[i];
        sooner(&dt_s, c->left_s, c->exposed ? 1 : stage_speed(c, s));
        sooner(&dt_s, c->l2_left_s, s->l2[i]);
        sooner(&dt_s, c->hbm_left_s, s->hbm[i]);
        if (c->left_s == 0 && (c->exposed || (c->stage == COHORT_ENDED && memory_ended(c))))
            dt_s = 0; /* blocks that have nothing to do end at once */
    }
    return dt_s;
}

static void spend(double *left_s, double s) {
    *left_s -= s;
    if (*left_s < NOTHING_S)
        *left_s = 0;
}

/* Moves a cohort through stages that take no time. */
static void enter_stages(event_cohort *c) {
    while (c->stage != COHORT_ENDED && c->left_s == 0) {
        if (c->stage == COHORT_LOOP && c->kernel->work->l2_in_loop && c->l2_left_s > 0)
            return;
        c->stage++;
        c->left_s = c->stage == COHORT_LOOP ? c->loop_s : c->stage == COHORT_EPILOGUE ? c->epilogue_s : 0;
        if (c->left_s < NOTHING_S)
            c->left_s = 0;
    }
}

static void spend_cohort(event_cohort *c, const shares *s, size_t i, double dt_s) {
    if (c->exposed) {
        spend(&c->left_s, dt_s);
        return;
    }
    if (c->stage != COHORT_ENDED)
        c->sm_s += dt_s;
    if (!memory_ended(c))
        c->memory_s += dt_s;
    double speed = stage_speed(c, s);
    spend(&c->left_s, dt_s * speed);
    spend(&c->l2_left_s, dt_s * s->l2[i]);
    spend(&c->hbm_left_s, dt_s * s->hbm[i]);
}

/* What follows once both sides are done. */
static double exposed_s(const event_cohort *c) {
    const cta_work *w = c->kernel->work;
    if (w->exponent <= 0)
        return w->exposed_frac * smaller(c->sm_s, c->memory_s);
    double sides_s[] = {c->sm_s, c->memory_s};
    return own_norm(sides_s, 2, w->exponent) - larger(c->sm_s, c->memory_s);
}

/* True when its blocks have ended. */
static bool settle_cohort(event_cohort *c) {
    if (!c->exposed) {
        enter_stages(c);
        if (c->stage != COHORT_ENDED || !memory_ended(c))
            return false;
        c->exposed = true;
        c->left_s = exposed_s(c);
        if (c->left_s < NOTHING_S)
            c->left_s = 0;
    }
    return c->left_s == 0;
}

static void retire_cohorts(event_chip *chip) {
    size_t kept = 0;
    for (size_t i = 0; i < chip->cohort_count; i++) {
        event_cohort *c = &chip->cohorts[i];
        if (settle_cohort(c)) {
            c->kernel->running -= c->ctas;
            chip->used_sms -= c->sms;
        } else {
            chip->cohorts[kept++] = *c;
        }
    }
    chip->cohort_count = kept;
    if (kept == 0)
        chip->used_sms = 0; /* no rounding is left over */
}

/* Moves a kernel on when its timer or its blocks allow; true when it is done. */
static bool settle_kernel(const event_chip *chip, event_kernel *kernel) {
    static const double TIMER_SLACK_S = 1e-13; /* rounding of a clock that has run for minutes */
    const cta_work *w = kernel->work;
    bool expired = kernel->timer_s <= chip->now_s + TIMER_SLACK_S;
    if (kernel->stage == EVENT_WAITING && expired) {
        kernel->start_s = chip->now_s;
        kernel->stage = EVENT_BEFORE;
        kernel->timer_s = chip->now_s + (w->ctas > 0 ? w->before_s : 0);
        expired = kernel->timer_s <= chip->now_s + TIMER_SLACK_S;
    }
    if (kernel->stage == EVENT_BEFORE && expired)
        kernel->stage = EVENT_RUNNING;
    static const double PART_OF_A_BLOCK = 1e-6;
    if (kernel->stage == EVENT_RUNNING && kernel->undispatched <= 0 && kernel->running < PART_OF_A_BLOCK) {
        kernel->stage = EVENT_AFTER;
        kernel->timer_s = chip->now_s + (w->ctas > 0 ? w->after_s : kernel->time_s);
        expired = kernel->timer_s <= chip->now_s + TIMER_SLACK_S;
    }
    if (kernel->stage == EVENT_AFTER && expired) {
        kernel->stage = EVENT_DONE;
        kernel->end_s = chip->now_s;
    }
    return kernel->stage == EVENT_DONE;
}

static void retire_kernels(event_chip *chip) {
    size_t kept = 0;
    for (size_t k = 0; k < chip->kernel_count; k++)
        if (!settle_kernel(chip, chip->kernels[k]))
            chip->kernels[kept++] = chip->kernels[k];
    chip->kernel_count = kept;
}

void event_chip_advance(event_chip *chip) {
    shares s;
    s.sm = sm_speed(chip);
    share_l2(chip, &s);
    share_hbm(chip, &s);
    double dt_s = next_event_s(chip, &s);
    assert(dt_s < INFINITY);
    chip->now_s += dt_s;
    for (size_t i = 0; i < chip->cohort_count; i++)
        spend_cohort(&chip->cohorts[i], &s, i, dt_s);
    retire_cohorts(chip);
    retire_kernels(chip);
    event_dispatch(chip);
    for (size_t i = 0; i < chip->cohort_count; i++)
        enter_stages(&chip->cohorts[i]); /* of those just dispatched */
}

double event_alone_s(const event_machine *on, const cta_work *work) {
    event_chip chip = {.machine = *on};
    event_kernel kernel = {.work = work};
    event_chip_add(&chip, &kernel);
    while (kernel.stage != EVENT_DONE)
        event_chip_advance(&chip);
    return kernel.end_s;
}
