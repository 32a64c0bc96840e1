/* Memory standards as tables.
 *
 * RAM is Ramulator 2.1 (CMU-SAFARI/ramulator2, c5b1c3a, MIT), whose presets cite JEDEC; its clocks are turned into
 * seconds here, since core times are physical and clocks follow the pin rate. Rates that a standard did not foresee
 * keep the times of the nearest preset: estimates, and marked so. */
#include "sim/engine/hbm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define NS(x) ((x)*1e-9)
#define GBIT (1024.0 * 1024 * 1024)

static const char *const time_names[HBM_TIME_COUNT] = {
#define X(name, text) [HBM_T_##name] = #name,
    HBM_TIMES(X)
#undef X
};

const char *hbm_time_name(hbm_time t) {
    assert(t < HBM_TIME_COUNT);
    return time_names[t];
}

/* HBM2_2400 (RAM). */
#define HBM2_CLK(n) ((n) / 1.2e9)
#define HBM2_TIMES                                                                                                     \
    {                                                                                                                  \
        [HBM_T_BL] = {0, 2}, [HBM_T_CL] = {HBM2_CLK(17), 0}, [HBM_T_CWL] = {HBM2_CLK(6), 0},                           \
        [HBM_T_RCDRD] = {HBM2_CLK(17), 0}, [HBM_T_RCDWR] = {HBM2_CLK(14), 0}, [HBM_T_RP] = {HBM2_CLK(17), 0},          \
        [HBM_T_RAS] = {HBM2_CLK(40), 0}, [HBM_T_RC] = {HBM2_CLK(57), 0}, [HBM_T_WR] = {HBM2_CLK(19), 0},               \
        [HBM_T_RTP] = {HBM2_CLK(6), 0}, [HBM_T_CCDS] = {0, 2}, [HBM_T_CCDL] = {0, 4}, [HBM_T_RRDS] = {NS(4), 4},       \
        [HBM_T_RRDL] = {NS(4), 4}, [HBM_T_FAW] = {NS(15), 0}, [HBM_T_WTRS] = {HBM2_CLK(8), 0},                         \
        [HBM_T_WTRL] = {HBM2_CLK(10), 0}, [HBM_T_TURN] = {0, 2}, [HBM_T_RFCPB] = {NS(160), 0},                         \
        [HBM_T_REFI] = {NS(3900), 0}, [HBM_T_RREFD] = {NS(8), 0},                                                      \
    }
/* HBM3_6400 (RAM). */
#define HBM3_CLK(n) ((n) / 1.6e9)
#define HBM3_TIMES                                                                                                     \
    {                                                                                                                  \
        [HBM_T_BL] = {0, 2}, [HBM_T_CL] = {HBM3_CLK(20), 0}, [HBM_T_CWL] = {HBM3_CLK(10), 0},                          \
        [HBM_T_RCDRD] = {HBM3_CLK(31), 0}, [HBM_T_RCDWR] = {HBM3_CLK(15), 0}, [HBM_T_RP] = {HBM3_CLK(26), 0},          \
        [HBM_T_RAS] = {HBM3_CLK(45), 0}, [HBM_T_RC] = {HBM3_CLK(72), 0}, [HBM_T_WR] = {HBM3_CLK(33), 0},               \
        [HBM_T_RTP] = {HBM3_CLK(9), 0}, [HBM_T_CCDS] = {0, 2}, [HBM_T_CCDL] = {0, 4}, [HBM_T_RRDS] = {HBM3_CLK(4), 0}, \
        [HBM_T_RRDL] = {HBM3_CLK(5), 0}, [HBM_T_FAW] = {HBM3_CLK(24), 0}, [HBM_T_WTRS] = {HBM3_CLK(7), 0},             \
        [HBM_T_WTRL] = {HBM3_CLK(10), 0}, [HBM_T_TURN] = {0, 2}, [HBM_T_RFCPB] = {NS(200), 0},                         \
        [HBM_T_REFI] = {NS(3900), 0}, [HBM_T_RREFD] = {HBM3_CLK(8), 0},                                                \
    }
