/* Listings read from configs/: machines, workloads and host profiles. */
#include "cli/command.h"
#include "cli/list_rows.h"
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "workloads/model.h"

#include <math.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- machines ---- */

enum {
    MACHINE_NAME,
    MACHINE_GENERATION,
    MACHINE_SMS,
    MACHINE_BF16,
    MACHINE_BANDWIDTH,
    MACHINE_CAPACITY,
    MACHINE_L2,
    MACHINE_POWER,
    MACHINE_DESCRIPTION,
    MACHINE_VENDOR,
    MACHINE_PROCESS,
    MACHINE_MEMORY
};

static const list_column machine_columns[] = {
    [MACHINE_NAME] = {"name", "machine", LIST_TEXT, UNIT_PLAIN},
    [MACHINE_GENERATION] = {"generation", "generation", LIST_TEXT, UNIT_PLAIN},
    [MACHINE_SMS] = {"sm_count", "SMs", LIST_NUMBER, UNIT_PLAIN},
    [MACHINE_BF16] = {"bf16_flops_per_s", "bf16 or fp16", LIST_NUMBER, UNIT_FLOPS_PER_SECOND},
    [MACHINE_BANDWIDTH] = {"memory_bandwidth_bytes_per_s", "memory", LIST_NUMBER, UNIT_BYTES_PER_SECOND},
    [MACHINE_CAPACITY] = {"memory_capacity_bytes", "capacity", LIST_NUMBER, UNIT_BYTES},
    [MACHINE_L2] = {"l2_bytes", "L2", LIST_NUMBER, UNIT_BYTES},
    [MACHINE_POWER] = {"power_limit_w", "power", LIST_NUMBER, UNIT_WATTS},
    [MACHINE_DESCRIPTION] = {"description", "description", LIST_TEXT, UNIT_PLAIN},
    [MACHINE_VENDOR] = {"vendor", NULL, LIST_TEXT, UNIT_PLAIN},
    [MACHINE_PROCESS] = {"process_node", NULL, LIST_TEXT, UNIT_PLAIN},
    [MACHINE_MEMORY] = {"memory_kind", NULL, LIST_TEXT, UNIT_PLAIN},
};

/* Dense 16-bit tensor rate at the tensor-rated clock: bf16, or fp16 where the machine is older than bf16. */
static double tensor_flops_per_s(const machine *m) {
    double flops_per_clk =
        m->sm.tensor_bf16_flops_per_clk > 0 ? m->sm.tensor_bf16_flops_per_clk : m->sm.tensor_fp16_flops_per_clk;
    return flops_per_clk > 0 ? m->sm.count * flops_per_clk * m->sm.clock_tensor_hz : NAN;
}

status list_machines(list_table *table, error *err) {
    const char *const *names;
    size_t count;
    table->columns = machine_columns;
    table->column_count = COUNT_OF(machine_columns);
    status result = machine_list(table->memory, command_config_dir(), &names, &count, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        machine m;
        result = machine_load(table->memory, command_config_dir(), names[i], &m, NULL, err);
        if (result != STATUS_OK)
            break;
        list_cell *row = list_add_row(table);
        row[MACHINE_NAME].text = m.name;
        row[MACHINE_GENERATION].text = generation_name(m.generation);
        row[MACHINE_SMS].number = m.sm.count;
        row[MACHINE_BF16].number = tensor_flops_per_s(&m);
        row[MACHINE_BANDWIDTH].number = m.hbm.bandwidth_bytes_per_s;
        row[MACHINE_CAPACITY].number = m.hbm.capacity_bytes;
        row[MACHINE_L2].number = m.l2.bytes;
        row[MACHINE_POWER].number = m.power.limit_w;
        row[MACHINE_DESCRIPTION].text = m.description;
        row[MACHINE_VENDOR].text = m.vendor;
        row[MACHINE_PROCESS].text = m.process_node;
        row[MACHINE_MEMORY].text = m.memory_kind;
    }
    return result;
}

/* ---- workloads ---- */

enum {
    WORKLOAD_NAME,
    WORKLOAD_PARAMETERS,
    WORKLOAD_PROMPT,
    WORKLOAD_STEPS,
    WORKLOAD_CONTEXT,
    WORKLOAD_FAMILY,
    WORKLOAD_SOURCE
};

