/* ingot validate: measured operator rows, measured steps and traces against the analytic engine. */
#include "cli/command.h"
#include "cli/operator_rows.h"
#include "cli/setup_arguments.h"
#include "cli/step_prediction.h"
#include "cli/trace_prediction.h"
#include "core/base/json_writer.h"
#include "core/base/si.h"
#include "core/base/text.h"
#include "sim/explore/ensemble.h"
#include "validate/run_reader.h"
#include "validate/score_rows.h"
#include "validate/trace_run.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct validate_options {
    const char *file, *engine;
    bool json, operators;
    message_level level;
    trace_question trace; /* what else is asked of a trace */
    double max_error;     /* NaN: no gate */
    argument_failure failure;
} validate_options;

enum { KEY_ENGINE = 256, KEY_MAX_ERROR, KEY_PHASE, KEY_ANY_ORDER, KEY_OPERATORS };

static const struct argp_option option_table[] = {
    {"machine", 'm', "NAME", 0, "Machine: a name of configs/machines or a YAML path", 0},
    {"engine", KEY_ENGINE, "NAME", 0, "Of operator rows: analytic (default) or event", 0},
    {"json", 'j', 0, 0, "Print JSON", 0},
    {0, 0, 0, 0, "For traces:", 1},
    {"workload", 'w', "MODEL/TASK", 0, "What was run, as codellama-7b", 1},
    {"preset", 'p', "NAME", 0, "Levers that were set: baseline, sdpa, compile, ... (default baseline)", 1},
    {"set", 's', "LEVER=VALUE", 0, "One lever over the preset, as flavour=hf", 1},
    {"batch", 'b', "N", 0, "Sequences (default 1)", 1},
    {"prompt", 'P', "N", 0, "Tokens a sequence had before the trace's first step", 1},
    {"steps", SETUP_KEY_STEPS, "N", 0, "Decode steps (default: the trace's)", 1},
    {"host", 'H', "NAME", 0, "Host profile, instead of the one that goes with the levers", 1},
    {"phase", KEY_PHASE, "NAME", 0, "Phase that the trace shows (default: the one that fits best)", 1},
    {"any-order", KEY_ANY_ORDER, 0, 0, "Sort GPU events that stand out of order instead of refusing them", 1},
    {"operators", KEY_OPERATORS, 0, 0, "Print the matched operators as operator rows (CSV, method in_model)", 1},
    {"max-error", KEY_MAX_ERROR, "PERCENT", 0, "Exit 1 when the end-to-end error is larger, as 10%", 1},
    {0},
};

