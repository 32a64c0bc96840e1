/* Which blocks go to which SMs, and when.
 *
 * A grid that has the chip to itself and whose blocks start as others end (`flows`) goes out at once: SMs that run a
 * block more than others are a cohort of their own, and memory serves the grid as one stream. Any other grid goes out
 * wave by wave, as slots come free. */
#include "core/base/arena.h"
#include "core/base/random.h"
#include "sim/engine/cost_own.h"
#include "sim/engine/event.h"

#include <stdlib.h>

/* A longer grid goes in groups of waves, so that a kernel takes no more cohorts than this. */
static const double WAVES_MAX = 64;
static const double SLACK = 1e-9; /* of quotients of whole numbers */

/* What a cohort's SMs are given. */
typedef struct portion {
    double ctas, share;     /* share: of the grid's work */
    double residents, sms;  /* residents: of its own, an SM; sms: that their slots would fill */
    double rounds, busiest; /* blocks one after the other in a slot; blocks of the busiest SM */
    double started_frac;    /* of the grid's block starts, that pass before its last one */
    double loop_s;          /* where lengths differ: what the busiest SM's loops take; 0: by the three above */
} portion;

static double loop_s_of(const cta_work *w, const portion *p) {
    double in_flight = smaller(p->residents * w->stages_cta, w->stages_sm);
    double waited_s = in_flight > 0 ? w->waited_s / in_flight : 0;
    double terms_s[] = {p->busiest * larger(w->shared_s, waited_s), p->rounds * w->least_s,
                        p->started_frac * w->dispatch_s};
    if (p->loop_s > 0)
        terms_s[0] = 0, terms_s[1] = p->loop_s;
    if (w->exponent > 0)
        return own_norm(terms_s, sizeof terms_s / sizeof *terms_s, w->exponent);
    return larger(terms_s[0], larger(terms_s[1], terms_s[2]));
}

static void add_cohort(event_chip *chip, event_kernel *kernel, const portion *p) {
    const cta_work *w = kernel->work;
    /* What products save of a last wave is SM time of its loops alone. */
    double rounds = w->l2_in_loop ? ceil_quotient(p->rounds) : p->rounds;
    portion whole = *p;
    whole.rounds = rounds;
    event_cohort *c = &chip->cohorts[chip->cohort_count++];
    *c = (event_cohort){.kernel = kernel,
                        .ctas = p->ctas,
                        .residents = p->residents,
                        .sms = p->sms,
                        .prologue_s = rounds * w->prologue_s,
                        .loop_s = loop_s_of(w, &whole),
                        .epilogue_s = ceil_quotient(p->busiest) * w->epilogue_s,
                        .l2_left_s = w->l2_s * p->share,
                        .hbm_left_s = w->hbm_s * p->share,
                        .shares_sm = p->residents * w->shared_s >= w->least_s && w->shared_s > 0};
    c->left_s = c->prologue_s;
    kernel->undispatched -= p->ctas;
    kernel->running += p->ctas;
    chip->used_sms += p->sms;
}

double event_held_sms(const event_cohort *c) {
    return c->sms * c->kernel->work->slots_per_sm / c->residents;
}

/* ---- wave by wave ---- */

/* `waves` of blocks that stay in step. */
static void add_waves(event_chip *chip, event_kernel *kernel, double ctas, double residents, double waves, double sms) {
    const cta_work *w = kernel->work;
    portion p = {.ctas = ctas,
                 .share = ctas / w->ctas,
                 .residents = residents,
                 .sms = sms,
                 .rounds = waves,
                 .busiest = waves * residents,
                 .started_frac = ctas / w->ctas};
    add_cohort(chip, kernel, &p);
}

/* SMs that blocks can spread over: the empty ones where these are enough, else all that have a free slot. */
static double open_sms(const event_chip *chip, double ctas) {
    double full = 0, part = 0;
    for (size_t i = 0; i < chip->cohort_count; i++) {
        const event_cohort *c = &chip->cohorts[i];
        bool fills = c->residents >= c->kernel->work->slots_per_sm;
        *(fills ? &full : &part) += event_held_sms(c);
    }
    double open = larger(1, floor(chip->machine.sms - full + SLACK)), empty = floor(open - part + SLACK);
    return ctas <= empty ? empty : open;
}

