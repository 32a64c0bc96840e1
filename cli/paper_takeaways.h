/* What the paper's data teaches, each with the numbers predicted here and those published. */
#ifndef INGOT_PAPER_TAKEAWAYS_H
#define INGOT_PAPER_TAKEAWAYS_H

#include "cli/paper_runs.h"

enum { TAKEAWAYS_MAX = 8 };

typedef struct paper_takeaway {
    const char *text, *predicted, *published;
    bool holds; /* in the predictions */
} paper_takeaway;

typedef struct paper_takeaways {
    paper_takeaway items[TAKEAWAYS_MAX];
    size_t count;
} paper_takeaways;

/* Text is owned by the arena. */
status paper_takeaways_of(arena *a, const paper *p, paper_takeaways *out, error *err);

#endif
