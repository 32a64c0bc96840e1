/* A sweep that asks for designs: searched, and the answer printed. */
#ifndef INGOT_SWEEP_DESIGNS_H
#define INGOT_SWEEP_DESIGNS_H

#include "reports/document.h"
#include "sim/explore/designs.h"

typedef struct sweep_designs_options {
    int threads;
    const ranks *ranks; /* NULL: one process */
    bool json, verbose;
    const char *store_path;  /* shown; NULL: none */
    store *points;           /* NULL: none are kept */
    report_document *report; /* receives the answer as its first section; NULL: none is written */
    void (*progress)(void *context, int64_t done, int64_t total);
    void *progress_context;
    const volatile sig_atomic_t *stop;
} sweep_designs_options;

/* An explorer that shares its work with the other ranks, where there are any. To be freed also where it failed. */
status sweep_explorer(const sweep *s, int threads, store *points, const ranks *all, explorer **out, error *err);

/* STATUS_NEGATIVE, after printing, where no design was found. */
status sweep_designs_run(arena *a, const sweep *s, const sweep_designs_options *options, error *err);

#endif
