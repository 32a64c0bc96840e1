#include "sim/explore/row_prediction.h"

#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/cost_memory.h"
#include "sim/engine/cost_method.h"
#include "sim/engine/event.h"

/* The machine's lanes with as many SMs as a row ran on. */
static const machine_block *block_of_row(const operator_row *row, const machine_block *block, machine_block *room) {
    if (row->sm_count <= 0)
        return block;
    *room = *block;
    for (size_t i = 0; i < MACHINE_LANES; i++)
        room->sm_count[i] = row->sm_count;
    machine_block_derive(room);
    return room;
}

/* One operator of a row, with what the row's method adds to it. */
static void predict_part(const operator_row *row, const op *o, const machine_block *block, const hbm_efficiency *memory,
                         cost_block *cost) {
    bool steady = row->method == ROW_METHOD_GRAPH_STEADY;
    machine_block changed;
    if (steady)
        block = cost_method_machines(o, row->source, block, &changed);
    residency where = steady                               ? cost_method_residency(o, row->source)
                      : row->method == ROW_METHOD_IN_MODEL ? RESIDENCY_PREDECESSORS
                                                           : RESIDENCY_COLD;
    if (memory)
        cost_event(o, where, block, memory, cost);
    else
        cost_analytic(o, where, block, cost);
    if (!steady)
        return;
    if (o->own) {
        for (size_t i = 0; i < MACHINE_LANES; i++)
            cost->time_s[i] += cost->launches[i] * block->own_graph_gap_s[i];
        return;
    }
    lanes extra_s;
    cost_method_graph_steady(o, row->source, block, extra_s);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        cost->time_s[i] += o->kind == OP_gemm ? extra_s[i] : cost->launches[i] * steady_gap_s(block, i);
}

/* `memory` NULL: the analytic engine. */
static row_prediction predict(const operator_row *row, const machine_block *whole, const hbm_efficiency *memory) {
    row_prediction out = {0};
    double longest_s = -1;
    machine_block room;
    const machine_block *block = block_of_row(row, whole, &room);
    for (size_t part = 0; part < row_part_count(row); part++) {
        op o = row_part(row, part);
        cost_block cost;
        predict_part(row, &o, block, memory, &cost);
        out.time_s += cost.time_s[0];
        if (cost.time_s[0] > longest_s) {
            longest_s = cost.time_s[0];
            out.bound = cost.bound[0];
        }
    }
    return out;
}

row_prediction predict_row(const operator_row *row, const machine_block *block) {
    return predict(row, block, NULL);
}

row_prediction predict_row_event(const operator_row *row, const machine_block *block, const hbm_efficiency *memory) {
    return predict(row, block, memory);
}

void predict_row_lanes(const operator_row *row, const machine_block *whole, lanes time_s) {
    machine_block room;
    const machine_block *block = block_of_row(row, whole, &room);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        time_s[i] = 0;
    for (size_t part = 0; part < row_part_count(row); part++) {
        op o = row_part(row, part);
        cost_block cost;
        predict_part(row, &o, block, NULL, &cost);
        for (size_t i = 0; i < MACHINE_LANES; i++)
            time_s[i] += cost.time_s[i];
    }
}

status load_machine_block(arena *a, const char *config_dir, const char *name, machine_block *block, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, config_dir, name, &m, NULL, err);
    if (result == STATUS_OK)
        result = calibration_load(a, config_dir, &m, &c, err);
    if (result != STATUS_OK)
        return result;
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
    return STATUS_OK;
}
