/* What a row's source says of it. */
#include "tests/rows_fixture.h"

#include <string.h>

static source_map sources_of(const char *text) {
    char path[] = "/tmp/ingot_sources_XXXXXX";
    rows_write_text(path, text);
    source_map map;
    error err = {0};
    cr_assert_eq(sources_load(path, &map, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    return map;
}

Test(row_sources, sources_fill_what_the_row_leaves_open) {
    source_map map =
        sources_of("source,backend,note,dynamic_quantise\nb:fa3,fa3,Hopper,\na:flow,trtllm,,1\nc:gemm,,,\n");
    static const char text[] = "op,dtype,heads,head_dim,q_len,backend,m,n,k,source\n"
                               "attention,bf16,8,64,9,,,,,b:fa3\nattention,bf16,8,64,9,naive,,,,b:fa3\n"
                               "attention,bf16,8,64,9,,,,,b:fa\nattention,bf16,8,64,9,,,,,c:gemm\n"
                               "gemm,fp8,,,,,1,2,3,a:flow\ngemm,bf16,,,,,1,2,3,a:flow\n";
    row_table table;
    error err = {0};
    cr_assert_eq(rows_of_text(text, &map, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_OK, "%s", err.text);
    static const attention_backend expected[] = {attention_backend_fa3, attention_backend_naive, attention_backend_best,
                                                 attention_backend_best};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(table.rows[i].op.as.attention.backend, expected[i], "row %zu", i);
    cr_expect(table.rows[4].op.as.gemm.dynamic_quantise);
    cr_expect_not(table.rows[5].op.as.gemm.dynamic_quantise, "bf16 activations are not quantised");
    rows_free(&table);
    sources_free(&map);
    sources_free(&map);
}

Test(row_sources, bad_source_files) {
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"source,note\n", "no column 'backend'"},
        {"source,backend\nx,flsh\n", ":2:3: unknown attention backend 'flsh'; did you mean 'flash'?"},
        {"source,backend\n,flash\n", ":2:1: source is blank"},
        {"source,backend\nx,flash\ny,fa3\nx,fa3\n", "source 'x' stands twice"},
        {"source,backend,dynamic_quantise\nx,flash,2\n", ":2:9: dynamic_quantise is '2'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[] = "/tmp/ingot_sources_XXXXXX";
        rows_write_text(path, cases[i].text);
        source_map map;
        error err = {0};
        cr_expect_eq(sources_load(path, &map, &err), STATUS_BAD_INPUT);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        sources_free(&map);
        unlink(path);
    }
    cr_expect_null(sources_find(NULL, "x"));
}

Test(row_sources, shipped_sources_are_sound) {
    source_map map;
    error err = {0};
    if (access(INGOT_SOURCE_DIR "/validate/sources.csv", R_OK) != 0)
        cr_skip_test("validate/sources.csv is not there");
    cr_expect_eq(sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &map, &err), STATUS_OK, "%s", err.text);
    cr_expect(map.count > 0);
    sources_free(&map);
}
