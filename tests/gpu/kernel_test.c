/* Every kernel against its CPU reference: fresh random inputs, odd shapes, poisoned outputs, guard bytes.
 *
 *     kernel_test [--seed N] [--kind NAME] [--id LM-3] [--max-bytes N] [--part I/N] [--own] [--verbose]
 *
 * Exit 0: all passed; 1: some failed; 77: skipped, no GPU. --id runs the cases of one entry of core/catalogue.def.
 * --max-bytes keeps to cases whose operands are no larger, and --part to every N-th of them from the I-th (0 on): for
 * runs under compute-sanitizer, several beside each other. --own leaves out what libraries run (products that go to
 * cuBLASLt, exchanges). */
#include "core/plan_gemm_ingot.h"
#include "kernels/gemm.h"
#include "tests/gpu/buffers.h"
#include "tests/gpu/cases.h"
#include "tests/gpu/ranks_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_SKIPPED = 77 };

typedef struct test_run {
    const gpu_api *gpu;
    gpu_context *context;
    uint64_t seed;
    const char *kind, *id; /* NULL: all */
    double max_bytes;
    uint64_t part, parts;
    uint64_t in_reach; /* cases so far that kind, id and bytes let in */
    bool own, verbose;
    size_t passed, failed, skipped, not_written;
} test_run;

static double operand_bytes_of(const op *o) {
    operand_list list;
    operands_of(o, &list);
    double bytes = 0;
    for (size_t i = 0; i < list.count; i++)
        bytes += (double)operand_bytes(&list.at[i]);
    return bytes;
}

/* NULL when the kernel did what it should; else what is wrong. */
static const char *run_kernel(test_run *run, const op *o, case_buffers *buffers, char *text, size_t bytes,
                              double *worst) {
    const gpu_api *gpu = run->gpu;
    error err = {0};
    void *workspace = NULL;
    gpu_status code = gpu->prepare(run->context, o, NULL);
    size_t workspace_bytes = code == 0 ? gpu->workspace_bytes(o, NULL) : 0;
    if (workspace_bytes > 0 && gpu->allocate(run->context, workspace_bytes, &workspace, &err) != STATUS_OK) {
        snprintf(text, bytes, "workspace of %zu bytes: %s", workspace_bytes, err.text);
        return text;
    }
    if (code == 0)
        code = gpu->launch(run->context, o, NULL, &buffers->gpu, workspace);
    if (workspace)
        gpu->release(run->context, workspace);
    if (code != 0) {
        snprintf(text, bytes, "launch: %s (%d)", gpu->status_text(code), code);
        return text;
    }
    if (buffers_fetch(gpu, run->context, buffers, &err) != STATUS_OK) {
        snprintf(text, bytes, "%s", err.text);
        return text;
    }
    return buffers_wrong(buffers, text, bytes, worst) ? text : NULL;
}

static void report(test_run *run, const kernel_case *item, const char *shape, const char *wrong, double worst) {
    const char *kind = op_info_get(item->op.kind)->name;
    if (wrong)
        printf("FAILED: %s %s: %s\n", kind, shape, wrong);
    else if (run->verbose)
        printf("passed: %s %s: error %.2f of what is allowed%s%s\n", kind, shape, worst, item->ids ? ", " : "",
               item->ids ? item->ids : "");
    wrong ? run->failed++ : run->passed++;
    fflush(stdout);
}

/* On several GPUs; skipped, and counted, where there are fewer or no NCCL. */
static void run_exchange(test_run *run, const kernel_case *item, const char *shape, uint64_t number) {
    char text[ERROR_TEXT_BYTES + 256] = "";
    double worst = 0;
    ranks_verdict verdict = run_ranks_case(run->gpu, &item->op, run->seed + number, text, sizeof text, &worst);
    if (verdict != RANKS_SKIPPED) {
        report(run, item, shape, verdict == RANKS_FAILED ? text : NULL, worst);
        return;
    }
    run->skipped++;
    printf("skipped: %s %s: %s\n", op_info_get(item->op.kind)->name, shape, text);
}

static bool is_a_librarys(const op *o) {
    return o->kind == OP_collective ||
           (o->kind == OP_gemm && !gemm_is_weight_only(&o->as.gemm) && !gemm_ingot_is_vector(&o->as.gemm));
}

