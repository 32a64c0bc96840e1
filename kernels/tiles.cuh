/* Tiles in shared memory: asynchronous copies into them, matrices of 8 x 8 16-bit elements out of them. */
#ifndef INGOT_TILES_CUH
#define INGOT_TILES_CUH

#include "kernels/device.cuh"

/* 16 bytes, or as many zeros; `from` must be an address in any case. */
__device__ inline void copy_async_16(void *to, const void *from, bool copies) {
    uint32_t place = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(copies ? 16 : 0)
                 : "memory");
}

/* How L2 keeps what is copied: as all else, or, `once`, to leave first, so that what others wrote there stays and need
 * not be written back meanwhile. */
__device__ inline uint64_t l2_policy(bool once) {
    uint64_t policy;
    if (once)
        asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    else
        asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}
__device__ inline void copy_async_16(void *to, const void *from, uint64_t policy) {
    uint32_t place = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "l"(policy)
                 : "memory");
}

/* Closes a group of this thread's copies. */
__device__ inline void commit_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Until at most PENDING of this thread's groups are on their way; a barrier then makes all threads' copies visible. */
template <int PENDING> __device__ inline void wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

/* Four matrices; lanes 8 m to 8 m + 7 point at the rows of matrix m. A lane gets, of each, elements 2 (lane % 4) and
 * the next of row lane / 4. */
__device__ inline void load_matrices(uint32_t *to, const void *row) {
    uint32_t place = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(place)
                 : "memory");
}

/* The same of the transposed matrices. */
__device__ inline void load_matrices_transposed(uint32_t *to, const void *row) {
    uint32_t place = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(place)
                 : "memory");
}

#endif
