/* Factors between SI, which every number in memory is in, and the multiples that people read and files hold. Divide a
 * rate by the same factor as its quantity (bytes/s by BYTES_PER_GB gives GB/s). Exact by the definition of prefixes. */
#ifndef INGOT_SI_H
#define INGOT_SI_H

static const double MS_PER_S = 1e3, US_PER_S = 1e6, NS_PER_S = 1e9, NS_PER_US = 1e3;
static const double S_PER_MS = 1e-3, S_PER_US = 1e-6, S_PER_NS = 1e-9;
static const double HZ_PER_KHZ = 1e3, HZ_PER_MHZ = 1e6;
static const double BYTES_PER_MB = 1e6, BYTES_PER_GB = 1e9, BYTES_PER_TB = 1e12;
static const double FLOPS_PER_GFLOP = 1e9, FLOPS_PER_TFLOP = 1e12;

/* Memories come in powers of two. */
static const double BYTES_PER_MIB = 1024.0 * 1024, BYTES_PER_GIB = 1024.0 * 1024 * 1024;

#endif
