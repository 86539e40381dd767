/* Tiny networks with known weights, for tests of sessions and explanations: a table of weights, a network and a session in one. */
#ifndef TESTS_SUPPORT_TINY_H
#define TESTS_SUPPORT_TINY_H

#include "gradcam/explain.h"

typedef struct tiny {
    gcam_tensor_table *weights;
    gcam_builder *builder;
    gcam_network *network;
    gcam_session *session;
    gcam_tensor *input;
} tiny;

/* Starts a network; layers are added to t->builder. */
void tiny_begin(tiny *t);
/* Adds a weight with these values, or with reproducible values in -1..1 where `values` is NULL (`seed` says which). */
void tiny_weight(tiny *t, const char *name, gcam_shape shape, const float *values, uint64_t seed);
/* Finishes the network and makes a deterministic session and an input (zeros) for a batch. */
void tiny_finish(tiny *t, int64_t batch);
/* Reproducible input values in low..high. */
void tiny_fill_input(tiny *t, uint64_t seed, float low, float high);
void tiny_free(tiny *t);

/* conv 3x3 -> relu "a1" -> maxpool -> conv 3x3 -> relu "a2" -> flatten -> linear: 3 x 8 x 8 in, `classes` out. With zero biases
 * where `biased` is 0. */
void tiny_convnet(tiny *t, int classes, int biased, int64_t batch);

/* A = [[1,2],[3,4]], [[0,1],[1,0]]; head: global average pooling, W = (2,-8) and b = 0.5; a second class has the negated weights. */
void tiny_worked_example(tiny *t);

#endif
