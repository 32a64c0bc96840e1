/* What most commands begin with: options for machine, workload, levers and host, and everything loaded from them. */
#ifndef INGOT_SETUP_H
#define INGOT_SETUP_H

#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "workloads/workload.h"

enum { SETUP_OVERRIDES_MAX = 64 };

typedef struct setup_options {
    const char *machine, *workload, *host, *engine;
    const char *preset;                                 /* may carry settings: "compile weights=int8" */
    const char *machine_overrides[SETUP_OVERRIDES_MAX]; /* --override key=value */
    const char *lever_overrides[SETUP_OVERRIDES_MAX];   /* --set key=value */
    size_t machine_override_count, lever_override_count;
    const char *lengths[SETUP_OVERRIDES_MAX]; /* --length name=value */
    size_t length_count;
    const char *scenario; /* a scenario file instead of one drawn from the request; NULL: none */
    workload_request request;
    bool exact_steps;
    const char *thermal; /* as power.h names modes; NULL: by the duration */
    double zeros_frac;
} setup_options;

typedef struct setup {
    machine machine;
    calibration calibration;
    machine_block block; /* lane 0 is the machine */
    host_profile host;
    workload workload;
    levers levers;
    workload_request request; /* with the lengths that options fix */
    scenario scenario;
    graph graph;
    engine_options options;
    hbm_efficiency memory[MACHINE_LANES]; /* of the machine, for the event engine */
} setup;

/* Loads everything that the options name; text and graphs are owned by the arena. */
status setup_load(arena *a, const setup_options *o, setup *out, error *err);

/* The whole request with another cost of a framework call. */
status setup_run_with_call(arena *a, const setup *s, double call_s, engine_result *out, error *err);

#endif
