#include "sim/explore/nondominated.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool nondominated_beats(const search_value *a, const search_value *b, size_t objective_count) {
    if (a->violation > 0 || b->violation > 0)
        return a->violation < b->violation;
    bool better = false;
    for (size_t o = 0; o < objective_count; o++) {
        if (!(a->objectives[o] <= b->objectives[o]))
            return false;
        better |= a->objectives[o] < b->objectives[o];
    }
    return better;
}

void nondominated_sort(const search_value *values, size_t count, size_t objective_count, size_t *rank) {
    size_t *beaten_by = calloc(count + 1, sizeof *beaten_by); /* those not ranked yet that beat it */
    if (!beaten_by)
        abort();
    for (size_t i = 0; i < count; i++) {
        rank[i] = count; /* not ranked yet */
        for (size_t j = 0; j < count; j++)
            beaten_by[i] += nondominated_beats(&values[j], &values[i], objective_count);
    }
    for (size_t level = 0, ranked = 0; ranked < count; level++) {
        size_t first = ranked;
        for (size_t i = 0; i < count; i++) {
            if (rank[i] == count && beaten_by[i] == 0) {
                rank[i] = level;
                ranked++;
            }
        }
        if (ranked == first) /* cannot be: domination has no circles */
            break;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count && rank[i] == level; j++)
                if (rank[j] == count)
                    beaten_by[j] -= nondominated_beats(&values[i], &values[j], objective_count);
    }
    free(beaten_by);
}

typedef struct ordered {
    double value;
    size_t at;
} ordered;

static int by_value(const void *left, const void *right) {
    const ordered *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

void nondominated_crowding(const search_value *values, const size_t *rank, size_t count, size_t objective_count,
                           double *distance) {
    ordered *members = malloc((count + 1) * sizeof *members);
    if (!members)
        abort();
    memset(distance, 0, count * sizeof *distance);
    for (size_t level = 0; level < count; level++) {
        for (size_t o = 0; o < objective_count; o++) {
            size_t size = 0;
            for (size_t i = 0; i < count; i++)
                if (rank[i] == level && values[i].violation == 0)
                    members[size++] = (ordered){values[i].objectives[o], i};
            if (size == 0)
                break;
            qsort(members, size, sizeof *members, by_value);
            double range = members[size - 1].value - members[0].value;
            distance[members[0].at] = distance[members[size - 1].at] = INFINITY;
            for (size_t i = 1; i + 1 < size && range > 0; i++)
                distance[members[i].at] += (members[i + 1].value - members[i - 1].value) / range;
        }
    }
    free(members);
}
