/* How large SeamlessM4T's blocks are. */
#include "workloads/seamless.h"

static double linear(double k, double n) {
    return k * n + n;
}

static double norm(double width) {
    return 2 * width;
}

static double conv(double cin, double cout, double kernel) {
    return cin * cout * kernel + cout;
}

static double attention(double d) {
    return 4 * linear(d, d);
}

static double ffn(double d, double f) {
    return linear(d, f) + linear(f, d);
}

static double conformer_layer(const model *m, const seamless_shape *p) {
    double d = m->hidden, positions = p->relative_left + p->relative_right + 1;
    double shaw = positions * m->head_dim;
    double convolution = norm(d) + d * 2 * d + p->depthwise_kernel * d + norm(d) + d * d; /* no biases */
    return 2 * (norm(d) + ffn(d, p->speech_ffn)) + norm(d) + attention(d) + shaw + convolution + norm(d);
}

static double adaptor(const model *m, const seamless_shape *p) {
    double d = m->hidden;
    double halved = conv(d, 2 * d, p->adaptor_kernel);
    double layer = 2 * (norm(d) + halved) + attention(d) + norm(d) + ffn(d, p->speech_ffn);
    return norm(d) + ffn(d, p->speech_ffn) + layer + norm(d);
}

static double vocoder(const seamless_shape *p) {
    static const double kernels[SEAMLESS_UPSAMPLINGS] = {11, 8, 8, 4, 4};
    static const double BLOCK_TAPS = 3 + 7 + 11, BLOCK_CONVS = 6, EDGE_TAPS = 7;
    double channels = p->vocoder_channels;
    double count = conv(p->vocoder_unit_width + 2 * p->vocoder_condition_width, channels, EDGE_TAPS);
    for (int i = 0; i < SEAMLESS_UPSAMPLINGS; i++) {
        count += conv(channels, channels / 2, kernels[i]);
        channels /= 2;
        count += BLOCK_CONVS * (channels * channels * BLOCK_TAPS + 3 * channels);
    }
    return count + conv(channels, 1, EDGE_TAPS);
}

seamless_sizes seamless_sizes_of(const model *m) {
    const seamless_shape *p = m->shape;
    double d = m->hidden, frame = p->mel_bins * p->stacked_frames;
    double encoder_layer = norm(d) + attention(d) + norm(d) + ffn(d, m->ffn);
    double duration = conv(d, p->duration_channels, p->duration_kernel) +
                      conv(p->duration_channels, p->duration_channels, p->duration_kernel) +
                      2 * norm(p->duration_channels) + linear(p->duration_channels, 1);
    double unit_layer = attention(d) + norm(d) + 2 * conv(d, d, p->t2u_kernel) + norm(d);
    return (seamless_sizes){
        .speech_encoder = norm(frame) + linear(frame, d) + p->speech_layers * conformer_layer(m, p),
        .adaptor = adaptor(m, p),
        .text_encoder = m->layers * encoder_layer + norm(d),
        .text_decoder = m->layers * (encoder_layer + norm(d) + attention(d)) + norm(d),
        .embedding = m->vocabulary * d,
        .t2u_encoder = p->t2u_layers * encoder_layer + norm(d),
        .t2u_decoder = p->t2u_layers * unit_layer + norm(d) + duration,
        .t2u_embeddings = (p->characters + p->units) * d,
        .vocoder = vocoder(p),
        .vocoder_embedding = p->vocoder_units * p->vocoder_unit_width,
    };
}

double seamless_adaptor_length(const seamless_shape *shape, double frames) {
    double pad = (double)(int64_t)(shape->adaptor_kernel / 2);
    return (double)(int64_t)((frames + 2 * pad - shape->adaptor_kernel) / shape->adaptor_stride) + 1;
}
