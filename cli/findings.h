/* What a sweep found, in sentences. */
#ifndef INGOT_FINDINGS_H
#define INGOT_FINDINGS_H

#include "sim/explore/analysis.h"

enum { FINDINGS_MAX = 8 };

typedef struct findings {
    const char *lines[FINDINGS_MAX];
    size_t count;
} findings;

/* Text is owned by the arena. */
findings findings_of(arena *a, const analysis *found, const store_manifest *manifest);

/* Another sentence; beyond FINDINGS_MAX it is dropped. */
void findings_say(findings *f, const char *line);

/* The base design that others are compared with: the fastest lever set's; NULL where the sweep holds no base. */
const analysis_series *findings_base(const analysis *found);

/* "hbm.bandwidth" of "hbm.bandwidth_bytes_per_s". */
const char *knob_text(arena *a, const char *key);

#endif
