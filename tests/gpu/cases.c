#include "tests/gpu/cases.h"

#include <string.h>

bool kernel_case_has_id(const kernel_case *item, const char *id) {
    size_t length = strlen(id);
    for (const char *at = item->ids; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, id, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}
