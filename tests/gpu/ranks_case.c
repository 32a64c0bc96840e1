#include "tests/gpu/ranks_case.h"

#include "kernels/ref/collective.h"
#include "tests/gpu/buffers.h"

#include <stdio.h>

enum { RANKS_MAX = 8 };

/* Seeds of the ranks' inputs lie apart by more than there are cases. */
static const uint64_t SEED_APART = 1u << 20;

typedef struct ranks_run {
    int32_t ranks;
    gpu_context *contexts[RANKS_MAX];
    case_buffers buffers[RANKS_MAX];
} ranks_run;

static status exchange(const gpu_api *gpu, const op *o, uint64_t seed, ranks_run *run, error *err) {
    gpu_operands operands[RANKS_MAX];
    ref_operands exact[RANKS_MAX];
    for (int32_t r = 0; r < run->ranks; r++) {
        uint64_t own = seed + SEED_APART * (uint64_t)r;
        if (buffers_make(gpu, run->contexts[r], o, PATTERN_RANDOM, own, &run->buffers[r], err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
        operands[r] = run->buffers[r].gpu;
        exact[r] = run->buffers[r].ref;
    }
    ref_collective_ranks(o, exact);
    gpu_status code = gpu->launch_ranks(run->contexts, run->ranks, o, operands);
    if (code != 0)
        return error_set(err, STATUS_ENVIRONMENT, "launch: %s (%d)", gpu->status_text(code), code);
    for (int32_t r = 0; r < run->ranks; r++)
        if (buffers_fetch(gpu, run->contexts[r], &run->buffers[r], err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
    return STATUS_OK;
}

static bool ranks_wrong(const ranks_run *run, char *text, size_t bytes, double *worst) {
    for (int32_t r = 0; r < run->ranks; r++) {
        double own = 0;
        char what[ERROR_TEXT_BYTES] = "";
        if (buffers_wrong(&run->buffers[r], what, sizeof what, &own)) {
            snprintf(text, bytes, "rank %d: %s", r, what);
            return true;
        }
        *worst = own > *worst ? own : *worst;
    }
    return false;
}

ranks_verdict run_ranks_case(const gpu_api *gpu, const op *o, uint64_t seed, char *text, size_t bytes, double *worst) {
    ranks_run run = {.ranks = (int32_t)o->as.collective.ranks};
    error err = {0};
    *worst = 0;
    if (run.ranks > RANKS_MAX || gpu->ranks_open(run.ranks, run.contexts, &err) != STATUS_OK) {
        snprintf(text, bytes, "%s", run.ranks > RANKS_MAX ? "more ranks than this test has room for" : err.text);
        return RANKS_SKIPPED;
    }
    ranks_verdict verdict = RANKS_PASSED;
    if (exchange(gpu, o, seed, &run, &err) != STATUS_OK) {
        snprintf(text, bytes, "%s", err.text);
        verdict = RANKS_FAILED;
    } else if (ranks_wrong(&run, text, bytes, worst)) {
        verdict = RANKS_FAILED;
    }
    for (int32_t r = 0; r < run.ranks; r++)
        buffers_free(gpu, run.contexts[r], &run.buffers[r]);
    for (int32_t r = 0; r < run.ranks; r++)
        gpu->close(run.contexts[r]);
    return verdict;
}
