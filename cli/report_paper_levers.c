/* What levers gain: the ladder on two GPUs, the gains beside the authors', and all of them together. */
#include "cli/report_paper.h"

#include "core/scores.h"

#include <math.h>
#include <string.h>

typedef const paper_run (*run_table)[PAPER_PRESETS_MAX];

static double gain(const paper_run *run, const paper_run *over) {
    return run->reason || over->reason ? NAN : over->latency_s / run->latency_s;
}

static const char *times(arena *a, double value) {
    return isnan(value) ? "–" : arena_printf(a, "%.2f", value);
}

static void put_gain(arena *a, table_writer *row, double value) {
    row_rounded(row, value, times(a, value));
}

/* ---- the ladder of one GPU ---- */

static void add_ladders(arena *a, const paper *p, run_table runs, bool published, report_section *section) {
    report_input *drawn = ARENA_NEW(a, report_input);
    report_ladder *ladders = ARENA_ARRAY(a, report_ladder, p->task_count + 1);
    for (size_t i = 0; i < p->task_count; i++) {
        ladders[i].label = p->tasks[i];
        for (size_t j = 0; j < p->preset_count; j++) {
            ladders[i].gain[j] = gain(&runs[i][j], &runs[i][0]);
            ladders[i].published[j] = published && j > 0 ? paper_published_gain(p, p->tasks[i], p->presets[j]) : NAN;
        }
    }
    *drawn = (report_input){.ladders = ladders,
                            .ladder_count = p->task_count,
                            .lever_sets = p->presets,
                            .lever_set_count = p->preset_count};
    section->figure = FIGURE_LADDER;
    section->drawn = drawn;
}

static void latencies(arena *a, const paper *p, run_table runs, const char *caption, report_section *section) {
    report_table *table = section_table(a, section, caption, p->task_count);
    table_column(table, "Task", false);
    for (size_t j = 0; j < p->preset_count; j++)
        table_column(table, p->presets[j], true);
    for (size_t i = 0; i < p->task_count; i++) {
        table_writer row = table_row(a, table);
        row_text(&row, p->tasks[i]);
        for (size_t j = 0; j < p->preset_count; j++)
            if (runs[i][j].reason)
                row_text(&row, "n/a");
            else
                row_number(&row, UNIT_SECONDS, runs[i][j].latency_s);
    }
}

/* Whether the authors published gains of the preset. */
static bool has_published(const char *preset) {
    return strstr(preset, "layerskip") == NULL && strcmp(preset, "all") != 0;
}

static void gains(arena *a, const paper *p, run_table runs, bool published, const char *caption,
                  report_section *section) {
    report_table *table = section_table(a, section, caption, p->task_count);
    table_column(table, "Task", false);
    for (size_t j = 1; j < p->preset_count; j++) {
        table_column(table, p->presets[j], true);
        if (!published || !has_published(p->presets[j]))
            continue;
        table_column(table, "authors", true);
        table->columns[table->column_count - 1].title = arena_printf(a, "%s, authors", p->presets[j]);
    }
    for (size_t i = 0; i < p->task_count; i++) {
        table_writer row = table_row(a, table);
        row_text(&row, p->tasks[i]);
        for (size_t j = 1; j < p->preset_count; j++) {
            if (runs[i][j].reason)
                row_text(&row, "n/a");
            else
                put_gain(a, &row, gain(&runs[i][j], &runs[i][0]));
            if (published && has_published(p->presets[j]))
                put_gain(a, &row, paper_published_gain(p, p->tasks[i], p->presets[j]));
        }
    }
}

/* Why presets do not apply: for each, to how many tasks, and what the first of them says. */
static void reasons(arena *a, const paper *p, run_table runs, report_section *section) {
    for (size_t j = 0; j < p->preset_count; j++) {
        size_t count = 0;
        const char *first = NULL;
        for (size_t i = 0; i < p->task_count; i++)
            if (runs[i][j].reason && count++ == 0)
                first = runs[i][j].reason;
        if (count > 0 && section->paragraph_count < SECTION_PARAGRAPHS_MAX - 1)
            section_paragraph(section, arena_printf(a, "n/a under %s: %zu tasks, for such reasons as: %s.",
                                                    p->presets[j], count, first));
    }
}

void paper_ladder_sections(arena *a, const paper *p, report_document *document) {
    report_section *section = document_section(document, "a100", "The ladder of levers on the A100");
    section_paragraph(section,
                      "Each preset over no lever at all, batch 1. n/a: the preset does not apply. Rings are the "
                      "authors' measurements, where every "
                      "ratio up to that lever is published. Host: " PAPER_HOST "; \"all\" is ingot's own executor "
                      "on its C host.");
    reasons(a, p, p->a100, section);
    add_ladders(a, p, p->a100, true, section);
    latencies(a, p, p->a100, "Latency by preset, A100", section);
    gains(a, p, p->a100, true, "Times as fast as baseline, A100", section);
    section = document_section(document, "h200", "The ladder of levers on the H200");
    section_paragraph(section,
                      "The same tasks, lengths and presets, each preset on its own host: one measured with an H200, "
                      "at its quietest. The GPU is faster and the host is not, so that more of an eager request is "
                      "idle than on the A100, and capturing graphs gains more.");
    add_ladders(a, p, p->h200, false, section);
    latencies(a, p, p->h200, "Latency by preset, H200", section);
    gains(a, p, p->h200, false, "Times as fast as baseline, H200", section);
}

