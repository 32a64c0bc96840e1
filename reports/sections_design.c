/* Sections on single designs: how their time is strung together, where their memory goes, and how changes to them act
 * together. */
#include "reports/sections.h"

#include <math.h>

/* Shares of a strip in each category, all cells together. */
static double strip_share(const report_strip *strip, int category) {
    double sum = 0;
    for (size_t i = 0; i < strip->cell_count; i++)
        sum += strip->share[i][category];
    return strip->cell_count > 0 ? sum / (double)strip->cell_count : NAN;
}

static bool in_any_strip(const report_input *input, int category) {
    for (size_t i = 0; i < input->strip_count; i++)
        if (strip_share(&input->strips[i], category) > 0)
            return true;
    return false;
}

void sections_add_timeline(arena *memory, report_document *document, const report_input *input) {
    if (input->strip_count == 0)
        return;
    report_section *section = document_section(document, "timeline", "A step as the GPU sees it");
    section->figure = FIGURE_TIMELINE;
    section_paragraph(section, "A step of each phase, from left to right, each stretched to the full width; what is "
                               "grey is idle: the GPU waits for the next kernel to be launched.");
    report_table *table = section_table(memory, section, "Shares of a step", input->strip_count);
    table_column(table, "Step", false);
    table_column(table, "Duration", true);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        if (in_any_strip(input, i))
            table_column(table, plot_category_label((op_category)i), true);
    for (size_t i = 0; i < input->strip_count; i++) {
        table_writer row = table_row(memory, table);
        row_text(&row, input->strips[i].label);
        row_number(&row, UNIT_SECONDS, input->strips[i].duration_s);
        for (int j = 0; j < CATEGORY_COUNT; j++)
            if (in_any_strip(input, j))
                row_number(&row, UNIT_FRACTION, strip_share(&input->strips[i], j));
    }
}

void sections_add_memory(arena *memory, report_document *document, const report_input *input) {
    if (input->memory_count == 0)
        return;
    report_section *section = document_section(document, "memory", "What fills the memory");
    section->figure = FIGURE_MEMORY;
    section_paragraph(section,
                      "At its peak: weights as stored, caches at their longest, the activations of the phase that "
                      "needs most, and what libraries reserve. The line is the capacity.");
    report_table *table = section_table(memory, section, "Device memory at its peak", input->memory_count);
    static const char *const HEADERS[] = {"Design",    "Weights", "Caches",   "Activations",
                                          "Libraries", "Total",   "Capacity", "Filled"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 1);
    for (size_t i = 0; i < input->memory_count; i++) {
        const report_memory *m = &input->memories[i];
        double total = m->weight_bytes + m->kv_bytes + m->activation_bytes + m->workspace_bytes;
        const double bytes[] = {m->weight_bytes,    m->kv_bytes, m->activation_bytes,
                                m->workspace_bytes, total,       m->capacity_bytes};
        table_writer row = table_row(memory, table);
        row_text(&row, m->label);
        for (size_t j = 0; j < sizeof bytes / sizeof bytes[0]; j++)
            row_number(&row, UNIT_BYTES, bytes[j]);
        row_number(&row, UNIT_FRACTION, total / m->capacity_bytes);
    }
}

void sections_add_interactions(arena *memory, report_document *document, const report_input *input) {
    const report_interactions *found = &input->interactions;
    if (found->row_count == 0)
        return;
    report_section *section = document_section(document, "interactions", "What to change together");
    section->figure = FIGURE_HEATMAP;
    section_paragraph(section, arena_printf(memory,
                                            "Latency with both changes, over what each alone would lead one to expect. "
                                            "Below zero they help each other: worth doing together. Above zero one "
                                            "takes from the other what it could have gained. %s",
                                            found->about ? found->about : ""));
    report_table *table =
        section_table(memory, section, "Latency of both changes beside the product of each", found->row_count);
    table_column(table, "Change", false);
    for (size_t i = 0; i < found->column_count; i++)
        table_column(table, found->columns[i], true);
    for (size_t i = 0; i < found->row_count; i++) {
        table_writer row = table_row(memory, table);
        row_text(&row, found->rows[i]);
        for (size_t j = 0; j < found->column_count; j++) {
            double effect = found->effect[i * found->column_count + j];
            row_rounded(&row, effect, sections_effect_text(memory, effect));
        }
    }
}
