/* UnitY2's text-to-unit model: an encoder over the decoder's hidden states, then a non-autoregressive decoder that
 * spreads tokens over characters and characters over units, as long as a duration predictor says. */
#include "workloads/seamless.h"

static const double GATHER_CALLS = 8, CALLS = 3;

/* repeat_interleave: counts are summed, then rows gathered. */
static void upsample(seamless_builder *s, seamless_span from, seamless_span to, const char *prefix) {
    if (!s->fused) {
        op sums = {.kind = OP_elementwise,
                   .as.elementwise = {.inputs = 1,
                                      .cols = 1,
                                      .dtype = DTYPE_fp32,
                                      .out_dtype = DTYPE_fp32,
                                      .function = pointwise_function_mul}};
        seamless_row_op(s, from, seamless_id(s, prefix, "offsets"), sums, CALLS);
    }
    op gather = {
        .kind = OP_copy,
        .as.copy = {.cols = (int64_t)s->m->hidden, .dtype = s->m->dtype, .out_dtype = s->m->dtype, .strided = true}};
    seamless_row_op(s, to, seamless_id(s, prefix, "upsample"), gather, GATHER_CALLS);
}

/* Sinusoidal positions, scaled by a learned factor. */
static void place(seamless_builder *s, seamless_span at, const char *prefix) {
    if (!s->fused)
        seamless_pointwise(s, at, seamless_id(s, prefix, "position_scale"), s->m->hidden, pointwise_function_scale,
                           s->m->dtype, s->m->dtype);
    seamless_residual(s, at, seamless_id(s, prefix, "position_add"), s->m->hidden);
}

static void same_conv(seamless_builder *s, seamless_span at, const char *id, double cin, double cout, double kernel) {
    int64_t pad = (int64_t)kernel / 2;
    seamless_conv(
        s, at, id,
        (conv1d_params){
            .cin = (int64_t)cin, .cout = (int64_t)cout, .kernel = (int64_t)kernel, .pad_left = pad, .pad_right = pad});
}

static void durations(seamless_builder *s) {
    const seamless_shape *p = s->shape;
    double width = p->duration_channels;
    seamless_span at = seamless_characters;
    static const char *const prefixes[] = {"duration1", "duration2"};
    for (int i = 0; i < 2; i++) {
        same_conv(s, at, seamless_id(s, prefixes[i], "conv"), i == 0 ? s->m->hidden : width, width, p->duration_kernel);
        seamless_activation(s, at, seamless_id(s, prefixes[i], "relu"), width, activation_function_relu, false);
        seamless_norm(s, at, seamless_id(s, prefixes[i], "norm"), width, false);
    }
    seamless_linear(s, at, "duration_projection", width, 1);
    static const char *const rounding[] = {"duration_exp", "duration_round", "duration_clamp"};
    for (int i = 0; i < (s->fused ? 1 : 3); i++)
        seamless_pointwise(s, at, rounding[i], 1, pointwise_function_pow, DTYPE_fp32, DTYPE_fp32);
    build_node(&s->b, "duration_sync", (op){.kind = OP_sync}, 0); /* how many units: shapes depend on it */
}

static void unit_layer(seamless_builder *s) {
    double d = s->m->hidden;
    seamless_span at = seamless_units;
    seamless_self_attention_block(s, at, "unit", true);
    same_conv(s, at, "conv1", d, d, s->shape->t2u_kernel);
    seamless_activation(s, at, "conv_relu", d, activation_function_relu, false);
    same_conv(s, at, "conv2", d, d, s->shape->t2u_kernel);
    if (!s->fused)
        seamless_residual(s, at, "conv_residual", d);
    seamless_norm(s, at, "conv_norm", d, s->fused);
}

void seamless_unit_decoder(seamless_builder *s) {
    const model *m = s->m;
    const seamless_shape *p = s->shape;
    seamless_encoder_layers(s, seamless_text, "t2u", p->t2u_layers);
    upsample(s, seamless_text, seamless_characters, "character");
    op characters = {
        .kind = OP_embedding,
        .as.embedding = {.cols = (int64_t)m->hidden, .table_rows = (int64_t)p->characters, .dtype = m->dtype}};
    seamless_row_op(s, seamless_characters, "character_embedding", characters, CALLS);
    seamless_residual(s, seamless_characters, "character_add", m->hidden);
    place(s, seamless_characters, "character");
    durations(s);
    upsample(s, seamless_characters, seamless_units, "unit");
    place(s, seamless_units, "unit");
    build_segment(&s->b, (int64_t)p->t2u_layers);
    unit_layer(s);
    build_segment(&s->b, 1);
    seamless_norm(s, seamless_units, "unit_norm", m->hidden, s->fused);
    seamless_linear(s, seamless_units, "unit_projection", m->hidden, p->units);
    op pick = {.kind = OP_sample,
               .as.sample = {.cols = (int64_t)p->units, .dtype = m->dtype, .method = sample_method_argmax}};
    seamless_row_op(s, seamless_units, "unit_argmax", pick, CALLS);
    if (!s->own)
        build_node(&s->b, "unit_sync", (op){.kind = OP_sync}, 0); /* units go through the host */
}
