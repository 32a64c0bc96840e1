#include "workloads/family.h"

#include <string.h>

static const family *const families[] = {&family_llama, &family_chameleon, &family_seamless, &family_hstu};
enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

const family *family_find(const char *name) {
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        if (strcmp(families[i]->name, name) == 0)
            return families[i];
    return NULL;
}

size_t family_names(const char *const **names) {
    static const char *const known[FAMILY_COUNT] = {"llama", "chameleon", "seamless", "hstu"};
    *names = known;
    return FAMILY_COUNT;
}
