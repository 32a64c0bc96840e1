#include "cli/report_paper.h"

#include "cli/command.h"
#include "cli/paper_measured.h"
#include "core/base/clock.h"
#include "core/base/si.h"
#include "hwmodels/calibration_load.h"

#include <math.h>
#include <string.h>

/* ---- measured runs ---- */

static size_t runs_of_task(const measured_run *runs, size_t count, const char *task_name) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += measured_run_of_task(&runs[i], task_name) != 0;
    return found;
}

static void coverage(arena *a, const paper *p, const measured_run *runs, size_t count, report_section *section) {
    report_table *table = section_table(a, section, "What was measured of each task", p->task_count);
    table_column(table, "Task", false);
    table_column(table, "Measured steps", true);
    table_column(table, "On", false);
    for (size_t i = 0; i < p->task_count; i++) {
        const char *machines = "";
        for (size_t j = 0; j < count; j++)
            if (measured_run_of_task(&runs[j], p->tasks[i]) && !strstr(machines, runs[j].machine))
                machines = arena_printf(a, "%s%s%s", machines, *machines ? ", " : "", runs[j].machine);
        table_writer row = table_row(a, table);
        row_text(&row, p->tasks[i]);
        row_number(&row, UNIT_PLAIN, (double)runs_of_task(runs, count, p->tasks[i]));
        row_text(&row, *machines ? machines : "not measured");
    }
}

static status measured_section(arena *a, const paper *p, report_document *document, size_t *measured_tasks,
                               error *err) {
    measured_run *runs = ARENA_ARRAY(a, measured_run, MEASURED_RUNS_MAX);
    size_t count;
    status result = measured_runs(a, runs, &count, err);
    if (result != STATUS_OK)
        return result;
    report_section *section = document_section(document, "measured", "The project's own measurements");
    section_paragraph(section,
                      "Steps of the tasks' models that the project measured itself, each beside its prediction. A "
                      "wall time that waits for a noisy host is not predicted; of ingot's own runs it is the fastest "
                      "step's. Tasks without a row are predicted "
                      "only.");
    coverage(a, p, runs, count, section);
    *measured_tasks = 0;
    for (size_t i = 0; i < p->task_count; i++)
        *measured_tasks += runs_of_task(runs, count, p->tasks[i]) > 0;
    report_table *table = section_table(a, section, "Measured steps", count);
    static const char *const HEADERS[] = {"Step",   "Model",          "GPU",
                                          "Levers", "Busy, measured", "Busy, predicted",
                                          "Error",  "Wall, measured", "Wall, predicted"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 4);
    for (size_t i = 0; i < count; i++) {
        const measured_run *run = &runs[i];
        table_writer row = table_row(a, table);
        row_text(&row, run->what);
        row_text(&row, run->workload);
        row_text(&row, run->machine);
        row_text(&row, run->levers);
        row_number(&row, UNIT_SECONDS, run->measured_busy_s);
        row_number(&row, UNIT_SECONDS, run->predicted_busy_s);
        row_change(&row, run->predicted_busy_s / run->measured_busy_s - 1);
        row_number(&row, UNIT_SECONDS, run->measured_wall_s);
        row_number(&row, UNIT_SECONDS, run->predicted_wall_s);
    }
    return STATUS_OK;
}

/* ---- takeaways ---- */

static void takeaway_section(arena *a, const paper_takeaways *found, report_document *document) {
    report_section *section = document_section(document, "takeaways", "Takeaways, and the numbers behind each");
    report_table *table = section_table(a, section, "", found->count);
    static const char *const HEADERS[] = {"Takeaway", "Predicted here", "The authors' data", "Holds here"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], false);
    for (size_t i = 0; i < found->count; i++) {
        table_writer row = table_row(a, table);
        row_text(&row, found->items[i].text);
        row_text(&row, found->items[i].predicted);
        row_text(&row, found->items[i].published);
        row_text(&row, found->items[i].holds ? "yes" : "no");
    }
}

/* ---- assumptions ---- */

static status assume_host(arena *a, report_table *table, const char *name, error *err) {
    host_profile host;
    status result = host_load(a, command_config_dir(), name, &host, err);
    if (result != STATUS_OK)
        return result;
    table_writer row = table_row(a, table);
    row_text(&row, arena_printf(a, "Host %s: %.1f us a framework call, %.1f to %.1f us", host.name,
                                host.call_s * US_PER_S, host.call_low_s * US_PER_S, host.call_high_s * US_PER_S));
    row_text(&row, host.description);
    return STATUS_OK;
}

