/* What the list of levers promises, on each of the fifteen tasks that a lever applies to: less time or less memory, or
 * nothing at all. A lever that does not apply must say so. */
#include "tests/lever_fixture.h"

static const char *const tasks[] = {
    "codellama-7b/humaneval", "codellama-7b/mbpp",   "codellama-34b/humaneval",
    "codellama-34b/mbpp",     "chameleon-7b/i-t",    "chameleon-7b/it-t",
    "chameleon-7b/t-i",       "chameleon-34b/i-t",   "chameleon-34b/it-t",
    "chameleon-34b/t-i",      "seamless-m4t-v2/s-s", "seamless-m4t-v2/s-t",
    "seamless-m4t-v2/t-s",    "seamless-m4t-v2/t-t", "hstu/h-a",
};
enum { TASKS = sizeof tasks / sizeof tasks[0] };
/* Bits of a set of tasks, in the order above. */
enum {
    CODE = 0xf,
    CHAMELEON = 0x3f << 4,
    GUIDED = 1 << 6 | 1 << 9,
    SPEECH = 0xf << 10,
    HSTU = 1 << 14,
    DECODERS = CODE | CHAMELEON,
    ALL = DECODERS | SPEECH | HSTU
};

typedef struct outcome {
    bool applies;
    double latency_s, memory_bytes;
} outcome;

static outcome outcome_of(const char *name, const char *text) {
    lever_fixture f = {0};
    error err = {0};
    workload_request request = {.batch = 1, .decode_steps = -1, .statistic = "mean", .seed = 1};
    status result = lever_try(&f, name, text, request, &err);
    outcome out = {.applies = result == STATUS_OK};
    if (result == STATUS_OK) {
        engine_result r = lever_run(&f, "h200-sxm");
        out.latency_s = r.latency_s[0];
        out.memory_bytes = r.memory_bytes[0];
    } else {
        cr_expect_eq(result, STATUS_NEGATIVE, "%s, %s: %s", name, text, err.text);
        cr_expect(strncmp(err.text, "not applicable: ", 16) == 0, "%s, %s: %s", name, text, err.text);
    }
    arena_free(&f.memory);
    return out;
}

typedef enum direction { ANY, LESS, EQUAL } direction;

typedef struct promise {
    const char *before, *after;
    direction time, memory;
    unsigned on;      /* tasks that it holds on; the lever refuses others ... */
    unsigned nothing; /* ... or changes nothing there */
} promise;

static const promise promises[] = {
    {"compile attention=naive", "compile", LESS, ANY, ALL, 0},
    {"compile flavour=ingot fuse=none", "compile flavour=ingot", LESS, ANY, DECODERS | HSTU, SPEECH},
    {"compile flavour=ingot", "compile flavour=ingot fuse=maximal", EQUAL, EQUAL, ALL, 0},
    {"compile", "compile weights=int8", LESS, LESS, DECODERS, 0},
    {"compile weights=int8", "compile weights=int4", LESS, LESS, DECODERS, 0},
    {"compile weights=int8", "compile weights=int4", LESS, LESS, SPEECH, 0},
    {"compile", "compile weights=int8", ANY, LESS, ALL, 0},
    {"compile", "compile weights=fp16", EQUAL, EQUAL, DECODERS | HSTU, 0},
    {"compile", "compile weights=autoquant", LESS, LESS, ALL, 0},
    {"compile flavour=ingot", "compile flavour=ingot kv_dtype=int8", ANY, LESS, DECODERS, 0},
    {"compile flavour=ingot kv_dtype=int8", "compile flavour=ingot kv_dtype=int4", ANY, LESS, DECODERS, 0},
    {"compile flavour=ingot", "compile flavour=ingot kv_keep=window(4,28)", LESS, LESS, DECODERS, 0},
    {"compile flavour=ingot", "compile flavour=ingot kv_cache=paged", ANY, ANY, DECODERS, 0},
    {"compile speculate=layerskip(4,4,0.5)", "compile speculate=layerskip(4,4,0.9)", LESS, EQUAL, CODE, 0},
    {"compile speculate=draft(codellama-7b,4,0.5)", "compile speculate=draft(codellama-7b,4,0.9)", LESS, EQUAL, CODE,
     0},
    {"compile speculate=draft(codellama-7b,4,0.9)", "compile", ANY, LESS, CODE, 0},
    {"compile tp=2", "compile tp=4", LESS, LESS, CODE, 0},
    {"compile pp=2", "compile pp=4", ANY, LESS, CODE, 0},
    {"compile pp=2", "compile", LESS, ANY, CODE, 0},
    {"sdpa", "sdpa streams=2", LESS, EQUAL, CODE, 0},
    {"compile cfg_mode=sequential_2x", "compile cfg_mode=batched_3x", LESS, ANY, GUIDED, ALL & ~GUIDED},
    {"compile cfg_mode=batched_3x", "compile cfg_mode=none", LESS, LESS, GUIDED, ALL & ~GUIDED},
    {"compile beam_reorder=copy", "compile beam_reorder=indirect", LESS, ANY, SPEECH, ALL & ~SPEECH},
    {"compile", "compile speculate=auto", LESS, ANY, CODE, ALL & ~CODE},
    {"sdpa flavour=fairseq2", "compile flavour=ingot", LESS, ANY, SPEECH, 0},
    {"sdpa flavour=meta kv_cache=static", "compile flavour=ingot", LESS, ANY, CHAMELEON, 0},
    {"baseline", "all", LESS, ANY, ALL, 0},
};

static void expect_direction(const char *task_name, const promise *p, const char *what, direction way, double before,
                             double after) {
    if (way == LESS)
        cr_expect_lt(after, before * (1 - 1e-9), "%s: %s from '%s' to '%s': %g, then %g", task_name, what, p->before,
                     p->after, before, after);
    else if (way == EQUAL)
        cr_expect_float_eq(after, before, 1e-9 * before, "%s: %s from '%s' to '%s': %g, then %g", task_name, what,
                           p->before, p->after, before, after);
}

Test(lever_directions, each_task_follows_what_levers_promise) {
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        const promise *p = &promises[i];
        for (size_t t = 0; t < TASKS; t++) {
            bool holds = p->on >> t & 1, nothing = p->nothing >> t & 1;
            outcome before = outcome_of(tasks[t], p->before), after = outcome_of(tasks[t], p->after);
            if (!before.applies || !after.applies) {
                cr_expect(!holds && !nothing, "%s refuses '%s' or '%s'", tasks[t], p->before, p->after);
                continue;
            }
            expect_direction(tasks[t], p, "time",
                             holds     ? p->time
                             : nothing ? EQUAL
                                       : ANY,
                             before.latency_s, after.latency_s);
            expect_direction(tasks[t], p, "memory",
                             holds     ? p->memory
                             : nothing ? EQUAL
                                       : ANY,
                             before.memory_bytes, after.memory_bytes);
        }
    }
}
