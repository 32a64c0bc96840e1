/* What the files that read a sweep share. Private to sim/explore/sweep_*.c. */
#ifndef INGOT_SWEEP_PRIVATE_H
#define INGOT_SWEEP_PRIVATE_H

#include "sim/explore/sweep.h"

/* A sweep of more points than this is a mistake: at 100,000 points a second it takes a quarter of an hour, at a few
 * thousand half a day. */
static const double SWEEP_POINTS_MAX = 1e8;

enum { SWEEP_LIST_MAX = 4096 }; /* entries of one list */

/* A list with 1 to SWEEP_LIST_MAX entries; `what` is its name in messages. */
status sweep_check_list(const config_node *node, const char *what, error *err);

/* The message of something that another file or module says, at the place that asked for it. */
status sweep_at_node(const config_node *node, status code, const error *inner, error *err);

/* The parts of a file that say what designs are asked for (each NULL: none). Fills goals, objectives, constraints,
 * search, place and statistics. */
typedef struct sweep_asked {
    const config_node *objectives, *constraints, *search, *site;
    const char *config_dir;
    const sweep_question *question; /* NULL: none */
} sweep_asked;
status sweep_load_asked(arena *a, const sweep_asked *asked, sweep *out, error *err);
/* Whether what is asked fits the rest; the cases are loaded already. */
status sweep_check_asked(const config_node *root, const sweep *s, error *err);

/* The parts of a file that make its cases. */
typedef struct sweep_case_file {
    double prompt_tokens, decode_steps;
    const char *host, *statistic;
    const config_node *workloads, *mix, *batch, *levers;
} sweep_case_file;
/* Fills cases, weights and their counts; the statistics and speed-ups are known already. */
status sweep_load_cases(arena *a, const char *config_dir, const config_node *root, const sweep_case_file *file,
                        sweep *out, error *err);

/* The lever sets of `sets`: its entries, or the product of a mapping's lists, as nodes to read. */
status sweep_expand_levers(arena *a, const config_node *sets, const config_node ***out, size_t *count, error *err);

/* Points that a file seems to ask for, however broken: 0 where that cannot be told. */
double sweep_count_points(const config_node *root);

/* Fills knobs and variant_count from `vary` (NULL: none); the machines are loaded already. */
status sweep_load_knobs(arena *a, const config_node *vary, sweep *out, error *err);

/* A machine key by its path, or an error at `node` that names the nearest one. */
status sweep_find_key(const config_node *node, const char *path, const machine_key **out, error *err);
const char *const *sweep_key_names(arena *a, size_t *count);

/* Reads `derive` (NULL: none); the machines and knobs are loaded already. */
status sweep_load_derived(arena *a, const config_node *derive, sweep *out, error *err);

/* Products such as 6 stacks * (6.4e12 / 4.8e12) miss the whole number by rounding; nothing real is this near to one. */
double sweep_snap(double value);

/* Reads `speedups` (NULL: none); the machines and knobs are loaded already. */
status sweep_load_speedups(arena *a, const config_node *list, sweep *out, error *err);
/* Whether a case is needed: all are where no speed-ups are asked for. */
bool sweep_wants(const sweep *s, const char *name, int64_t batch, const char *set);
/* That the loaded cases hold both sides of every speed-up. */
status sweep_check_speedups(const config_node *list, const sweep *s, error *err);

/* Over everything that a point's result depends on. */
uint64_t sweep_hash(const sweep *s, const char *version);

#endif
