/* Device memory at command level: what fraction of the pin rate each access pattern reaches.
 *
 * One pseudo-channel is simulated, clock by clock where something happens; address hashing makes all of them alike. It
 * runs offline on samples of a pattern, and gives a table of efficiencies that engines use. Structure follows the JEDEC
 * standards (JESD235, JESD238, JESD270, JESD250, JESD239): commands, and constraints between them as table rows. */
#ifndef INGOT_HBM_H
#define INGOT_HBM_H

#include "core/machine.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- kinds of memory: hbm_kind.c ---- */

/* Times between commands. The suffix is the standard's: S another bank group, L the same one. */
#define HBM_TIMES(X)                                                                                                   \
    X(BL, "data burst")                                                                                                \
    X(CL, "read command to data")                                                                                      \
    X(CWL, "write command to data")                                                                                    \
    X(RCDRD, "activate to read")                                                                                       \
    X(RCDWR, "activate to write")                                                                                      \
    X(RP, "precharge to activate")                                                                                     \
    X(RAS, "activate to precharge")                                                                                    \
    X(RC, "activate to activate, one bank")                                                                            \
    X(WR, "end of write data to precharge")                                                                            \
    X(RTP, "read to precharge")                                                                                        \
    X(CCDS, "column to column")                                                                                        \
    X(CCDL, "column to column, one group")                                                                             \
    X(RRDS, "activate to activate")                                                                                    \
    X(RRDL, "activate to activate, one group")                                                                         \
    X(FAW, "window of four activates")                                                                                 \
    X(WTRS, "end of write data to read")                                                                               \
    X(WTRL, "end of write data to read, one group")                                                                    \
    X(TURN, "gap on the bus between read and write data")                                                              \
    X(RFCAB, "refresh of all banks")                                                                                   \
    X(RFCPB, "refresh of one bank")                                                                                    \
    X(REFI, "between refreshes of all banks")                                                                          \
    X(REFIPB, "between refreshes of one bank each")                                                                    \
    X(RREFD, "refresh of one bank to activate of another")

typedef enum hbm_time {
#define X(name, text) HBM_T_##name,
    HBM_TIMES(X)
#undef X
        HBM_TIME_COUNT
} hbm_time;

const char *hbm_time_name(hbm_time t); /* "RCDRD" */

/* The longer of a time and a number of clocks holds. */
typedef struct hbm_limit {
    double time_s;
    int32_t least_clk;
} hbm_limit;

enum { HBM_DENSITIES = 4 };

typedef struct hbm_kind {
    const char *name, *source;
    int32_t channels_per_stack, pseudo_channels; /* a stack (or device), a channel */
    int32_t pins;                                /* data pins of a pseudo-channel */
    int32_t burst_bytes, row_bytes;
    int32_t bank_groups, banks_per_group; /* of one stack identifier */
    double pin_bits_per_s;                /* that the times were published for */
    hbm_limit times[HBM_TIME_COUNT];      /* RFCAB comes from the density */
    double density_bits[HBM_DENSITIES];   /* of a channel: up to so many bits ... */
    double refresh_s[HBM_DENSITIES];      /* ... refreshing all banks takes so long */
} hbm_kind;

size_t hbm_kind_count(void);
const hbm_kind *hbm_kind_at(size_t index);
const hbm_kind *hbm_kind_find(const char *name); /* as a machine's memory_kind, "HBM3e"; NULL when unknown */

/* ---- one machine's memory ---- */

enum { HBM_BANKS_MAX = 64, HBM_BURST_CLK = 2 /* clocks a burst takes in all of these standards */ };

typedef struct hbm_memory {
    const hbm_kind *kind;
    double clock_s;               /* command clock */
    double pseudo_channels;       /* in all */
    double peak_bytes_per_s;      /* of one */
    int32_t clk[HBM_TIME_COUNT];  /* the times in clocks, rounded up */
    int32_t bank_groups, banks;   /* of a pseudo-channel */
    bool refresh_all, no_refresh; /* refresh all banks together; none at all (tests) */
} hbm_memory;

/* From the machine's memory_kind, bandwidth, stacks, bus and capacity. STATUS_BAD_INPUT when the kind is unknown. */
status hbm_memory_of(const machine *m, hbm_memory *out, error *err);

/* ---- the device: hbm_device.c ---- */

typedef enum hbm_command { HBM_ACT, HBM_PRE, HBM_PREA, HBM_RD, HBM_WR, HBM_REFAB, HBM_REFPB, HBM_COMMANDS } hbm_command;
typedef enum hbm_level { HBM_CHANNEL, HBM_GROUP, HBM_BANK, HBM_LEVELS } hbm_level;

enum { HBM_TERMS_MAX = 4 };

/* After `preceding` no `following` on the same part of `level` before the sum of `terms` has passed. A term is a time
 * plus one, negative to subtract it; 0 ends them. `window` counts commands back: 4 is the fourth last activate. */
typedef struct hbm_rule {
    hbm_level level;
    hbm_command preceding, following;
    int8_t terms[HBM_TERMS_MAX];
    int32_t window;
} hbm_rule;

const hbm_rule *hbm_rules(size_t *count);
int32_t hbm_rule_clk(const hbm_rule *rule, const hbm_memory *memory);

enum { HBM_ROW_CLOSED = -1, HBM_ACT_WINDOW = 4 };

