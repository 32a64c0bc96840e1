/* The same numbers in every format, exact, and shown as they round. */
#include "tests/report_page.h"

#include "core/base/number.h"
#include "core/base/units.h"

#include <string.h>

TestSuite(report_numbers, .init = scratch_make, .fini = scratch_remove);

static void has_number(const char *page, double value) {
    char exact[NUMBER_TEXT_BYTES], needle[64];
    number_format(value, exact);
    snprintf(needle, sizeof needle, "<data value=\"%s\">", exact);
    cr_expect(strstr(page, needle), "%s is not in the page", exact);
}

Test(report_numbers, every_number_is_in_the_page_exactly) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    const report_input *input = &example->input;
    char *page = report_page(input, true);
    for (size_t i = 0; i < REPORT_FRONT_ROWS_MAX; i++) {
        const report_design *d = &input->front[i * (input->front_count - 1) / (REPORT_FRONT_ROWS_MAX - 1)];
        const double numbers[] = {d->latency_s,         d->tpot_s,    d->energy_j, d->area_m2,  d->cost_usd,
                                  d->peak_memory_bytes, d->idle_frac, d->knobs[0], d->knobs[1], d->knobs[2],
                                  d->knobs[3]};
        for (size_t j = 0; j < sizeof numbers / sizeof numbers[0]; j++)
            has_number(page, numbers[j]);
    }
    for (size_t i = 0; i < input->bar_count; i++)
        for (int j = 0; j < CATEGORY_COUNT; j++)
            has_number(page, input->bars[i].category_s[j]);
    for (size_t i = 0; i < input->operator_count; i++) {
        has_number(page, input->operators[i].count);
        has_number(page, input->operators[i].flops);
        has_number(page, input->operators[i].bytes);
        has_number(page, input->operators[i].time_s);
        has_number(page, input->operators[i].flops / input->operators[i].bytes);
    }
    for (size_t i = 0; i < input->elasticity_count; i++) {
        has_number(page, input->elasticities[i].elasticity);
        has_number(page, input->elasticities[i].effect);
        has_number(page, input->elasticities[i].high);
    }
    for (size_t i = 0; i < EXAMPLE_PAIRS * EXAMPLE_KNOBS; i++)
        if (!isnan(input->interactions.effect[i]))
            has_number(page, input->interactions.effect[i]);
    for (size_t i = 0; i < input->memory_count; i++) {
        has_number(page, input->memories[i].weight_bytes);
        has_number(page, input->memories[i].capacity_bytes);
    }
    for (size_t i = 0; i < input->strip_count; i++)
        has_number(page, input->strips[i].duration_s);
    for (size_t i = 0; i < input->score_count; i++) {
        has_number(page, (double)input->scores[i].errors.n);
        has_number(page, input->scores[i].errors.mean_abs_err);
        has_number(page, input->scores[i].errors.bias);
        has_number(page, input->scores[i].errors.kendall_tau);
    }
    for (size_t i = 0; i < input->step_count; i++) {
        has_number(page, input->steps[i].measured_busy_s);
        has_number(page, input->steps[i].predicted_busy_s);
        has_number(page, input->steps[i].predicted_busy_s / input->steps[i].measured_busy_s - 1);
        has_number(page, input->steps[i].measured_kernels);
    }
    cr_expect_null(strstr(page, "\"nan\""), "unknown numbers have no value");
    cr_expect(strstr(page, "<td class=\"n\">–</td>"));
    free(page);
    report_example_free(example);
}

