/* ingot sweep: a grid of designs into a store, and what it says. */
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/processes.h"
#include "cli/report_input.h"
#include "cli/sweep_designs.h"
#include "cli/sweep_interactions.h"
#include "cli/sweep_results.h"
#include "core/base/clock.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct sweep_command {
    const char *file, *store_path, *report_path;
    int threads;
    bool resume, json, all, interactions;
    sweep_question question;
    const char *command; /* as it was given */
    const char *where[SWEEP_CONSTRAINTS_MAX];
    message_level level;
    argument_failure failure;
    const ranks *ranks; /* NULL: one process */
} sweep_command;

enum {
    KEY_RESUME = 256,
    KEY_THREADS,
    KEY_ALL,
    KEY_MINIMIZE,
    KEY_MAXIMIZE,
    KEY_WHERE,
    KEY_SEARCH,
    KEY_EVALUATIONS,
    KEY_SEED,
    KEY_INTERACTIONS,
    THREADS_MAX = 1024,
    EVALUATIONS_MAX = 100000000,
};

static const struct argp_option option_table[] = {
    {"store", 's', "FILE", 0, "Keep every point in this SQLite file (default: a temporary one)", 0},
    {"resume", KEY_RESUME, 0, 0, "Go on with a store that holds part of this sweep", 0},
    {"report", 'r', "FILE.html", 0, "Write a report; FILE.md writes Markdown", 0},
    {"threads", KEY_THREADS, "N", 0, "Threads (default: all cores); any number gives the same results", 0},
    {"all", KEY_ALL, 0, 0, "Print every point, not only the front", 0},
    {"json", 'j', 0, 0, "Print JSON", 0},
    {0, 0, 0, 0, "Questions, which search for a design instead of listing all:", 1},
    {"minimize", KEY_MINIMIZE, "METRIC", 0, "What the best design has least of: cost_usd, latency_s, tpot_p90_s, ...",
     1},
    {"maximize", KEY_MAXIMIZE, "METRIC", 0, "Or most of: throughput_per_s", 1},
    {"where", KEY_WHERE, "CONSTRAINT", 0, "What it must keep, as \"tpot_p90_s <= 0.010\"; may stand several times", 1},
    {"search", KEY_SEARCH, "METHOD", 0, "grid, random, sobol, anneal or evolve (default: the file's, else grid)", 1},
    {"evaluations", KEY_EVALUATIONS, "N", 0, "Designs that a search may evaluate (default: 2000)", 1},
    {"interactions", KEY_INTERACTIONS, 0, 0,
     "Instead: what levers are worth on each machine, and machines under levers", 1},
    {"seed", KEY_SEED, "N", 0, "Seed of the search (default: 0)", 1},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    sweep_command *o = state->input;
    switch (key) {
    case 's':
        o->store_path = value;
        break;
    case KEY_RESUME:
        o->resume = true;
        break;
    case 'r':
        o->report_path = argument_output(&o->failure, "report", value, document_endings);
        break;
    case KEY_THREADS:
        o->threads = (int)argument_whole_within(&o->failure, "threads", value, 1, THREADS_MAX);
        break;
    case KEY_MINIMIZE:
        o->question.minimize = value;
        break;
    case KEY_MAXIMIZE:
        o->question.maximize = value;
        break;
    case KEY_WHERE:
        argument_append(&o->failure, "where", value, o->where, &o->question.where_count, SWEEP_CONSTRAINTS_MAX);
        break;
    case KEY_SEARCH:
        o->question.method = value;
        break;
    case KEY_EVALUATIONS:
        o->question.evaluations = argument_whole_within(&o->failure, "evaluations", value, 1, EVALUATIONS_MAX);
        break;
    case KEY_INTERACTIONS:
        o->interactions = true;
        break;
    case KEY_SEED:
        o->question.seed = argument_whole(&o->failure, "seed", value, 0);
        break;
    case KEY_ALL:
        o->all = true;
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (o->file)
            return EINVAL; /* one sweep at a time */
        o->file = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- progress, on a terminal only ---- */

typedef struct progress_line {
    double start_s, last_s;
} progress_line;

static const double PROGRESS_INTERVAL_S = 0.2;

static void show_progress(void *context, int64_t done, int64_t total) {
    progress_line *line = context;
    double now = clock_now_s(), elapsed_s = now - line->start_s;
    if (now - line->last_s < PROGRESS_INTERVAL_S && done < total)
        return;
    line->last_s = now;
    double rate = (double)done / elapsed_s;
    fprintf(stderr, "\r%3.0f %%  %.0f points/s  %.0f s left   ", 100.0 * (double)done / (double)total, rate,
            (double)(total - done) / rate);
    if (done == total)
        fputs("\r                                                  \r", stderr);
}

/* ---- the run ---- */

static status temporary_path(arena *a, const char **path, error *err) {
    const char *directory = getenv("TMPDIR");
    char *name = arena_printf(a, "%s/ingot-sweep-XXXXXX", directory && *directory ? directory : P_tmpdir);
    int file = mkstemp(name);
    if (file < 0)
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot create a temporary store: %s", name, strerror(errno));
    close(file);
    *path = name;
    return STATUS_OK;
}

static sweep_designs_options designs_options(const sweep_command *o, store *points, progress_line *line) {
    sweep_designs_options options = {.threads = o->threads,
                                     .ranks = o->ranks,
                                     .json = o->json,
                                     .store_path = o->store_path,
                                     .points = points,
                                     .progress_context = line,
                                     .stop = stop_requests()};
    if (o->level != MESSAGES_QUIET && isatty(STDERR_FILENO))
        options.progress = show_progress;
    return options;
}

static status run_into(arena *a, const sweep_command *o, sweep *s, const char *path, error *err) {
    store *points = NULL;
    store_manifest manifest = sweep_manifest(a, s);
    manifest.date = arena_strdup(a, clock_date().text);
    manifest.version = INGOT_VERSION;
    manifest.command = o->command;
    status result = store_create(path, &manifest, o->resume || !o->store_path, &points, err);
    if (result != STATUS_OK) {
        if (o->ranks)
            sweep_leave_ranks(o->ranks);
        return result;
    }
    if (!o->store_path)
        result = store_set_temporary(points, err);
    if (result != STATUS_OK && o->ranks)
        sweep_leave_ranks(o->ranks);
    progress_line line = {.start_s = clock_now_s()};
    bool designs = sweep_asks_designs(s);
    sweep_options options = {.threads = o->threads, .progress_context = &line, .ranks = o->ranks};
    if (!designs)
        options.stop = stop_requests();
    if (o->level != MESSAGES_QUIET && isatty(STDERR_FILENO))
        options.progress = show_progress;
    sweep_outcome outcome = {.store_path = o->store_path, .json = o->json, .all = o->all};
    report_document *document = document_new(a, NULL);
    if (result == STATUS_OK && designs) {
        sweep_designs_options asked = designs_options(o, points, &line);
        asked.report = o->report_path ? document : NULL;
        result = sweep_designs_run(a, s, &asked, err);
    } else if (result == STATUS_OK) {
        result = sweep_run(s, points, &options, &outcome.computed, err);
    }
    outcome.elapsed_s = clock_now_s() - line.start_s;
    if (o->level == MESSAGES_VERBOSE && result == STATUS_OK)
        fprintf(stderr, "%s, configurations of %s, store %s: hash %s, %.3f s\n", o->file, command_config_dir(), path,
                s->config_hash, outcome.elapsed_s);
    bool stopped = result == STATUS_OK && options.stop && *options.stop;
    if (stopped)
        fprintf(stderr, "\nstopped: %lld points computed%s\n", (long long)outcome.computed,
                o->store_path ? " and saved; --resume goes on" : "; with --store they would have been kept");
    if (result == STATUS_OK && !designs && !stopped)
        result = sweep_results_print(a, s, points, &manifest, &outcome, err);
    if (result == STATUS_OK && !stopped && o->report_path) {
        result = report_store_append(a, points, &manifest, NULL, NULL, document, err);
        if (result == STATUS_OK)
            result = document_write(document, o->report_path, err);
        if (result == STATUS_OK && !o->json)
            printf("report: %s\n", o->report_path);
    }
    status closed = store_close(points, result == STATUS_OK ? err : NULL);
    return result == STATUS_OK ? closed : result;
}

/* A rank that computes for rank 0. */
static status run_for_others(const sweep_command *o, const sweep *s, error *err) {
    int64_t computed;
    sweep_options options = {.threads = o->threads, .ranks = o->ranks};
    stop_requests(); /* rank 0 says when to end */
    if (o->interactions || sweep_asks_designs(s)) {
        explorer *e = NULL;
        status result = sweep_explorer(s, o->threads, NULL, o->ranks, &e, err);
        if (result == STATUS_OK)
            explorer_serve(e);
        explorer_free(e);
        return result;
    }
    return sweep_run(s, NULL, &options, &computed, err);
}

static status run(arena *a, const sweep_command *o, error *err) {
    sweep *s = ARENA_NEW(a, sweep);
    const char *path = o->store_path;
    status result = sweep_load_question(a, command_config_dir(), o->file, INGOT_VERSION, &o->question, s, err);
    if (result == STATUS_OK && o->ranks && o->ranks->rank > 0)
        return run_for_others(o, s, err);
    if (result == STATUS_OK && o->interactions)
        return sweep_interactions_run(a, s, o->threads, o->ranks, o->json, err);
    if (result == STATUS_OK && sweep_asks_designs(s) && !path && !o->report_path) { /* nothing is kept */
        progress_line line = {.start_s = clock_now_s()};
        const sweep_designs_options options = designs_options(o, NULL, &line);
        return sweep_designs_run(a, s, &options, err);
    }
    if (result == STATUS_OK && !path)
        result = temporary_path(a, &path, err);
    if (result != STATUS_OK) {
        if (o->ranks)
            sweep_leave_ranks(o->ranks);
        return result;
    }
    result = run_into(a, o, s, path, err);
    if (path != o->store_path) /* a temporary one */
        unlink(path);
    return result;
}

static status check_usage(const sweep_command *o, error *err) {
    if (!o->file)
        return error_set(err, STATUS_BAD_INPUT, "ingot sweep: give a sweep file; see --help");
    if (o->question.minimize && o->question.maximize)
        return error_set(err, STATUS_BAD_INPUT, "ingot sweep: --minimize or --maximize, not both");
    if (o->resume && !o->store_path)
        return error_set(err, STATUS_BAD_INPUT, "ingot sweep: --resume needs --store");
    if (o->interactions && (o->store_path || o->report_path || o->all))
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot sweep: --interactions keeps no points: leave out --store, --report and --all");
    return STATUS_OK;
}

status command_sweep(int argc, char **argv, error *err) {
    static const char doc[] = "Evaluates machine variants x levers x workloads and prints the Pareto front and which "
                              "knob matters most, or searches for the design that a question asks for.\v"
                              "example: ingot sweep configs/sweeps/demo.yaml --store demo.db --report demo.html\n"
                              "example: ingot sweep configs/sweeps/demo.yaml --minimize cost_usd --where 'tpot_s <= "
                              "0.005' --search evolve";
    sweep_command o = {.question = {.seed = -1}, .failure = {.err = err}};
    o.question.where = o.where;
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "SWEEP.yaml", .doc = doc};
    arena a = {0};
    o.command = command_text(&a, argc, argv); /* before argp sorts the arguments */
    status result = command_parse_level(&parser, argc, argv, &o, &o.level, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result == STATUS_OK)
        result = check_usage(&o, err);
    if (result != STATUS_OK) {
        arena_free(&a);
        return result;
    }
    result = processes_start(&o.ranks, err);
    if (result == STATUS_OK)
        result = run(&a, &o, err);
    if (o.ranks)
        o.ranks->finish();
    arena_free(&a);
    fflush(stdout); /* what was found so far */
    end_as_asked();
    return result;
}