/* ---- beside the authors' ---- */

static bool first_of_group(const sweep *s, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (strcmp(s->speedups[j].group, s->speedups[i].group) == 0)
            return false;
    return true;
}

static const char *group_table(arena *a, const sweep *s, const char *group, report_section *section) {
    double *predicted = ARENA_ARRAY(a, double, s->speedup_count), *published = ARENA_ARRAY(a, double, s->speedup_count);
    size_t count = 0;
    double error_sum = 0;
    report_table *table = section_table(a, section, group, s->speedup_count);
    static const char *const HEADERS[] = {"Task", "Batch", "Predicted", "Authors", "Difference"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i > 0);
    for (size_t i = 0; i < s->speedup_count; i++) {
        const sweep_speedup *g = &s->speedups[i];
        if (strcmp(g->group, group) != 0)
            continue;
        table_writer row = table_row(a, table);
        row_text(&row, g->workload);
        row_number(&row, UNIT_PLAIN, (double)g->batch);
        put_gain(a, &row, g->predicted);
        put_gain(a, &row, g->published);
        row_change(&row, g->predicted / g->published - 1);
        if (!isfinite(g->predicted) || !isfinite(g->published))
            continue;
        error_sum += fabs(g->predicted / g->published - 1);
        predicted[count] = g->predicted;
        published[count++] = g->published;
    }
    return arena_printf(a, "%s: off by %.0f %% in the mean; the order of the %zu rows agrees to %.2f (Spearman).",
                        group, 100 * error_sum / fmax(1, (double)count), count,
                        spearman_rho(predicted, published, count));
}

void paper_gain_section(arena *a, const paper *p, report_document *document) {
    report_section *section = document_section(document, "gains", "Each lever beside the authors' measurement");
    section_paragraph(section, "Batch 1 and the largest batch that they plotted. docs/paper.md says why some differ.");
    for (size_t i = 0; i < p->levers.speedup_count; i++)
        if (first_of_group(&p->levers, i) && section->table_count < SECTION_TABLES_MAX)
            section_paragraph(section, group_table(a, &p->levers, p->levers.speedups[i].group, section));
}

/* ---- all together ---- */

/* The fastest preset of PyTorch that applies to each task: every lever together where LayerSkip has a checkpoint. */
static double best_pytorch(const paper *p, run_table runs) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < p->task_count; i++) {
        double best = 1;
        for (size_t j = 0; j < p->preset_count; j++)
            if (strcmp(p->presets[j], "all") != 0 && !runs[i][j].reason)
                best = fmax(best, gain(&runs[i][j], &runs[i][0]));
        sum += log(best);
        count++;
    }
    return count > 0 ? exp(sum / (double)count) : NAN;
}

static void overall_row(arena *a, report_table *table, const char *name, double a100, double h200, double published,
                        const char *note) {
    table_writer row = table_row(a, table);
    row_text(&row, name);
    put_gain(a, &row, a100);
    put_gain(a, &row, h200);
    put_gain(a, &row, published);
    row_text(&row, note);
}

void paper_overall_section(arena *a, const paper *p, report_document *document) {
    report_section *section = document_section(document, "overall", "All levers together, and the paper's 3.88 times");
    section_paragraph(section,
                      "Geometric means over the tasks to which a preset applies, batch 1, over no lever at all.");
    report_table *table = section_table(a, section, "Times as fast as baseline", p->preset_count + 2);
    static const char *const HEADERS[] = {"Levers", "A100", "H200", "Authors", "Theirs is"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 1 && i <= 3);
    double fused = paper_published(p, "gain", "all tasks", 1, "sdpa", "baseline");
    for (size_t j = 1; j < p->preset_count; j++) {
        size_t count, ignored;
        double a100 = paper_mean_gain(p, p->a100, j, 0, &count), h200 = paper_mean_gain(p, p->h200, j, 0, &ignored);
        double over_fused = paper_published(p, "gain", "all tasks", 1, p->presets[j], "sdpa");
        bool is_fused = strcmp(p->presets[j], "sdpa") == 0;
        overall_row(a, table, arena_printf(a, "%s (%zu tasks)", p->presets[j], count), a100, h200,
                    is_fused ? fused : fused * over_fused,
                    is_fused            ? "the mean of their bars"
                    : isnan(over_fused) ? "not published"
                                        : "a product of two means of their bars");
    }
    overall_row(a, table, "the fastest PyTorch preset of each task", best_pytorch(p, p->a100), best_pytorch(p, p->h200),
                paper_published(p, "gain", "all tasks", 0, "", "headline"), "the abstract's figure for all levers");
    section_paragraph(section,
                      "Comparable: the same tasks, GPU, batch and levers up to autoquant, whose means the authors' "
                      "data allows; theirs are over thirteen bars, these over all fifteen tasks.");
    section_paragraph(section,
                      "Not comparable: the paper's 3.88 itself. How it is put together is not published: over which "
                      "tasks and batches, with which gain of LayerSkip (no measured value of it is published "
                      "either) and of which hardware. It stands here beside the fastest PyTorch preset of each "
                      "task, LayerSkip included where a checkpoint exists, because that is what its sentence "
                      "describes. The preset all is ingot's own executor, which the paper did not have.");
}
