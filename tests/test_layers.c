/* Who may include whom: the include lines of every source file against the table of docs/architecture.md. */
#include <criterion/criterion.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A folder, which speaks for those below it that have no row, and what its files may include besides one another:
 * folders, single files, or EVERYTHING_BUT_CLI. */
typedef struct layer {
    const char *folder;
    const char *sees[12]; /* up to the first NULL */
} layer;

#define EVERYTHING_BUT_CLI "*"

static const layer layers[] = {
    {"core/base", {NULL}},
    {"core", {"core/base"}},
    {"hwmodels", {"core", "core/base"}},
    {"workloads", {"core", "core/base"}},
    {"sim/engine", {"core", "core/base"}},
    {"kernels", {"core", "core/base"}},
    {"validate", {"core", "core/base"}},
    {"reports", {"core", "core/base"}},
    {"sim/explore", {"core", "core/base", "hwmodels", "workloads", "sim/engine", "validate"}},
    {"cli",
     {"core", "core/base", "hwmodels", "workloads", "sim/engine", "sim/explore", "validate", "reports", "kernels/gpu.h",
      "kernels/executor.h", "kernels/ref/encode.h"}},
    {"tests", {EVERYTHING_BUT_CLI}},
};
enum { LAYER_COUNT = sizeof layers / sizeof layers[0], SEES_MAX = sizeof layers[0].sees / sizeof layers[0].sees[0] };

/* Headers by these beginnings belong to the CUDA toolkit, its profiler and NCCL. */
static const char *const gpu_headers[] = {"cuda", "cublas", "cupti", "nccl", "nvml", "cub/", "cooperative_groups"};
enum { GPU_HEADER_COUNT = sizeof gpu_headers / sizeof gpu_headers[0] };

static bool is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* The row with the longest folder that holds the path, or NULL. */
static const layer *layer_of(const char *path) {
    const layer *found = NULL;
    for (size_t i = 0; i < LAYER_COUNT; i++)
        if (is_below(path, layers[i].folder) && (!found || strlen(layers[i].folder) > strlen(found->folder)))
            found = &layers[i];
    return found;
}

static bool may_see(const layer *from, const layer *to, const char *header) {
    if (from == to)
        return true;
    for (size_t i = 0; i < SEES_MAX && from->sees[i]; i++) {
        if (strcmp(from->sees[i], EVERYTHING_BUT_CLI) == 0)
            return strcmp(to->folder, "cli") != 0;
        if (strcmp(from->sees[i], to->folder) == 0 || strcmp(from->sees[i], header) == 0)
            return true;
    }
    return false;
}

/* The text between the quotes or brackets of an include line, in `header`; the opening character, or 0 when the line
 * includes nothing. */
static char included(const char *line, char *header, size_t header_bytes) {
    static const char keyword[] = "include";
    line += strspn(line, " \t");
    if (*line++ != '#')
        return 0;
    line += strspn(line, " \t");
    if (strncmp(line, keyword, sizeof keyword - 1) != 0)
        return 0;
    line += sizeof keyword - 1;
    line += strspn(line, " \t");
    if (*line != '"' && *line != '<')
        return 0;
    size_t length = strcspn(line + 1, *line == '"' ? "\"" : ">");
    snprintf(header, header_bytes, "%.*s", (int)length, line + 1);
    return *line;
}

/* What is wrong with a line of the file at `path`, which starts at the tree's root; NULL when nothing is. */
static const char *violation(const char *path, const char *line) {
    char header[512];
    char opening = included(line, header, sizeof header);
    if (!opening)
        return NULL;
    const layer *from = layer_of(path);
    if (!from)
        return "the file lies in no folder of the table";
    if (opening == '<') {
        for (size_t i = 0; i < GPU_HEADER_COUNT; i++)
            if (strncmp(header, gpu_headers[i], strlen(gpu_headers[i])) == 0 && strcmp(from->folder, "kernels") != 0)
                return "only kernels/ includes CUDA headers";
        return layer_of(header) ? "a file of the tree is included in quotes" : NULL;
    }
    const layer *to = layer_of(header);
    if (!to || strstr(header, "../"))
        return "the include does not start at a folder of the table";
    return may_see(from, to, header) ? NULL : "the table has no such arrow";
}

