/* The small networks of the golden cases, as tools/parity/golden_networks.py has them in PyTorch: between them they use every
 * kind of layer of the classic architectures, with odd sizes, ceil mode, groups, dilation and layers called twice. */
#ifndef GCAM_TESTS_SMALL_NETWORKS_H
#define GCAM_TESTS_SMALL_NETWORKS_H

#include "gradcam.h"

/* Adds all layers for an input of height x width; what fails shows in gcam_builder_finish(). */
typedef void (*small_network)(gcam_builder *b, int64_t height, int64_t width);

void small_alexnet(gcam_builder *b, int64_t height, int64_t width);
void small_vgg(gcam_builder *b, int64_t height, int64_t width);
void small_vgg_bn(gcam_builder *b, int64_t height, int64_t width);
void small_squeezenet(gcam_builder *b, int64_t height, int64_t width);
void small_darknet(gcam_builder *b, int64_t height, int64_t width);
void small_resnet(gcam_builder *b, int64_t height, int64_t width);

#endif
