/* The sections that a report_input has rows for. Private to reports/. */
#ifndef INGOT_SECTIONS_H
#define INGOT_SECTIONS_H

#include "reports/document.h"

/* In the order of a report. Everything is owned by the arena or borrowed from the input. */
void sections_append(arena *memory, report_document *document, const report_input *input);

/* sections_design.c: what one design does. */
void sections_add_timeline(arena *memory, report_document *document, const report_input *input);
void sections_add_memory(arena *memory, report_document *document, const report_input *input);
/* How knobs and levers act together. */
void sections_add_interactions(arena *memory, report_document *document, const report_input *input);

/* "+12.3 %"; effects too small for what they were found from are "0 %". */
const char *sections_effect_text(arena *memory, double effect);

#endif
