/* The paper's characterisation, built anew: docs/paper.md says what is comparable. */
#ifndef INGOT_REPORT_PAPER_H
#define INGOT_REPORT_PAPER_H

#include "cli/paper_runs.h"
#include "cli/paper_takeaways.h"
#include "reports/document.h"

/* The whole document; the arena owns it. */
status report_paper(arena *a, report_document **out, error *err);

/* ---- its sections: report_paper_profiles.c, report_paper_levers.c ---- */

/* Time by category of every task, and the authors' profiles beside predicted ones. */
status paper_profile_sections(arena *a, const paper *p, report_document *document, error *err);
/* What each lever gains on both GPUs, and beside the authors'. */
void paper_ladder_sections(arena *a, const paper *p, report_document *document);
void paper_gain_section(arena *a, const paper *p, report_document *document);
/* All levers together, beside the paper's figure. */
void paper_overall_section(arena *a, const paper *p, report_document *document);

#endif
