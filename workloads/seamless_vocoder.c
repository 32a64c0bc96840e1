/* The code HiFi-GAN vocoder: units to a waveform at 16 kHz, 320 samples a unit, 97 convolutions.
 *
 * The eager reference keeps weight normalisation and computes every weight again; elsewhere it is folded. */
#include "workloads/seamless.h"

enum { BLOCKS = 3, DILATIONS = 3, EDGE_TAPS = 7 };
static const struct {
    int64_t rate, kernel;
} upsamplings[SEAMLESS_UPSAMPLINGS] = {{5, 11}, {4, 8}, {4, 8}, {2, 4}, {2, 4}};
static const int64_t block_taps[BLOCKS] = {3, 7, 11}, dilations[DILATIONS] = {1, 3, 5};
static const double CALLS = 2.5, WEIGHT_NORM_CALLS = 8, GATHER_CALLS = 3;

typedef struct signal {
    seamless_builder *s;
    int64_t channels, per_unit; /* positions that a unit has become */
    bool written_out;           /* weight norms, activations and sums a kernel each */
} signal;

static void weight_norm(signal *at, const char *id, int64_t weights) {
    if (!at->written_out)
        return;
    op o = {.kind = OP_elementwise,
            .as.elementwise = {.rows = 1,
                               .cols = weights,
                               .inputs = 1,
                               .dtype = at->s->m->dtype,
                               .out_dtype = at->s->m->dtype,
                               .function = pointwise_function_scale}};
    build_node(&at->s->b, seamless_id(at->s, id, "weight_norm"), o, WEIGHT_NORM_CALLS)->category = CATEGORY_MISC;
}

static void conv(signal *at, const char *id, conv1d_params p) {
    weight_norm(at, id, p.cin * p.cout * p.kernel);
    graph_node *node = seamless_conv(at->s, seamless_vocoded, id, p);
    node->dims[1].value.per_variable = (double)at->per_unit; /* the length */
}

static void pointwise(signal *at, const char *id, op o) {
    build_variable(build_node(&at->s->b, id, o, CALLS), "rows", SCENARIO_VOCODER_ROWS, (double)at->per_unit);
}

static void activation(signal *at, const char *id, activation_function f) {
    pointwise(
        at, id,
        (op){.kind = OP_activation, .as.activation = {.cols = at->channels, .dtype = at->s->m->dtype, .function = f}});
}

static void sum(signal *at, const char *id) {
    pointwise(at, id, (op){.kind = OP_add, .as.add = {.cols = at->channels, .dtype = at->s->m->dtype}});
}

static void residual_block(signal *at, const char *prefix, int64_t taps) {
    for (int i = 0; i < DILATIONS; i++) {
        for (int second = 0; second < 2; second++) {
            const char *id = arena_printf(at->s->b.out->memory, "%s_conv%d", prefix, 2 * i + second + 1);
            int64_t dilation = second ? 1 : dilations[i], pad = (taps - 1) * dilation / 2;
            activation(at, seamless_id(at->s, id, "relu"), activation_function_leaky_relu);
            conv(at, id,
                 (conv1d_params){.cin = at->channels,
                                 .cout = at->channels,
                                 .kernel = taps,
                                 .dilation = dilation,
                                 .pad_left = pad,
                                 .pad_right = pad});
        }
        if (at->written_out) /* otherwise the next activation adds */
            sum(at, arena_printf(at->s->b.out->memory, "%s_residual%d", prefix, i + 1));
    }
}

static void stage(signal *at, int index) {
    arena *memory = at->s->b.out->memory;
    const char *prefix = arena_printf(memory, "stage%d", index + 1);
    int64_t rate = upsamplings[index].rate, kernel = upsamplings[index].kernel;
    activation(at, seamless_id(at->s, prefix, "relu"), activation_function_leaky_relu);
    /* Cut so that every position becomes exactly `rate`. */
    int64_t cut = kernel - rate;
    conv(at, seamless_id(at->s, prefix, "up"),
         (conv1d_params){.cin = at->channels,
                         .cout = at->channels / 2,
                         .kernel = kernel,
                         .stride = rate,
                         .pad_left = cut / 2,
                         .pad_right = cut - cut / 2,
                         .transposed = true});
    at->channels /= 2;
    at->per_unit *= rate;
    for (int i = 0; i < BLOCKS; i++)
        residual_block(at, arena_printf(memory, "%s_block%d", prefix, i + 1), block_taps[i]);
    for (int i = 1; i < BLOCKS; i++)
        sum(at, arena_printf(memory, "%s_sum%d", prefix, i));
    if (at->written_out) /* the average of the blocks */
        pointwise(at, seamless_id(at->s, prefix, "mean"),
                  (op){.kind = OP_elementwise,
                       .as.elementwise = {.cols = at->channels,
                                          .inputs = 1,
                                          .dtype = at->s->m->dtype,
                                          .out_dtype = at->s->m->dtype,
                                          .function = pointwise_function_scale}});
}

static void edge_conv(signal *at, const char *id, int64_t cin, int64_t cout) {
    conv(at, id,
         (conv1d_params){
             .cin = cin, .cout = cout, .kernel = EDGE_TAPS, .pad_left = EDGE_TAPS / 2, .pad_right = EDGE_TAPS / 2});
    at->channels = cout;
}

void seamless_vocoder(seamless_builder *s) {
    const seamless_shape *p = s->shape;
    signal at = {.s = s, .per_unit = 1, .written_out = !s->fused};
    int64_t condition = (int64_t)(2 * p->vocoder_condition_width), width = (int64_t)p->vocoder_unit_width;
    build_segment(&s->b, 1);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = width, .table_rows = (int64_t)p->vocoder_units, .dtype = s->m->dtype}};
    seamless_row_op(s, seamless_vocoded, "unit_embedding", gather, GATHER_CALLS);
    seamless_copy(s, seamless_vocoded, "condition_concat", (double)(width + condition));
    edge_conv(&at, "conv_pre", width + condition, (int64_t)p->vocoder_channels);
    for (int i = 0; i < SEAMLESS_UPSAMPLINGS; i++)
        stage(&at, i);
    activation(&at, "relu_post", activation_function_leaky_relu);
    edge_conv(&at, "conv_post", at.channels, 1);
    activation(&at, "tanh", activation_function_tanh);
    if (s->l->launch == LAUNCH_EAGER)
        build_node(&s->b, "sync", (op){.kind = OP_sync}, 0);
}
