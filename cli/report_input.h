/* A report of a sweep's store: gathers the front, the base design's breakdown and roofline, the shipped validation and
 * the assumptions, and writes the page. */
#ifndef INGOT_REPORT_INPUT_H
#define INGOT_REPORT_INPUT_H

#include "core/store.h"

/* `group` names one workload ("codellama-34b/humaneval") of the store, NULL its first. A path that ends in .md is
 * written as Markdown, any other as HTML. */
status report_of_store(arena *a, store *points, const store_manifest *manifest, const char *workload, const char *path,
                       error *err);

#endif
