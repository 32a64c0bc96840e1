/* Element types in memory and as doubles: how tensors are stored (core/operands.h), bit for bit. */
#ifndef INGOT_ENCODE_H
#define INGOT_ENCODE_H

#include "core/operands.h"

/* Rounds to nearest, ties to even; fp8 is E4M3 and saturates at 448, int8 and int4 at the ends of their range. */
uint32_t encode_element(data_type type, double value);
double decode_element(data_type type, uint32_t bits);

/* The value as the type holds it. */
double round_to_type(data_type type, double value);

/* One row of `cols` elements; int4 lies two a byte, the even column in the low half. */
void encode_row(data_type type, const double *values, int64_t cols, void *row);
void decode_row(data_type type, const void *row, int64_t cols, double *values);

/* A whole contiguous operand; int32 for indices. */
void encode_operand(const operand *item, const double *values, void *bytes);
void decode_operand(const operand *item, const void *bytes, double *values);

/* Largest magnitude that the type's integers take: 127 and 7; 0 for other types. Scales divide by it. */
double largest_level(data_type type);

#endif
