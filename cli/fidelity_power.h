/* What the files that print board power share. */
#ifndef INGOT_FIDELITY_POWER_H
#define INGOT_FIDELITY_POWER_H

#include "core/base/csv.h"
#include "core/machine.h"

/* One quantity beside its measurement; the latter NaN where there is none. `set`: in place of a verdict, or NULL. */
void power_beside(double measured, double predicted, double unit, double bar, const char *set);

/* One row of a file: its columns, in the order in which they were asked for. */
typedef status power_row(const csv_reader *r, const csv_row *row, const int *columns, const machine_block *block,
                         error *err);

/* Steps of models that our executor repeated for seconds on one H100 each; they set nothing. */
enum { STEP_POWER_COLUMNS = 8 };
extern const char *const step_power_columns[STEP_POWER_COLUMNS];
power_row step_power_line;

#endif
