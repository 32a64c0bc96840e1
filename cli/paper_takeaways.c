#include "cli/paper_takeaways.h"

#include "core/base/units.h"

#include <math.h>
#include <string.h>

static paper_takeaway *take(paper_takeaways *out, const char *text) {
    paper_takeaway *t = &out->items[out->count++];
    t->text = text;
    return t;
}

static const char *seconds(arena *a, double value) {
    return arena_strdup(a, unit_format(UNIT_SECONDS, value).text);
}

static size_t task_place(const paper *p, const char *task_name) {
    size_t i = 0;
    while (i < p->task_count && strcmp(p->tasks[i], task_name) != 0)
        i++;
    return i;
}

static const paper_run *run_of(const paper *p, const char *task_name, const char *preset) {
    size_t i = task_place(p, task_name), j = paper_preset(p, preset);
    return i < p->task_count && j < p->preset_count && !p->a100[i][j].reason ? &p->a100[i][j] : NULL;
}

/* ---- ranges of gains ---- */

typedef struct gain_range {
    double low, high, log_sum;
    size_t count;
} gain_range;

static const gain_range NO_GAINS = {INFINITY, -INFINITY, 0, 0};

static void widen(gain_range *r, double gain) {
    if (!isfinite(gain))
        return;
    r->low = fmin(r->low, gain);
    r->high = fmax(r->high, gain);
    r->log_sum += log(gain);
    r->count++;
}

static const char *range_text(arena *a, const gain_range *r) {
    return r->count == 0 ? "none" : arena_printf(a, "%.2f to %.2f", r->low, r->high);
}

static double mean_of(const gain_range *r) {
    return r->count > 0 ? exp(r->log_sum / (double)r->count) : NAN;
}

/* Published gains and their predictions, of tasks whose name holds `part`; batch 1, or larger ones only. */
static void gains_of(const paper *p, const char *lever_set, const char *over, const char *part, bool large,
                     gain_range *predicted, gain_range *published) {
    for (size_t i = 0; i < p->levers.speedup_count; i++) {
        const sweep_speedup *s = &p->levers.speedups[i];
        if (strcmp(s->levers, lever_set) != 0 || strcmp(s->over, over) != 0 || !strstr(s->workload, part) ||
            (s->batch > 1) != large || !isfinite(s->published) || !isfinite(s->predicted))
            continue;
        widen(predicted, s->predicted);
        widen(published, s->published);
    }
}

/* ---- the takeaways ---- */

static void decode_steps(arena *a, const paper *p, paper_takeaways *out) {
    const paper_run *image = run_of(p, "chameleon-34b/t-i", "sdpa"), *caption = run_of(p, "chameleon-34b/i-t", "sdpa"),
                    *answer = run_of(p, "chameleon-34b/it-t", "sdpa");
    if (!image || !caption || !answer)
        return;
    paper_takeaway *t = take(out, "The number of decode steps, not the length of the input, sets the latency.");
    t->predicted =
        arena_printf(a,
                     "Chameleon 34B: an image from text takes %s, a caption %s, an answer %s; decoding is "
                     "%.0f %%, %.0f %% and %.0f %% of it.",
                     seconds(a, image->latency_s), seconds(a, caption->latency_s), seconds(a, answer->latency_s),
                     100 * image->decode_frac, 100 * caption->decode_frac, 100 * answer->decode_frac);
    t->published = "1,024 decode steps of two forwards each, 30 and 10; prompts of 14, 1,030 and 1,040 tokens.";
    t->holds = image->latency_s > caption->latency_s && caption->latency_s > answer->latency_s;
}

static void launch_bound(arena *a, const paper *p, paper_takeaways *out) {
    gain_range small[2] = {NO_GAINS, NO_GAINS}, large[2] = {NO_GAINS, NO_GAINS};
    gains_of(p, "compile", "sdpa", "-7b/", false, &small[0], &small[1]);
    gains_of(p, "compile", "sdpa", "seamless", false, &small[0], &small[1]);
    gains_of(p, "compile", "sdpa", "-34b/", false, &large[0], &large[1]);
    paper_takeaway *t =
        take(out, "At batch 1 small models wait for the host: capturing graphs pays there, not at 34B.");
    t->predicted = arena_printf(a, "Compiled over fused attention: 7B and Seamless %s times, 34B %s.",
                                range_text(a, &small[0]), range_text(a, &large[0]));
    t->published =
        arena_printf(a, "7B and Seamless %s times, 34B %s.", range_text(a, &small[1]), range_text(a, &large[1]));
    t->holds = small[0].low > large[0].high;
}

