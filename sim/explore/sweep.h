/* Sweeps: a grid of machine variants x workloads x batches x levers, every point an engine run. The YAML is documented
 * in docs/formats.md.
 *
 * A point's result depends on the sweep and the point's index alone, never on threads, blocks or what ran before. */
#ifndef INGOT_SWEEP_H
#define INGOT_SWEEP_H

#include "core/store.h"
#include "sim/engine/engine.h"
#include "sim/explore/metrics.h"
#include "sim/explore/ranks.h"
#include "sim/explore/search.h"
#include "workloads/workload.h"

#include <signal.h>

enum {
    SWEEP_SCHEMA = 1,
    SWEEP_TIED_MAX = 16,    /* keys that move with a knob */
    SWEEP_DERIVED_MAX = 32, /* keys that follow a formula */
    SWEEP_CONSTRAINTS_MAX = 32,
    SWEEP_STATISTICS_MAX = 1 + METRIC_STATISTICS,
    SWEEP_SEARCH_EVALUATIONS = 2000, /* unless the file says another number */
};

/* A machine key that takes several values, and the keys that are scaled in the same proportion to their base. */
typedef struct sweep_knob {
    const machine_key *key;
    const double *values; /* the key's values; when `relative`, multiples of the base machine's */
    size_t count;
    bool relative;
    const machine_key *tied[SWEEP_TIED_MAX];
    size_t tied_count;
} sweep_knob;

/* A machine key that follows others: l2.bytes_per_clk: 64 * l2.slices. */
typedef struct sweep_derived {
    const machine_key *key;
    formula value; /* over the variant's keys, and the base machine's as base(key) */
} sweep_derived;

/* A base machine with what belongs to it. */
typedef struct sweep_machine {
    machine base;
    calibration fitted;
} sweep_machine;

/* A workload, batch and lever set: everything that does not depend on the machine, built once. */
typedef struct sweep_case {
    const char *workload, *levers; /* a workload at a percentile of its lengths is another: "hstu/h-a (p90)" */
    int64_t batch;
    const char *not_applicable; /* why there is no graph, or NULL */
    scenario scenario;
    graph graph;
    host_profile host;
} sweep_case;

/* What designs are compared by. */
typedef enum sweep_objective {
    OBJECTIVE_LATENCY,
    OBJECTIVE_TPOT,
    OBJECTIVE_ENERGY,
    OBJECTIVE_AREA,
    OBJECTIVE_COST,
    OBJECTIVE_COUNT
} sweep_objective;

enum { SWEEP_OBJECTIVES_MAX = 4 }; /* compared at once */

const char *sweep_objective_name(sweep_objective objective); /* "latency_s" */
const char *sweep_objective_text(sweep_objective objective); /* "latency" */
double sweep_objective_of(sweep_objective objective, const store_point *point);
/* Reads names with spaces between, as a store's manifest keeps them; returns their number. Unknown ones are left out.
 */
size_t sweep_objectives_parse(const char *text, sweep_objective *out);

/* What a lever set gains over another, beside what was published. */
typedef struct sweep_speedup {
    const char *group, *workload, *levers, *over;
    int64_t batch;
    double published;   /* NaN: none */
    double predicted;   /* latency under `over` / latency under `levers`; NaN where one of them has none */
    const char *reason; /* why, or NULL */
} sweep_speedup;

