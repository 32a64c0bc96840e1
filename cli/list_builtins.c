/* Listings of what the program itself knows: levers, presets, engines and operators. */
#include "cli/list_rows.h"
#include "core/catalogue.h"
#include "core/op.h"
#include "sim/engine/engine.h"
#include "workloads/levers.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- levers ---- */

enum { LEVER_KEY, LEVER_VALUES, LEVER_LATER, LEVER_LAYER, LEVER_TEXT, LEVER_EFFECT, LEVER_QUALITY };

static const list_column lever_columns[] = {
    [LEVER_KEY] = {"key", "lever", LIST_TEXT, UNIT_PLAIN},
    [LEVER_VALUES] = {"values", "values", LIST_WORDS, UNIT_PLAIN},
    [LEVER_LATER] = {"not_modelled_yet", "not yet", LIST_WORDS, UNIT_PLAIN},
    [LEVER_LAYER] = {"layer", "layer", LIST_TEXT, UNIT_PLAIN},
    [LEVER_TEXT] = {"text", "what", LIST_TEXT, UNIT_PLAIN},
    [LEVER_EFFECT] = {"effect", NULL, LIST_TEXT, UNIT_PLAIN},
    [LEVER_QUALITY] = {"quality", NULL, LIST_TEXT, UNIT_PLAIN},
};

static list_words choices_of(arena *a, const lever_info *info, bool modelled) {
    const char **names = ARENA_ARRAY(a, const char *, info->choice_count + 1);
    size_t count = 0;
    if (!info->choices && modelled)
        names[count++] = arena_printf(a, "%.0f..%.0f", info->min, info->max);
    for (size_t i = 0; i < info->choice_count; i++)
        if (info->choices[i].modelled == modelled)
            names[count++] = lever_choice_text(a, &info->choices[i]);
    return (list_words){names, count};
}

status list_levers(list_table *table, error *err) {
    (void)err;
    size_t count;
    const lever_info *infos = lever_table(&count);
    table->columns = lever_columns;
    table->column_count = COUNT_OF(lever_columns);
    for (size_t i = 0; i < count; i++) {
        list_cell *row = list_add_row(table);
        row[LEVER_KEY].text = infos[i].key;
        row[LEVER_VALUES].words = choices_of(table->memory, &infos[i], true);
        row[LEVER_LATER].words = choices_of(table->memory, &infos[i], false);
        row[LEVER_LAYER].text = infos[i].layer;
        row[LEVER_TEXT].text = infos[i].text;
        row[LEVER_EFFECT].text = infos[i].effect;
        row[LEVER_QUALITY].text = infos[i].quality;
    }
    return STATUS_OK;
}

/* ---- presets ---- */

enum { PRESET_NAME, PRESET_LEVERS, PRESET_HOST, PRESET_TEXT };

static const list_column preset_columns[] = {
    [PRESET_NAME] = {"name", "preset", LIST_TEXT, UNIT_PLAIN},
    [PRESET_LEVERS] = {"levers", "levers", LIST_WORDS, UNIT_PLAIN},
    [PRESET_HOST] = {"host", "host", LIST_TEXT, UNIT_PLAIN},
    [PRESET_TEXT] = {"text", "what", LIST_TEXT, UNIT_PLAIN},
};

