#include "tests/report_example.h"

#include "core/base/number.h"
#include "core/base/units.h"
#include "reports/document.h"
#include "reports/gnuplot.h"
#include "reports/svg.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/ingot-report-XXXXXX";

/* A path in a directory of the test's own, removed after it. */
static const char *in_folder(const char *name) {
    static char path[512];
    if (strstr(directory, "XXXXXX"))
        cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/%.200s", directory, name);
    return path;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void remove_folder(void) {
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(report, .fini = remove_folder);

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s is missing", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

static char *write_page(const report_input *input, bool html) {
    const char *path = in_folder(html ? "report.html" : "report.md");
    error err = {""};
    status result = report_write(input, path, &err);
    cr_assert_eq(result, STATUS_OK, "%s", err.text);
    return read_file(path);
}

static bool is_installed(const char *program) {
    const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/bin"};
    char path[256];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

#define NEEDS_GNUPLOT()                                                                                                \
    do {                                                                                                               \
        if (!is_installed("gnuplot"))                                                                                  \
            cr_skip("gnuplot is not installed");                                                                       \
    } while (0)

/* ---- markup ---- */

/* Reads a page as strict XML: every element closed in order, every attribute quoted and named once, no stray < or &.
 * Returns the number of elements. */
static int check_markup(const char *page) {
    enum { DEPTH_MAX = 64, NAME_BYTES = 32 };
    char open[DEPTH_MAX][NAME_BYTES];
    int depth = 0, elements = 0;
    const char *at = page;
    if (strncmp(at, "<!DOCTYPE html>", 15) == 0)
        at += 15;
    while (*at) {
        if (*at == '&') {
            size_t length = strcspn(at, "; <");
            cr_assert(at[length] == ';' && length > 1, "stray & at: %.40s", at);
        }
        if (*at++ != '<')
            continue;
        bool closing = *at == '/';
        at += closing;
        char name[NAME_BYTES] = "";
        size_t length = strcspn(at, " />\n");
        cr_assert(length > 0 && length < NAME_BYTES && isalpha((unsigned char)*at), "stray < at: %.40s", at - 1);
        memcpy(name, at, length);
        at += length;
        while (*at && *at != '>' && !(at[0] == '/' && at[1] == '>')) {
            at += strspn(at, " \n");
            size_t key = strcspn(at, "= />\n");
            if (key == 0)
                continue;
            at += key;
            at += strspn(at, " ");
            cr_assert_eq(*at++, '=', "attribute of <%s> without a value", name);
            at += strspn(at, " ");
            char quote = *at++;
            cr_assert(quote == '"' || quote == '\'', "attribute of <%s> is not quoted", name);
            const char *end = strchr(at, quote);
            cr_assert_not_null(end);
            cr_assert_null(memchr(at, '<', (size_t)(end - at)), "< in an attribute of <%s>", name);
            at = end + 1;
        }
        bool empty = *at == '/';
        at += empty + 1;
        elements += !closing;
        if (closing) {
            cr_assert(depth > 0 && strcmp(open[depth - 1], name) == 0, "</%s> closes <%s>", name,
                      depth ? open[depth - 1] : "nothing");
            depth--;
        } else if (!empty) {
            cr_assert_lt(depth, DEPTH_MAX);
            strcpy(open[depth++], name);
        }
    }
    cr_assert_eq(depth, 0, "<%s> is not closed", depth ? open[depth - 1] : "");
    return elements;
}

Test(report, page_is_well_formed) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
    cr_expect_gt(check_markup(page), 1000);
    cr_expect_lt(strlen(page), REPORT_HTML_MAX_BYTES);
    struct stat info;
    cr_expect_neq(stat(in_folder("report.html.partial"), &info), 0, "the partial file is gone");
    free(page);
    report_example_free(example);
}

Test(report, page_needs_no_network_and_no_script) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
    const char *const FORBIDDEN[] = {"://", "<script", "src=", "@import", "url(h", "javascript:", "onload", "xlink"};
    for (size_t i = 0; i < sizeof FORBIDDEN / sizeof FORBIDDEN[0]; i++)
        cr_expect_null(strstr(page, FORBIDDEN[i]), "%s in the page", FORBIDDEN[i]);
    free(page);
    report_example_free(example);
}

Test(report, text_is_escaped) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    example->input.title = "</title><script>alert(1)</script> & 'quotes' \"double\"";
    example->input.command = "x </code></pre><img src=x onerror=y>";
    example->base.name = "`touch /tmp/owned` '; system('id') #{x} %s \\";
    char *page = write_page(&example->input, true);
    check_markup(page);
    cr_expect_null(strstr(page, "<script"));
    cr_expect_null(strstr(page, "<img"));
    cr_expect(strstr(page, "&lt;script&gt;alert(&quot;cheapest&quot;)&lt;/script&gt;"), "as text in a table");
    cr_expect(strstr(page, "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;quotes&#39;"));
    cr_expect(strstr(page, "`touch /tmp/owned` '; system('id') #{x} %s \\</text>"), "gnuplot expands nothing");
    free(page);
    report_example_free(example);
}

