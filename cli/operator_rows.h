/* Operators of a recorded run as operator rows: what one took between its neighbours in a model. */
#ifndef INGOT_OPERATOR_ROWS_H
#define INGOT_OPERATOR_ROWS_H

#include "cli/trace_prediction.h"

/* CSV to stdout, a header and a row a node: its operator, the mean over its layers and steps as measured_us, method
 * in_model, source ingot. */
void operator_rows_print(const trace_comparison *c);

#endif