typedef struct sweep {
    const char *name, *question, *host; /* host: NULL where each lever set brings its own */
    engine_kind engine;
    int64_t seed;
    sweep_machine *machines;
    size_t machine_count;
    sweep_case *cases; /* workloads outermost, then statistics, then batches, then levers; but see speedups */
    size_t case_count;
    size_t workload_count, statistic_count, batch_count, lever_count;
    int statistics[SWEEP_STATISTICS_MAX]; /* percentiles of lengths; first 0, the file's own statistic */
    sweep_knob knobs[STORE_KNOBS_MAX];    /* the last one varies fastest */
    size_t knob_count;
    sweep_derived derived[SWEEP_DERIVED_MAX]; /* each behind those that it reads */
    size_t derived_count;
    int64_t variant_count; /* product of the knobs' counts */
    int64_t point_count;   /* machines x cases x variants; the variants of a case are neighbours */
    sweep_objective objectives[SWEEP_OBJECTIVES_MAX]; /* those that a store's rows tell */
    size_t objective_count;
    /* What designs are asked for (designs.h); the first goal is what makes one the best. */
    metric goals[SWEEP_OBJECTIVES_MAX];
    size_t goal_count;
    formula_relation constraints[SWEEP_CONSTRAINTS_MAX]; /* over metric_scope's names */
    size_t constraint_count;
    const double *weights; /* of the workloads in a mix; NULL: there is none */
    const site *place;     /* NULL: costs and emissions of requests are not asked for */
    bool searches;         /* else every design is evaluated */
    search_options search;
    sweep_speedup *speedups; /* where there are any, the cases are those that they need */
    size_t speedup_count;
    const char *config_hash; /* of everything that a result depends on */
} sweep;

/* What a command line asks beside the file. */
typedef struct sweep_question {
    const char *minimize, *maximize; /* a metric instead of the file's objectives; NULL: none */
    const char *const *where;        /* further constraints */
    size_t where_count;
    const char *method;  /* of search; NULL: the file's */
    int64_t evaluations; /* 0: the file's */
    int64_t seed;        /* of the search; -1: the file's */
} sweep_question;

/* Reads the file and everything it names; all is owned by the arena. `version` is the program's, part of the hash.
 * A lever set that does not apply to a workload is no error: its points say why. */
status sweep_load(arena *a, const char *config_dir, const char *path, const char *version, sweep *out, error *err);
status sweep_load_question(arena *a, const char *config_dir, const char *path, const char *version,
                           const sweep_question *question, sweep *out, error *err);

/* Whether the sweep asks for designs rather than points: it has a mix, constraints, a search, or goals that a store's
 * rows do not tell. */
bool sweep_asks_designs(const sweep *s);

/* What the store keeps of the question; borrows from the sweep and the arena. */
store_manifest sweep_manifest(arena *a, const sweep *s);

/* The values of a point's knobs, knob_count of them, and the machine that they make of a base. Not checked. */
void sweep_knobs_at(const sweep *s, int64_t index, double *knobs);
machine sweep_machine_at(const sweep *s, size_t machine_index, const double *knobs);
/* Both at once. */
machine sweep_variant(const sweep *s, int64_t index, double *knobs);
/* Sets the derived keys of a variant whose knobs are set; part of the above. */
void sweep_derive(const sweep *s, const machine *base, machine *m);

/* Fills in the predicted speed-ups from the sweep's points; reasons are owned by the arena. */
status sweep_find_speedups(arena *a, sweep *s, store *points, error *err);

/* The values of a point's knobs. */
typedef void sweep_knobs_function(const sweep *s, int64_t index, double *knobs);

typedef struct sweep_options {
    int threads;                                                  /* 0: as many as there are cores */
    void (*progress)(void *context, int64_t done, int64_t total); /* from the calling thread; may be NULL */
    void *progress_context;
    const volatile sig_atomic_t
        *stop;                      /* the run ends early, all computed points saved, once this is not 0; may be NULL */
    const ranks *ranks;             /* NULL: this process alone */
    sweep_knobs_function *knobs_at; /* NULL: sweep_knobs_at. Called from any thread */
} sweep_options;

/* Computes every point that the store lacks and puts it there. Memory does not grow with the sweep, but for a bit a
 * point. `computed` receives the number of points that were missing and are there now. Without a store (NULL) all are
 * computed and dropped.
 *
 * One thread computes and writes in turn; several compute while the calling one writes. With ranks every one of them
 * calls this: rank 0 with the store, the others with NULL, whose results go to rank 0. Points and their order in the
 * store are the same in any arrangement, to the last bit. */
status sweep_run(const sweep *s, store *points, const sweep_options *options, int64_t *computed, error *err);

/* For a rank that cannot run the sweep (or has none): ends the others' run, with an error on rank 0. */
void sweep_leave_ranks(const ranks *all);

#endif
