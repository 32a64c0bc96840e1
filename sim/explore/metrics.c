#include "sim/explore/metrics.h"

#include "hwmodels/carbon.h"
#include "hwmodels/gpu_cost.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const metric_info metrics[METRIC_COUNT] = {
#define METRIC(enumerator, name, unit, larger, statistic, text) {#name, text, unit, larger, statistic},
#include "sim/explore/metrics.def"
};

const int metric_statistics[METRIC_STATISTICS] = {50, 90, 99};

const metric_info *metric_get(metric m) {
    assert(m < METRIC_COUNT);
    return &metrics[m];
}

static bool find_metric(const char *name, metric *out) {
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (strcmp(metrics[m].name, name) == 0) {
            *out = (metric)m;
            return true;
        }
    }
    return false;
}

status metric_parse(const char *name, metric *out, error *err) {
    if (find_metric(name, out))
        return STATUS_OK;
    const char *known[METRIC_COUNT];
    for (int m = 0; m < METRIC_COUNT; m++)
        known[m] = metrics[m].name;
    const char *nearest = config_nearest(name, known, METRIC_COUNT);
    return error_set(err, STATUS_BAD_INPUT, "unknown objective '%.40s'; %s%s", name,
                     nearest ? "did you mean "
                             : "metrics are latency_s, ttft_s, tpot_s, throughput_per_s, energy_j, "
                               "area_m2, cost_usd and those of docs/formats.md, \"Designs\"",
                     nearest ? nearest : "");
}

/* ---- values ---- */

static double largest(const metric_share *shares, size_t count, size_t statistic, size_t offset) {
    double most = NAN;
    for (size_t i = 0; i < count; i++) {
        const store_point *p = shares[i].at[statistic];
        double value = NAN;
        if (p)
            memcpy(&value, (const char *)p + offset, sizeof value);
        if (!(value <= most) && !isnan(value))
            most = value;
    }
    return most;
}

/* Weighted sums over the shares. */
typedef struct mix_sums {
    double weight, latency_s, ttft_s, energy_j, idle_s, gpu_s, requests;
    double token_weight, tpot_s;
    double token_energy_j, tokens, image_energy_j, images;
    double memory_bytes; /* the largest */
} mix_sums;

static mix_sums sums_of(const metric_share *shares, size_t count) {
    mix_sums sums = {0};
    for (size_t i = 0; i < count; i++) {
        double weight = shares[i].weight;
        const store_point *p = shares[i].mean;
        sums.weight += weight;
        sums.latency_s += weight * p->latency_s;
        sums.ttft_s += weight * p->ttft_s;
        sums.energy_j += weight * p->energy_j;
        sums.idle_s += weight * p->gpu_idle_s;
        sums.gpu_s += weight * p->latency_s * shares[i].gpus;
        sums.requests += weight * shares[i].requests;
        sums.memory_bytes = fmax(sums.memory_bytes, p->peak_memory_bytes);
        if (!isnan(p->tpot_s)) {
            sums.token_weight += weight;
            sums.tpot_s += weight * p->tpot_s;
        }
        if (shares[i].tokens > 0) {
            sums.token_energy_j += weight * p->energy_j;
            sums.tokens += weight * shares[i].tokens;
        }
        if (shares[i].images > 0) {
            sums.image_energy_j += weight * p->energy_j;
            sums.images += weight * shares[i].images;
        }
    }
    return sums;
}

static void fill_ownership(metric_values *v, const mix_sums *sums, const machine *m, const site *place,
                           const yield_rule *yields) {
    gpu_cost cost = gpu_cost_by(m, yields);
    gpu_carbon carbon = gpu_carbon_of(m, &cost);
    double batches = METRIC_REQUESTS / sums->requests; /* sums are per unit of weight, and so are these */
    ownership own = ownership_of(place, &cost, &carbon, batches * sums->gpu_s, batches * sums->energy_j);
    v->of[METRIC_USD_PER_MILLION] = own.total_usd;
    v->of[METRIC_KG_PER_MILLION] = own.total_kg;
}

metric_values metrics_of(const metric_share *shares, size_t count, const machine *m, const site *place,
                         const yield_rule *yields) {
    metric_values v;
    for (int i = 0; i < METRIC_COUNT; i++)
        v.of[i] = NAN;
    mix_sums sums = sums_of(shares, count);
    v.of[METRIC_LATENCY] = sums.latency_s / sums.weight;
    v.of[METRIC_TTFT] = sums.ttft_s / sums.weight;
    v.of[METRIC_TPOT] = sums.token_weight > 0 ? sums.tpot_s / sums.token_weight : NAN;
    v.of[METRIC_THROUGHPUT] = sums.requests / sums.latency_s;
    v.of[METRIC_ENERGY] = sums.energy_j / sums.weight;
    v.of[METRIC_POWER] = sums.energy_j / sums.latency_s;
    v.of[METRIC_ENERGY_PER_TOKEN] = sums.tokens > 0 ? sums.token_energy_j / sums.tokens : NAN;
    v.of[METRIC_ENERGY_PER_IMAGE] = sums.images > 0 ? sums.image_energy_j / sums.images : NAN;
    v.of[METRIC_MEMORY] = sums.memory_bytes;
    v.of[METRIC_IDLE] = sums.idle_s / sums.latency_s;
    v.of[METRIC_AREA] = shares[0].mean->area_m2;
    v.of[METRIC_DIE_AREA] = m->area.dies > 0 ? shares[0].mean->area_m2 / m->area.dies : NAN;
    v.of[METRIC_COST] = shares[0].mean->cost_usd;
    for (size_t s = 0; s < METRIC_STATISTICS; s++) {
        v.of[METRIC_LATENCY_P50 + s] = largest(shares, count, s, offsetof(store_point, latency_s));
        v.of[METRIC_TTFT_P50 + s] = largest(shares, count, s, offsetof(store_point, ttft_s));
        v.of[METRIC_TPOT_P50 + s] = largest(shares, count, s, offsetof(store_point, tpot_s));
    }
    if (place)
        fill_ownership(&v, &sums, m, place, yields);
    return v;
}

/* ---- names in constraints ---- */

static bool find_name(const void *context, const char *name, bool base, formula_variable *out) {
    (void)context;
    metric m;
    const machine_key *key = machine_key_find(name);
    if (key)
        *out = (formula_variable){base ? METRIC_TABLE_BASE_MACHINE : METRIC_TABLE_MACHINE, key->offset};
    else if (find_metric(name, &m))
        *out = (formula_variable){base ? METRIC_TABLE_BASE_VALUES : METRIC_TABLE_VALUES, m * sizeof(double)};
    else
        return false;
    return true;
}

formula_scope metric_scope(arena *a) {
    size_t key_count;
    const machine_key *keys = machine_keys(&key_count);
    const char **names = ARENA_ARRAY(a, const char *, key_count + METRIC_COUNT);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        names[i] = metrics[i].name;
    for (size_t i = 0; i < key_count; i++)
        names[METRIC_COUNT + i] = keys[i].path;
    return (formula_scope){find_name, NULL, names, key_count + METRIC_COUNT};
}

bool metric_is_read(const formula_relation *relation, metric m) {
    bool read = false;
    for (unsigned table = METRIC_TABLE_VALUES; table <= METRIC_TABLE_BASE_VALUES; table++) {
        formula_variable variable = {table, m * sizeof(double)};
        read |= formula_reads(&relation->left, variable) || formula_reads(&relation->right, variable);
    }
    return read;
}
