/* What a request adds up to over its phases, and the memory it takes. */
#include "sim/engine/engine_private.h"

#include "core/base/si.h"

#include <math.h>

void engine_sum_phases(const graph *g, const scenario *s, const machine_block *machines, engine_result *out) {
    lanes clocks = {0};
    for (size_t p = 0; p < out->phase_count; p++) {
        const phase_totals *phase = &out->phases[p];
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            out->latency_s[i] += phase->latency_s[i];
            out->busy_s[i] += phase->busy_s[i];
            out->idle_s[i] += phase->latency_s[i] - phase->busy_s[i];
            out->energy_j[i] += phase->energy_j[i];
            clocks[i] += phase->clocks[i];
        }
    }
    size_t first = 0, per_output = out->phase_count; /* the phases flagged so; the first where none is */
    for (size_t p = 0; p < out->phase_count; p++) {
        if (g->phases[p].first_output)
            first = p;
        if (g->phases[p].per_output)
            per_output = p;
    }
    bool generates = per_output < out->phase_count && s->values[g->phases[per_output].steps] > 0;
    double tokens = generates ? scenario_progress(s, (int64_t)s->values[g->phases[per_output].steps]) : 0;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        for (size_t p = 0; p <= first; p++)
            out->ttft_s[i] += out->phases[p].latency_s[i];
        out->tpot_s[i] = generates ? out->phases[per_output].latency_s[i] / tokens : NAN;
        double gpus = (g->ranks > 1 ? g->ranks : 1) * engine_stages(g), sequences = s->values[SCENARIO_BATCH];
        out->token_j[i] = generates ? out->phases[per_output].energy_j[i] / (tokens * sequences) : NAN;
        out->power_w[i] = out->latency_s[i] > 0 ? out->energy_j[i] / out->latency_s[i] / gpus : NAN;
        out->sm_clock_hz[i] =
            out->latency_s[i] > 0 ? machines->sm_clock_max_hz[i] * clocks[i] / out->latency_s[i] : NAN;
        out->fits[i] = out->memory_bytes[i] <= machines->hbm_capacity_bytes[i] ? 1 : 0;
    }
}

/* What cuBLAS's documentation asks callers to reserve (cublasSetWorkspace): 32 MiB for Hopper and Blackwell, 12 MiB for
 * Blackwell's workstation parts, 4 MiB for others. Partial sums of split reductions lie there. */
static double workspace_bytes(generation g) {
    if (g == GENERATION_HOPPER || g == GENERATION_BLACKWELL)
        return 32 * BYTES_PER_MIB;
    return g == GENERATION_BLACKWELL_RTX ? 12 * BYTES_PER_MIB : 4 * BYTES_PER_MIB;
}

graph_memory engine_memory_of(const graph *g, const scenario *s, generation family, double saved_bytes) {
    graph_memory memory = graph_memory_of(g, s);
    memory.workspace_bytes = workspace_bytes(family);
    memory.weight_bytes -= saved_bytes;
    memory.total_bytes += memory.workspace_bytes - saved_bytes;
    return memory;
}

static graph_memory memory_with(const graph *g, const scenario *s, const machine_block *machines,
                                const engine_picks *picks, size_t lane) {
    return engine_memory_of(g, s, machines->generation, picks ? picks->saved_bytes[lane] : 0);
}

graph_memory engine_memory(const graph *g, const scenario *s, const machine_block *machines,
                           const engine_options *options, arena *memory) {
    const engine_picks *picks = options->picks ? options->picks : engine_pick(g, s, machines, options, memory);
    return memory_with(g, s, machines, picks, 0);
}

void engine_fill_memory(const graph *g, const scenario *s, const machine_block *machines, const engine_picks *picks,
                        engine_result *out) {
    out->memory = memory_with(g, s, machines, picks, 0);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out->memory_bytes[i] = memory_with(g, s, machines, picks, i).total_bytes;
}
