/* Blocks of a cluster, which write to each other's shared memory (Hopper and later). A write and its arrival at a
 * barrier of the block written to are one: nobody waits for memory, as a block does at a cluster-wide fence while its
 * loads are on their way. `rank` is a block's number in its cluster, which is one-dimensional. */
#ifndef INGOT_CLUSTER_CUH
#define INGOT_CLUSTER_CUH

#include "kernels/device.cuh"

typedef unsigned long long cluster_barrier; /* in shared memory */

__device__ inline uint32_t shared_address(const void *variable) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(variable));
}

#if __CUDA_ARCH__ >= 900

/* The address of another block's copy of a shared variable. */
__device__ inline uint32_t address_in_block(const void *variable, int rank) {
    uint32_t there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared_address(variable)), "r"(rank));
    return there;
}

/* One thread calls it, before all begin to meet. The barrier opens when `arrivals` have come and as many bytes as they
 * announced. */
__device__ inline void barrier_make(cluster_barrier *barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/* The blocks of a cluster meet: every thread begins, and once they have met, barriers made before are there. */
__device__ inline void cluster_begin() {
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ inline void cluster_met() {
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/* Announces bytes to a block's barrier and arrives there. Orders nothing: the bytes' own arrival does. */
__device__ inline void barrier_announce(cluster_barrier *barrier, int rank, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.relaxed.cluster.shared::cluster.b64 _, [%0], %1;" ::"r"(
                     address_in_block(barrier, rank)),
                 "r"(bytes)
                 : "memory");
}

/* Writes 8 bytes to a block's copy of a variable, and their arrival to its barrier. */
__device__ inline void store_in_block(unsigned long long *variable, unsigned long long value, cluster_barrier *barrier,
                                      int rank) {
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b64 [%0], %1, [%2];" ::"r"(
                     address_in_block(variable, rank)),
                 "l"(value), "r"(address_in_block(barrier, rank))
                 : "memory");
}

/* Until the block's own barrier has opened for the first time. */
__device__ inline void barrier_wait(const cluster_barrier *barrier) {
    uint32_t open = 0;
    while (!open)
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], 0;"
                     " selp.u32 %0, 1, 0, p; }"
                     : "=r"(open)
                     : "r"(shared_address(barrier))
                     : "memory");
}

#endif
#endif
