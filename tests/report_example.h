/* A made-up report input, with every section filled: for the tests, and to look at the page. None of the numbers
 * means anything. */
#ifndef INGOT_REPORT_EXAMPLE_H
#define INGOT_REPORT_EXAMPLE_H

#include "reports/cloud.h"
#include "reports/report.h"

#include <math.h>
#include <stdlib.h>

enum {
    EXAMPLE_SETS = 5,
    EXAMPLE_FRONT = 40,
    EXAMPLE_BARS = 8,
    EXAMPLE_KNOBS = 4,
    EXAMPLE_STRIPS = 3,
    EXAMPLE_CELLS = 128,
    EXAMPLE_PAIRS = 6
};

typedef struct report_example {
    report_input input;
    report_cloud cloud;
    report_design base, front[EXAMPLE_FRONT];
    report_bar bars[EXAMPLE_BARS];
    report_elasticity elasticities[EXAMPLE_KNOBS * 3];
    report_strip strips[EXAMPLE_STRIPS];
    double shares[EXAMPLE_STRIPS][EXAMPLE_CELLS][CATEGORY_COUNT];
    double interactions[EXAMPLE_PAIRS * EXAMPLE_KNOBS];
} report_example;

static inline double example_random(void) {
    return rand() / (double)RAND_MAX;
}

static inline void example_designs(report_example *e, const char *const *lever_sets) {
    static const double SPEED[EXAMPLE_SETS] = {9.1, 7.2, 3.4, 2.6, 1.5};
    srand(1);
    for (int i = 0; i < 30000; i++) {
        size_t set = (size_t)(i % EXAMPLE_SETS);
        double area = 0.7 + 0.8 * example_random(), memory = 0.6 + 1.4 * example_random();
        double latency_s = SPEED[set] * (0.35 + 0.5 / memory + 0.15 / area);
        double energy_j = 180 * latency_s * (0.6 + 0.5 * area) + 600 * memory;
        report_cloud_add(&e->cloud, &(report_point){latency_s, energy_j, set});
    }
    for (int i = 0; i < EXAMPLE_FRONT; i++) {
        double t = i / (EXAMPLE_FRONT - 1.0);
        size_t set = i < 30 ? 4 : 3;
        e->front[i] = (report_design){
            .levers = lever_sets[set],
            .lever_set = set,
            .knobs = {4.8e12 * (2 - 1.4 * t), 132 + 4 * round(16 * (1 - t)), 52428800, 3.3e-6 * (0.25 + t)},
            .latency_s = SPEED[set] * (0.60 + 0.5 * t),
            .tpot_s = 0.0061 * (1 + t),
            .energy_j = 1500 - 850 * sqrt(t),
            .area_m2 = (1100 - 400 * t) * 1e-6,
            .cost_usd = 5200 - 2900 * t,
            .peak_memory_bytes = 69.4e9 + 1e6 * i,
            .idle_frac = 0.031 + 0.001 * i,
            .latency_low_s = 0.9 * SPEED[set] * (0.60 + 0.5 * t),
            .latency_high_s = 1.15 * SPEED[set] * (0.60 + 0.5 * t),
        };
    }
    e->base = (report_design){
        .name = "h200-sxm",
        .levers = lever_sets[2],
        .lever_set = 2,
        .knobs = {4.8e12, 132, 52428800, 3.3e-6},
        .latency_s = 3.41,
        .tpot_s = 0.0187,
        .energy_j = 1234.5,
        .area_m2 = 814e-6,
        .cost_usd = NAN,
        .peak_memory_bytes = 69.4e9,
        .idle_frac = 0.083,
    };
}

static inline void example_bars(report_example *e) {
    static const char *const LABELS[EXAMPLE_BARS] = {
        "h200-sxm, baseline",
        "h200-sxm, sdpa",
        "h200-sxm, compile",
        "h200-sxm, autoquant",
        "h200-sxm, all levers together, with a name that is far too long for a narrow screen to show in one line",
        "front: fastest",
        "front: least energy",
        "front: <script>alert(\"cheapest\")</script>",
    };
    static const double TIMES[EXAMPLE_BARS] = {9.1, 7.2, 3.4, 2.6, 1.5, 0.9, 1.75, 1.4};
    static const double IDLE[EXAMPLE_BARS] = {0.61, 0.55, 0.06, 0.07, 0.03, 0.02, 0.02, 0.03};
    static const double SHARES[CATEGORY_COUNT] = {0.66, 0.12, 0.07, 0.03, 0.01, 0.04, 0.03, 0.04, 0};
    for (int i = 0; i < EXAMPLE_BARS; i++) {
        e->bars[i].label = LABELS[i];
        for (int j = 0; j < CATEGORY_COUNT; j++)
            e->bars[i].category_s[j] = TIMES[i] * (1 - IDLE[i]) * SHARES[j];
        e->bars[i].category_s[CATEGORY_IDLE] = TIMES[i] * IDLE[i];
    }
}

