/* Operator-level parallelism: independent products of a layer on streams of their own. */
#include "workloads/parallel.h"

#include <string.h>

/* Framework calls for one more stream in a fork: record an event, wait for it, and the same at the join. */
static const double EVENT_CALLS = 4;

enum { BRANCHES_MAX = 3, CHAIN_MAX = 2 };

/* Branches by the ids of their nodes, in the order in which graphs list them. */
typedef struct fork {
    const char *chains[BRANCHES_MAX][CHAIN_MAX + 1];
} fork;

static const fork forks[] = {{{{"q"}, {"k"}, {"v"}}}, {{{"gate", "silu"}, {"up"}}}, {{{"gate"}, {"up"}}}};

static bool is_named(const graph_node *node, const char *name) {
    size_t length = strcspn(node->id, ".");
    return strlen(name) == length && strncmp(node->id, name, length) == 0;
}

/* Nodes from `first` on that the fork names, one after the other; 0 when they are others. */
static size_t match(const graph_phase *phase, size_t first, size_t end, const fork *f) {
    size_t at = first;
    for (size_t b = 0; b < BRANCHES_MAX && f->chains[b][0]; b++)
        for (const char *const *id = f->chains[b]; *id; id++, at++)
            if (at == end || !is_named(&phase->nodes[at], *id))
                return 0;
    return at - first;
}

static void depend(graph_node *node, size_t on) {
    node->dependencies[node->dependency_count++] = (int32_t)on;
}

static void apply(graph_phase *phase, size_t first, const fork *f, int32_t streams) {
    size_t at = first, last[BRANCHES_MAX] = {0}, branches = 0;
    for (; branches < BRANCHES_MAX && f->chains[branches][0]; branches++) {
        for (const char *const *id = f->chains[branches]; *id; id++, at++) {
            graph_node *node = &phase->nodes[at];
            bool head = id == f->chains[branches];
            depend(node, head ? first - 1 : at - 1);
            node->stream = (int32_t)branches % streams;
            node->host_calls += head && node->stream > 0 ? EVENT_CALLS : 0;
        }
        last[branches] = at - 1;
    }
    for (size_t b = 0; b < branches; b++)
        depend(&phase->nodes[at], last[b]);
}

void streams_rewrite(graph *g, const levers *l) {
    if (l->streams <= 1)
        return;
    for (size_t p = 0; p < g->phase_count; p++) {
        graph_phase *phase = &g->phases[p];
        for (size_t s = 0; s < phase->segment_count; s++) {
            const graph_segment *segment = &phase->segments[s];
            size_t end = segment->first_node + segment->node_count;
            /* Something must go before, and something join behind, in the same layer. */
            for (size_t n = segment->first_node + 1; n < end; n++)
                for (size_t f = 0; f < sizeof forks / sizeof forks[0]; f++) {
                    size_t count = match(phase, n, end, &forks[f]);
                    if (count == 0 || n + count >= end || phase->nodes[n].dependency_count > 0)
                        continue;
                    apply(phase, n, &forks[f], (int32_t)l->streams);
                }
        }
    }
}