/* HBM4_8000 (RAM). */
#define HBM4_CLK(n) ((n) / 2e9)
#define HBM4_TIMES                                                                                                     \
    {                                                                                                                  \
        [HBM_T_BL] = {0, 2}, [HBM_T_CL] = {HBM4_CLK(20), 0}, [HBM_T_CWL] = {HBM4_CLK(10), 0},                          \
        [HBM_T_RCDRD] = {HBM4_CLK(39), 0}, [HBM_T_RCDWR] = {HBM4_CLK(19), 0}, [HBM_T_RP] = {HBM4_CLK(33), 0},          \
        [HBM_T_RAS] = {HBM4_CLK(57), 0}, [HBM_T_RC] = {HBM4_CLK(90), 0}, [HBM_T_WR] = {HBM4_CLK(42), 0},               \
        [HBM_T_RTP] = {HBM4_CLK(12), 0}, [HBM_T_CCDS] = {0, 2}, [HBM_T_CCDL] = {0, 2},                                 \
        [HBM_T_RRDS] = {HBM4_CLK(5), 0}, [HBM_T_RRDL] = {HBM4_CLK(7), 0}, [HBM_T_FAW] = {HBM4_CLK(30), 0},             \
        [HBM_T_WTRS] = {HBM4_CLK(9), 0}, [HBM_T_WTRL] = {HBM4_CLK(13), 0}, [HBM_T_TURN] = {0, 2},                      \
        [HBM_T_RFCPB] = {NS(280), 0}, [HBM_T_REFI] = {NS(3900), 0}, [HBM_T_RREFD] = {HBM4_CLK(8), 0},                  \
    }
/* GDDR6 at 14 Gbit/s (RAM); tRREFD is tRRD, an estimate. */
#define GDDR_CLK(n) ((n) / 1.75e9)
#define GDDR6_TIMES                                                                                                    \
    {                                                                                                                  \
        [HBM_T_BL] = {0, 2}, [HBM_T_CL] = {GDDR_CLK(24), 0}, [HBM_T_CWL] = {GDDR_CLK(6), 0},                           \
        [HBM_T_RCDRD] = {GDDR_CLK(27), 0}, [HBM_T_RCDWR] = {GDDR_CLK(16), 0}, [HBM_T_RP] = {GDDR_CLK(27), 0},          \
        [HBM_T_RAS] = {GDDR_CLK(53), 0}, [HBM_T_RC] = {GDDR_CLK(79), 0}, [HBM_T_WR] = {GDDR_CLK(27), 0},               \
        [HBM_T_RTP] = {GDDR_CLK(4), 0}, [HBM_T_CCDS] = {0, 2}, [HBM_T_CCDL] = {0, 4}, [HBM_T_RRDS] = {GDDR_CLK(8), 0}, \
        [HBM_T_RRDL] = {GDDR_CLK(8), 0}, [HBM_T_FAW] = {GDDR_CLK(29), 0}, [HBM_T_WTRS] = {GDDR_CLK(9), 0},             \
        [HBM_T_WTRL] = {GDDR_CLK(11), 0}, [HBM_T_TURN] = {0, 2}, [HBM_T_RFCPB] = {GDDR_CLK(106), 0},                   \
        [HBM_T_REFI] = {GDDR_CLK(3333), 0}, [HBM_T_RREFD] = {GDDR_CLK(8), 0},                                          \
    }
