/* ingot list memories: the timing tables that the memory model and the event engine work from. */
#include "cli/list_rows.h"
#include "sim/engine/hbm.h"

/* Columns in front of the times, of which the text shows some and JSON all. */
enum {
    MEMORY_NAME,
    MEMORY_PIN_RATE,
    MEMORY_CHANNELS,
    MEMORY_PSEUDO_CHANNELS,
    MEMORY_PINS,
    MEMORY_BURST,
    MEMORY_ROW,
    MEMORY_GROUPS,
    MEMORY_BANKS,
    MEMORY_READ,
    MEMORY_WRITE,
    MEMORY_COPY,
    MEMORY_GATHER,
    MEMORY_SOURCE,
    MEMORY_TIMES,
    MEMORY_COLUMNS = MEMORY_TIMES + HBM_TIME_COUNT,
};

static const list_column columns[MEMORY_COLUMNS] = {
    [MEMORY_NAME] = {"name", "memory", LIST_TEXT, UNIT_PLAIN},
    [MEMORY_PIN_RATE] = {"pin_bits_per_s", NULL, LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_CHANNELS] = {"channels_per_stack", "channels", LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_PSEUDO_CHANNELS] = {"pseudo_channels_per_channel", "pseudo", LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_PINS] = {"pins_per_pseudo_channel", "pins", LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_BURST] = {"burst_bytes", "burst", LIST_NUMBER, UNIT_BYTES},
    [MEMORY_ROW] = {"row_bytes", "row", LIST_NUMBER, UNIT_BYTES},
    [MEMORY_GROUPS] = {"bank_groups", "groups", LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_BANKS] = {"banks_per_pseudo_channel", "banks", LIST_NUMBER, UNIT_PLAIN},
    [MEMORY_READ] = {"read_efficiency_frac", "read", LIST_NUMBER, UNIT_FRACTION},
    [MEMORY_WRITE] = {"write_efficiency_frac", "write", LIST_NUMBER, UNIT_FRACTION},
    [MEMORY_COPY] = {"copy_efficiency_frac", "copy", LIST_NUMBER, UNIT_FRACTION},
    [MEMORY_GATHER] = {"gather_128_bytes_efficiency_frac", "gather 128 B", LIST_NUMBER, UNIT_FRACTION},
    [MEMORY_SOURCE] = {"source", "source", LIST_TEXT, UNIT_PLAIN},
#define X(name, text) [MEMORY_TIMES + HBM_T_##name] = {"t" #name "_s", NULL, LIST_NUMBER, UNIT_SECONDS},
    HBM_TIMES(X)
#undef X
};

/* One stack at the pin rate that the times were published for. */
static status times_of(const hbm_kind *kind, hbm_memory *out, error *err) {
    static const double BITS = 8, STACK_BYTES = 16e9; /* a stack's capacity sets its refresh */
    machine m = {.name = kind->name, .memory_kind = kind->name};
    m.hbm.bus_bits = kind->pins * kind->pseudo_channels * kind->channels_per_stack;
    m.hbm.bandwidth_bytes_per_s = m.hbm.bus_bits * kind->pin_bits_per_s / BITS;
    m.hbm.capacity_bytes = STACK_BYTES;
    return hbm_memory_of(&m, out, err);
}

/* Of the pin rate, the device alone. */
static void fill_efficiencies(const hbm_memory *memory, list_cell *row) {
    static const struct {
        size_t column;
        hbm_pattern pattern;
    } shown[] = {{MEMORY_READ, {.kind = HBM_STREAM}},
                 {MEMORY_WRITE, {.kind = HBM_STREAM, .write_frac = 1}},
                 {MEMORY_COPY, {.kind = HBM_STREAM, .write_frac = 0.5}},
                 {MEMORY_GATHER, {.kind = HBM_GATHER, .item_bytes = 128}}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        hbm_counts counts;
        row[shown[i].column].number = hbm_pattern_busy_frac(memory, &shown[i].pattern, &counts);
    }
}

status list_memories(list_table *table, error *err) {
    table->columns = columns;
    table->column_count = MEMORY_COLUMNS;
    for (size_t k = 0; k < hbm_kind_count(); k++) {
        const hbm_kind *kind = hbm_kind_at(k);
        hbm_memory memory;
        status result = times_of(kind, &memory, err);
        if (result != STATUS_OK)
            return result;
        list_cell *row = list_add_row(table);
        row[MEMORY_NAME].text = kind->name;
        row[MEMORY_PIN_RATE].number = kind->pin_bits_per_s;
        row[MEMORY_CHANNELS].number = kind->channels_per_stack;
        row[MEMORY_PSEUDO_CHANNELS].number = kind->pseudo_channels;
        row[MEMORY_PINS].number = kind->pins;
        row[MEMORY_BURST].number = kind->burst_bytes;
        row[MEMORY_ROW].number = kind->row_bytes;
        row[MEMORY_GROUPS].number = kind->bank_groups;
        row[MEMORY_BANKS].number = memory.banks;
        fill_efficiencies(&memory, row);
        row[MEMORY_SOURCE].text = kind->source;
        for (int t = 0; t < HBM_TIME_COUNT; t++)
            row[MEMORY_TIMES + t].number = memory.clk[t] * memory.clock_s;
    }
    return STATUS_OK;
}
