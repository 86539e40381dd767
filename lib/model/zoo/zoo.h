/* The zoo: architectures that state dicts come from. A family is one file with a build function; an architecture is one row of
 * the table in zoo.c. Which one a state dict belongs to is found by comparing the weights that a row's network would need with the
 * ones that are there, so a row needs no signature of its own. */
#ifndef GCAM_MODEL_ZOO_H
#define GCAM_MODEL_ZOO_H

#include "gradcam/model.h"

typedef struct gcam__arch gcam__arch;

/* What a build function works with. */
typedef struct gcam__zoo {
    gcam_builder *b;
    const int *variant;               /* the row's numbers */
    const gcam_tensor_table *weights; /* for families whose old files name them differently; NULL: none at hand */
    int64_t channels;                 /* of the image, as the first weights say */
    int64_t classes;                  /* outputs, as the last weights say */
    char name[256];                   /* of gcam__zoo_name() */
} gcam__zoo;

/* Adds the family's layers after `image`, named by PyTorch's module paths, and returns the logits. */
typedef gcam_node (*gcam__zoo_build_fn)(gcam__zoo *zoo, gcam_node image);

/* A family: one file. */
typedef struct gcam__family {
    gcam__zoo_build_fn build;
    const char *stem;          /* first weight: dimension 1 is the number of channels */
    const char *head;          /* last weight: dimension 0 is the number of classes */
    const char *ignored;       /* beginning of the names of tensors that only training needs; NULL: none */
    const char *const *labels; /* where the number of classes is label_count; NULL: ImageNet's where there are 1000 */
    int label_count;
} gcam__family;

/* An architecture: one row. `variant` tells the members of a family apart; each family's file says what its numbers mean. */
struct gcam__arch {
    gcam_arch_info info;
    const gcam__family *family;
    int variant[8];
};

/* Formats a layer's name into zoo->name, for the next call of the builder. */
const char *gcam__zoo_name(gcam__zoo *zoo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Row by id, NULL if there is none; row by position, NULL past the end. */
const gcam__arch *gcam__arch_find(const char *id);
const gcam__arch *gcam__arch_at(size_t index);
/* Builder that holds the architecture with its image size, output and target layer. Channels and classes are what the weights
 * say; 3 and 1000 without any (NULL). Errors: those of the builder. */
gcam_status gcam__arch_build(gcam_builder **out, const gcam__arch *arch, const gcam_tensor_table *weights);
/* The same with these channels and classes. */
gcam_status gcam__arch_build_sized(gcam_builder **out, const gcam__arch *arch, const gcam_tensor_table *weights,
                                   int64_t channels, int64_t classes);
/* The architecture that wants exactly the tensors of the table, with their shapes; counters and auxiliary heads may be left over.
 * Errors: UNSUPPORTED (the sentence names the nearest architecture and the first difference), NOMEM. */
gcam_status gcam__arch_detect(const gcam__arch **out, const gcam_tensor_table *weights);

/* The architecture whose convolutions and linear layers have weights of the same shapes as those of a network, in any order: for graphs
 * whose weights have lost their names. NULL where none has, or several that differ in target layer or preprocessing (VGG with and without
 * batch norm). Errors: those of the builder. */
gcam_status gcam__arch_like(const gcam__arch **out, const gcam_network *network);
/* The architecture's target layer in a network that is like it: by its name; else the nearest to the output, along first inputs, of the same
 * operation and channels. -1: there is none. Errors: those of the builder. */
gcam_status gcam__arch_target(int *out, const gcam__arch *arch, const gcam_network *network);

/* Name of the preprocessing that weights of this architecture want: the row's, or that of a later release, which the hash in the
 * file's name tells. `path` may be NULL. */
const char *gcam__zoo_preprocess(const gcam__arch *arch, const char *path);

extern const gcam__family gcam__alexnet;
extern const gcam__family gcam__convnext;
extern const gcam__family gcam__densenet;
extern const gcam__family gcam__efficientnet;
extern const gcam__family gcam__googlenet;
extern const gcam__family gcam__inception;
extern const gcam__family gcam__mnasnet;
extern const gcam__family gcam__mobilenet_v2;
extern const gcam__family gcam__mobilenet_v3;
extern const gcam__family gcam__regnet;
extern const gcam__family gcam__resnet;
extern const gcam__family gcam__resnet_cifar;
extern const gcam__family gcam__shufflenet;
extern const gcam__family gcam__squeezenet;
extern const gcam__family gcam__tiny_darknet;
extern const gcam__family gcam__vgg;

#endif
