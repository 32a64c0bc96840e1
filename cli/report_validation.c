#include "cli/report_validation.h"

#include "cli/command.h"
#include "cli/step_prediction.h"
#include "cli/trace_prediction.h"
#include "sim/explore/ensemble.h"
#include "validate/score_rows.h"

#include <math.h>
#include <string.h>

/* ---- operator rows ---- */

static report_input *input_of(arena *a, const char *title, const char *question) {
    report_input *input = ARENA_NEW(a, report_input);
    *input = (report_input){.title = title, .question = question, .version = INGOT_VERSION};
    return input;
}

static void put_scores(arena *a, const row_scores *found, report_input *input) {
    report_score *scores = ARENA_ARRAY(a, report_score, found->group_count + 3);
    size_t count = 0;
    for (size_t i = 0; i < found->group_count; i++) {
        const row_group *g = &found->groups[i];
        scores[count++] =
            (report_score){arena_printf(a, "%s %s/%s %s%s%s", op_info_get(g->key.kind)->name, dtype_name(g->key.dtype),
                                        dtype_name(g->key.second_dtype), g->key.phase ? g->key.phase : "",
                                        g->key.phase ? " " : "", g->key.source ? g->key.source : ""),
                           g->scores.all};
    }
    scores[count++] = (report_score){"all, even hash (fit)", found->all.fit};
    scores[count++] = (report_score){"all, odd hash (held)", found->all.held};
    scores[count++] = (report_score){"all", found->all.all};
    input->scores = scores;
    input->score_count = count;
}

static status score_rows_of(arena *a, const row_table *table, const ensemble *e, report_input *input, error *err) {
    row_scores *found = ARENA_NEW(a, row_scores);
    size_t count;
    status result = ensemble_score_rows(a, table, e, found, &count, err);
    if (result != STATUS_OK)
        return result;
    put_scores(a, found, input);
    const char **lines = ARENA_ARRAY(a, const char *, 2);
    lines[0] = arena_printf(a, "%zu rows are off by %.1f %% in the mean, %.1f %% in the median.", count,
                            100 * found->all.all.mean_abs_err, 100 * found->all.all.median_abs_err);
    lines[1] = isnan(found->all.all.coverage)
                   ? "The calibration gives no interval for them."
                   : arena_printf(a, "%.0f %% of them lie within their 90 %% interval.", 100 * found->all.all.coverage);
    input->answer = lines;
    input->answer_count = 2;
    return STATUS_OK;
}

status report_rows_append(arena *a, const char *path, const char *machine_name, const char *part,
                          report_document *document, error *err) {
    source_map sources = {0};
    row_table table = {0};
    ensemble *e = ARENA_NEW(a, ensemble);
    report_input *input = input_of(a, arena_printf(a, "Operators on %s", machine_name),
                                   "How far are operators' predicted times from measured ones?");
    input->validation_data = arena_printf(a, "%s, on %s", path, machine_name);
    status result = ensemble_load(a, command_config_dir(), machine_name, e, err);
    if (result == STATUS_OK)
        result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result == STATUS_OK)
        result = rows_load(path, &sources, EMPTY_ROWS_SKIPPED, &table, err);
    if (result == STATUS_OK)
        result = score_rows_of(a, &table, e, input, err);
    if (result == STATUS_OK)
        document_append(a, document, input, part);
    rows_free(&table);
    sources_free(&sources);
    return result;
}

/* ---- steps ---- */

status report_steps_append(arena *a, const char *path, const char *machine_name, const char *part,
                           report_document *document, error *err) {
    step_table table = {0};
    step_scores scores;
    report_input *input = input_of(a, arena_printf(a, "Steps on %s", machine_name),
                                   "How far are whole steps of models from what was measured?");
    input->validation_data = arena_printf(a, "%s, on %s", path, machine_name);
    status result = steps_load(path, &table, err);
    if (result == STATUS_OK && table.count == 0)
        result = error_set(err, STATUS_NEGATIVE, "%s: no measured step", path);
    if (result == STATUS_OK)
        result = steps_predict(a, &table, machine_name, &scores, err);
    if (result == STATUS_OK) {
        report_put_steps(a, &scores, input);
        const char **line = ARENA_ARRAY(a, const char *, 1);
        line[0] =
            arena_printf(a, "GPU busy time is off by %.1f %% in the mean over %zu steps, kernels a step by %.1f %%.",
                         100 * scores.busy.mean_abs_err, scores.busy.n, 100 * scores.kernels.mean_abs_err);
        input->answer = line;
        input->answer_count = 1;
        document_append(a, document, input, part);
    }
    steps_free(&table);
    return result;
}

void report_put_steps(arena *a, const step_scores *scores, report_input *input) {
    report_step *steps = ARENA_ARRAY(a, report_step, scores->count + 1);
    for (size_t i = 0; i < scores->count; i++) {
        const step_prediction *p = &scores->steps[i];
        steps[i] = (report_step){
            .name = p->name,
            .measured_busy_s = p->measured->busy_s,
            .predicted_busy_s = p->busy_s,
            .measured_wall_s = p->measured->wall_s,
            .predicted_wall_s = p->wall_s,
            .measured_kernels = p->measured->kernels,
            .predicted_kernels = p->kernels,
            .host_bound = !isnan(p->implied_call_s),
        };
    }
    report_score *kinds = ARENA_ARRAY(a, report_score, 3);
    kinds[0] = (report_score){"GPU busy time of a step", scores->busy};
    kinds[1] = (report_score){"wall time of captured steps", scores->graph_wall};
    kinds[2] = (report_score){"kernels a step", scores->kernels};
    input->steps = steps;
    input->step_count = scores->count;
    input->scores = kinds;
    input->score_count = 3;
}
