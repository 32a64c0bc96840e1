/* SeamlessM4T v2: speech and text encoders, a text decoder with beam search, and speech from units.
 *
 * Two ways of writing the same layers: one kernel a framework call, as fairseq2 issues them, and fused, as ingot's own
 * kernels run them. What torch.compile makes of the text decoder lies between (facts: static caches, everything else
 * eager). Source: seamless_communication and fairseq2 v0.2, public code and model cards. */
#ifndef INGOT_SEAMLESS_H
#define INGOT_SEAMLESS_H

#include "workloads/build.h"

enum { SEAMLESS_BEAMS = 5, SEAMLESS_PROMPT_TOKENS = 2, SEAMLESS_UPSAMPLINGS = 5 };

/* Numbers of the model file beyond the text decoder's own (struct model). */
typedef struct seamless_shape {
    double mel_bins, stacked_frames;                                   /* of one speech frame */
    double speech_layers, speech_ffn, depthwise_kernel;                /* conformer */
    double relative_left, relative_right;                              /* Shaw positions beside the query's own */
    double adaptor_kernel, adaptor_stride;                             /* padded by half the kernel on both sides */
    double t2u_layers, t2u_kernel, characters, units;                  /* the NAR decoder's two vocabularies */
    double duration_channels, duration_kernel;                         /* duration predictor */
    double vocoder_units, vocoder_unit_width, vocoder_condition_width; /* language and speaker have this width each */
    double vocoder_channels;                                           /* after the first convolution */
    double characters_per_token;                                       /* of the output text */
} seamless_shape;

typedef struct seamless_builder {
    graph_builder b;
    const model *m;
    const seamless_shape *shape;
    const levers *l;
    /* How the current phase is written. */
    bool fused;         /* pointwise kernels joined to their neighbours; otherwise a kernel a framework call */
    bool own;           /* our kernels: joined projections, exact lengths, the search on the GPU */
    bool static_caches; /* torch.compile: caches attended over their whole length under a mask */
} seamless_builder;

/* The rows that a stack of layers works on. */
typedef struct seamless_span {
    scenario_variable batch, length, rows; /* sequences, tokens of each, and their product */
} seamless_span;

extern const seamless_span seamless_frames, seamless_source, seamless_hypotheses, seamless_requests, seamless_text,
    seamless_characters, seamless_units, seamless_vocoded;

/* floor((T + 2 pad - kernel) / stride) + 1. */
double seamless_adaptor_length(const seamless_shape *shape, double frames);

/* ---- sizes, by block (seamless_size.c) ---- */

typedef struct seamless_sizes {
    double speech_encoder, adaptor, text_encoder, text_decoder, embedding;
    double t2u_encoder, t2u_decoder, t2u_embeddings, vocoder, vocoder_embedding;
} seamless_sizes;

seamless_sizes seamless_sizes_of(const model *m);

/* ---- parts (seamless_parts.c): each appends to the current segment; ids are copied ---- */

/* "prefix_name" in the graph's memory. */
const char *seamless_id(const seamless_builder *s, const char *prefix, const char *name);

graph_node *seamless_row_op(seamless_builder *s, seamless_span at, const char *id, op o, double calls);
void seamless_norm(seamless_builder *s, seamless_span at, const char *id, double width, bool residual);
graph_node *seamless_linear(seamless_builder *s, seamless_span at, const char *id, double k, double n);
void seamless_activation(seamless_builder *s, seamless_span at, const char *id, double width, activation_function f,
                         bool gated);
void seamless_residual(seamless_builder *s, seamless_span at, const char *id, double width);
void seamless_pointwise(seamless_builder *s, seamless_span at, const char *id, double width, pointwise_function f,
                        data_type in, data_type out);
void seamless_copy(seamless_builder *s, seamless_span at, const char *id, double width);
graph_node *seamless_conv(seamless_builder *s, seamless_span at, const char *id, conv1d_params p);
void seamless_qkv(seamless_builder *s, seamless_span at, const char *prefix);

/* How many keys a query sees. */
typedef struct seamless_keys {
    dim_expression count;
    bool causal;
} seamless_keys;

/* Attention of `at`'s queries over keys of their own sequence, fused or written out by the lever. */
void seamless_attention(seamless_builder *s, seamless_span at, const char *prefix, seamless_keys keys);
/* Whole bidirectional self-attention block with its norm and residual; `post`: the norm follows. */
void seamless_self_attention_block(seamless_builder *s, seamless_span at, const char *prefix, bool post);
/* norm, up, activation, down, (x 1/2,) residual. */
void seamless_ffn_block(seamless_builder *s, seamless_span at, const char *prefix, double ffn, activation_function f,
                        bool half);

/* ---- stages ---- */

void seamless_speech_encoder(seamless_builder *s); /* filter banks, conformer, adaptor */
void seamless_encoder_layers(seamless_builder *s, seamless_span at, const char *prefix, double layers);
void seamless_text_encoder(seamless_builder *s);

typedef enum seamless_pass {
    PASS_PREFILL, /* the prompt's first token, one row a request; projects the source's keys and values */
    PASS_FIRST,   /* the search's first step: still one row a request */
    PASS_STEP,    /* all hypotheses */
    PASS_TEACHER, /* the best hypothesis, all tokens at once */
} seamless_pass;

void seamless_text_decoder(seamless_builder *s, seamless_pass pass);
/* What the search chose in the step before: the host does not wait for it, so it belongs to the step that follows. */
void seamless_reorder(seamless_builder *s);
void seamless_beam_step(seamless_builder *s, seamless_pass pass);
void seamless_unit_decoder(seamless_builder *s); /* T2U encoder, characters, durations, units */
void seamless_vocoder(seamless_builder *s);

#endif