Test(report, ids_are_unique_and_references_resolve) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
    int ids = 0, references = 0;
    for (const char *at = page; (at = strstr(at, " id=")); at += 5) {
        char needle[128];
        snprintf(needle, sizeof needle, "%.*s", (int)(strcspn(at + 5, "\"'") + 6), at); /* with its closing quote */
        const char *again = strstr(at + 5, needle);
        cr_assert_null(again, "twice:%s", needle);
        ids++;
    }
    for (const char *at = page; (at = strstr(at, "href='#")) && references < 50; at += 7, references++) {
        char needle[128];
        snprintf(needle, sizeof needle, "id='%.*s'", (int)strcspn(at + 7, "'"), at + 7);
        cr_assert_not_null(strstr(page, needle), "nothing has %s", needle);
    }
    cr_expect_gt(ids, 50);
    cr_expect_eq(references, 50);
    free(page);
    report_example_free(example);
}

Test(report, figures_say_what_they_show_and_take_the_pages_colours) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
    int figures = 0;
    for (const char *at = page; (at = strstr(at, "role=\"img\"")); at++)
        figures++;
    cr_expect_eq(figures, 14, "seven figures, each for a wide and a narrow screen");
    cr_expect_null(strstr(page, "rgb("), "a fixed colour would be unreadable in the dark");
    cr_expect_null(strstr(page, "'black'"));
    cr_expect_null(strstr(page, "'white'"));
    cr_expect_null(strstr(page, "\"white\""));
    cr_expect_null(strstr(page, "font-family=\""));
    cr_expect_null(strstr(page, "Gnuplot"), "gnuplot's own title is replaced");
    cr_expect(strstr(page, "<title id=\"designs-wide-title\">Latency against energy</title>"));
    cr_expect(strstr(page, "idle 61.0&#160;%") || strstr(page, "idle 61.0 %"), "the description tells the idle share");
    free(page);
    report_example_free(example);
}

/* ---- numbers ---- */

static void has_number(const char *page, double value) {
    char exact[NUMBER_TEXT_BYTES], needle[64];
    number_format(value, exact);
    snprintf(needle, sizeof needle, "<data value=\"%s\">", exact);
    cr_expect(strstr(page, needle), "%s is not in the page", exact);
}

Test(report, every_number_is_in_the_page_exactly) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    const report_input *input = &example->input;
    char *page = write_page(input, true);
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
Test(report, data_formats_have_every_number_of_the_page) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
    error err = {""};
    cr_assert_eq(report_write(&example->input, in_folder("report.csv"), &err), STATUS_OK, "%s", err.text);
    char *csv = read_file(in_folder("report.csv"));
    cr_assert_eq(report_write(&example->input, in_folder("report.json"), &err), STATUS_OK, "%s", err.text);
    char *json = read_file(in_folder("report.json"));
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

Test(report, what_is_shown_is_the_exact_number_rounded) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = write_page(&example->input, true);
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

/* ---- Markdown and edges ---- */

Test(report, markdown_has_the_same_tables) {
    report_example *example = report_example_make();
    char *text = write_page(&example->input, false);
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

Test(report, sections_without_rows_are_left_out) {
    const report_input input = {.question = "Only a question?"};
    char *text = write_page(&input, false);
    cr_expect(strstr(text, "Only a question?"));
    cr_expect_null(strstr(text, "## "));
    char *page = write_page(&input, true); /* needs no gnuplot: nothing is drawn */
    check_markup(page);
    cr_expect_null(strstr(page, "<section"));
    free(text);
    free(page);
}

Test(report, awkward_numbers_are_drawn) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    report_input input = example->input;
    example->front[0].latency_s = NAN;
    example->front[1].energy_j = INFINITY;
    example->bars[0].category_s[1] = NAN;
    example->elasticities[0].elasticity = NAN;
    input.front_count = 2;
    input.point_count = 0;
    input.base = NULL;
    input.bar_count = 1;
    input.ceiling_count = 0;
    char *page = write_page(&input, true);
    check_markup(page);
    free(page);
    input.operator_count = 1;
    input.front_count = 1;
    input.elasticity_count = 1;
    for (int i = 0; i < CATEGORY_COUNT; i++)
        example->bars[0].category_s[i] = 0;
    page = write_page(&input, true);
    check_markup(page);
    free(page);
    report_example_free(example);
}

