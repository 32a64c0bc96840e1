/* The pseudo-channel's constraints as rows, and the device that enforces them. */
#include "sim/engine/hbm.h"

#include <assert.h>
#include <string.h>

#define T(name) (HBM_T_##name + 1)
#define MINUS(name) (-(HBM_T_##name + 1))

/* Sums as in JESD238 (HBM3), which the other standards share in form. */
static const hbm_rule rules[] = {
    /* the data bus */
    {HBM_CHANNEL, HBM_RD, HBM_RD, {T(CCDS)}, 0},
    {HBM_CHANNEL, HBM_WR, HBM_WR, {T(CCDS)}, 0},
    {HBM_GROUP, HBM_RD, HBM_RD, {T(CCDL)}, 0},
    {HBM_GROUP, HBM_WR, HBM_WR, {T(CCDL)}, 0},
    {HBM_CHANNEL, HBM_RD, HBM_WR, {T(CL), T(BL), T(TURN), MINUS(CWL)}, 0},
    {HBM_CHANNEL, HBM_WR, HBM_RD, {T(CWL), T(BL), T(WTRS)}, 0},
    {HBM_GROUP, HBM_WR, HBM_RD, {T(CWL), T(BL), T(WTRL)}, 0},
    /* rows */
    {HBM_CHANNEL, HBM_ACT, HBM_ACT, {T(RRDS)}, 0},
    {HBM_GROUP, HBM_ACT, HBM_ACT, {T(RRDL)}, 0},
    {HBM_CHANNEL, HBM_ACT, HBM_ACT, {T(FAW)}, HBM_ACT_WINDOW},
    {HBM_BANK, HBM_ACT, HBM_ACT, {T(RC)}, 0},
    {HBM_BANK, HBM_ACT, HBM_RD, {T(RCDRD)}, 0},
    {HBM_BANK, HBM_ACT, HBM_WR, {T(RCDWR)}, 0},
    {HBM_BANK, HBM_ACT, HBM_PRE, {T(RAS)}, 0},
    {HBM_CHANNEL, HBM_ACT, HBM_PREA, {T(RAS)}, 0},
    {HBM_BANK, HBM_PRE, HBM_ACT, {T(RP)}, 0},
    {HBM_CHANNEL, HBM_PREA, HBM_ACT, {T(RP)}, 0},
    {HBM_BANK, HBM_RD, HBM_PRE, {T(RTP)}, 0},
    {HBM_CHANNEL, HBM_RD, HBM_PREA, {T(RTP)}, 0},
    {HBM_BANK, HBM_WR, HBM_PRE, {T(CWL), T(BL), T(WR)}, 0},
    {HBM_CHANNEL, HBM_WR, HBM_PREA, {T(CWL), T(BL), T(WR)}, 0},
    /* refresh */
    {HBM_CHANNEL, HBM_ACT, HBM_REFAB, {T(RC)}, 0},
    {HBM_CHANNEL, HBM_PRE, HBM_REFAB, {T(RP)}, 0},
    {HBM_CHANNEL, HBM_PREA, HBM_REFAB, {T(RP)}, 0},
    {HBM_CHANNEL, HBM_REFAB, HBM_ACT, {T(RFCAB)}, 0},
    {HBM_CHANNEL, HBM_REFAB, HBM_REFAB, {T(RFCAB)}, 0},
    {HBM_BANK, HBM_ACT, HBM_REFPB, {T(RC)}, 0},
    {HBM_BANK, HBM_PRE, HBM_REFPB, {T(RP)}, 0},
    {HBM_CHANNEL, HBM_PREA, HBM_REFPB, {T(RP)}, 0},
    {HBM_CHANNEL, HBM_ACT, HBM_REFPB, {T(RRDS)}, 0},
    {HBM_BANK, HBM_REFPB, HBM_ACT, {T(RFCPB)}, 0},
    {HBM_CHANNEL, HBM_REFPB, HBM_ACT, {T(RREFD)}, 0},
    {HBM_CHANNEL, HBM_REFPB, HBM_REFPB, {T(RREFD)}, 0},
    {HBM_BANK, HBM_REFPB, HBM_REFPB, {T(RFCPB)}, 0},
};

