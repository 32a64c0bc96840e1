#include "cli/design_limits.h"

#include "core/base/units.h"
#include "hwmodels/area.h"

/* The exposure field of today's scanners, 26 x 33 mm. */
static const double RETICLE_M2 = 26e-3 * 33e-3;
/* Runs that are held at the limit average it within their first moments above it, and what idles below. */
static const double AT_LIMIT_FRAC = 0.98;

static double die_m2(const machine *m) {
    return area_of(m).total_m2 / m->area.dies;
}

bool over_reticle(const machine *m) {
    return m->area.dies > 0 && die_m2(m) > RETICLE_M2;
}

bool at_power_limit(const machine *m, double energy_j, double latency_s) {
    return energy_j >= AT_LIMIT_FRAC * m->power.limit_w * latency_s;
}

const char *reticle_text(arena *a, const machine *m) {
    if (!over_reticle(m))
        return NULL;
    return arena_printf(a, "%s: a die of %s is larger than a reticle exposes (%s): see area.dies", m->name,
                        unit_format(UNIT_SQUARE_METRES, die_m2(m)).text,
                        unit_format(UNIT_SQUARE_METRES, RETICLE_M2).text);
}
