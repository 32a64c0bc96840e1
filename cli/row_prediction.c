#include "cli/row_prediction.h"

#include "cli/command.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/cost_method.h"

row_prediction predict_row(const operator_row *row, const machine_block *block) {
    row_prediction out = {0};
    double longest_s = -1;
    bool steady = row->method == ROW_METHOD_GRAPH_STEADY;
    for (size_t part = 0; part < row_part_count(row); part++) {
        op o = row_part(row, part);
        cost_block cost;
        cost_analytic(&o, steady ? RESIDENCY_REPEATED : RESIDENCY_COLD, block, &cost);
        double time_s = cost.time_s[0];
        if (steady && o.kind == OP_gemm) {
            lanes extra_s;
            cost_method_graph_steady(&o, row->source, block, extra_s);
            time_s += extra_s[0];
        } else if (steady) {
            time_s += cost.launches[0] * block->method_graph_steady_gap_s[0];
        }
        out.time_s += time_s;
        if (time_s > longest_s) {
            longest_s = time_s;
            out.bound = cost.bound[0];
        }
    }
    return out;
}

status load_machine_block(arena *a, const char *name, machine_block *block, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, command_config_dir(), name, &m, NULL, err);
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &m, &c, err);
    if (result != STATUS_OK)
        return result;
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
    return STATUS_OK;
}
