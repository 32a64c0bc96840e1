/* Executors: what runs a graph step by step in one memory (core/dataflow.h). The CPU reference and the GPU share it. */
#ifndef INGOT_EXECUTOR_H
#define INGOT_EXECUTOR_H

#include "core/dataflow.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Steps must be run in order: the prefill, then decode steps from 0. Calls return when the step is complete. */
typedef struct executor {
    void *self;
    status (*step)(void *self, size_t phase, int64_t step, error *err);
    /* Copies a part of the memory, by the plan's offsets, as it is after the last step. */
    status (*read)(void *self, size_t offset_bytes, size_t bytes, void *out, error *err);
    void (*close)(void *self); /* NULL is fine */
} executor;

/* The CPU reference: every operator in double, its outputs rounded to their types. The plan must outlive it. Weights
 * begin as weight_element says. STATUS_NEGATIVE when a kind has no reference. */
status ref_executor_open(const memory_plan *plan, executor *out, error *err);

#ifdef __cplusplus
}
#endif
#endif