/* A pseudo-channel. It holds no clock: every call is told the time. */
typedef struct hbm_device {
    const hbm_memory *memory;
    int32_t latency[HBM_LEVELS][HBM_COMMANDS][HBM_COMMANDS]; /* by level, preceding, following; -1: none */
    int32_t window_clk;                                      /* of HBM_ACT_WINDOW activates */
    int64_t channel_ready[HBM_COMMANDS];
    int64_t group_ready[HBM_BANKS_MAX][HBM_COMMANDS];
    int64_t bank_ready[HBM_BANKS_MAX][HBM_COMMANDS];
    int64_t act_clk[HBM_ACT_WINDOW];
    size_t act_next;
    int32_t open_row[HBM_BANKS_MAX]; /* or HBM_ROW_CLOSED */
} hbm_device;

/* With the given rules alone. */
void hbm_device_start(hbm_device *d, const hbm_memory *memory, const hbm_rule *rules, size_t count);

/* The first clock at which the command may go to a bank, whatever the bank's state. */
int64_t hbm_device_earliest(const hbm_device *d, hbm_command command, int32_t bank);
bool hbm_device_ready(const hbm_device *d, hbm_command command, int32_t bank, int64_t clk);

/* Issues it; asserts that it is ready and that the bank's state allows it. `row` matters for HBM_ACT alone. */
void hbm_device_issue(hbm_device *d, hbm_command command, int32_t bank, int32_t row, int64_t clk);

/* ---- addresses: hbm_address.c ---- */

/* Consecutive bytes that stay in one row of one pseudo-channel. An estimate: vendors do not publish their hashes. */
enum { HBM_GRANULE_BYTES = 256 };

typedef struct hbm_place {
    int32_t pseudo_channel, bank, row, column; /* column in bursts */
} hbm_place;

hbm_place hbm_place_of(const hbm_memory *memory, uint64_t address);
/* The same for the granule `block` of a pseudo-channel (its place in the order of addresses). */
hbm_place hbm_place_of_block(const hbm_memory *memory, int32_t pseudo_channel, uint64_t block);

/* ---- the controller: hbm_controller.c ---- */

typedef struct hbm_request {
    hbm_place place;
    bool write;
} hbm_request;

/* Gives the next request of one pseudo-channel, or false at the end. */
typedef struct hbm_source {
    bool (*next)(void *context, hbm_request *out);
    void *context;
} hbm_source;

typedef struct hbm_counts {
    int64_t clocks, reads, writes, activates, refreshes, refresh_clk, turnarounds;
} hbm_counts;

/* First-ready, first-come-first-served over queues of the source's requests; writes wait and go in batches. Runs until
 * every request has been served. */
hbm_counts hbm_serve(const hbm_memory *memory, hbm_source source);

/* ---- patterns and efficiencies: hbm_pattern.c ---- */

typedef enum hbm_pattern_kind { HBM_STREAM, HBM_STRIDE, HBM_GATHER } hbm_pattern_kind;

typedef struct hbm_pattern {
    hbm_pattern_kind kind;
    double write_frac;  /* of requests; 0.5 is a copy */
    int32_t item_bytes; /* gather: consecutive bytes; stride: distance between sectors */
    double in_flight;   /* stride: sectors on their way at once, whose warps arrive in any order */
    int32_t ways;       /* stream: places that each direction is at together, as a thread's loads in a loop over the */
    double apart_bytes; /* grid lie a grid apart; 0 or 1 way: one place */
} hbm_pattern;

/* Bytes moved over bytes that the pins could have moved, one pseudo-channel. */
double hbm_pattern_busy_frac(const hbm_memory *memory, const hbm_pattern *pattern, hbm_counts *counts);

enum { HBM_GATHER_SIZES = 8, HBM_GATHER_BYTES_MIN = 32 }; /* 32, 64, ... 4096 bytes */

/* What lies between the device and the SMs, each a limit or share of its own. */
typedef struct hbm_fabric {
    double read_frac;       /* of the pin rate that reads can cross the chip at; 1: no limit known */
    double write_frac;      /* the same for writes */
    double fetch_bytes;     /* least that a miss brings in */
    double in_flight_bytes; /* that all SMs together keep on their way */
    double dirty_bytes;     /* written lines that L2 still holds when a kernel ends */
} hbm_fabric;

typedef struct hbm_efficiency {
    double read_frac, write_frac, copy_frac; /* of the pins, device alone: long streams */
    double gather_frac[HBM_GATHER_SIZES];    /* useful bytes over pin rate, reads, fabric's fetch included */
    double stride_frac[HBM_GATHER_SIZES];    /* a 32-byte sector every so many bytes, likewise */
    hbm_fabric fabric;
    double peak_bytes_per_s;
} hbm_efficiency;

hbm_fabric hbm_fabric_of(const machine *m);

/* The streams' efficiencies of a machine, and the fabric; gathers and strides stay 0. Deterministic; tens of
 * milliseconds, so compute it once a machine. */
status hbm_streams_of(const machine *m, hbm_efficiency *out, error *err);
/* The whole table. */
status hbm_efficiency_of(const machine *m, hbm_efficiency *out, error *err);

/* Seconds that the memory needs for a stream of so many bytes read and written: the device with its turnarounds, or the
 * fabric in either direction. Bytes that stay dirty in L2 are the caller's to subtract (hbm_written_bytes). */
double hbm_stream_s(const hbm_efficiency *e, double read_bytes, double write_bytes);
/* Of bytes written by one kernel, those that have left L2 when it ends. */
double hbm_written_bytes(const hbm_efficiency *e, double write_bytes);

#endif
