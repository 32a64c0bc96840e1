/* The pattern of kernels that reduce each row: short rows by a warp each, long ones by a block, 16 bytes an access. A
 * row that fits in registers is read once. */
#ifndef INGOT_ROWS_CUH
#define INGOT_ROWS_CUH

#include "kernels/device.cuh"

enum {
    ROWS_THREADS_MAX = 1024,
    ROWS_VECTORS = 4,       /* vectors a thread holds */
    ROWS_WARPS_A_BLOCK = 8, /* rows a block, where a warp takes one */
};

/* How a launch spreads rows: `group` threads share one. */
typedef struct row_layout {
    int group;   /* threads a row: a warp, or the whole block */
    int threads; /* a block */
    unsigned blocks;
    bool whole; /* rows of whole aligned vectors that fit in the group's registers */
} row_layout;

template <typename T> static row_layout row_layout_of(int64_t rows, int64_t cols, bool aligned) {
    constexpr int N = vector_elements<T>();
    int64_t vectors = cols / N;
    row_layout layout;
    layout.whole = aligned && cols % N == 0 && vectors <= static_cast<int64_t>(ROWS_THREADS_MAX) * ROWS_VECTORS;
    if (layout.whole && vectors <= WARP_SIZE * ROWS_VECTORS) {
        layout.group = WARP_SIZE;
        layout.threads = WARP_SIZE * ROWS_WARPS_A_BLOCK;
        layout.blocks = static_cast<unsigned>(divide_up(rows, ROWS_WARPS_A_BLOCK));
        return layout;
    }
    int64_t wanted = layout.whole ? divide_up(vectors, ROWS_VECTORS) : divide_up(cols, ROWS_VECTORS);
    int64_t threads = divide_up(wanted, WARP_SIZE) * WARP_SIZE;
    layout.threads = ROWS_THREADS_MAX;
    if (threads < ROWS_THREADS_MAX)
        layout.threads = static_cast<int>(threads);
    layout.group = layout.threads;
    layout.blocks = static_cast<unsigned>(rows);
    return layout;
}

/* Sum and maximum over a row's group; WARP: a warp a row. */
template <bool WARP> __device__ inline float row_sum(float x) {
    return WARP ? warp_sum(x) : block_sum(x);
}
template <bool WARP> __device__ inline float row_max(float x) {
    return WARP ? warp_max(x) : block_max(x);
}

/* The row that this thread works on, and its place in the row's group. */
template <bool WARP> __device__ inline int64_t row_index() {
    return WARP ? static_cast<int64_t>(blockIdx.x) * ROWS_WARPS_A_BLOCK + threadIdx.x / WARP_SIZE
                : static_cast<int64_t>(blockIdx.x);
}
template <bool WARP> __device__ inline int row_lane() {
    return WARP ? threadIdx.x % WARP_SIZE : threadIdx.x;
}
template <bool WARP> __device__ inline int row_lanes() {
    return WARP ? static_cast<int>(WARP_SIZE) : static_cast<int>(blockDim.x);
}

#endif