static inline void example_elasticities(report_example *e) {
    static const double VALUES[EXAMPLE_KNOBS][3] = {
        {-0.31, -0.74, -0.81}, {-0.05, -0.17, -0.12}, {-0.004, -0.011, -0.02}, {0.41, 0.03, 0.008}};
    static const double LOW[] = {2.4e12, 66, 26214400, 8e-7}, HIGH[] = {9.6e12, 264, 209715200, 6.6e-6};
    for (int i = 0; i < EXAMPLE_KNOBS * 3; i++) {
        int knob = i / 3, set = 2 * (i % 3);
        e->elasticities[i] = (report_elasticity){
            .lever_set = (size_t)set,
            .objective = "latency",
            .knob = e->input.knob_keys[knob],
            .elasticity = VALUES[knob][i % 3],
            .low = LOW[knob],
            .high = HIGH[knob],
            .effect = pow(HIGH[knob] / LOW[knob], VALUES[knob][i % 3]) - 1,
        };
    }
}

static inline void example_steps(report_example *e) {
    static const char *const LABELS[EXAMPLE_STRIPS] = {"baseline, prefill", "baseline, decode", "compile, decode"};
    for (int i = 0; i < EXAMPLE_STRIPS; i++) {
        e->strips[i] = (report_strip){LABELS[i], 0.021 * (i + 1), EXAMPLE_CELLS, e->shares[i]};
        for (int cell = 0; cell < EXAMPLE_CELLS; cell++) {
            double idle = i == 2 ? 0.02 : 0.5 + 0.3 * sin(cell);
            e->shares[i][cell][CATEGORY_IDLE] = idle;
            e->shares[i][cell][CATEGORY_LINEAR] = (1 - idle) * 0.7;
            e->shares[i][cell][CATEGORY_ATTENTION] = (1 - idle) * 0.3;
        }
    }
    e->input.strips = e->strips;
    e->input.strip_count = EXAMPLE_STRIPS;
}

static inline void example_interactions(report_example *e) {
    static const char *const ROWS[EXAMPLE_PAIRS] = {"sm.count", "l2",      "host.launch",
                                                    "sdpa",     "compile", "all & <everything>"};
    static const char *const COLUMNS[EXAMPLE_KNOBS] = {"hbm.bandwidth", "sm.count", "l2", "host.launch"};
    for (int i = 0; i < EXAMPLE_PAIRS * EXAMPLE_KNOBS; i++)
        e->interactions[i] = i % 5 == 1 ? NAN : 0.17 * sin(i);
    e->input.interactions =
        (report_interactions){ROWS, COLUMNS, EXAMPLE_PAIRS, EXAMPLE_KNOBS, e->interactions, "Made up."};
}

