#include "workloads/vqgan.h"

#include <string.h>

enum {
    LEVELS = 5,
    BASE_CHANNELS = 128,
    ENCODER_BLOCKS = 2, /* residual blocks a level */
    DECODER_BLOCKS = 3,
    IMAGE_PIXELS = 512, /* a side */
    LATENT_PIXELS = 32,
    LATENT_CHANNELS = 256,
    CODEBOOK = 8192,
    NORM_GROUPS = 32,
    COLOURS = 3,
};
static const int64_t channel_ratio[LEVELS] = {1, 1, 2, 2, 4};
static const data_type TYPE = DTYPE_fp32;
/* Framework calls behind one kernel: a module's forward and the operator's own dispatch. */
static const double CALLS = 3;

typedef struct image {
    graph_builder *b;
    scenario_variable images;
    const char *where;        /* begins the ids of its nodes */
    int64_t channels, pixels; /* of a side, as the next node finds them */
} image;

static const char *id_of(const image *at, const char *name) {
    return arena_printf(at->b->out->memory, "%s_%s", at->where, name);
}

static void conv(image *at, const char *name, int64_t cout, int64_t kernel, int64_t stride) {
    bool halves = stride == 2; /* padded at the right and the bottom alone */
    op o = {.kind = OP_conv2d,
            .as.conv2d = {.cin = at->channels,
                          .cout = cout,
                          .height = at->pixels,
                          .width = at->pixels,
                          .kernel = kernel,
                          .stride = stride,
                          .pad_left = halves ? 0 : kernel / 2,
                          .pad_right = halves ? 1 : kernel / 2,
                          .dtype = TYPE}};
    build_variable(build_node(at->b, id_of(at, name), o, CALLS), "batch", at->images, 1);
    at->channels = cout;
    at->pixels /= stride;
}

/* GroupNorm, and x * sigmoid(x) as two kernels where it follows. */
static void norm(image *at, const char *name, bool silu) {
    op o = {.kind = OP_groupnorm,
            .as.groupnorm = {
                .cin = at->channels, .height = at->pixels, .width = at->pixels, .groups = NORM_GROUPS, .dtype = TYPE}};
    build_variable(build_node(at->b, id_of(at, name), o, CALLS), "batch", at->images, 1);
    if (!silu)
        return;
    op sigmoid = {.kind = OP_activation,
                  .as.activation = {.cols = at->channels * at->pixels * at->pixels,
                                    .dtype = TYPE,
                                    .function = activation_function_sigmoid}};
    build_variable(
        build_node(at->b, arena_printf(at->b->out->memory, "%s_%s_sigmoid", at->where, name), sigmoid, CALLS), "rows",
        at->images, 1);
    op product = {.kind = OP_elementwise,
                  .as.elementwise = {.cols = at->channels * at->pixels * at->pixels,
                                     .inputs = 2,
                                     .dtype = TYPE,
                                     .out_dtype = TYPE,
                                     .function = pointwise_function_mul}};
    build_variable(build_node(at->b, arena_printf(at->b->out->memory, "%s_%s_mul", at->where, name), product, CALLS),
                   "rows", at->images, 1);
}

static void sum(image *at, const char *name) {
    op o = {.kind = OP_add, .as.add = {.cols = at->channels * at->pixels * at->pixels, .dtype = TYPE}};
    build_variable(build_node(at->b, id_of(at, name), o, CALLS), "rows", at->images, 1);
}

static void residual_block(image *at, int64_t cout) {
    int64_t cin = at->channels;
    norm(at, "norm1", true);
    conv(at, "conv1", cout, 3, 1);
    norm(at, "norm2", true);
    conv(at, "conv2", cout, 3, 1);
    if (cin != cout) {
        image before = *at;
        before.channels = cin;
        conv(&before, "shortcut", cout, 1, 1);
    }
    sum(at, "sum");
}

static void product(image *at, const char *name, int64_t m, int64_t n, int64_t k) {
    op o = {.kind = OP_gemm,
            .as.gemm = {
                .m = m, .n = n, .k = k, .dtype = DTYPE_tf32, .weights_dtype = DTYPE_tf32, .activations_only = true}};
    graph_node *node = build_node(at->b, id_of(at, name), o, CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "batch", at->images, 1);
}