static status profiled_idle(arena *a, const paper *p, paper_takeaways *out) {
    gain_range profiled = NO_GAINS, plain = NO_GAINS, published = NO_GAINS;
    bool holds = true;
    for (size_t i = 0; i < p->task_count; i++) {
        const paper_run *run = run_of(p, p->tasks[i], "sdpa"), *slow = &p->profiled[i];
        double known = paper_published(p, "profile_share", p->tasks[i], 1, "sdpa", "idle");
        if (!run || slow->reason || isnan(known))
            continue;
        double idle = run->category_s[CATEGORY_IDLE] / run->latency_s;
        double slow_idle = slow->category_s[CATEGORY_IDLE] / slow->latency_s;
        widen(&plain, idle);
        widen(&profiled, slow_idle);
        widen(&published, known);
        holds = holds && slow_idle > idle;
    }
    paper_takeaway *t = take(out, "The GPU idles for much of the time at batch 1, and a profiler exaggerates it.");
    t->predicted =
        arena_printf(a, "Idle %.0f to %.0f %% of the time unprofiled, %.0f to %.0f %% under a profiler (%zu tasks).",
                     100 * plain.low, 100 * plain.high, 100 * profiled.low, 100 * profiled.high, plain.count);
    t->published = arena_printf(a, "%.0f to %.0f %% under a profiler; not published otherwise.", 100 * published.low,
                                100 * published.high);
    t->holds = holds;
    return STATUS_OK;
}

static status beam_search(arena *a, const paper *p, paper_takeaways *out, error *err) {
    static const struct {
        const char *task;
        int64_t batch;
    } LARGE[] = {{"seamless-m4t-v2/s-s", 128},
                 {"seamless-m4t-v2/s-t", 128},
                 {"seamless-m4t-v2/t-s", 384},
                 {"seamless-m4t-v2/t-t", 384}};
    gain_range predicted = NO_GAINS, published = NO_GAINS;
    bool holds = true;
    for (size_t i = 0; i < sizeof LARGE / sizeof LARGE[0]; i++) {
        paper_run run;
        status result =
            paper_predict(a, PAPER_A100, LARGE[i].task, "sdpa", PAPER_PROFILED_HOST, LARGE[i].batch, &run, err);
        if (result != STATUS_OK)
            return result;
        if (run.reason)
            continue;
        widen(&predicted, run.category_s[CATEGORY_KV_REORDER] / run.latency_s);
        widen(&published, paper_published(p, "profile_share", LARGE[i].task, LARGE[i].batch, "sdpa", "kv_reorder"));
        for (int c = 0; c < CATEGORY_IDLE; c++)
            holds = holds && run.category_s[c] <= run.category_s[CATEGORY_KV_REORDER];
    }
    paper_takeaway *t = take(out, "Beam search makes the reordering of caches the largest operator of large batches.");
    t->predicted = arena_printf(a, "Seamless at batch 128 and 384: %.0f to %.0f %% of the profiled time.",
                                100 * predicted.low, 100 * predicted.high);
    t->published = arena_printf(a, "%.0f to %.0f %%.", 100 * published.low, 100 * published.high);
    t->holds = holds;
    return STATUS_OK;
}