/* Blocks on fewer than all slots spread over the SMs: some hold one more than others. */
static void dispatch_spread(event_chip *chip, event_kernel *kernel, double ctas) {
    double sms = open_sms(chip, ctas), slots = kernel->work->slots_per_sm;
    double few = floor(ctas / sms), more_sms = ctas - few * sms;
    double taken = 1 - kernel->work->drift_frac * (1 - ctas / sms / (few + 1));
    if (more_sms > 0)
        add_waves(chip, kernel, more_sms * (few + 1), few + 1, taken, more_sms * (few + 1) / slots);
    if (few > 0)
        add_waves(chip, kernel, (sms - more_sms) * few, few, 1, (sms - more_sms) * few / slots);
}

static void dispatch_waves(event_chip *chip, event_kernel *kernel) {
    const cta_work *w = kernel->work;
    double free_sms = chip->machine.sms - chip->used_sms, slots = floor(free_sms * w->slots_per_sm + 1e-6);
    if (slots < 1 || chip->cohort_count + 2 > EVENT_COHORTS_MAX)
        return;
    double group = larger(1, floor(w->ctas / (chip->machine.sms * w->slots_per_sm) / WAVES_MAX));
    double ctas = smaller(kernel->undispatched, slots * group), waves = ctas / slots;
    bool whole = ctas >= w->ctas; /* a grid of one wave at most */
    if (waves >= 1) {             /* every free slot is taken */
        double residents = larger(1, floor(slots / open_sms(chip, slots)));
        add_waves(chip, kernel, ctas, residents, effective_waves(waves, w->drift_frac), slots / w->slots_per_sm);
    } else if (w->shared_s > 0) {
        dispatch_spread(chip, kernel, ctas);
    } else {
        double residents = larger(1, ceil_quotient(ctas / open_sms(chip, ctas)));
        double taken = whole ? 1 : 1 - w->drift_frac * (1 - waves);
        add_waves(chip, kernel, ctas, residents, taken, ctas / w->slots_per_sm);
    }
}

/* ---- all at once ---- */

/* SMs that run so many blocks of equal length each. */
static void add_even(event_chip *chip, event_kernel *kernel, double sms, double ctas, double rounds, double busiest) {
    const cta_work *w = kernel->work;
    double drift = w->drift_frac, least = w->ctas / chip->machine.sms;
    portion p = {.ctas = ctas,
                 .share = ctas / w->ctas,
                 .residents = w->slots_per_sm,
                 .sms = sms,
                 .rounds = rounds - drift * larger(0, rounds - least / w->slots_per_sm),
                 .busiest = busiest - (w->exponent > 0 ? 0 : drift) * larger(0, busiest - least),
                 .started_frac = 1};
    add_cohort(chip, kernel, &p);
}

static void dispatch_even(event_chip *chip, event_kernel *kernel) {
    const cta_work *w = kernel->work;
    double sms = chip->machine.sms, slots = sms * w->slots_per_sm;
    double rounds = floor(w->ctas / slots + SLACK), all = rounds * w->slots_per_sm, rest = w->ctas - rounds * slots;
    if (rest < SLACK) {
        add_even(chip, kernel, sms, w->ctas, rounds, all);
    } else if (rest >= sms) { /* every SM has a last round, if not in all of its slots */
        add_even(chip, kernel, sms, w->ctas, rounds + 1, all + ceil_quotient(rest / sms));
    } else {
        add_even(chip, kernel, rest, rest * (all + 1), rounds + 1, all + 1);
        add_even(chip, kernel, sms - rest, (sms - rest) * all, rounds, all);
    }
}

/* ---- blocks of different lengths ---- */

double event_uneven_s(const cta_period *p, double at) {
    return p->fixed_s + smaller(p->most_s, p->longest_s - at * p->fall_s);
}

enum { RESIDENTS_MAX = 8 };

/* One SM: when its residents end, one after the other. */
typedef struct sm_queue {
    double ends_s[RESIDENTS_MAX]; /* a ring; the oldest's at `oldest` */
    double last_s;
    size_t oldest, held;
} sm_queue;

static void give_block(sm_queue *sm, double block_s) {
    sm->last_s += block_s;
    sm->ends_s[(sm->oldest + sm->held++) % RESIDENTS_MAX] = sm->last_s;
}

static double next_end_s(const sm_queue *sm) {
    return sm->ends_s[sm->oldest];
}

/* Sinks the first of a heap of SMs, by the next end, to its place. */
static void sink(sm_queue *heap, size_t count) {
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && next_end_s(&heap[child + 1]) < next_end_s(&heap[child]))
            child++;
        if (next_end_s(&heap[at]) <= next_end_s(&heap[child]))
            return;
        sm_queue swapped = heap[at];
        heap[at] = heap[child];
        heap[child] = swapped;
    }
}

