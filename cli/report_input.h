/* A report of a sweep's store: gathers the front, the base design's breakdown and roofline, the shipped validation and
 * the assumptions, and writes the page. */
#ifndef INGOT_REPORT_INPUT_H
#define INGOT_REPORT_INPUT_H

#include "core/store.h"
#include "reports/document.h"

/* Appends the sections of one workload ("codellama-34b/humaneval") of a store, NULL its first; `part` as
 * document_append. The manifest and the arena outlive the document. */
status report_store_append(arena *a, store *points, const store_manifest *manifest, const char *workload,
                           const char *part, report_document *document, error *err);

#endif