static bool is_asked_for(test_run *run, const kernel_case *item) {
    if (run->kind && strcmp(run->kind, op_info_get(item->op.kind)->name) != 0)
        return false;
    if (run->id && !kernel_case_has_id(item, run->id))
        return false;
    if (run->own && is_a_librarys(&item->op))
        return false;
    return operand_bytes_of(&item->op) <= run->max_bytes && run->in_reach++ % run->parts == run->part;
}

static void run_case(test_run *run, const kernel_case *item, uint64_t number) {
    const op *o = &item->op;
    const char *kind = op_info_get(o->kind)->name;
    if (!is_asked_for(run, item))
        return;
    char shape[256], text[ERROR_TEXT_BYTES + 256] = "";
    op_shape_text(o, shape, sizeof shape);
    ref_function *reference = ref_function_of(o->kind);
    if (!run->gpu) {
        run->skipped++;
        return;
    }
    if (!reference || !run->gpu->has_kernel(o->kind)) {
        run->not_written++;
        printf("not written: %s %s\n", kind, shape);
        return;
    }
    if (o->kind == OP_collective) {
        run_exchange(run, item, shape, number);
        return;
    }
    case_buffers buffers;
    error err = {0};
    double worst = 0;
    const char *wrong = NULL;
    if (buffers_make(run->gpu, run->context, o, item->pattern, run->seed + number, &buffers, &err) != STATUS_OK) {
        wrong = err.text;
    } else {
        reference(o, &buffers.ref);
        wrong = run_kernel(run, o, &buffers, text, sizeof text, &worst);
    }
    buffers_free(run->gpu, run->context, &buffers);
    report(run, item, shape, wrong, worst);
}

static bool parse_arguments(int argc, char **argv, test_run *run) {
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--verbose") == 0)
            run->verbose = true;
        else if (strcmp(argv[i], "--own") == 0)
            run->own = true;
        else if (strcmp(argv[i], "--seed") == 0 && more)
            run->seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--kind") == 0 && more)
            run->kind = argv[++i];
        else if (strcmp(argv[i], "--id") == 0 && more)
            run->id = argv[++i];
        else if (strcmp(argv[i], "--max-bytes") == 0 && more)
            run->max_bytes = strtod(argv[++i], NULL);
        else if (strcmp(argv[i], "--part") == 0 && more) {
            char *rest;
            run->part = strtoull(argv[++i], &rest, 10);
            run->parts = *rest == '/' ? strtoull(rest + 1, NULL, 10) : 0;
            if (run->part >= run->parts)
                return false;
        } else
            return false;
    }
    return true;
}

int main(int argc, char **argv) {
    test_run run = {.seed = (uint64_t)time(NULL), .max_bytes = 1e12, .parts = 1};
    if (!parse_arguments(argc, argv, &run)) {
        fputs("usage: kernel_test [--seed N] [--kind NAME] [--id LM-3] [--max-bytes N] [--part I/N] [--own] "
              "[--verbose]\n",
              stderr);
        return STATUS_BAD_INPUT;
    }
    error err = {0};
    gpu_device_info info;
    bool ready = gpu_load(&run.gpu, &err) == STATUS_OK && run.gpu->open(0, &run.context, &info, &err) == STATUS_OK;
    if (!ready)
        run.gpu = NULL;
    printf("kernel_test: seed %llu, %s\n", (unsigned long long)run.seed, ready ? info.name : err.text);
    uint64_t number = 0;
#define X(name)                                                                                                        \
    for (size_t i = 0; i < kernel_cases_##name().count; i++)                                                           \
        run_case(&run, &kernel_cases_##name().items[i], number++);
    KERNEL_FAMILIES(X)
#undef X
    if (run.gpu)
        run.gpu->close(run.context);
    printf("%zu passed, %zu failed, %zu skipped", run.passed, run.failed, run.skipped);
    if (run.not_written)
        printf(", %zu whose kernel or reference is not written", run.not_written);
    puts(ready ? "" : ": no GPU");
    if (run.failed > 0)
        return STATUS_NEGATIVE;
    return ready ? STATUS_OK : EXIT_SKIPPED;
}