/* The settings of a preset, word by word. */
static list_words settings_of(arena *a, const char *settings) {
    const char **words = ARENA_ARRAY(a, const char *, strlen(settings));
    size_t used = 0;
    char *rest = NULL;
    for (char *word = strtok_r(arena_strdup(a, settings), " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[used++] = word;
    return (list_words){words, used};
}

status list_presets(list_table *table, error *err) {
    size_t count;
    const preset_info *presets = preset_table(&count);
    table->columns = preset_columns;
    table->column_count = COUNT_OF(preset_columns);
    for (size_t i = 0; i < count; i++) {
        list_cell *row = list_add_row(table);
        row[PRESET_NAME].text = presets[i].name;
        row[PRESET_TEXT].text = presets[i].text;
        levers l;
        status result = levers_preset(presets[i].name, &l, err);
        if (result != STATUS_OK)
            return result;
        row[PRESET_LEVERS].words = settings_of(table->memory, presets[i].settings);
        row[PRESET_HOST].text = levers_host(&l);
    }
    return STATUS_OK;
}

/* ---- engines ---- */

enum { ENGINE_NAME, ENGINE_TEXT };

static const list_column engine_columns[] = {
    [ENGINE_NAME] = {"name", "engine", LIST_TEXT, UNIT_PLAIN},
    [ENGINE_TEXT] = {"text", "what", LIST_TEXT, UNIT_PLAIN},
};

static const char *const engine_texts[ENGINE_COUNT] = {
    [ENGINE_ROOFLINE] = "the datasheet's bound: the longer of arithmetic and memory traffic",
    [ENGINE_EVENT] =
        "blocks on SMs that share L2 and memory, streams side by side: waves, tails and contention as they fall",
    [ENGINE_ANALYTIC] = "closed form over the kernels that libraries pick: waves, tiles, caches (default)",
};

status list_engines(list_table *table, error *err) {
    (void)err;
    table->columns = engine_columns;
    table->column_count = COUNT_OF(engine_columns);
    for (int kind = 0; kind < ENGINE_COUNT; kind++) {
        list_cell *row = list_add_row(table);
        row[ENGINE_NAME].text = engine_name((engine_kind)kind);
        row[ENGINE_TEXT].text = engine_texts[kind];
    }
    return STATUS_OK;
}

/* ---- operators ---- */

enum { OP_ID, OP_KERNEL_KIND, OP_TEXT, OP_KERNEL, OP_REFERENCE, OP_BACKENDS, OP_COMMAND, OP_TESTS, OP_SUCH_AS };

static const list_column op_columns[] = {
    [OP_ID] = {"id", "id", LIST_TEXT, UNIT_PLAIN},
    [OP_KERNEL_KIND] = {"kind", "operator", LIST_TEXT, UNIT_PLAIN},
    [OP_TEXT] = {"text", "what", LIST_TEXT, UNIT_PLAIN},
    [OP_KERNEL] = {"kernel", NULL, LIST_TEXT, UNIT_PLAIN},
    [OP_REFERENCE] = {"reference", NULL, LIST_TEXT, UNIT_PLAIN},
    [OP_BACKENDS] = {"backends", NULL, LIST_WORDS, UNIT_PLAIN},
    [OP_COMMAND] = {"command", "test", LIST_TEXT, UNIT_PLAIN},
    [OP_TESTS] = {"tests", NULL, LIST_WORDS, UNIT_PLAIN},
    [OP_SUCH_AS] = {"first_test", "first of its cases", LIST_TEXT, UNIT_PLAIN},
};

/* Cases of the kernel test that launch kernels at the operator's shapes. */
static list_words cases_of(arena *a, const char *id) {
    size_t count, found = 0;
    const catalogue_case *cases = catalogue_cases(&count);
    const char **names = ARENA_ARRAY(a, const char *, count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cases[i].id, id) == 0)
            names[found++] = cases[i].name;
    return (list_words){names, found};
}

/* Whose kernels run a kind: products of more than a few rows go to cuBLASLt, exchanges to NCCL. */
static list_words backends_of(op_kind kind) {
    static const char *const own[] = {"ingot"}, *const products[] = {"ingot", "cublaslt"},
                             *const exchanges[] = {"nccl"};
    if (kind == OP_gemm)
        return (list_words){products, COUNT_OF(products)};
    return kind == OP_collective ? (list_words){exchanges, 1} : (list_words){own, 1};
}

static void fill_op(list_table *table, const catalogue_entry *entry) {
    arena *a = table->memory;
    list_cell *row = list_add_row(table);
    row[OP_ID].text = entry->id;
    row[OP_TEXT].text = entry->text;
    if (entry->runtime_test) { /* no kernel of its own */
        const char **test = ARENA_ARRAY(a, const char *, 1);
        test[0] = entry->runtime_test;
        row[OP_KERNEL_KIND].text = "(runtime)";
        row[OP_COMMAND].text = "ctest";
        row[OP_TESTS].words = (list_words){test, 1};
        row[OP_SUCH_AS].text = entry->runtime_test;
        return;
    }
    const char *kind = op_info_get(entry->kind)->name;
    row[OP_KERNEL_KIND].text = kind;
    row[OP_KERNEL].text = arena_printf(a, "kernels/%s.cu", kind);
    row[OP_REFERENCE].text = arena_printf(a, "kernels/ref/%s.c", kind);
    row[OP_BACKENDS].words = backends_of(entry->kind);
    row[OP_TESTS].words = cases_of(a, entry->id);
    row[OP_COMMAND].text = arena_printf(a, "kernel_test --id %s: %zu", entry->id, row[OP_TESTS].words.count);
    row[OP_SUCH_AS].text = row[OP_TESTS].words.count > 0 ? row[OP_TESTS].words.items[0] : NULL;
}

status list_ops(list_table *table, error *err) {
    (void)err;
    size_t count;
    const catalogue_entry *entries = catalogue(&count);
    table->columns = op_columns;
    table->column_count = COUNT_OF(op_columns);
    for (size_t i = 0; i < count; i++)
        fill_op(table, &entries[i]);
    return STATUS_OK;
}

/* ---- operator kinds ---- */

enum { KIND_NAME, KIND_CATEGORY, KIND_TEXT, KIND_PARAMS, KIND_IDS };

static const list_column kind_columns[] = {
    [KIND_NAME] = {"kind", "operator", LIST_TEXT, UNIT_PLAIN},
    [KIND_CATEGORY] = {"category", "category", LIST_TEXT, UNIT_PLAIN},
    [KIND_TEXT] = {"text", "what", LIST_TEXT, UNIT_PLAIN},
    [KIND_PARAMS] = {"params", NULL, LIST_WORDS, UNIT_PLAIN},
    [KIND_IDS] = {"ids", NULL, LIST_WORDS, UNIT_PLAIN},
};

/* Ids of the catalogue that a kind runs. */
static list_words ids_of(arena *a, op_kind kind) {
    size_t count, found = 0;
    const catalogue_entry *entries = catalogue(&count);
    const char **ids = ARENA_ARRAY(a, const char *, count);
    for (size_t i = 0; i < count; i++)
        if (entries[i].kind == kind)
            ids[found++] = entries[i].id;
    return (list_words){ids, found};
}

status list_kinds(list_table *table, error *err) {
    (void)err;
    table->columns = kind_columns;
    table->column_count = COUNT_OF(kind_columns);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        const char **params = ARENA_ARRAY(table->memory, const char *, info->param_count + 1);
        for (size_t i = 0; i < info->param_count; i++)
            params[i] = info->params[i].name;
        list_cell *row = list_add_row(table);
        row[KIND_NAME].text = info->name;
        row[KIND_CATEGORY].text = op_category_name(info->category);
        row[KIND_TEXT].text = info->text;
        row[KIND_PARAMS].words = (list_words){params, info->param_count};
        row[KIND_IDS].words = ids_of(table->memory, (op_kind)kind);
    }
    return STATUS_OK;
}
