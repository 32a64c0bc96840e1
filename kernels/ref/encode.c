#include "kernels/ref/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A binary floating-point format narrower than double. */
typedef struct float_format {
    int mantissa_bits, exponent_bits;
    double largest; /* finite */
    bool has_infinity;
} float_format;

static float_format format_of(data_type type) {
    switch (type) {
    case DTYPE_fp16:
        return (float_format){10, 5, 65504, true};
    case DTYPE_bf16:
        return (float_format){7, 8, 0x1.fep127, true};
    case DTYPE_fp8: /* E4M3: no infinity, the largest exponent holds numbers up to 448 */
        return (float_format){3, 4, 448, false};
    default:
        return (float_format){23, 8, 0x1.fffffep127, true};
    }
}

static uint32_t encode_float(float_format f, double value) {
    int bias = (1 << (f.exponent_bits - 1)) - 1;
    uint32_t sign = signbit(value) ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
    uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    if (isnan(value))
        return sign | infinity | ((1u << f.mantissa_bits) - 1);
    double magnitude = fabs(value);
    if (magnitude == 0)
        return sign;
    int exponent;
    frexp(magnitude, &exponent); /* magnitude in [2^(exponent-1), 2^exponent) */
    int stored = exponent - 1 < 1 - bias ? 1 - bias : exponent - 1;
    double spacing = ldexp(1, stored - f.mantissa_bits);
    double rounded = nearbyint(magnitude / spacing) * spacing;
    if (rounded > f.largest) {
        if (f.has_infinity)
            return sign | infinity;
        rounded = f.largest;
    }
    frexp(rounded, &exponent);
    if (rounded < ldexp(1, 1 - bias)) /* subnormal */
        return sign | (uint32_t)(rounded / ldexp(1, 1 - bias - f.mantissa_bits));
    double fraction = rounded / ldexp(1, exponent - 1) - 1;
    return sign | (uint32_t)(exponent - 1 + bias) << f.mantissa_bits | (uint32_t)ldexp(fraction, f.mantissa_bits);
}

static double decode_float(float_format f, uint32_t bits) {
    int bias = (1 << (f.exponent_bits - 1)) - 1;
    uint32_t mantissa = bits & ((1u << f.mantissa_bits) - 1);
    uint32_t exponent = bits >> f.mantissa_bits & ((1u << f.exponent_bits) - 1);
    double sign = bits >> (f.exponent_bits + f.mantissa_bits) & 1 ? -1 : 1;
    bool top = exponent == (1u << f.exponent_bits) - 1;
    if (top && f.has_infinity)
        return mantissa ? NAN : sign * INFINITY;
    if (top && mantissa == (1u << f.mantissa_bits) - 1)
        return NAN;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - f.mantissa_bits);
    return sign * ldexp(1 + ldexp(mantissa, -f.mantissa_bits), (int)exponent - bias);
}

double largest_level(data_type type) {
    return type == DTYPE_int8 ? 127 : type == DTYPE_int4 ? 7 : 0;
}

static double integer_level(data_type type, double value) {
    double top = largest_level(type);
    return fmin(top, fmax(-top - 1, nearbyint(value)));
}

uint32_t encode_element(data_type type, double value) {
    if (type == DTYPE_int8)
        return (uint8_t)(int8_t)integer_level(type, value);
    if (type == DTYPE_int4)
        return (uint32_t)(int32_t)integer_level(type, value) & 0xf;
    return encode_float(format_of(type), value);
}

double decode_element(data_type type, uint32_t bits) {
    if (type == DTYPE_int8)
        return (int8_t)(uint8_t)bits;
    if (type == DTYPE_int4) /* two's complement */
        return (bits & 8) ? (double)(bits & 0xf) - 16 : (double)(bits & 0xf);
    return decode_float(format_of(type), bits);
}

double round_to_type(data_type type, double value) {
    return decode_element(type, encode_element(type, value));
}

void encode_row(data_type type, const double *values, int64_t cols, void *row) {
    unsigned char *bytes = row;
    if (type == DTYPE_int4) {
        for (int64_t c = 0; c < cols; c += 2) {
            uint32_t high = c + 1 < cols ? encode_element(type, values[c + 1]) : 0;
            bytes[c / 2] = (unsigned char)(encode_element(type, values[c]) | high << 4);
        }
        return;
    }
    size_t element_bytes = (size_t)dtype_bytes(type);
    for (int64_t c = 0; c < cols; c++) {
        uint32_t bits = encode_element(type, values[c]);
        memcpy(bytes + (size_t)c * element_bytes, &bits, element_bytes); /* little endian, as GPUs are */
    }
}

void decode_row(data_type type, const void *row, int64_t cols, double *values) {
    const unsigned char *bytes = row;
    if (type == DTYPE_int4) {
        for (int64_t c = 0; c < cols; c++)
            values[c] = decode_element(type, bytes[c / 2] >> (c % 2 ? 4 : 0) & 0xf);
        return;
    }
    if (type == DTYPE_bf16) { /* the upper half of an fp32 number: whole models are read this way */
        for (int64_t c = 0; c < cols; c++) {
            uint16_t upper;
            memcpy(&upper, bytes + 2 * c, sizeof upper);
            uint32_t bits = (uint32_t)upper << 16;
            float value;
            memcpy(&value, &bits, sizeof value);
            values[c] = value;
        }
        return;
    }
    size_t element_bytes = (size_t)dtype_bytes(type);
    for (int64_t c = 0; c < cols; c++) {
        uint32_t bits = 0;
        memcpy(&bits, bytes + (size_t)c * element_bytes, element_bytes);
        values[c] = decode_element(type, bits);
    }
}

void encode_operand(const operand *item, const double *values, void *bytes) {
    int64_t rows = item->blocks * item->rows, row_bytes = operand_row_bytes(item);
    if (operand_is_integer(item)) {
        for (int64_t i = 0; i < rows * item->cols; i++)
            ((int32_t *)bytes)[i] = (int32_t)values[i];
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        encode_row(item->type, values + r * item->cols, item->cols, (char *)bytes + r * row_bytes);
}

void decode_operand(const operand *item, const void *bytes, double *values) {
    int64_t rows = item->blocks * item->rows, row_bytes = operand_row_bytes(item);
    if (operand_is_integer(item)) {
        for (int64_t i = 0; i < rows * item->cols; i++)
            values[i] = ((const int32_t *)bytes)[i];
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        decode_row(item->type, (const char *)bytes + r * row_bytes, item->cols, values + r * item->cols);
}
