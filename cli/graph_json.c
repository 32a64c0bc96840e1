#include "cli/graph_json.h"

#include "core/base/json_writer.h"
#include "core/base/whole_file.h"

#include <stdio.h>
#include <string.h>

static void params_json(json_writer *w, const op *o) {
    const op_info *info = op_info_get(o->kind);
    json_object_begin(w, "params");
    for (size_t i = 0; i < info->param_count; i++) {
        const op_param *param = &info->params[i];
        double value = op_param_get(o, param);
        if (param->type == PARAM_TYPE)
            json_text(w, param->name, dtype_name((data_type)value));
        else if (param->type == PARAM_CHOICE)
            json_text(w, param->name, param->choices[(size_t)value]);
        else if (param->type == PARAM_FLAG)
            json_bool(w, param->name, value != 0);
        else
            json_number(w, param->name, value);
    }
    json_object_end(w);
}

/* Dimensions that are no constants: the terms of core/graph.h's dim_expression. */
static void dims_json(json_writer *w, const graph_node *node) {
    json_object_begin(w, "dims");
    for (size_t i = 0; i < node->dim_count; i++) {
        const dim_expression *e = &node->dims[i].value;
        json_object_begin(w, node->dims[i].param->name);
        json_number(w, "constant", e->constant);
        json_number(w, "per_step", e->per_step);
        json_number(w, "per_layer", e->per_layer);
        json_number(w, "per_variable", e->per_variable);
        json_text(w, "variable", scenario_variable_name(e->variable));
        if (e->most > 0)
            json_number(w, "most", e->most);
        json_object_end(w);
    }
    json_object_end(w);
}

static void node_json(json_writer *w, const graph_node *node) {
    json_object_begin(w, NULL);
    json_text(w, "id", node->id);
    json_text(w, "kind", op_info_get(node->op.kind)->name);
    json_text(w, "category", op_category_name(node->category));
    params_json(w, &node->op);
    dims_json(w, node);
    json_integer(w, "stream", node->stream);
    json_array_begin(w, "dependencies");
    for (size_t i = 0; i < node->dependency_count; i++)
        json_integer(w, NULL, node->dependencies[i]);
    json_array_end(w);
    json_number(w, "host_calls", node->host_calls);
    json_bool(w, "weights_shared", node->weights_shared);
    json_object_end(w);
}

static void phase_json(json_writer *w, const graph_phase *phase) {
    json_object_begin(w, NULL);
    json_text(w, "name", phase->name);
    json_text(w, "steps", scenario_variable_name(phase->steps));
    json_bool(w, "captured", phase->captured);
    json_array_begin(w, "segments");
    for (size_t s = 0; s < phase->segment_count; s++) {
        const graph_segment *segment = &phase->segments[s];
        json_object_begin(w, NULL);
        json_integer(w, "layers", segment->layers);
        json_text(w, "repeats", scenario_variable_name(segment->repeats));
        json_array_begin(w, "nodes");
        for (size_t n = 0; n < segment->node_count; n++)
            node_json(w, &phase->nodes[segment->first_node + n]);
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

status graph_save(arena *a, const setup *s, const char *path, error *err) {
    const engine_picks *picks = engine_pick(&s->graph, &s->scenario, &s->block, &s->options, a);
    graph resolved = engine_resolved(&s->graph, picks, 0, a);
    whole_file *file;
    status result = whole_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    json_writer w = json_writer_to_file(whole_file_stream(file), JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_integer(&w, "schema", GRAPH_SCHEMA);
    json_text(&w, "machine", s->machine.name);
    json_text(&w, "workload", s->workload.name);
    json_text(&w, "levers", levers_text(a, &s->levers));
    json_number(&w, "parameter_count", resolved.parameter_count);
    json_number(&w, "weight_bytes", resolved.weight_bytes);
    json_array_begin(&w, "phases");
    for (size_t p = 0; p < resolved.phase_count; p++)
        phase_json(&w, &resolved.phases[p]);
    json_array_end(&w);
    json_object_end(&w);
    json_writer_finish(&w, NULL); /* whose failure is the file's */
    return whole_file_close(file, err);
}
