#include "kernels/ranks.h"

#include "kernels/nccl.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <thread>
#include <vector>

/* ---- NCCL ---- */

template <typename F> static bool find(void *library, const char *name, F *out) {
    *out = reinterpret_cast<F>(dlsym(library, name));
    return *out != nullptr;
}

static void library_free(nccl_library *n) {
    if (n->handle)
        dlclose(n->handle);
    free(n);
}

static status library_open(nccl_library **out, error *err) {
    nccl_library *n = static_cast<nccl_library *>(calloc(1, sizeof *n));
    if (!n)
        abort();
    n->handle = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    const char *why = n->handle ? "libnccl.so.2 lacks a function" : dlerror();
    bool whole = n->handle && find(n->handle, "ncclCommInitAll", &n->init_all) &&
                 find(n->handle, "ncclCommDestroy", &n->destroy) && find(n->handle, "ncclAllReduce", &n->all_reduce) &&
                 find(n->handle, "ncclAllGather", &n->all_gather) &&
                 find(n->handle, "ncclReduceScatter", &n->reduce_scatter) && find(n->handle, "ncclSend", &n->send) &&
                 find(n->handle, "ncclRecv", &n->receive) && find(n->handle, "ncclGroupStart", &n->group_begin) &&
                 find(n->handle, "ncclGroupEnd", &n->group_end) &&
                 find(n->handle, "ncclGetErrorString", &n->error_text);
    if (whole) {
        *out = n;
        return STATUS_OK;
    }
    status result = error_set(err, STATUS_ENVIRONMENT, "no NCCL: %.900s", why);
    library_free(n);
    return result;
}

/* ---- ranks ---- */

void rank_enter(const gpu_context *context) {
    if (context->rank)
        cudaSetDevice(context->device);
}

void rank_free(struct rank_state *rank) {
    if (!rank)
        return;
    if (rank->comm)
        rank->library->destroy(rank->comm);
    if (--rank->library->users == 0)
        library_free(rank->library);
    free(rank);
}

static void give_library(gpu_context *context, nccl_library *library, int32_t rank, int32_t ranks) {
    context->rank = static_cast<struct rank_state *>(calloc(1, sizeof *context->rank));
    if (!context->rank)
        abort();
    *context->rank = {library, nullptr, rank, ranks};
    library->users++;
}

/* Opens a context on each GPU; those that are open so far are in `out`, also when one fails. */
static status open_contexts(int32_t ranks, nccl_library *library, gpu_context **out, error *err) {
    status result = STATUS_OK;
    for (int32_t r = 0; r < ranks && result == STATUS_OK; r++) {
        result = gpu_context_open(r, &out[r], nullptr, err);
        if (result == STATUS_OK)
            give_library(out[r], library, r, ranks);
    }
    return result;
}

status ranks_open(int32_t ranks, gpu_context **out, error *err) {
    int present = 0, before = 0;
    for (int32_t r = 0; r < ranks; r++)
        out[r] = nullptr;
    cudaGetDeviceCount(&present);
    cudaGetDevice(&before);
    if (ranks > present)
        return error_set(err, STATUS_NEGATIVE, "%d ranks need as many GPUs: there are %d", ranks, present);
    nccl_library *library = nullptr;
    status result = library_open(&library, err);
    if (result != STATUS_OK)
        return result;
    result = open_contexts(ranks, library, out, err);
    if (result == STATUS_OK) {
        std::vector<nccl_comm> comms(static_cast<size_t>(ranks));
        nccl_result code = library->init_all(comms.data(), ranks, nullptr);
        if (code != 0)
            result =
                error_set(err, STATUS_ENVIRONMENT, "NCCL joins no %d GPUs: %.500s", ranks, library->error_text(code));
        for (int32_t r = 0; r < ranks && result == STATUS_OK; r++)
            out[r]->rank->comm = comms[static_cast<size_t>(r)];
    }
    if (result != STATUS_OK) {
        if (!out[0])
            library_free(library);
        for (int32_t r = 0; r < ranks; r++) {
            gpu_context_close(out[r]);
            out[r] = nullptr;
        }
    }
    cudaSetDevice(before);
    return result;
}

gpu_status on_every_rank(gpu_context *const *contexts, int32_t ranks, rank_function *f, void *data) {
    std::vector<std::thread> threads;
    std::vector<gpu_status> codes(static_cast<size_t>(ranks));
    for (int32_t r = 0; r < ranks; r++)
        threads.emplace_back([=, &codes] {
            gpu_status code = cudaSetDevice(contexts[r]->device);
            codes[static_cast<size_t>(r)] = code ? code : f(contexts[r], r, data);
        });
    for (std::thread &thread : threads)
        thread.join();
    for (gpu_status code : codes)
        if (code != 0)
            return code;
    return 0;
}

typedef struct ranks_launch {
    const op *o;
    const gpu_operands *operands;
} ranks_launch;

static gpu_status launch_one(gpu_context *context, int32_t rank, void *data) {
    const ranks_launch *launch = static_cast<const ranks_launch *>(data);
    gpu_operands x = launch->operands[rank];
    x.context = context;
    gpu_status code = gpu_launcher_of(launch->o->kind)(launch->o, nullptr, &x, nullptr, context->stream);
    return code ? code : cudaStreamSynchronize(context->stream);
}

gpu_status launch_ranks(gpu_context *const *contexts, int32_t ranks, const op *o, const gpu_operands *operands) {
    ranks_launch launch = {o, operands};
    return on_every_rank(contexts, ranks, launch_one, &launch);
}