/* "10%" and "10" are percent. */
static double percent(argument_failure *f, const char *option, char *text) {
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '%')
        text[length - 1] = '\0';
    return argument_number(f, option, text, 0, INFINITY) / 100;
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
    validate_options *o = state->input;
    if (setup_argument(&o->trace.common, key, value, &o->failure))
        return 0;
    switch (key) {
    case KEY_PHASE:
        o->trace.phase = value;
        break;
    case KEY_ANY_ORDER:
        o->trace.any_order = true;
        break;
    case KEY_OPERATORS:
        o->operators = true;
        break;
    case KEY_MAX_ERROR:
        o->max_error = percent(&o->failure, "max-error", value);
        break;
    case KEY_ENGINE:
        o->engine = value;
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (o->file)
            return EINVAL; /* one file at a time */
        o->file = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- operator rows ---- */

static void print_line(const char *name, const score *s) {
    if (s->n > 0)
        printf("%-52s %7zu %8.1f %8.1f %+8.1f %8.1f %8.3f %8.1f %8.1f\n", name, s->n, 100 * s->mean_abs_err,
               100 * s->median_abs_err, 100 * s->bias, 100 * s->p90, s->kendall_tau, 100 * s->coverage,
               100 * s->median_half_width);
}

static void print_worst(const row_scores *scores) {
    puts("worst rows:");
    for (size_t i = 0; i < scores->worst_count; i++) {
        const scored_row *item = &scores->worst[i];
        char shape[256];
        op_shape_text(&item->row->op, shape, sizeof shape);
        printf("  %s:%d: %s %s: measured %.2f us, predicted %.2f us (%+.0f %%)\n", item->file, item->row->line,
               op_info_get(item->row->op.kind)->name, shape, item->row->measured_s * US_PER_S,
               item->predicted_s * US_PER_S, 100 * (item->predicted_s / item->row->measured_s - 1));
    }
}

static void print_rows(const row_scores *scores, const row_table *table) {
    printf("%-52s %7s %8s %8s %8s %8s %8s %8s %8s\n", "error, %", "rows", "mean", "median", "bias", "p90", "tau",
           "covered", "half");
    for (size_t i = 0; i < scores->group_count; i++) {
        const row_group *g = &scores->groups[i];
        char name[128];
        snprintf(name, sizeof name, "%s %s/%s %s%s%s", op_info_get(g->key.kind)->name, dtype_name(g->key.dtype),
                 dtype_name(g->key.second_dtype), g->key.phase ? g->key.phase : "", g->key.phase ? " " : "",
                 g->key.source ? g->key.source : "");
        print_line(name, &g->scores.all);
    }
    print_line("all, even hash (fit)", &scores->all.fit);
    print_line("all, odd hash (held)", &scores->all.held);
    puts("covered: measured within the 90 % interval; half: its median half-width");
    print_worst(scores);
    if (table->unsupported_count + table->skipped_count > 0)
        printf("left out: %zu rows of kinds not modelled yet, %zu empty\n", table->unsupported_count,
               table->skipped_count);
}

static status score_table(arena *a, const row_table *table, const ensemble *e, bool json, error *err) {
    row_scores scores;
    size_t count;
    status result = ensemble_score_rows(a, table, e, &scores, &count, err);
    if (result != STATUS_OK)
        return result;
    if (!json) {
        print_rows(&scores, table);
        return STATUS_OK;
    }
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    row_scores_json(&w, &scores);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static status validate_rows(arena *a, const validate_options *o, error *err) {
    source_map sources = {0};
    row_table table = {0};
    ensemble *e = ARENA_NEW(a, ensemble);
    status result = ensemble_load(a, command_config_dir(), o->trace.common.machine, e, err);
    if (result == STATUS_OK)
        result = ensemble_set_engine(e, o->engine, err);
    if (result == STATUS_OK)
        result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result == STATUS_OK)
        result = rows_load(o->file, &sources, EMPTY_ROWS_SKIPPED, &table, err);
    if (result == STATUS_OK)
        result = score_table(a, &table, e, o->json, err);
    rows_free(&table);
    sources_free(&sources);
    return result;
}

/* ---- steps ---- */

static void print_steps(const step_scores *scores) {
    printf("%-48s %8s %8s %6s %9s %9s %17s %8s %9s\n", "step", "busy ms", "predict", "%", "wall ms", "predict",
           "host range", "kernels", "predict");
    for (size_t i = 0; i < scores->count; i++) {
        const step_prediction *p = &scores->steps[i];
        char range[32];
        snprintf(range, sizeof range, "%.2f to %.2f", p->wall_low_s * MS_PER_S, p->wall_high_s * MS_PER_S);
        printf("%-48s %8.3f %8.3f %+6.1f %9.3f %9.3f %17s %8.0f %9.0f\n", p->name, p->measured->busy_s * MS_PER_S,
               p->busy_s * MS_PER_S, 100 * (p->busy_s / p->measured->busy_s - 1), p->measured->wall_s * MS_PER_S,
               p->wall_s * MS_PER_S, range, p->measured->kernels, p->kernels);
    }
    printf("GPU busy: mean error %.1f %%; kernels: %.1f %%", 100 * scores->busy.mean_abs_err,
           100 * scores->kernels.mean_abs_err);
    if (scores->graph_wall.n > 0)
        printf("; wall of captured steps: %.1f %%", 100 * scores->graph_wall.mean_abs_err);
    putchar('\n');
    if (!isnan(scores->call_low_s))
        printf(
            "The walls of eager steps are explained by a host that takes %.1f to %.1f us a kernel, or %.1f to %.1f us "
            "a framework call.\n",
            scores->kernel_low_s * US_PER_S, scores->kernel_high_s * US_PER_S, scores->call_low_s * US_PER_S,
            scores->call_high_s * US_PER_S);
}

static void step_json(json_writer *w, const step_prediction *p) {
    json_object_begin(w, NULL);
    json_text(w, "name", p->name);
    json_text(w, "levers", p->levers);
    json_number(w, "measured_busy_s", p->measured->busy_s);
    json_number(w, "predicted_busy_s", p->busy_s);
    json_number(w, "measured_wall_s", p->measured->wall_s);
    json_number(w, "predicted_wall_s", p->wall_s);
    json_number(w, "wall_lower_s", p->wall_low_s);
    json_number(w, "wall_upper_s", p->wall_high_s);
    json_number(w, "measured_kernels", p->measured->kernels);
    json_number(w, "predicted_kernels", p->kernels);
    json_number(w, "host_calls", p->host_calls);
    json_number(w, "implied_host_call_s", p->implied_call_s);
    json_object_end(w);
}

static status steps_json(const step_scores *scores, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    score_json(&w, "busy", &scores->busy);
    score_json(&w, "kernels", &scores->kernels);
    score_json(&w, "graph_wall", &scores->graph_wall);
    json_object_begin(&w, "host_range");
    json_number(&w, "kernel_lower_s", scores->kernel_low_s);
    json_number(&w, "kernel_upper_s", scores->kernel_high_s);
    json_number(&w, "call_lower_s", scores->call_low_s);
    json_number(&w, "call_upper_s", scores->call_high_s);
    json_object_end(&w);
    json_array_begin(&w, "steps");
    for (size_t i = 0; i < scores->count; i++)
        step_json(&w, &scores->steps[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static status validate_steps(arena *a, const validate_options *o, error *err) {
    step_table table = {0};
    step_scores scores;
    status result = steps_load(o->file, &table, err);
    if (result == STATUS_OK && table.count == 0)
        result = error_set(err, STATUS_NEGATIVE, "%s: no measured step", o->file);
    if (result == STATUS_OK)
        result = steps_predict(a, &table, o->trace.common.machine, &scores, err);
    if (result == STATUS_OK && o->json)
        result = steps_json(&scores, err);
    else if (result == STATUS_OK)
        print_steps(&scores);
    steps_free(&table);
    return result;
}

/* ---- traces ---- */

/* A recorded run tells what was run, where the command line does not. */
static status take_run_header(arena *a, trace_question *q, error *err) {
    run r;
    status result = run_read(a, q->file, &r, err);
    if (result != STATUS_OK)
        return result;
    q->common.workload = r.header.workload, q->common.preset = r.header.levers;
    q->common.request.batch = (int64_t)r.header.batch;
    q->common.request.prompt_tokens = (int64_t)r.header.prompt_tokens;
    return STATUS_OK;
}

static status validate_trace(arena *a, const validate_options *o, error *err) {
    trace_question q = o->trace;
    q.file = o->file;
    if (!q.common.workload && trace_is_run(q.file) && take_run_header(a, &q, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (!q.common.workload)
        return error_set(err, STATUS_BAD_INPUT, "ingot validate: a trace needs --workload, what was run; see --help");
    setup *s = ARENA_NEW(a, setup);
    trace_comparison *c = ARENA_NEW(a, trace_comparison);
    trace t;
    status result = trace_compare(a, &q, &t, s, c, err);
    if (result != STATUS_OK)
        return result;
    if (o->operators)
        operator_rows_print(c);
    else if (o->json)
        result = trace_comparison_json(&t, s, c, err);
    else
        trace_comparison_print(&t, s, c);
    trace_free(&t);
    return result == STATUS_OK && !isnan(o->max_error) ? trace_comparison_gate(c, o->max_error, err) : result;
}

status command_validate(int argc, char **argv, error *err) {
    static const char doc[] = "Measured operator rows (CSV), measured steps (JSON lines) or a trace "
                              "(Kineto JSON, plain or gzip) against the analytic engine.\v"
                              "example: ingot validate rows.csv --machine h200-sxm";
    validate_options o = {
        .trace.common = setup_arguments_default("baseline"),
        .max_error = NAN,
        .failure = {.err = err},
    };
    const struct argp parser = {.options = option_table,
                                .parser = parse_option,
                                .args_doc = "ROWS.csv | STEPS.jsonl | TRACE.json[.gz] | RUN.run.jsonl.gz",
                                .doc = doc};
    status result = command_parse_level(&parser, argc, argv, &o, &o.level, err);
    if (result != STATUS_OK)
        return result;
    if (o.failure.status != STATUS_OK)
        return o.failure.status;
    if (!o.file || !o.trace.common.machine)
        return error_set(err, STATUS_BAD_INPUT, "ingot validate: give a measured file and --machine; see --help");
    if (o.operators && !trace_is_run(o.file))
        return error_set(err, STATUS_BAD_INPUT, "ingot validate: --operators needs a recorded run, FILE.run.jsonl.gz");
    if (o.operators && o.json)
        return error_set(err, STATUS_BAD_INPUT, "ingot validate: --operators prints CSV: leave out --json");
    arena a = {0};
    if (text_ends_with(o.file, ".json") || text_ends_with(o.file, ".json.gz") || text_ends_with(o.file, ".sqlite") ||
        trace_is_run(o.file))
        result = validate_trace(&a, &o, err);
    else
        result = text_ends_with(o.file, ".jsonl") ? validate_steps(&a, &o, err) : validate_rows(&a, &o, err);
    if (result == STATUS_OK && o.level == MESSAGES_VERBOSE)
        fprintf(stderr, "%s on %s, configurations of %s\n", o.file, o.trace.common.machine, command_config_dir());
    arena_free(&a);
    return result;
}