static inline report_example *report_example_make(void) {
    static const char *const LEVERS[EXAMPLE_SETS] = {"baseline", "sdpa", "compile", "autoquant", "all & <everything>"};
    static const char *const ANSWER[] = {
        "HBM bandwidth matters most: 10 % more of it gives 7.4 % less latency under compile.",
        "The fastest design on the front takes 900 ms, 3.79 times faster than the base machine.",
        "Levers are worth more than hardware: compile alone is worth 2.68 times, the best hardware 1.66 times.",
        "40 of 30,000 designs are on the front of latency, energy and cost.",
        "The model's error on these operators is 9.3 % on average (measured on an H200).",
    };
    static const report_ceiling CEILINGS[] = {
        {"fp8 tensor", 1.979e15, 0}, {"bf16 tensor", 9.89e14, 0}, {"HBM", 0, 4.8e12}, {"L2", 0, 1.1e13}};
    static const report_operator OPERATORS[] = {
        {"qkv", CATEGORY_LINEAR, 96000, 2.1e12, 1.05e12, 0.61, "hbm"},
        {"gate_up", CATEGORY_LINEAR, 96000, 7.2e12, 3.6e12, 1.12, "hbm"},
        {"down", CATEGORY_LINEAR, 96000, 3.6e12, 1.8e12, 0.58, "hbm"},
        {"prefill gate_up", CATEGORY_LINEAR, 48, 6.9e12, 3.1e10, 0.0093, "compute"},
        {"attention", CATEGORY_ATTENTION, 96000, 4.4e11, 2.3e11, 0.32, "latency"},
        {"rmsnorm", CATEGORY_NORM, 192000, 5e9, 3e9, 0.21, "launch"},
        {"rope", CATEGORY_EMBEDDING, 96000, 1.5e9, 2.2e9, 0.09, "launch"},
        {"kv append", CATEGORY_COPY, 96000, 0, 1.1e9, 0.08, "launch"},
        {"lm_head", CATEGORY_LINEAR, 2000, 1.1e12, 5.3e11, 0.13, "hbm"},
    };
    static const report_score SCORES[] = {
        {"gemm bf16", {1204, 0.093, 0.071, -0.012, 0.21, 0.94, NAN, NAN, 0}},
        {"gemm fp8", {811, 0.131, 0.101, 0.034, 0.28, 0.91, NAN, NAN, 0}},
        {"attention", {640, 0.157, 0.122, -0.02, 0.33, 0.89, NAN, NAN, 0}},
    };
    static const report_step STEPS[] = {
        {"eager decode, batch 1, prompt 154", 6.1896e-3, 6.51e-3, 28.6676e-3, NAN, 1663, 1648, true},
        {"compile decode, batch 1, prompt 154", 3.9e-3, 3.81e-3, 4.11e-3, 4.02e-3, 312, 301, false},
    };
    static const report_assumption ASSUMPTIONS[] = {
        {"HBM3e moves 4.8 TB/s at its pin rate.", "made-up data sheet, table 3"},
        {"A wafer costs 16,000 dollars.", "made-up estimate"},
        {"The host needs 7 µs for an eager operator.", NULL},
    };
    static const report_memory MEMORIES[] = {
        {"h200-sxm, baseline", 67.5e9, 2.1e9, 0.4e9, 1.1e9, 141e9},
        {"h200-sxm, all & <everything>", 17.5e9, 2.1e9, 0.2e9, 1.1e9, 141e9},
    };
    static const report_ladder LADDERS[] = {
        {"codellama-34b/humaneval", {1, 1.02, 1.16, 2.1, 2.6}, {1, 1.01, 1.24, NAN, NAN}},
        {"hstu/h-a", {1, 1.5, 1.6, NAN, 9.9}, {1, 2.2, NAN, NAN, NAN}},
    };
    report_example *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    example_designs(e, LEVERS);
    example_bars(e);
    e->input = (report_input){
        .title = "H200 variants for Code Llama 34B",
        .notice = "Example: every number on this page is made up.",
        .question = "Which change to an H200 makes Code Llama 34B on HumanEval fastest, and what does it cost?",
        .answer = ANSWER,
        .answer_count = sizeof ANSWER / sizeof ANSWER[0],
        .date = "2025-01-31",
        .version = "0.1.0",
        .command = "ingot sweep configs/sweeps/h200-variants.yaml --store h200.db && \\\n"
                   "  ingot report h200.db -o \"report <1>.html\"",
        .knob_count = EXAMPLE_KNOBS,
        .knob_keys = {"hbm.bandwidth_bytes_per_s", "sm.count", "l2.bytes", "host.launch_s"},
        .lever_sets = LEVERS,
        .lever_set_count = EXAMPLE_SETS,
        .objectives = "latency, energy and cost",
        .base = &e->base,
        .front = e->front,
        .front_count = EXAMPLE_FRONT,
        .points = e->cloud.points,
        .point_count = e->cloud.count,
        .feasible_count = 30000,
        .infeasible_count = 412,
        .infeasible_reason = "needs 151 GB, has 141 GB",
        .bars = e->bars,
        .bar_count = EXAMPLE_BARS,
        .memories = MEMORIES,
        .memory_count = sizeof MEMORIES / sizeof MEMORIES[0],
        .ladders = LADDERS,
        .ladder_count = sizeof LADDERS / sizeof LADDERS[0],
        .roofline_machine = "h200-sxm, codellama-34b/humaneval, compile",
        .ceilings = CEILINGS,
        .ceiling_count = sizeof CEILINGS / sizeof CEILINGS[0],
        .operators = OPERATORS,
        .operator_count = sizeof OPERATORS / sizeof OPERATORS[0],
        .elasticities = e->elasticities,
        .elasticity_count = EXAMPLE_KNOBS * 3,
        .scores = SCORES,
        .score_count = sizeof SCORES / sizeof SCORES[0],
        .steps = STEPS,
        .step_count = sizeof STEPS / sizeof STEPS[0],
        .validation_date = "2025-01-30",
        .validation_data = "made-up rows",
        .assumptions = ASSUMPTIONS,
        .assumption_count = sizeof ASSUMPTIONS / sizeof ASSUMPTIONS[0],
    };
    example_elasticities(e);
    example_steps(e);
    example_interactions(e);
    return e;
}

static inline void report_example_free(report_example *e) {
    report_cloud_free(&e->cloud);
    free(e);
}

#endif
