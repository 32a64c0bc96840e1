#include "cli/simulate_print.h"

#include "core/base/si.h"

#include <math.h>
#include <stdio.h>

static void phases_json(json_writer *w, const setup *s, const engine_result *r) {
    json_array_begin(w, "phases");
    for (size_t p = 0; p < r->phase_count; p++) {
        json_object_begin(w, NULL);
        json_text(w, "name", s->graph.phases[p].name);
        json_number(w, "steps", s->scenario.values[s->graph.phases[p].steps]);
        json_number(w, "latency_s", r->phases[p].latency_s[0]);
        json_number(w, "gpu_busy_s", r->phases[p].busy_s[0]);
        json_number(w, "idle_host_s", r->phases[p].starved_s[0] + r->phases[p].waiting_s[0]);
        json_number(w, "idle_launch_gap_s", r->phases[p].gap_s[0]);
        json_number(w, "launches", r->phases[p].launches[0]);
        json_number(w, "energy_j", r->phases[p].energy_j[0]);
        json_number(w, "sm_clock_hz", s->machine.sm.clock_max_hz * r->phases[p].clocks[0] / r->phases[p].latency_s[0]);
        json_object_end(w);
    }
    json_array_end(w);
}

static void ops_json(json_writer *w, const setup *s, const node_totals *nodes) {
    json_array_begin(w, "ops");
    for (size_t n = 0; n < engine_node_count(&s->graph); n++) {
        const node_totals *t = &nodes[n];
        if (!t->node)
            continue;
        char shape[256];
        op_shape_text(&t->last, shape, sizeof shape);
        json_object_begin(w, NULL);
        json_text(w, "id", t->node->id);
        json_text(w, "kind", op_info_get(t->node->op.kind)->name);
        json_text(w, "category", op_category_name(t->node->category));
        json_text(w, "phase", s->graph.phases[t->phase].name);
        json_number(w, "count", t->count);
        json_text(w, "shape", shape);
        json_number(w, "flops", t->flops);
        json_number(w, "weight_bytes", t->weight_bytes);
        json_number(w, "read_bytes", t->read_bytes);
        json_number(w, "write_bytes", t->write_bytes);
        json_number(w, "launches", t->launches);
        json_number(w, "time_s", t->time_s);
        json_text(w, "bound", bound_name(t->bound));
        json_object_end(w);
    }
    json_array_end(w);
}

static void memory_json(json_writer *w, const graph_memory *memory) {
    json_object_begin(w, "memory");
    json_number(w, "weight_bytes", memory->weight_bytes);
    json_number(w, "kv_bytes", memory->kv_bytes);
    json_number(w, "activation_bytes", memory->activation_bytes);
    json_number(w, "workspace_bytes", memory->workspace_bytes);
    json_object_end(w);
}

status simulate_json(arena *a, const setup *s, const engine_result *r, const node_totals *nodes,
                     const latency_interval *range, const request_distribution *drawn, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "machine", s->machine.name);
    json_text(&w, "workload", s->workload.name);
    json_text(&w, "levers", levers_text(a, &s->levers));
    json_number(&w, "batch", s->scenario.values[SCENARIO_BATCH]);
    json_text(&w, "engine", engine_name(s->options.kind));
    json_text(&w, "host", s->host.name);
    json_number(&w, "latency_s", r->latency_s[0]);
    json_number(&w, "ttft_s", r->ttft_s[0]);
    json_number(&w, "tpot_s", r->tpot_s[0]);
    json_number(&w, "gpu_busy_s", r->busy_s[0]);
    json_number(&w, "gpu_idle_s", r->idle_s[0]);
    json_number(&w, "idle_frac", r->idle_s[0] / r->latency_s[0]);
    json_number(&w, "energy_j", r->energy_j[0]);
    json_number(&w, "energy_per_token_j", r->token_j[0]);
    json_number(&w, "power_w", r->power_w[0]);
    json_number(&w, "sm_clock_hz", r->sm_clock_hz[0]);
    json_text(&w, "thermal", thermal_name(s->options.thermal));
    json_number(&w, "peak_memory_bytes", r->memory.total_bytes);
    json_object_begin(&w, "interval");
    json_number(&w, "lower_s", range->lower_s);
    json_number(&w, "upper_s", range->upper_s);
    json_object_end(&w);
    json_bool(&w, "extrapolated", range->extrapolated);
    json_object_begin(&w, "categories");
    for (int c = 0; c < CATEGORY_COUNT; c++) {
        double total_s = 0;
        for (size_t p = 0; p < r->phase_count; p++)
            total_s += r->phases[p].category_s[c][0];
        json_number(&w, op_category_name((op_category)c), total_s);
    }
    json_object_end(&w);
    memory_json(&w, &r->memory);
    if (drawn->requests > 0)
        distribution_json(&w, "distribution", drawn);
    phases_json(&w, s, r);
    ops_json(&w, s, nodes);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

