/* What a sweep that asks for designs found, as a report's first section. */
#ifndef INGOT_REPORT_ANSWER_H
#define INGOT_REPORT_ANSWER_H

#include "reports/document.h"
#include "sim/explore/designs.h"

/* `question` says what was asked ("minimize cost_usd where ..."). The document borrows from the sweep and the arena. */
void report_answer_append(arena *a, const sweep *s, const explorer *e, const design_answer *answer,
                          const char *question, report_document *document);

#endif