static int by_next_end(const void *a, const void *b) {
    double x = next_end_s(a), y = next_end_s(b);
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Which SM a block goes to at first follows no rule that is known (GPCs have different numbers of SMs): any order,
 * another one each round, so that a grid's period does not meet the number of SMs. */
static void shuffle(size_t *order, size_t count, size_t round) {
    static const uint64_t SEED = 11;
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)(random_bits(SEED, round, i) % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
}

/* When each SM is done, sorted: slots are filled round by round, and the next block goes to the first that is free.
 * What comes before the last waves of a long grid spreads evenly. */
static void list_schedule(const cta_work *w, size_t sms, double *done_s) {
    static const double LISTED_WAVES = 32;
    arena scratch = {0};
    sm_queue *queues = ARENA_ARRAY(&scratch, sm_queue, sms);
    size_t *order = ARENA_ARRAY(&scratch, size_t, sms);
    const cta_period *p = &w->uneven;
    size_t residents = (size_t)larger(1, smaller(RESIDENTS_MAX, p->residents));
    double heads = floor(larger(0, w->ctas - LISTED_WAVES * (double)sms) / p->blocks), head_s = 0;
    for (double j = 0; j < p->blocks; j++)
        head_s += event_uneven_s(p, j);
    for (size_t s = 0; s < sms; s++)
        queues[s] = (sm_queue){.last_s = heads * head_s / (double)sms};
    double blocks = w->ctas - heads * p->blocks, at = 0, b = 0;
    for (size_t round = 0; round < residents && b < blocks; round++) {
        shuffle(order, sms, round);
        for (size_t s = 0; s < sms && b < blocks; s++, b++) {
            give_block(&queues[order[s]], event_uneven_s(p, at));
            at = at + 1 < p->blocks ? at + 1 : 0;
        }
    }
    qsort(queues, sms, sizeof *queues, by_next_end); /* a heap too */
    for (; b < blocks; b++) {
        queues[0].oldest = (queues[0].oldest + 1) % RESIDENTS_MAX;
        queues[0].held--;
        give_block(&queues[0], event_uneven_s(p, at));
        sink(queues, sms);
        at = at + 1 < p->blocks ? at + 1 : 0;
    }
    for (size_t s = 0; s < sms; s++)
        done_s[s] = queues[s].last_s;
    arena_free(&scratch);
    qsort(done_s, sms, sizeof *done_s, by_time);
}

/* SMs that are done at about the same time are a cohort. */
static void dispatch_uneven(event_chip *chip, event_kernel *kernel) {
    enum { BINS = 8 };
    const cta_work *w = kernel->work;
    size_t sms = (size_t)chip->machine.sms;
    arena scratch = {0};
    double *done_s = ARENA_ARRAY(&scratch, double, sms), sum_s = 0;
    list_schedule(w, sms, done_s);
    for (size_t s = 0; s < sms; s++)
        sum_s += done_s[s];
    for (size_t bin = 0, first = 0, end; bin < BINS; bin++, first = end) {
        end = sms * (bin + 1) / BINS;
        double bin_s = 0;
        for (size_t s = first; s < end; s++)
            bin_s += done_s[s];
        if (bin_s <= 0)
            continue; /* SMs that no block is left for */
        portion p = {.ctas = w->ctas * bin_s / sum_s,
                     .share = bin_s / sum_s,
                     .residents = w->slots_per_sm,
                     .sms = (double)(end - first),
                     .rounds = 1,
                     .busiest = 1,
                     .loop_s = done_s[end - 1]};
        add_cohort(chip, kernel, &p);
    }
    arena_free(&scratch);
}

/* ---- */

static bool goes_out_at_once(const event_chip *chip, const event_kernel *kernel) {
    const cta_work *w = kernel->work;
    return w->flows && chip->cohort_count == 0 && kernel->undispatched >= w->ctas &&
           (w->uneven.blocks > 0 || w->ctas >= chip->machine.sms * w->slots_per_sm);
}

static void dispatch_kernel(event_chip *chip, event_kernel *kernel) {
    if (!goes_out_at_once(chip, kernel)) {
        dispatch_waves(chip, kernel);
        return;
    }
    (kernel->work->uneven.blocks > 0 ? dispatch_uneven : dispatch_even)(chip, kernel);
    kernel->undispatched = 0; /* but for rounding */
}

void event_dispatch(event_chip *chip) {
    for (size_t k = 0; k < chip->kernel_count; k++)
        while (chip->kernels[k]->stage == EVENT_RUNNING && chip->kernels[k]->undispatched > 0) {
            double before = chip->kernels[k]->undispatched;
            dispatch_kernel(chip, chip->kernels[k]);
            if (chip->kernels[k]->undispatched == before)
                break;
        }
}
