/* Host profiles: what the software in front of the GPU costs. They come with a run, not with a GPU. */
#ifndef INGOT_HOST_H
#define INGOT_HOST_H

typedef struct host_profile {
    const char *name, *description;
    double call_s;     /* one framework call (Python, dispatcher, allocator), beside the launch itself */
    double call_low_s; /* the range that the measured hosts span */
    double call_high_s;
    double step_s;             /* once a step, outside any operator */
    double launch_scale_ratio; /* of the machine's own host.launch_s; 1 where the runner calls CUDA directly */
} host_profile;

#endif
