/* A comparison of two designs as a report. */
#ifndef INGOT_REPORT_COMPARISON_H
#define INGOT_REPORT_COMPARISON_H

#include "cli/compare_print.h"
#include "reports/document.h"

/* The arena owns it; `command` is borrowed. */
report_document *report_comparison(arena *a, const compared_design *design_a, const compared_design *design_b,
                                   const comparison *c, const char *command);

#endif
