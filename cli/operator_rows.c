#include "cli/operator_rows.h"

#include "core/base/si.h"
#include "validate/rows.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 128 };

/* Every parameter of every kind once. */
static size_t list_columns(const char **out) {
    size_t count = 0;
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        for (size_t i = 0; i < info->param_count; i++) {
            size_t c = 0;
            while (c < count && strcmp(out[c], info->params[i].name) != 0)
                c++;
            if (c == count && count < COLUMNS_MAX)
                out[count++] = info->params[i].name;
        }
    }
    return count;
}

static void print_param(const op *o, const op_param *param) {
    double value = op_param_get(o, param);
    switch (param->type) {
    case PARAM_TYPE:
        fputs(dtype_name((data_type)value), stdout);
        break;
    case PARAM_CHOICE:
        fputs(param->choices[(size_t)value], stdout);
        break;
    default:
        printf("%.0f", value);
    }
}

static void print_operator(const op *o, const char *const *columns, size_t count) {
    const op_info *info = op_info_get(o->kind);
    fputs(info->name, stdout);
    for (size_t c = 0; c < count; c++) {
        putchar(',');
        for (size_t i = 0; i < info->param_count; i++)
            if (strcmp(info->params[i].name, columns[c]) == 0)
                print_param(o, &info->params[i]);
    }
}

void operator_rows_print(const trace_comparison *c) {
    const char *columns[COLUMNS_MAX];
    size_t count = list_columns(columns);
    fputs("op", stdout); /* `method` is how a row was measured */
    for (size_t i = 0; i < count; i++)
        printf(",%s", strcmp(columns[i], "method") == 0 ? "sample_method" : columns[i]);
    puts(",measured_us,method,source,streamed_bytes,packed_bytes");
    for (size_t n = 0; n < c->node_count; n++) {
        const node_comparison *node = &c->nodes[n];
        if (!(node->measured_s > 0) || node->found < node->count)
            continue;
        print_operator(&node->shape, columns, count);
        printf(",%.4f,%s,ingot,%.0f,%.0f\n", node->measured_s / node->found * US_PER_S,
               row_method_name(ROW_METHOD_IN_MODEL), node->shape.streamed_bytes, node->shape.packed_bytes);
    }
}
