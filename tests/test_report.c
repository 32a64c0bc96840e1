/* Reports at the edges: nothing or too much to show, several inputs, no gnuplot, nowhere to write. */
#include "tests/report_page.h"

#include "reports/document.h"
#include "reports/gnuplot.h"
#include "reports/svg.h"

#include <string.h>

TestSuite(report, .init = scratch_make, .fini = scratch_remove);

Test(report, sections_without_rows_are_left_out) {
    const report_input input = {.question = "Only a question?"};
    char *text = report_page(&input, false);
    cr_expect(strstr(text, "Only a question?"));
    cr_expect_null(strstr(text, "## "));
    char *page = report_page(&input, true); /* needs no gnuplot: nothing is drawn */
    report_check_markup(page);
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
    char *page = report_page(&input, true);
    report_check_markup(page);
    free(page);
    input.operator_count = 1;
    input.front_count = 1;
    input.elasticity_count = 1;
    for (int i = 0; i < CATEGORY_COUNT; i++)
        example->bars[0].category_s[i] = 0;
    page = report_page(&input, true);
    report_check_markup(page);
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
    cr_assert_eq(document_write(document, scratch_path("both.html"), &err), STATUS_OK, "%s", err.text);
    char *page = scratch_read(scratch_path("both.html"));
    report_check_markup(page);
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
    char *first = report_page(&example->input, true), *second = report_page(&example->input, true);
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
    char *page = report_page(&example->input, true);
    cr_expect_lt(strlen(page), 1000000);
    free(page);
    report_cloud_free(&cloud);
    report_example_free(example);
}

Test(report, without_gnuplot_it_says_so_and_keeps_what_was_there) {
    const char *path = scratch_path("report.html");
    FILE *file = fopen(path, "w");
    fputs("old", file);
    fclose(file);
    setenv("PATH", "/nowhere", 1);
    report_example *example = report_example_make();
    error err = {""};
    cr_expect_eq(report_write(&example->input, path, &err), STATUS_ENVIRONMENT);
    cr_expect_str_eq(err.text, "gnuplot is not installed: apt-get install gnuplot-nox");
    char *text = scratch_read(path);
    cr_expect_str_eq(text, "old");
    free(text);
    report_example_free(example);
}

Test(report, a_folder_that_is_not_there_is_named) {
    report_example *example = report_example_make();
    error err = {""};
    cr_expect_eq(report_write(&example->input, scratch_path("no/such/report.md"), &err), STATUS_ENVIRONMENT);
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
    report_check_markup(text);
    free(text);
}
