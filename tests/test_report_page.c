/* The HTML page: well formed, self-contained, safe with any text, its figures described. */
#include "tests/report_page.h"

#include <string.h>

TestSuite(report_page, .init = scratch_make, .fini = scratch_remove);

Test(report_page, page_is_well_formed) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
    cr_expect_gt(report_check_markup(page), 1000);
    cr_expect_lt(strlen(page), REPORT_HTML_MAX_BYTES);
    struct stat info;
    cr_expect_neq(stat(scratch_path("report.html.partial"), &info), 0, "the partial file is gone");
    free(page);
    report_example_free(example);
}

Test(report_page, page_needs_no_network_and_no_script) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
    const char *const FORBIDDEN[] = {"://", "<script", "src=", "@import", "url(h", "javascript:", "onload", "xlink"};
    for (size_t i = 0; i < sizeof FORBIDDEN / sizeof FORBIDDEN[0]; i++)
        cr_expect_null(strstr(page, FORBIDDEN[i]), "%s in the page", FORBIDDEN[i]);
    free(page);
    report_example_free(example);
}

Test(report_page, text_is_escaped) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    example->input.title = "</title><script>alert(1)</script> & 'quotes' \"double\"";
    example->input.command = "x </code></pre><img src=x onerror=y>";
    example->base.name = "`touch /tmp/owned` '; system('id') #{x} %s \\";
    char *page = report_page(&example->input, true);
    report_check_markup(page);
    cr_expect_null(strstr(page, "<script"));
    cr_expect_null(strstr(page, "<img"));
    cr_expect(strstr(page, "&lt;script&gt;alert(&quot;cheapest&quot;)&lt;/script&gt;"), "as text in a table");
    cr_expect(strstr(page, "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;quotes&#39;"));
    cr_expect(strstr(page, "`touch /tmp/owned` '; system('id') #{x} %s \\</text>"), "gnuplot expands nothing");
    free(page);
    report_example_free(example);
}

Test(report_page, ids_are_unique_and_references_resolve) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
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

Test(report_page, figures_say_what_they_show_and_take_the_pages_colours) {
    NEEDS_GNUPLOT();
    report_example *example = report_example_make();
    char *page = report_page(&example->input, true);
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
