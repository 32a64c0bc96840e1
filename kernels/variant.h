/* Real variants of one GPU: fewer SMs, less L2, less bandwidth. The functions of the table in gpu.h, and what the
 * measuring files call around each measured run. */
#ifndef INGOT_VARIANT_H
#define INGOT_VARIANT_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

status variant_begin(gpu_context *context, const gpu_variant *wanted, gpu_variant_actual *actual, error *err);
void variant_free(struct variant_state *variant); /* NULL is fine */

/* Around each measured run, everything that it launches having run once before: a kernel that holds the GPU while code
 * is loaded would wait for ever. Nothing happens without a background stream. */
status variant_run_begins(gpu_context *context, error *err);
void variant_run_ends(gpu_context *context);

#ifdef __cplusplus
}
#endif
#endif
