/* One operator alone on the chip. */
#include "sim/engine/event.h"

#include <string.h>

static bool same_lane(const machine_block *m, size_t i, size_t j) {
    return i >= m->count && j >= m->count - 1; /* lanes that are not in use repeat the last machine */
}

void cost_event(const op *o, residency where, const machine_block *machines, const hbm_efficiency *memory,
                cost_block *out) {
    memset(out, 0, sizeof *out);
    cost_analytic(o, where, machines, out);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        if (i > 0 && same_lane(machines, i, i - 1)) {
            out->time_s[i] = out->time_s[i - 1];
            out->ctas[i] = out->ctas[i - 1];
            continue;
        }
        if (out->ctas[i].ctas <= 0)
            continue; /* no blocks are described: its time is all that is known */
        event_machine lane = event_machine_of(machines, memory, i);
        cta_work *w = &out->ctas[i];
        if (out->time_s[i] > w->time_s) /* kernels that the blocks do not describe follow them */
            w->after_s += out->time_s[i] - w->time_s;
        out->time_s[i] = w->time_s = event_alone_s(&lane, w);
    }
}
