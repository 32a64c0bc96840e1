/* Reports of measurements held against predictions: operator rows, steps of models, traces and runs. */
#ifndef INGOT_REPORT_VALIDATION_H
#define INGOT_REPORT_VALIDATION_H

#include "cli/setup.h"
#include "cli/step_prediction.h"
#include "reports/document.h"

/* Each appends its sections; `part` as document_append. Everything is owned by the arena. */
status report_rows_append(arena *a, const char *path, const char *machine_name, const char *part,
                          report_document *document, error *err);
status report_steps_append(arena *a, const char *path, const char *machine_name, const char *part,
                           report_document *document, error *err);
/* Steps and their scores as rows of an input. */
void report_put_steps(arena *a, const step_scores *scores, report_input *input);
/* `common` says what was run, as for ingot validate. */
status report_trace_append(arena *a, const char *path, const setup_options *common, const char *part,
                           report_document *document, error *err);

#endif