/* GDDR7 at 28 Gbit/s (RAM, which marks it as for tests only), and GDDR6 where that has none. */
#define GDDR7_TIMES                                                                                                    \
    {                                                                                                                  \
        [HBM_T_BL] = {0, 2}, [HBM_T_CL] = {GDDR_CLK(24), 0}, [HBM_T_CWL] = {GDDR_CLK(6), 0},                           \
        [HBM_T_RCDRD] = {GDDR_CLK(30), 0}, [HBM_T_RCDWR] = {GDDR_CLK(19), 0}, [HBM_T_RP] = {GDDR_CLK(30), 0},          \
        [HBM_T_RAS] = {GDDR_CLK(60), 0}, [HBM_T_RC] = {GDDR_CLK(90), 0}, [HBM_T_WR] = {GDDR_CLK(27), 0},               \
        [HBM_T_RTP] = {GDDR_CLK(4), 0}, [HBM_T_CCDS] = {0, 2}, [HBM_T_CCDL] = {0, 4}, [HBM_T_RRDS] = {GDDR_CLK(4), 0}, \
        [HBM_T_RRDL] = {GDDR_CLK(4), 0}, [HBM_T_FAW] = {GDDR_CLK(29), 0}, [HBM_T_WTRS] = {GDDR_CLK(9), 0},             \
        [HBM_T_WTRL] = {GDDR_CLK(11), 0}, [HBM_T_TURN] = {0, 2}, [HBM_T_RFCPB] = {GDDR_CLK(106), 0},                   \
        [HBM_T_REFI] = {GDDR_CLK(3333), 0}, [HBM_T_RREFD] = {GDDR_CLK(8), 0},                                          \
    }
#define GDDR_CHANNEL_DENSITIES                                                                                         \
    { GBIT, GBIT, GBIT, INFINITY }

static const hbm_kind kinds[] = {
    {
        .name = "HBM2",
        .source = "RAM HBM2_2400",
        .channels_per_stack = 8,
        .pseudo_channels = 2,
        .pins = 64,
        .burst_bytes = 32,
        .row_bytes = 1024,
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 2.4e9,
        .times = HBM2_TIMES,
        .density_bits = {4 * GBIT, 8 * GBIT, 8 * GBIT, INFINITY},
        .refresh_s = {NS(260), NS(350), NS(350), NS(350)},
    },
    {
        .name = "HBM2e",
        .source = "estimate: the times of RAM HBM2_2400 at the higher pin rate; no public preset",
        .channels_per_stack = 8,
        .pseudo_channels = 2,
        .pins = 64,
        .burst_bytes = 32,
        .row_bytes = 1024,
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 3.2e9,
        .times = HBM2_TIMES,
        .density_bits = {4 * GBIT, 8 * GBIT, 8 * GBIT, INFINITY},
        .refresh_s = {NS(260), NS(350), NS(350), NS(350)},
    },
    {
        .name = "HBM3",
        .source = "RAM HBM3_6400",
        .channels_per_stack = 16,
        .pseudo_channels = 2,
        .pins = 32,
        .burst_bytes = 32,
        .row_bytes = 1024,
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 6.4e9,
        .times = HBM3_TIMES,
        .density_bits = {4 * GBIT, 8 * GBIT, 16 * GBIT, INFINITY},
        .refresh_s = {NS(260), NS(350), NS(450), NS(550)},
    },
    {
        .name = "HBM3e",
        .source = "estimate: the times of RAM HBM3_6400 at the machine's pin rate; no public preset",
        .channels_per_stack = 16,
        .pseudo_channels = 2,
        .pins = 32,
        .burst_bytes = 32,
        .row_bytes = 1024,
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 9.6e9,
        .times = HBM3_TIMES,
        .density_bits = {4 * GBIT, 8 * GBIT, 16 * GBIT, INFINITY},
        .refresh_s = {NS(260), NS(350), NS(450), NS(550)},
    },
    {
        .name = "HBM4",
        .source = "RAM HBM4_8000 (0.5 ns clocks)",
        .channels_per_stack = 32,
        .pseudo_channels = 2,
        .pins = 32,
        .burst_bytes = 32,
        .row_bytes = 1024,
        .bank_groups = 2,
        .banks_per_group = 8,
        .pin_bits_per_s = 8e9,
        .times = HBM4_TIMES,
        .density_bits = {4 * GBIT, 8 * GBIT, 16 * GBIT, INFINITY},
        .refresh_s = {NS(400), NS(450), NS(530), NS(530)},
    },
    {
        .name = "GDDR6",
        .source = "RAM GDDR6 14 Gbit/s (0.57 ns clocks)",
        .channels_per_stack = 2,
        .pseudo_channels = 1,
        .pins = 16,
        .burst_bytes = 32,
        .row_bytes = 2048, /* JESD250: 2 KB page of a channel */
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 14e9,
        .times = GDDR6_TIMES,
        .density_bits = GDDR_CHANNEL_DENSITIES,
        .refresh_s = {GDDR_CLK(211), GDDR_CLK(211), GDDR_CLK(211), GDDR_CLK(211)},
    },
    {
        .name = "GDDR7",
        .source = "estimate: RAM GDDR7 28 Gbit/s, which it marks as for tests only, and GDDR6 where that has none",
        .channels_per_stack = 4,
        .pseudo_channels = 1,
        .pins = 8,
        .burst_bytes = 32,
        .row_bytes = 2048,
        .bank_groups = 4,
        .banks_per_group = 4,
        .pin_bits_per_s = 28e9,
        .times = GDDR7_TIMES,
        .density_bits = GDDR_CHANNEL_DENSITIES,
        .refresh_s = {GDDR_CLK(315), GDDR_CLK(315), GDDR_CLK(315), GDDR_CLK(315)},
    },
};

