/* Where the time goes on every task, unprofiled and under a profiler. */
#include "cli/report_paper.h"

#include <math.h>
#include <string.h>

static const op_category SHOWN[] = {CATEGORY_IDLE, CATEGORY_LINEAR, CATEGORY_ATTENTION, CATEGORY_KV_REORDER,
                                    CATEGORY_NORM, CATEGORY_CONV,   CATEGORY_MISC};
enum { SHOWN_COUNT = sizeof SHOWN / sizeof SHOWN[0] };

static double share(const paper_run *run, op_category category) {
    return run->latency_s > 0 ? run->category_s[category] / run->latency_s : NAN;
}

static void add_bars(arena *a, const paper *p, report_section *section) {
    report_input *drawn = ARENA_NEW(a, report_input);
    report_bar *bars = ARENA_ARRAY(a, report_bar, p->task_count + 1);
    *drawn = (report_input){.bars = bars, .bars_are_shares = true};
    for (size_t i = 0; i < p->task_count; i++) {
        const paper_run *run = &p->a100[i][paper_preset(p, "sdpa")];
        if (run->reason)
            continue;
        report_bar *bar = &bars[drawn->bar_count++];
        bar->label = p->tasks[i];
        for (int c = 0; c < CATEGORY_COUNT; c++)
            bar->category_s[c] = run->category_s[c] / run->latency_s;
    }
    section->figure = FIGURE_CATEGORIES;
    section->drawn = drawn;
}

static void breakdown(arena *a, const paper *p, report_section *section) {
    report_table *table = section_table(a, section, "Shares of the latency, fused attention, batch 1", p->task_count);
    table_column(table, "Task", false);
    table_column(table, "Latency", true);
    table_column(table, "Idle", true);
    table_column(table, "Idle, profiled", true);
    table_column(table, "Idle, authors", true);
    table->columns[table->column_count - 1].title = "Idle in the authors' profile";
    for (int c = 0; c < CATEGORY_IDLE; c++)
        table_column(table, plot_category_label((op_category)c), true);
    for (size_t i = 0; i < p->task_count; i++) {
        const paper_run *run = &p->a100[i][paper_preset(p, "sdpa")];
        table_writer row = table_row(a, table);
        row_text(&row, p->tasks[i]);
        row_number(&row, UNIT_SECONDS, run->latency_s);
        row_number(&row, UNIT_FRACTION, share(run, CATEGORY_IDLE));
        row_number(&row, UNIT_FRACTION, share(&p->profiled[i], CATEGORY_IDLE));
        row_number(&row, UNIT_FRACTION, paper_published(p, "profile_share", p->tasks[i], 1, "sdpa", "idle"));
        for (int c = 0; c < CATEGORY_IDLE; c++)
            row_number(&row, UNIT_FRACTION, share(run, (op_category)c));
    }
}

/* A profile is a task, batch and levers of which the authors' idle share is known. */
static status profiles(arena *a, const paper *p, report_section *section, double *error_sum, size_t *error_count,
                       error *err) {
    report_table *table =
        section_table(a, section, "Shares of the profiled time, predicted and published", p->figure_count);
    table_column(table, "Task", false);
    table_column(table, "Batch", true);
    table_column(table, "Attention", false);
    for (int c = 0; c < SHOWN_COUNT; c++)
        for (int published = 0; published < 2; published++) {
            table_column(table, published ? "authors" : plot_category_label(SHOWN[c]), true);
            table->columns[table->column_count - 1].title =
                arena_printf(a, "%s, %s", plot_category_label(SHOWN[c]), published ? "authors" : "predicted");
        }
    for (size_t i = 0; i < p->figure_count; i++) {
        const paper_figure *f = &p->figures[i];
        if (strcmp(f->quantity, "profile_share") != 0 || strcmp(f->name, "idle") != 0)
            continue;
        paper_run run;
        status result = paper_predict(a, PAPER_A100, f->task, f->levers, PAPER_PROFILED_HOST, f->batch, &run, err);
        if (result != STATUS_OK)
            return result;
        table_writer row = table_row(a, table);
        row_text(&row, f->task);
        row_number(&row, UNIT_PLAIN, (double)f->batch);
        row_text(&row, strcmp(f->levers, "baseline") == 0 ? "written out" : "fused");
        for (int c = 0; c < SHOWN_COUNT; c++) {
            row_number(&row, UNIT_FRACTION, run.reason ? NAN : share(&run, SHOWN[c]));
            row_number(&row, UNIT_FRACTION,
                       paper_published(p, "profile_share", f->task, f->batch, f->levers, op_category_name(SHOWN[c])));
        }
        if (!run.reason) {
            *error_sum += fabs(share(&run, CATEGORY_IDLE) - f->value);
            ++*error_count;
        } else if (section->paragraph_count < SECTION_PARAGRAPHS_MAX - 1) {
            section_paragraph(section, arena_printf(a, "%s at batch %lld is not predicted to fit: %s.", f->task,
                                                    (long long)f->batch, run.reason));
        }
    }
    return STATUS_OK;
}

status paper_profile_sections(arena *a, const paper *p, report_document *document, error *err) {
    report_section *section = document_section(document, "breakdown", "Where the time goes, task by task");
    section_paragraph(section,
                      "One request on " PAPER_A100 ", fused attention, eager launches, median lengths. Idle is time "
                      "in which the GPU has nothing to run. A profiler slows the host, not the GPU: what it "
                      "shows as idle is larger, and is what the paper shows.");
    add_bars(a, p, section);
    breakdown(a, p, section);
    section = document_section(document, "profiles", "The authors' profiles");
    double error_sum = 0;
    size_t error_count = 0;
    status result = profiles(a, p, section, &error_sum, &error_count, err);
    section_paragraph(
        section,
        arena_printf(a,
                     "The profiler's cost a framework call is one number, fitted to one of these rows (captions of "
                     "Chameleon 34B at batch 1). The idle shares of all %zu rows are off by %.0f points in the mean. "
                     "Lengths of batches above 1 are not published; medians stand in for them.",
                     error_count, 100 * error_sum / fmax(1, (double)error_count)));
    return result;
}