Test(layers, arrows_of_the_table_are_free) {
    static const char *const allowed[][2] = {
        {"core/base/csv.c", "#include \"core/base/csv.h\""},
        {"core/op.c", "#include \"core/base/error.h\""},
        {"core/machine.h", "#include \"core/machine.def\""},
        {"sim/engine/cost.c", "#include \"core/plan.h\""},
        {"sim/explore/sweep.c", "#include \"sim/engine/engine.h\""},
        {"sim/explore/sweep.c", "#include \"hwmodels/machine_load.h\""},
        {"kernels/gemm.cu", "#include <cuda_runtime.h>"},
        {"kernels/ref/gemm.c", "#include \"kernels/ref/ref.h\""},
        {"cli/cmd_run.c", "#include \"kernels/gpu.h\""},
        {"cli/cmd_sweep.c", "  #  include \"sim/explore/sweep.h\""},
        {"tests/test_ref.c", "#include \"kernels/ref/ref.h\""},
        {"reports/svg.c", "#include <stdio.h>"},
        {"core/base/csv.c", "/* as #include \"cli/setup.h\" would */"},
        {"docs/example.c", "int main(void) {"},
    };
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        cr_expect_null(violation(allowed[i][0], allowed[i][1]), "%s: %s", allowed[i][0], allowed[i][1]);
}

Test(layers, planted_violations_are_caught) {
    static const char *const planted[][2] = {
        {"core/base/csv.c", "#include \"core/op.h\""},
        {"core/op.c", "#include \"hwmodels/machine_load.h\""},
        {"core/op.c", "#include \"sim/engine/cost.h\""},
        {"hwmodels/area.c", "#include \"workloads/model.h\""},
        {"workloads/model.c", "#include \"hwmodels/area.h\""},
        {"sim/engine/cost.c", "#include \"kernels/gpu.h\""},
        {"sim/engine/cost.c", "\t# include \"workloads/model.h\" /* a comment */"},
        {"sim/engine/cost.c", "#include \"sim/explore/sweep.h\""},
        {"validate/rows.c", "#include \"sim/engine/cost.h\""},
        {"reports/svg.c", "#include \"validate/rows.h\""},
        {"kernels/gemm.cu", "#include \"sim/engine/cost.h\""},
        {"sim/explore/sweep.c", "#include \"reports/report.h\""},
        {"sim/explore/sweep.c", "#include \"kernels/gpu.h\""},
        {"sim/explore/sweep.c", "#include \"cli/setup.h\""},
        {"cli/cmd_run.c", "#include \"kernels/gemm.h\""},
        {"tests/test_cli.c", "#include \"cli/setup.h\""},
        {"core/op.c", "#include <cuda_runtime.h>"},
        {"cli/cmd_run.c", "#include<cublasLt.h>"},
        {"sim/engine/cost.c", "#include <nccl.h>"},
        {"validate/rows.c", "#include <cupti.h>"},
        {"core/op.c", "#include \"op.h\""},
        {"core/op.c", "#include \"core/../sim/engine/cost.h\""},
        {"core/op.c", "#include <sim/engine/cost.h>"},
        {"corelike/op.c", "#include \"core/op.h\""},
    };
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++)
        cr_expect_not_null(violation(planted[i][0], planted[i][1]), "%s: %s", planted[i][0], planted[i][1]);
}

static bool is_source(const char *name) {
    static const char *const suffixes[] = {".c", ".h", ".cu", ".cuh"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}

/* Checks a file's lines; the number of its includes. */
static size_t check_file(const char *full_path, const char *path) {
    FILE *file = fopen(full_path, "r");
    cr_assert(file, "%s", full_path);
    char *line = NULL, header[512];
    size_t capacity = 0, includes = 0;
    for (int number = 1; getline(&line, &capacity, file) >= 0; number++) {
        line[strcspn(line, "\r\n")] = '\0';
        const char *wrong = violation(path, line);
        cr_expect_null(wrong, "%s:%d: %s: %s", path, number, line, wrong);
        includes += included(line, header, sizeof header) != 0;
    }
    free(line);
    fclose(file);
    return includes;
}

/* Build folders and what tools keep in hidden folders are not the project's. */
static bool is_foreign(const FTSENT *entry) {
    return entry->fts_level > 0 && (entry->fts_name[0] == '.' ||
                                    (entry->fts_level == 1 && strncmp(entry->fts_name, "build", strlen("build")) == 0));
}

Test(layers, the_tree_follows_the_table) {
    char *const roots[] = {(char[]){INGOT_SOURCE_DIR}, NULL};
    size_t includes[LAYER_COUNT] = {0};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    cr_assert(tree);
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_D && is_foreign(entry))
            fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info != FTS_F || !is_source(entry->fts_name))
            continue;
        const char *path = entry->fts_path + sizeof INGOT_SOURCE_DIR;
        size_t count = check_file(entry->fts_path, path);
        if (layer_of(path))
            includes[layer_of(path) - layers] += count;
    }
    fts_close(tree);
    /* A walk that saw nothing would find nothing wrong. */
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        bool is_to_come = strcmp(layers[i].folder, "kernels") == 0 || strcmp(layers[i].folder, "sim/explore") == 0;
        cr_expect(includes[i] > 0 || is_to_come, "no includes were seen in %s", layers[i].folder);
    }
}