size_t hbm_kind_count(void) {
    return sizeof kinds / sizeof *kinds;
}

const hbm_kind *hbm_kind_at(size_t index) {
    assert(index < hbm_kind_count());
    return &kinds[index];
}

const hbm_kind *hbm_kind_find(const char *name) {
    for (size_t k = 0; k < hbm_kind_count(); k++)
        if (name && strcmp(kinds[k].name, name) == 0)
            return &kinds[k];
    return NULL;
}

static int32_t clocks_of(hbm_limit limit, double clock_s) {
    static const double ROUNDING_CLK = 1e-6;
    int32_t clk = (int32_t)ceil(limit.time_s / clock_s - ROUNDING_CLK);
    return clk > limit.least_clk ? clk : limit.least_clk;
}

status hbm_memory_of(const machine *m, hbm_memory *out, error *err) {
    static const double BITS = 8;
    const hbm_kind *kind = hbm_kind_find(m->memory_kind);
    if (!kind)
        return error_set(err, STATUS_BAD_INPUT, "%s: no timing table for memory '%.40s'", m->name ? m->name : "machine",
                         m->memory_kind ? m->memory_kind : "");
    *out = (hbm_memory){.kind = kind};
    out->pseudo_channels = fmax(1, floor(m->hbm.bus_bits / kind->pins));
    out->peak_bytes_per_s = m->hbm.bandwidth_bytes_per_s / out->pseudo_channels;
    out->clock_s = kind->burst_bytes / out->peak_bytes_per_s / HBM_BURST_CLK;
    out->bank_groups = kind->bank_groups;
    out->banks = kind->bank_groups * kind->banks_per_group;
    for (int t = 0; t < HBM_TIME_COUNT; t++)
        out->clk[t] = clocks_of(kind->times[t], out->clock_s);
    double channel_bits = m->hbm.capacity_bytes * BITS * kind->pseudo_channels / out->pseudo_channels;
    size_t density = 0;
    while (density + 1 < HBM_DENSITIES && channel_bits > kind->density_bits[density])
        density++;
    out->clk[HBM_T_RFCAB] = clocks_of((hbm_limit){kind->refresh_s[density], 0}, out->clock_s);
    out->clk[HBM_T_REFIPB] = out->clk[HBM_T_REFI] / out->banks;
    return STATUS_OK;
}
