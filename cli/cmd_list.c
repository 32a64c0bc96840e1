/* ingot list: what can be asked for. */
#include "cli/command.h"
#include "core/base/json_writer.h"
#include "core/op.h"

#include <stdio.h>
#include <string.h>

static status list_ops_json(error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_array_begin(&w, NULL);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        json_object_begin(&w, NULL);
        json_text(&w, "kind", info->name);
        json_text(&w, "category", op_category_name(info->category));
        json_text(&w, "text", info->text);
        json_array_begin(&w, "params");
        for (size_t i = 0; i < info->param_count; i++)
            json_text(&w, NULL, info->params[i].name);
        json_array_end(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    return json_writer_finish(&w, err);
}

static status list_ops(bool json, error *err) {
    if (json)
        return list_ops_json(err);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        printf("%-12s %-10s %s\n", info->name, op_category_name(info->category), info->text);
    }
    return STATUS_OK;
}

status command_list(int argc, char **argv, error *err) {
    bool json = false;
    const char *what = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--help") == 0)
            return puts("usage: ingot list ops [--json]\nexample: ingot list ops"), STATUS_OK;
        else if (!what)
            what = argv[i];
        else
            return error_set(err, STATUS_BAD_INPUT, "ingot list: one thing at a time, not also '%.40s'", argv[i]);
    }
    if (what && strcmp(what, "ops") == 0)
        return list_ops(json, err);
    return error_set(err, STATUS_BAD_INPUT, "ingot list: list what? (known: ops)");
}
