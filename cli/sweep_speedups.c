#include "cli/sweep_speedups.h"

#include "core/scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct group_pairs {
    double *predicted, *published;
    size_t count;
} group_pairs;

static bool first_of_group(const sweep *s, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (strcmp(s->speedups[j].group, s->speedups[i].group) == 0)
            return false;
    return true;
}

static group_pairs pairs_of(arena *a, const sweep *s, const char *group) {
    group_pairs g = {ARENA_ARRAY(a, double, s->speedup_count), ARENA_ARRAY(a, double, s->speedup_count), 0};
    for (size_t i = 0; i < s->speedup_count; i++) {
        const sweep_speedup *p = &s->speedups[i];
        if (strcmp(p->group, group) != 0 || !isfinite(p->predicted) || !isfinite(p->published))
            continue;
        g.predicted[g.count] = p->predicted;
        g.published[g.count++] = p->published;
    }
    return g;
}

static void print_row(const sweep_speedup *p) {
    printf("| %s | %lld |", p->workload, (long long)p->batch);
    if (isfinite(p->published))
        printf(" %.2f |", p->published);
    else
        printf(" |");
    if (p->reason)
        printf(" %s | |\n", p->reason);
    else if (isfinite(p->published))
        printf(" %.2f | %+.0f %% |\n", p->predicted, 100 * (p->predicted / p->published - 1));
    else
        printf(" %.2f | |\n", p->predicted);
}

void sweep_speedups_print(arena *a, const sweep *s) {
    for (size_t i = 0; i < s->speedup_count; i++) {
        const sweep_speedup *first = &s->speedups[i];
        if (!first_of_group(s, i))
            continue;
        printf("\n### %s\n\n| task | batch | published | predicted | difference |\n|---|---|---|---|---|\n",
               first->group);
        for (size_t j = i; j < s->speedup_count; j++)
            if (strcmp(s->speedups[j].group, first->group) == 0)
                print_row(&s->speedups[j]);
        group_pairs g = pairs_of(a, s, first->group);
        if (g.count > 1)
            printf("\nSpearman's rank correlation over %zu tasks: %.2f\n", g.count,
                   spearman_rho(g.predicted, g.published, g.count));
    }
}

void sweep_speedups_json(json_writer *w, arena *a, const sweep *s) {
    json_array_begin(w, "speedups");
    for (size_t i = 0; i < s->speedup_count; i++) {
        const sweep_speedup *p = &s->speedups[i];
        json_object_begin(w, NULL);
        json_text(w, "group", p->group);
        json_text(w, "workload", p->workload);
        json_integer(w, "batch", p->batch);
        json_text(w, "levers", p->levers);
        json_text(w, "over", p->over);
        json_number(w, "published", p->published);
        json_number(w, "predicted", p->predicted);
        json_text(w, "not_applicable", p->reason);
        json_object_end(w);
    }
    json_array_end(w);
    json_array_begin(w, "groups_of_speedups");
    for (size_t i = 0; i < s->speedup_count; i++) {
        if (!first_of_group(s, i))
            continue;
        group_pairs g = pairs_of(a, s, s->speedups[i].group);
        json_object_begin(w, NULL);
        json_text(w, "group", s->speedups[i].group);
        json_integer(w, "n", (int64_t)g.count);
        json_number(w, "spearman_rho", spearman_rho(g.predicted, g.published, g.count));
        json_object_end(w);
    }
    json_array_end(w);
}