/* CSV and JSON carry the page's cells, one for one. */
Test(report_numbers, data_formats_have_every_number_of_the_page) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
    error err = {""};
    cr_assert_eq(report_write(&example->input, scratch_path("report.csv"), &err), STATUS_OK, "%s", err.text);
    char *csv = scratch_read(scratch_path("report.csv"));
    cr_assert_eq(report_write(&example->input, scratch_path("report.json"), &err), STATUS_OK, "%s", err.text);
    char *json = scratch_read(scratch_path("report.json"));
    int numbers = 0, rows = 0;
    for (const char *at = page; (at = strstr(at, "<data value=\"")); numbers++) {
        char needle[64];
        at += strlen("<data value=\"");
        int length = (int)strcspn(at, "\"");
        snprintf(needle, sizeof needle, ",%.*s,", length, at);
        cr_assert(strstr(csv, needle), "%s is not in the CSV", needle);
        snprintf(needle, sizeof needle, "%.*s", length, at);
        cr_assert(strstr(json, needle), "%s is not in the JSON", needle);
    }
    for (const char *at = csv; (at = strchr(at, '\n')); at++)
        rows++;
    cr_expect_gt(numbers, 400);
    cr_expect_gt(rows, numbers);
    free(page);
    free(csv);
    free(json);
    report_example_free(example);
}

/* A number as shown, "0.919 s", read back in SI. */
static double read_shown(const char *shown) {
    static const struct {
        const char *prefix;
        double factor;
    } PREFIXES[] = {{"p", 1e-12}, {"n", 1e-9}, {"µ", 1e-6}, {"m", 1e-3}, {"k", 1e3},
                    {"M", 1e6},   {"G", 1e9},  {"T", 1e12}, {"P", 1e15}};
    char digits[64] = "";
    double sign = 1;
    size_t used = 0;
    const char *at = shown;
    for (; *at; at++) {
        if (strncmp(at, "−", strlen("−")) == 0) {
            sign = -1;
            at += strlen("−") - 1;
        } else if (isdigit((unsigned char)*at) || *at == '.') {
            digits[used++] = *at;
        } else if (!strchr(",$+", *at)) {
            break;
        }
    }
    const char *suffix = at + (*at == ' ');
    double value = sign * atof(digits);
    if (strncmp(suffix, "mm²", strlen("mm²")) == 0)
        return value * 1e-6;
    if (*suffix == '%')
        return value * 1e-2;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++)
        if (strncmp(suffix, PREFIXES[i].prefix, strlen(PREFIXES[i].prefix)) == 0)
            return value * PREFIXES[i].factor;
    return value;
}

Test(report_numbers, what_is_shown_is_the_exact_number_rounded) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
    int checked = 0;
    for (const char *at = page; (at = strstr(at, "<data value=\"")); at++) {
        double exact = atof(at + strlen("<data value=\""));
        const char *shown = strchr(at, '>') + 1;
        char text[64] = "";
        memcpy(text, shown, strcspn(shown, "<") < sizeof text ? strcspn(shown, "<") : 0);
        double read = read_shown(text);
        cr_assert(fabs(read - exact) <= 0.00501 * fabs(exact), "%.17g is shown as '%s'", exact, text);
        checked++;
    }
    cr_expect_gt(checked, 400);
    free(page);
    report_example_free(example);
}

Test(report_numbers, markdown_has_the_same_tables) {
    report_example *example = report_example_make();
    char *text = report_page(&example->input, false);
    const char *const EXPECTED[] = {
        "# H200 variants",       "> Example: every number on this page is made up.",
        "| 9.60 TB/s | 196 |",   "## Where the time goes",
        "## Which knob matters", "&lt;script>alert(\"cheapest\")&lt;/script>",
        "| gemm bf16 | 1,204 |", "made-up data sheet, table 3",
        "```sh\ningot sweep",
    };
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++)
        cr_expect(strstr(text, EXPECTED[i]), "no '%s'", EXPECTED[i]);
    cr_expect_null(strstr(text, "<script"));
    /* Every row of a table has as many cells as its header. */
    int columns = 0;
    for (char *line = strtok(text, "\n"), *last = line; line; last = line, line = strtok(NULL, "\n")) {
        int bars = 0;
        for (char *c = line; *c; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        if (*line == '|' && *last == '|')
            cr_expect_eq(bars, columns, "%s", line);
        columns = bars;
    }
    free(text);
    report_example_free(example);
}
