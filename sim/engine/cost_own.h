/* Costs of our own kernels (kernels/), as they are written there: grids, vectors, rounds and passes.
 *
 *   block   = rounds x latency + reductions + operations of a thread, each as long as its dependencies or its SM's
 *             issue slots let it
 *   time    = start + norm(waves x block, operations / issue slots, block starts, L2, HBM)
 *
 * The norm (own.overlap_exponent) lies between the sum and the longest of its terms. */
#ifndef INGOT_COST_OWN_H
#define INGOT_COST_OWN_H

#include "sim/engine/cost_memory.h"

/* Where a kernel's operands are, and what the memory system does besides. */
typedef struct own_traffic {
    double read_bytes, write_bytes; /* each tensor once */
    double hot_bytes;               /* of read_bytes: what predecessors wrote */
    double stale_bytes;             /* of hot_bytes: what the block before wrote, not the operator before */
    double streamed_bytes;          /* what that operator brought into L2 meanwhile (struct op) */
    double again_bytes;             /* read again, from L2 */
} own_traffic;

/* One lane's memory times. */
typedef struct own_memory {
    double hbm_s, l2_s, hbm_bytes, l2_bytes;
    double write_frac; /* of hbm_bytes */
    double latency_s;  /* of a load, mean over what comes from L2 and from device memory */
    double start_s;
} own_memory;

own_memory own_memory_of(const own_traffic *t, residency where, const machine_block *m, size_t lane);

/* Of the time to load code from device memory, what a kernel pays there: all where it runs alone, a part in a model,
 * whose kernels come round again, nothing where it is repeated. */
double own_code_frac(const machine_block *m, size_t lane, residency where);

/* What is written back of a flush as so many bytes come into L2. */
double own_flushed_bytes(const machine_block *m, size_t lane, double bytes);

/* One kernel. A thread's instructions and rounds are the block's longest. */
typedef struct own_kernel {
    own_traffic traffic;
    double ctas, threads;     /* threads of a block */
    double slots;             /* blocks an SM by registers and shared memory; threads and the machine bound them too */
    double registers;         /* of a thread, as compiled for sm_90a; 0: `slots` counts them */
    double launches;          /* kernels */
    bool whole_waves;         /* a last wave takes as long as a full one: its blocks wait for memory all along */
    lanes chain_s, latencies; /* of a block: reductions; loads that wait for each other */
    lanes thread_ops;         /* instructions of a thread that works all the time */
    lanes issue_s;            /* of a block, that no other of its SM issues or loads in; 0: all threads work alike */
    lanes code_latencies;     /* of long code that comes from device memory */
    lanes exponent, wave_overlap; /* of a wave's norm, and its growth; 0: own.overlap_exponent, own.wave_overlap */
    lanes intake_bytes_per_clk;   /* of an SM; 0: its share of L2 */
    lanes intake_bytes;           /* of all, beside the traffic: what SMs load once more, which their L1 had and lost */
    lanes l2_read_frac; /* of the L2's peak rate, where its reads reach less than own.l2_read_frac; 0: they do not */
    lanes read_ratio;   /* HBM efficiency of its reads over own.read_efficiency_frac; 0: the same */
} own_kernel;

void own_cost(const own_kernel *k, residency where, const machine_block *m, cost_block *out);

/* Its exponent over so many waves. */
double own_exponent(double of_one_wave, double growth, double waves);

/* The norm of times that overlap. */
double own_norm(const double *times_s, size_t count, double exponent);

/* False where the operator has no such cost: the library's or a framework's then serves. */
bool cost_own(const op *o, residency where, const machine_block *m, cost_block *out);

bool own_row_cost(const op *o, residency where, const machine_block *m, cost_block *out);
bool own_attention_cost(const op *o, residency where, const machine_block *m, cost_block *out);
bool own_gemm_cost(const op *o, residency where, const machine_block *m, cost_block *out);

/* The library's products in it; 8: 8-bit operands that it scales. */
void own_library_cost(const op *o, residency where, const machine_block *m, cost_block *out);
void own_library8_cost(const op *o, residency where, const machine_block *m, cost_block *out);

#endif
