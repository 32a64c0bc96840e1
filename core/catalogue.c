#include "core/catalogue.h"

const catalogue_entry *catalogue(size_t *count) {
    static const catalogue_entry entries[] = {
#define ENTRY(id, kind, text) {id, OP_##kind, text, NULL},
#define RUNTIME(id, text, test) {id, OP_host_call, text, test},
#include "core/catalogue.def"
    };
    *count = sizeof entries / sizeof entries[0];
    return entries;
}

const catalogue_case *catalogue_cases(size_t *count) {
    static const catalogue_case cases[] = {
#define CASE(id, name) {id, name},
#include "core/catalogue.def"
    };
    *count = sizeof cases / sizeof cases[0];
    return cases;
}
