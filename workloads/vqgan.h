/* Chameleon's image tokenizer: a VQ-GAN of 512 x 512 pixels and 1,024 tokens from a codebook of 8,192.
 * Source: facebookresearch/chameleon, vqgan.py (channels 128 x [1,1,2,2,4], two residual blocks a level, attention in
 * the middle alone, 256 latent channels). 32-bit floats, as its checkpoint. */
#ifndef INGOT_VQGAN_H
#define INGOT_VQGAN_H

#include "workloads/build.h"

/* Tokens that stand for an image in a prompt: its own, and one before and one behind. */
enum { VQGAN_IMAGE_TOKENS = 1024, VQGAN_PROMPT_TOKENS = VQGAN_IMAGE_TOKENS + 2 };

/* Appends a segment that turns `images` images into tokens, or tokens into images. */
void build_vqgan_encoder(graph_builder *b, scenario_variable images);
void build_vqgan_decoder(graph_builder *b, scenario_variable images);

/* Parameters of both. */
double vqgan_parameter_count(void);

#endif