/* One head over all positions. */
static void attention_block(image *at) {
    int64_t positions = at->pixels * at->pixels, channels = at->channels;
    norm(at, "norm", false);
    conv(at, "q", channels, 1, 1);
    conv(at, "k", channels, 1, 1);
    conv(at, "v", channels, 1, 1);
    product(at, "scores", positions, positions, channels);
    op soft = {.kind = OP_softmax, .as.softmax = {.cols = positions, .dtype = TYPE}};
    graph_node *node = build_node(at->b, id_of(at, "softmax"), soft, CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", at->images, (double)positions);
    product(at, "values", positions, channels, positions);
    conv(at, "out", channels, 1, 1);
    sum(at, "sum");
}

static void middle(image *at, const char *side) {
    arena *memory = at->b->out->memory;
    at->where = arena_printf(memory, "%s_mid1", side);
    residual_block(at, at->channels);
    at->where = arena_printf(memory, "%s_mid_attention", side);
    attention_block(at);
    at->where = arena_printf(memory, "%s_mid2", side);
    residual_block(at, at->channels);
}

/* Squared distances to every code through one product, and the nearest. */
static void quantise(image *at) {
    int64_t tokens = at->pixels * at->pixels;
    op distances = {
        .kind = OP_gemm,
        .as.gemm = {.n = CODEBOOK, .k = LATENT_CHANNELS, .batch = 1, .dtype = DTYPE_tf32, .weights_dtype = DTYPE_tf32}};
    build_variable(build_node(at->b, "quantise_distances", distances, CALLS), "m", at->images, (double)tokens);
    op combine = {.kind = OP_add, .as.add = {.cols = CODEBOOK, .dtype = TYPE}};
    build_variable(build_node(at->b, "quantise_sum", combine, CALLS), "rows", at->images, (double)tokens);
    op nearest = {.kind = OP_sample, .as.sample = {.cols = CODEBOOK, .dtype = TYPE, .method = sample_method_argmax}};
    build_variable(build_node(at->b, "quantise_argmin", nearest, CALLS), "rows", at->images, (double)tokens);
}

void build_vqgan_encoder(graph_builder *b, scenario_variable images) {
    image at = {.b = b, .images = images, .where = "encode", .channels = COLOURS, .pixels = IMAGE_PIXELS};
    build_segment(b, 1);
    conv(&at, "conv_in", BASE_CHANNELS, 3, 1);
    for (int level = 0; level < LEVELS; level++) {
        for (int block = 0; block < ENCODER_BLOCKS; block++) {
            at.where = arena_printf(b->out->memory, "encode_%d_%d", level, block);
            residual_block(&at, BASE_CHANNELS * channel_ratio[level]);
        }
        at.where = arena_printf(b->out->memory, "encode_%d", level);
        if (level + 1 < LEVELS)
            conv(&at, "down", at.channels, 3, 2);
    }
    middle(&at, "encode");
    at.where = "encode";
    norm(&at, "norm_out", true);
    conv(&at, "conv_out", LATENT_CHANNELS, 3, 1);
    conv(&at, "quant_conv", LATENT_CHANNELS, 1, 1);
    quantise(&at);
}

/* Every pixel twice along both sides. */
static void upsample(image *at) {
    op o = {.kind = OP_embedding,
            .as.embedding = {.cols = at->channels, .table_rows = at->pixels * at->pixels, .dtype = TYPE}};
    graph_node *node = build_node(at->b, id_of(at, "nearest"), o, CALLS);
    node->category = CATEGORY_MISC;
    at->pixels *= 2;
    build_variable(node, "rows", at->images, (double)(at->pixels * at->pixels));
    conv(at, "up", at->channels, 3, 1);
}

void build_vqgan_decoder(graph_builder *b, scenario_variable images) {
    image at = {.b = b, .images = images, .where = "decode", .channels = LATENT_CHANNELS, .pixels = LATENT_PIXELS};
    build_segment(b, 1);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = LATENT_CHANNELS, .table_rows = CODEBOOK, .dtype = TYPE}};
    build_variable(build_node(b, "decode_codes", gather, CALLS), "rows", images, LATENT_PIXELS * LATENT_PIXELS);
    conv(&at, "post_quant_conv", LATENT_CHANNELS, 1, 1);
    conv(&at, "conv_in", BASE_CHANNELS * channel_ratio[LEVELS - 1], 3, 1);
    middle(&at, "decode");
    for (int level = LEVELS - 1; level >= 0; level--) {
        for (int block = 0; block < DECODER_BLOCKS; block++) {
            at.where = arena_printf(b->out->memory, "decode_%d_%d", level, block);
            residual_block(&at, BASE_CHANNELS * channel_ratio[level]);
        }
        at.where = arena_printf(b->out->memory, "decode_%d", level);
        if (level > 0)
            upsample(&at);
    }
    at.where = "decode";
    norm(&at, "norm_out", true);
    conv(&at, "conv_out", COLOURS, 3, 1);
    op clamp = {.kind = OP_elementwise,
                .as.elementwise = {.cols = COLOURS * IMAGE_PIXELS * IMAGE_PIXELS,
                                   .inputs = 1,
                                   .dtype = TYPE,
                                   .out_dtype = DTYPE_int8,
                                   .function = pointwise_function_scale}};
    build_variable(build_node(b, "decode_pixels", clamp, CALLS), "rows", images, 1);
}

/* The weights of convolutions (with a bias a channel), norms (two a channel) and codebook that both graphs hold. */
double vqgan_parameter_count(void) {
    arena memory = {0};
    graph g = {.phases = ARENA_ARRAY(&memory, graph_phase, 2), .memory = &memory};
    graph_builder b = {.out = &g};
    build_phase(&b, "encode", true);
    build_vqgan_encoder(&b, SCENARIO_ONE);
    build_phase(&b, "decode", true);
    build_vqgan_decoder(&b, SCENARIO_ONE);
    double count = (double)CODEBOOK * LATENT_CHANNELS;
    for (size_t p = 0; p < g.phase_count; p++) {
        for (size_t n = 0; n < g.phases[p].node_count; n++) {
            const op *o = &g.phases[p].nodes[n].op;
            const conv2d_params *c = &o->as.conv2d;
            if (o->kind == OP_conv2d)
                count += (double)(c->cout * (c->cin * c->kernel * c->kernel + 1));
            if (o->kind == OP_groupnorm)
                count += 2 * (double)o->as.groupnorm.cin;
        }
    }
    arena_free(&memory);
    return count;
}
