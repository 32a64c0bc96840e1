/* The few functions of NCCL that are used, declared here, so that building needs no header of it (nccl.h, 2.7 or
 * later; enumerators as there). Inside libingot_gpu.so alone. */
#ifndef INGOT_NCCL_H
#define INGOT_NCCL_H

#include "kernels/ranks.h"

typedef struct ncclComm *nccl_comm;
typedef int nccl_result; /* 0: success */

enum { NCCL_INT8 = 0, NCCL_FLOAT16 = 6, NCCL_FLOAT32 = 7, NCCL_BFLOAT16 = 9, NCCL_NO_TYPE = -1 };
enum { NCCL_SUM = 0 };

typedef struct nccl_library {
    void *handle;
    int users; /* ranks that hold it */
    nccl_result (*init_all)(nccl_comm *comms, int count, const int *devices);
    nccl_result (*destroy)(nccl_comm comm);
    nccl_result (*all_reduce)(const void *in, void *out, size_t count, int type, int sum, nccl_comm, gpu_stream);
    nccl_result (*all_gather)(const void *in, void *out, size_t count, int type, nccl_comm, gpu_stream);
    nccl_result (*reduce_scatter)(const void *in, void *out, size_t count, int type, int sum, nccl_comm, gpu_stream);
    nccl_result (*send)(const void *from, size_t count, int type, int to, nccl_comm, gpu_stream);
    nccl_result (*receive)(void *to, size_t count, int type, int from, nccl_comm, gpu_stream);
    nccl_result (*group_begin)(void);
    nccl_result (*group_end)(void);
    const char *(*error_text)(nccl_result);
} nccl_library;

struct rank_state {
    nccl_library *library;
    nccl_comm comm;
    int32_t rank, ranks;
};

#endif