const hbm_rule *hbm_rules(size_t *count) {
    *count = sizeof rules / sizeof *rules;
    return rules;
}

int32_t hbm_rule_clk(const hbm_rule *rule, const hbm_memory *memory) {
    int32_t sum = 0;
    for (size_t i = 0; i < HBM_TERMS_MAX && rule->terms[i] != 0; i++) {
        int8_t term = rule->terms[i];
        sum += term > 0 ? memory->clk[term - 1] : -memory->clk[-term - 1];
    }
    return sum > 1 ? sum : 1; /* the command bus takes one a clock */
}

static const int64_t LONG_AGO_CLK = -1000000000;

void hbm_device_start(hbm_device *d, const hbm_memory *memory, const hbm_rule *given, size_t count) {
    *d = (hbm_device){.memory = memory};
    memset(d->latency, -1, sizeof d->latency);
    for (size_t r = 0; r < count; r++) {
        int32_t clk = hbm_rule_clk(&given[r], memory);
        int32_t *latency =
            given[r].window > 0 ? &d->window_clk : &d->latency[given[r].level][given[r].preceding][given[r].following];
        if (clk > *latency)
            *latency = clk;
    }
    for (size_t i = 0; i < HBM_ACT_WINDOW; i++)
        d->act_clk[i] = LONG_AGO_CLK;
    for (int32_t b = 0; b < memory->banks; b++)
        d->open_row[b] = HBM_ROW_CLOSED;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int32_t group_of(const hbm_device *d, int32_t bank) {
    return bank % d->memory->bank_groups;
}

int64_t hbm_device_earliest(const hbm_device *d, hbm_command command, int32_t bank) {
    int64_t clk = later(d->channel_ready[command], d->bank_ready[bank][command]);
    clk = later(clk, d->group_ready[group_of(d, bank)][command]);
    if (command == HBM_ACT)
        clk = later(clk, d->act_clk[d->act_next] + d->window_clk);
    return clk;
}

bool hbm_device_ready(const hbm_device *d, hbm_command command, int32_t bank, int64_t clk) {
    return clk >= hbm_device_earliest(d, command, bank);
}

static void forbid_until(int64_t *ready, const int32_t *latency, int64_t clk) {
    for (size_t c = 0; c < HBM_COMMANDS; c++)
        if (latency[c] >= 0)
            ready[c] = later(ready[c], clk + latency[c]);
}

/* What a command finds and leaves in the banks. */
static void change_rows(hbm_device *d, hbm_command command, int32_t bank, int32_t row) {
    switch (command) {
    case HBM_ACT:
        assert(d->open_row[bank] == HBM_ROW_CLOSED && row >= 0);
        d->open_row[bank] = row;
        break;
    case HBM_PRE:
        d->open_row[bank] = HBM_ROW_CLOSED;
        break;
    case HBM_PREA:
        for (int32_t b = 0; b < d->memory->banks; b++)
            d->open_row[b] = HBM_ROW_CLOSED;
        break;
    case HBM_REFAB:
        for (int32_t b = 0; b < d->memory->banks; b++)
            assert(d->open_row[b] == HBM_ROW_CLOSED);
        break;
    case HBM_REFPB:
        assert(d->open_row[bank] == HBM_ROW_CLOSED);
        break;
    default:
        assert(d->open_row[bank] != HBM_ROW_CLOSED);
    }
}

void hbm_device_issue(hbm_device *d, hbm_command command, int32_t bank, int32_t row, int64_t clk) {
    assert(hbm_device_ready(d, command, bank, clk));
    change_rows(d, command, bank, row);
    forbid_until(d->channel_ready, d->latency[HBM_CHANNEL][command], clk);
    forbid_until(d->group_ready[group_of(d, bank)], d->latency[HBM_GROUP][command], clk);
    forbid_until(d->bank_ready[bank], d->latency[HBM_BANK][command], clk);
    if (command == HBM_ACT) {
        d->act_clk[d->act_next] = clk;
        d->act_next = (d->act_next + 1) % HBM_ACT_WINDOW;
    }
}
