#include "core/catalogue.h"

const catalogue_entry *catalogue(size_t *count) {
    static const catalogue_entry entries[] = {
#define ENTRY(id, kind, text) {id, OP_##kind, text},
#include "core/catalogue.def"
    };
    *count = sizeof entries / sizeof entries[0];
    return entries;
}