static status assumption_section(arena *a, const paper *p, report_document *document, error *err) {
    static const char *const HOSTS[] = {PAPER_HOST, PAPER_PROFILED_HOST, "pytorch-eager", "pytorch-compiled",
                                        "c-runner"};
    report_section *section = document_section(document, "assumptions", "Assumptions and their sources");
    report_table *table = section_table(a, section, "", 5 + p->figure_count + 2);
    table_column(table, "Assumption", false);
    table_column(table, "Source", false);
    table_writer row = table_row(a, table);
    row_text(&row, "Lengths: the median request of each task");
    row_text(&row, "configs/workloads, from the authors' recorded sequence lengths");
    status result = STATUS_OK;
    for (size_t i = 0; i < sizeof HOSTS / sizeof HOSTS[0] && result == STATUS_OK; i++)
        result = assume_host(a, table, HOSTS[i], err);
    const char *last = "";
    for (size_t i = 0; i < p->figure_count; i++) { /* rows of one source stand together */
        if (strcmp(p->figures[i].source, last) == 0)
            continue;
        last = p->figures[i].source;
        row = table_row(a, table);
        row_text(&row, arena_printf(a, "Authors' figures: %s", p->figures[i].quantity));
        row_text(&row, last);
    }
    row = table_row(a, table);
    row_text(&row, "Authors' gains by lever");
    row_text(&row, "configs/sweeps/paper-levers.yaml");
    return result;
}

/* ---- the whole ---- */

static void answer(arena *a, const paper *p, const paper_takeaways *found, size_t measured_tasks,
                   report_document *document) {
    size_t count, held = 0, all = paper_preset(p, "all"), autoquant = paper_preset(p, "autoquant");
    double idle_low = INFINITY, idle_high = 0;
    for (size_t i = 0; i < p->task_count; i++) {
        const paper_run *run = &p->a100[i][paper_preset(p, "sdpa")];
        idle_low = fmin(idle_low, run->category_s[CATEGORY_IDLE] / run->latency_s);
        idle_high = fmax(idle_high, run->category_s[CATEGORY_IDLE] / run->latency_s);
    }
    for (size_t i = 0; i < found->count; i++)
        held += found->items[i].holds;
    document_answer(document, arena_printf(a,
                                           "At batch 1 with fused attention the A100 idles for %.0f to %.0f %% of a "
                                           "request, by task; a profiler shows more.",
                                           100 * idle_low, 100 * idle_high));
    if (autoquant < p->preset_count)
        document_answer(document, arena_printf(a,
                                               "Fused attention, compiled graphs and quantised weights together are "
                                               "worth %.2f times on the A100 and %.2f on the H200 (geometric means).",
                                               paper_mean_gain(p, p->a100, autoquant, 0, &count),
                                               paper_mean_gain(p, p->h200, autoquant, 0, &count)));
    if (all < p->preset_count)
        document_answer(document, arena_printf(a,
                                               "Every lever in ingot's own executor: %.2f and %.2f times; the paper "
                                               "claims %.2f, put together in a way that is not published.",
                                               paper_mean_gain(p, p->a100, all, 0, &count),
                                               paper_mean_gain(p, p->h200, all, 0, &count),
                                               paper_published(p, "gain", "all tasks", 0, "", "headline")));
    document_answer(document,
                    arena_printf(a, "%zu of %zu takeaways that the authors' data supports hold in the predictions.",
                                 held, found->count));
    document_answer(document,
                    arena_printf(a, "Of %zu tasks %zu have measured steps of the project's own to check against.",
                                 p->task_count, measured_tasks));
}

static status add_sections(arena *a, const paper *p, report_document *document, error *err) {
    paper_takeaways *found = ARENA_NEW(a, paper_takeaways);
    size_t measured_tasks = 0;
    status result = paper_takeaways_of(a, p, found, err);
    if (result == STATUS_OK)
        result = paper_profile_sections(a, p, document, err);
    if (result != STATUS_OK)
        return result;
    paper_ladder_sections(a, p, document);
    paper_gain_section(a, p, document);
    result = measured_section(a, p, document, &measured_tasks, err);
    takeaway_section(a, found, document);
    paper_overall_section(a, p, document);
    if (result == STATUS_OK)
        result = assumption_section(a, p, document, err);
    answer(a, p, found, measured_tasks, document);
    return result;
}

status report_paper(arena *a, report_document **out, error *err) {
    paper *p = ARENA_NEW(a, paper);
    status result = paper_load(a, p, err);
    if (result != STATUS_OK)
        return result;
    report_document *document = document_new(a, "Multimodal generation on an A100 and an H200");
    document->question = "What bounds the fifteen tasks of \"Characterizing and Efficiently Accelerating Multimodal "
                         "Generation Model Inference\" (arXiv 2410.00215), and what is each lever worth?";
    document->date = arena_strdup(a, clock_date().text);
    document->version = INGOT_VERSION;
    result = add_sections(a, p, document, err);
    report_section *section = document_section(document, "command", "Make this report again");
    section_paragraph(section, arena_printf(a, "ingot %s, %s.", INGOT_VERSION, document->date));
    section->code = "ingot report paper --output paper.html --output paper.md\n"
                    "ingot sweep configs/sweeps/paper.yaml\n"
                    "ingot sweep configs/sweeps/paper-levers.yaml";
    document_share_units(a, document);
    *out = document;
    return result;
}
