/* The larger and the smaller of two numbers, neither of which is NaN: a select, which lanes become vectors with. */
#ifndef INGOT_EXTREMES_H
#define INGOT_EXTREMES_H

static inline double larger(double a, double b) {
    return a > b ? a : b;
}

static inline double smaller(double a, double b) {
    return a < b ? a : b;
}

#endif