static status recommender(arena *a, const paper *p, paper_takeaways *out, error *err) {
    double share[2], known[2];
    const int64_t batches[] = {1, 32};
    for (int i = 0; i < 2; i++) {
        paper_run run;
        status result =
            paper_predict(a, PAPER_A100, "hstu/h-a", "baseline", PAPER_PROFILED_HOST, batches[i], &run, err);
        if (result != STATUS_OK)
            return result;
        share[i] = run.reason ? NAN : run.category_s[CATEGORY_ATTENTION] / run.latency_s;
        known[i] = paper_published(p, "profile_share", "hstu/h-a", batches[i], "baseline", "attention");
    }
    const sweep_speedup *one = paper_speedup(p, "hstu/h-a", 1, "sdpa", "baseline");
    const sweep_speedup *many = paper_speedup(p, "hstu/h-a", 32, "sdpa", "baseline");
    if (!one || !many)
        return STATUS_OK;
    paper_takeaway *t =
        take(out, "The recommender is bound by its attention, and fusing it pays more the larger the batch.");
    t->predicted =
        arena_printf(a,
                     "Attention is %.0f %% of the profiled time at batch 1 and %.0f %% at 32; fused %.1f and "
                     "%.1f times as fast.",
                     100 * share[0], 100 * share[1], one->predicted, many->predicted);
    t->published = arena_printf(a, "%.0f and %.0f %%; %.1f and %.1f times.", 100 * known[0], 100 * known[1],
                                one->published, many->published);
    t->holds = share[1] > share[0] && many->predicted > one->predicted;
    return STATUS_OK;
}

static void fused_attention(arena *a, const paper *p, paper_takeaways *out) {
    gain_range one[2] = {NO_GAINS, NO_GAINS}, many[2] = {NO_GAINS, NO_GAINS};
    gains_of(p, "sdpa", "baseline", "chameleon", false, &one[0], &one[1]);
    gains_of(p, "sdpa", "baseline", "chameleon", true, &many[0], &many[1]);
    paper_takeaway *t =
        take(out, "Fused attention gains little at batch 1 and much at large batches with long prompts.");
    t->predicted = arena_printf(a, "Chameleon: %s times at batch 1, %s at large batches.", range_text(a, &one[0]),
                                range_text(a, &many[0]));
    t->published = arena_printf(a, "%s and %s.", range_text(a, &one[1]), range_text(a, &many[1]));
    t->holds = mean_of(&many[0]) > mean_of(&one[0]);
}

/* Autoquant over compiled: the ratio of two published ratios. */
static void quantised_over_compiled(const paper *p, const char *part, gain_range *predicted, gain_range *published) {
    for (size_t i = 0; i < p->task_count; i++) {
        const sweep_speedup *quantised = paper_speedup(p, p->tasks[i], 1, "autoquant", "sdpa");
        const sweep_speedup *compiled = paper_speedup(p, p->tasks[i], 1, "compile", "sdpa");
        if (!strstr(p->tasks[i], part) || !quantised || !compiled)
            continue;
        widen(predicted, quantised->predicted / compiled->predicted);
        widen(published, quantised->published / compiled->published);
    }
}

static void quantisation(arena *a, const paper *p, paper_takeaways *out) {
    gain_range large[2] = {NO_GAINS, NO_GAINS}, small[2] = {NO_GAINS, NO_GAINS};
    quantised_over_compiled(p, "-34b/", &large[0], &large[1]);
    quantised_over_compiled(p, "-7b/", &small[0], &small[1]);
    paper_takeaway *t = take(out, "Narrower weights pay where reading weights dominates: at 34B more than at 7B.");
    t->predicted = arena_printf(a, "Autoquant over compiled at batch 1: 34B %s times, 7B %s.", range_text(a, &large[0]),
                                range_text(a, &small[0]));
    t->published = arena_printf(a, "34B %s times, 7B %s.", range_text(a, &large[1]), range_text(a, &small[1]));
    t->holds = mean_of(&large[0]) > mean_of(&small[0]);
}

status paper_takeaways_of(arena *a, const paper *p, paper_takeaways *out, error *err) {
    *out = (paper_takeaways){0};
    decode_steps(a, p, out);
    status result = profiled_idle(a, p, out);
    launch_bound(a, p, out);
    if (result == STATUS_OK)
        result = beam_search(a, p, out, err);
    if (result == STATUS_OK)
        result = recommender(a, p, out, err);
    fused_attention(a, p, out);
    quantisation(a, p, out);
    return result;
}