/* Several inputs make one document: ids stay unique, and each section says what it is about. */
Test(report, several_inputs_make_one_page) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    arena memory = {0};
    error err = {""};
    report_document *document = document_new(&memory, "Two sweeps");
    document_append(&memory, document, &example->input, "first");
    document_append(&memory, document, &example->input, "second");
    cr_assert_eq(document_write(document, in_folder("both.html"), &err), STATUS_OK, "%s", err.text);
    char *page = read_file(in_folder("both.html"));
    check_markup(page);
    for (size_t i = 0; i < document->section_count; i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(document->sections[i].id, document->sections[j].id);
    cr_expect(strstr(page, "<span class=\"part\">first</span> Designs worth building"));
    cr_expect(strstr(page, "<span class=\"part\">second</span> Designs worth building"));
    free(page);
    arena_free(&memory);
    report_example_free(example);
}

Test(report, same_input_same_bytes) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *first = write_page(&example->input, true), *second = write_page(&example->input, true);
    cr_expect_str_eq(first, second);
    free(first);
    free(second);
    report_example_free(example);
}

Test(report, a_million_points_stay_a_small_page) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    report_cloud cloud = {0};
    for (int i = 0; i < 1000000; i++)
        report_cloud_add(&cloud, &(report_point){0.1 + example_random(), 1 + 9 * example_random(), (size_t)(i % 5)});
    cr_expect_lt(cloud.count, 400000, "%zu points kept", cloud.count);
    example->input.points = cloud.points;
    example->input.point_count = cloud.count;
    char *page = write_page(&example->input, true);
    cr_expect_lt(strlen(page), 1000000);
    free(page);
    report_cloud_free(&cloud);
    report_example_free(example);
}

Test(report, without_gnuplot_it_says_so_and_keeps_what_was_there) {
    const char *path = in_folder("report.html");
    FILE *file = fopen(path, "w");
    fputs("old", file);
    fclose(file);
    setenv("PATH", "/nowhere", 1);
    report_example *example = report_example_make();
    error err = {""};
    cr_expect_eq(report_write(&example->input, path, &err), STATUS_ENVIRONMENT);
    cr_expect_str_eq(err.text, "gnuplot is not installed: apt-get install gnuplot-nox");
    char *text = read_file(path);
    cr_expect_str_eq(text, "old");
    free(text);
    report_example_free(example);
}

Test(report, a_folder_that_is_not_there_is_named) {
    report_example *example = report_example_make();
    error err = {""};
    cr_expect_eq(report_write(&example->input, in_folder("no/such/report.md"), &err), STATUS_ENVIRONMENT);
    cr_expect(strstr(err.text, "no/such/report.md: cannot write: No such file"), "%s", err.text);
    report_example_free(example);
}

Test(report, gnuplots_complaint_is_passed_on) {
    NEEDS_GNUPLOT();
    static const char SCRIPT[] = "plot nonsense(\n";
    char *output;
    error err = {""};
    cr_expect_eq(gnuplot_run(SCRIPT, strlen(SCRIPT), &output, &err), STATUS_ENVIRONMENT);
    cr_expect_null(output);
    cr_expect(strstr(err.text, "gnuplot failed"), "%s", err.text);
}

Test(report, adapting_keeps_text_and_changes_colours) {
    static const char DRAWING[] =
        "<?xml version=\"1.0\"?>\n<svg \n viewBox=\"0 0 10 20\"\n xmlns=\"http://www.w3.org/2000/svg\"\n>\n"
        "<title>Gnuplot</title><filter id='f'><feFlood flood-color='white'/></filter>"
        "<circle id='p' stroke='currentColor'/><use xlink:href='#p' color='rgb( 10,   0,   3)' fill='rgb(1,2,3)'/>"
        "<text font-family=\"Arial\">rgb(10,0,3) a / b &lt; 'black'</text></svg>\n";
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    svg_adapt(out, DRAWING, "x", "T & t", "D");
    fclose(out);
    cr_expect(strstr(text, "<title id=\"x-title\">T &amp; t</title><desc id=\"x-desc\">D</desc>"), "%s", text);
    cr_expect(strstr(text, "viewBox=\"0 0 10 20\""));
    cr_expect(strstr(text, "color='var(--series-3)' fill='rgb(1,2,3)'"), "%s", text);
    cr_expect(strstr(text, "<circle id='x-p'") && strstr(text, "href='#x-p'"));
    cr_expect(strstr(text, ">rgb(10,0,3) a / b &lt; 'black'</text>"), "text is left alone");
    cr_expect_null(strstr(text, "filter"));
    cr_expect_null(strstr(text, "://"));
    check_markup(text);
    free(text);
}
