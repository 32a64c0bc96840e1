/* Finding libingot_gpu.so: part of the program, not of the library. */
#include "kernels/gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static const char LIBRARY_NAME[] = "libingot_gpu.so";

/* Beside the executable, or in the folder above it, where test programs' build folder keeps it. */
static bool beside_executable(char *path, size_t bytes) {
    char self[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0)
        return false;
    self[length] = '\0';
    for (int levels = 0; levels < 2; levels++) {
        char *slash = strrchr(self, '/');
        if (!slash)
            return false;
        *slash = '\0';
        if ((size_t)snprintf(path, bytes, "%s/%s", self, LIBRARY_NAME) < bytes && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

status gpu_load(const gpu_api **out, error *err) {
    *out = NULL;
    char path[PATH_BYTES];
    const char *named = getenv("INGOT_GPU_LIBRARY");
    if (named && *named)
        snprintf(path, sizeof path, "%s", named);
    else if (!beside_executable(path, sizeof path))
        return error_set(err, STATUS_ENVIRONMENT,
                         "no GPU library: %s is not beside the program; build with CUDA, or name it in "
                         "$INGOT_GPU_LIBRARY",
                         LIBRARY_NAME);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(err, STATUS_ENVIRONMENT, "cannot load the GPU library: %s", dlerror());
    const gpu_api *(*entry)(void) = NULL;
    *(void **)&entry = dlsym(library, GPU_API_SYMBOL);
    const gpu_api *api = entry ? entry() : NULL;
    if (!api || api->version != GPU_API_VERSION)
        return error_set(err, STATUS_ENVIRONMENT, "%s is of another version of ingot: build it again", path);
    *out = api;
    return STATUS_OK;
}