void simulate_text(arena *a, const setup *s, const engine_result *r, const latency_interval *range) {
    printf("%s, %s, batch %.0f on %s (host %s, %s engine)\n", s->workload.name, levers_text(a, &s->levers),
           s->scenario.values[SCENARIO_BATCH], s->machine.name, s->host.name, engine_name(s->options.kind));
    if (isnan(r->tpot_s[0])) /* nothing follows the first output */
        printf("  latency    %10.3f ms\n", r->latency_s[0] * MS_PER_S);
    else
        printf("  latency    %10.3f ms   first token %.3f ms, then %.3f ms a token\n", r->latency_s[0] * MS_PER_S,
               r->ttft_s[0] * MS_PER_S, r->tpot_s[0] * MS_PER_S);
    if (!isnan(range->lower_s))
        printf("  within     %10.3f to %.3f ms, 90 %% interval%s\n", range->lower_s * MS_PER_S,
               range->upper_s * MS_PER_S, range->extrapolated ? ", on a GPU that was not measured" : "");
    printf("  GPU idle   %10.1f %%    energy %.1f J, peak memory %.1f GB\n", 100 * r->idle_s[0] / r->latency_s[0],
           r->energy_j[0], r->memory.total_bytes / BYTES_PER_GB);
    printf("  power      %10.1f W    of %.0f W, SM clock %.0f of %.0f MHz", r->power_w[0], s->machine.power.limit_w,
           r->sm_clock_hz[0] / HZ_PER_MHZ, s->machine.sm.clock_max_hz / HZ_PER_MHZ);
    printf(isnan(r->token_j[0]) ? "\n" : ", %.3g J a token\n", r->token_j[0]);
    for (int c = 0; c < CATEGORY_COUNT; c++) {
        double total_s = 0;
        for (size_t p = 0; p < r->phase_count; p++)
            total_s += r->phases[p].category_s[c][0];
        if (total_s > 0)
            printf("  %-10s %10.3f ms   %5.1f %%\n", op_category_name((op_category)c), total_s * MS_PER_S,
                   100 * total_s / r->latency_s[0]);
    }
}

void simulate_ops(const setup *s, const node_totals *nodes) {
    printf("%-8s %-20s %9s %10s %10s %9s %-8s %s\n", "phase", "op", "count", "GFLOP", "GB", "ms", "bound", "shape");
    for (size_t n = 0; n < engine_node_count(&s->graph); n++) {
        const node_totals *t = &nodes[n];
        if (!t->node)
            continue;
        char shape[256];
        op_shape_text(&t->last, shape, sizeof shape);
        printf("%-8s %-20s %9.0f %10.3f %10.4f %9.3f %-8s %s\n", s->graph.phases[t->phase].name, t->node->id, t->count,
               t->flops / FLOPS_PER_GFLOP, (t->weight_bytes + t->read_bytes + t->write_bytes) / BYTES_PER_GB,
               t->time_s * MS_PER_S, bound_name(t->bound), shape);
    }
}