static const list_column workload_columns[] = {
    [WORKLOAD_NAME] = {"name", "workload", LIST_TEXT, UNIT_PLAIN},
    [WORKLOAD_PARAMETERS] = {"parameters", "parameters", LIST_NUMBER, UNIT_PLAIN},
    [WORKLOAD_PROMPT] = {"prompt_tokens_mean", "mean prompt", LIST_NUMBER, UNIT_PLAIN},
    [WORKLOAD_STEPS] = {"decode_steps_mean", "mean steps", LIST_NUMBER, UNIT_PLAIN},
    [WORKLOAD_CONTEXT] = {"context_tokens", "context", LIST_NUMBER, UNIT_PLAIN},
    [WORKLOAD_FAMILY] = {"family", "family", LIST_TEXT, UNIT_PLAIN},
    [WORKLOAD_SOURCE] = {"source", NULL, LIST_TEXT, UNIT_PLAIN},
};

static double mean_length(const task *t, const char *name) {
    const length_distribution *lengths = t ? task_length_find(t, name) : NULL;
    return lengths ? lengths->mean : NAN;
}

/* A model's tasks, or the model itself, which wants --prompt and --steps. */
static void add_workload(list_table *table, const model *m, const task *t) {
    list_cell *row = list_add_row(table);
    row[WORKLOAD_NAME].text = t ? arena_printf(table->memory, "%s/%s", m->name, t->name) : m->name;
    row[WORKLOAD_PARAMETERS].number = m->parameters;
    row[WORKLOAD_PROMPT].number = mean_length(t, "prompt_tokens");
    row[WORKLOAD_STEPS].number = mean_length(t, "decode_steps");
    row[WORKLOAD_CONTEXT].number = m->context;
    row[WORKLOAD_FAMILY].text = model_family_name(m);
    row[WORKLOAD_SOURCE].text = t ? t->source : m->source;
}

status list_workloads(list_table *table, error *err) {
    arena *a = table->memory;
    const char *directory = arena_printf(a, "%s/workloads", command_config_dir());
    const char *const *names;
    size_t count;
    table->columns = workload_columns;
    table->column_count = COUNT_OF(workload_columns);
    status result = config_list(a, directory, &names, &count, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        model *m = ARENA_NEW(a, model);
        result = model_load(a, arena_printf(a, "%s/%s.yaml", directory, names[i]), m, err);
        if (result != STATUS_OK)
            break;
        add_workload(table, m, NULL);
        for (size_t t = 0; t < m->task_count; t++)
            add_workload(table, m, &m->tasks[t]);
    }
    return result;
}

/* ---- hosts ---- */

enum { HOST_NAME, HOST_CALL, HOST_CALL_LOW, HOST_CALL_HIGH, HOST_STEP, HOST_DESCRIPTION };

static const list_column host_columns[] = {
    [HOST_NAME] = {"name", "host", LIST_TEXT, UNIT_PLAIN},
    [HOST_CALL] = {"call_s", "a call", LIST_NUMBER, UNIT_SECONDS},
    [HOST_CALL_LOW] = {"call_low_s", "at least", LIST_NUMBER, UNIT_SECONDS},
    [HOST_CALL_HIGH] = {"call_high_s", "at most", LIST_NUMBER, UNIT_SECONDS},
    [HOST_STEP] = {"step_s", "a step", LIST_NUMBER, UNIT_SECONDS},
    [HOST_DESCRIPTION] = {"description", "description", LIST_TEXT, UNIT_PLAIN},
};

status list_hosts(list_table *table, error *err) {
    const char *const *names;
    size_t count;
    table->columns = host_columns;
    table->column_count = COUNT_OF(host_columns);
    status result =
        config_list(table->memory, arena_printf(table->memory, "%s/hosts", command_config_dir()), &names, &count, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        host_profile host;
        result = host_load(table->memory, command_config_dir(), names[i], &host, err);
        if (result != STATUS_OK)
            break;
        list_cell *row = list_add_row(table);
        row[HOST_NAME].text = host.name;
        row[HOST_CALL].number = host.call_s;
        row[HOST_CALL_LOW].number = host.call_low_s;
        row[HOST_CALL_HIGH].number = host.call_high_s;
        row[HOST_STEP].number = host.step_s;
        row[HOST_DESCRIPTION].text = host.description;
    }
    return result;
}
