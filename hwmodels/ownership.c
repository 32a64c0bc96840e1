#include "hwmodels/ownership.h"
#include "core/base/config_find.h"

enum { SCHEMA_VERSION = 1 };

typedef struct site_file {
    const config_node *schema;
    site values;
} site_file;

/* Far beyond any site: keeps slips of the unit out (a price per kWh, a life in years). */
static const double USD_PER_J_MAX = 1e-6, KG_PER_J_MAX = 1e-6, PUE_MAX = 10;
static const double LIFETIME_MIN_S = 86400, LIFETIME_MAX_S = 1e10, PRICE_RATIO_MAX = 1000, UTILISATION_MIN = 1e-4;

status site_load(arena *a, const char *config_dir, const char *name_or_path, site *out, error *err) {
#define NUMBER(member, min, max)                                                                                       \
    { #member, CONFIG_NUMBER, offsetof(site_file, values.member), min, max, true }
    const config_field fields[] = {
        {"schema", CONFIG_NODE, offsetof(site_file, schema), 0, 0, true},
        {"name", CONFIG_TEXT, offsetof(site_file, values.name), 0, 0, true},
        {"description", CONFIG_TEXT, offsetof(site_file, values.description), 0, 0, true},
        NUMBER(electricity_usd_per_j, 0, USD_PER_J_MAX),
        NUMBER(carbon_kg_per_j, 0, KG_PER_J_MAX),
        NUMBER(pue_ratio, 1, PUE_MAX),
        NUMBER(lifetime_s, LIFETIME_MIN_S, LIFETIME_MAX_S),
        NUMBER(utilisation_frac, UTILISATION_MIN, 1),
        NUMBER(price_ratio, 0, PRICE_RATIO_MAX),
    };
#undef NUMBER
    const config_node *root;
    status result =
        config_open(a, arena_printf(a, "%s/sites", config_dir), "site", name_or_path, SCHEMA_VERSION, &root, err);
    if (result != STATUS_OK)
        return result;
    site_file file = {0};
    result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        *out = file.values;
    return result;
}

ownership ownership_of(const site *s, const gpu_cost *cost, const gpu_carbon *carbon, double seconds, double joules) {
    double life_frac = seconds / (s->lifetime_s * s->utilisation_frac);
    double wall_j = joules * s->pue_ratio;
    ownership o = {
        .gpu_usd = cost->total_usd * s->price_ratio * life_frac,
        .energy_usd = wall_j * s->electricity_usd_per_j,
        .embodied_kg = carbon->total_kg * life_frac,
        .operational_kg = wall_j * s->carbon_kg_per_j,
    };
    o.total_usd = o.gpu_usd + o.energy_usd;
    o.total_kg = o.embodied_kg + o.operational_kg;
    return o;
}
