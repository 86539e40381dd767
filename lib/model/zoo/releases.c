/* Weights that torchvision released later for architectures it had weights for, and that want another preprocessing than the
 * architecture's row says. Their files are told by the first eight digits of their SHA-256, which torchvision puts into their names. */
#include "io/sha256.h"
#include "model/zoo/zoo.h"

#include <string.h>

static const struct release {
    const char *arch, *hash, *preprocess;
} releases[] = {
    {"efficientnet_b1", "c27df63c", "torchvision-255-240"},
    {"mobilenet_v2", "7ebf99e0", "torchvision-232"},
    {"mobilenet_v3_large", "5c1a4163", "torchvision-232"},
    {"regnet_x_16gf", "ba3796d7", "torchvision-232"},
    {"regnet_x_1_6gf", "a12f2b72", "torchvision-232"},
    {"regnet_x_32gf", "6eb8fdc6", "torchvision-232"},
    {"regnet_x_3_2gf", "7071aa85", "torchvision-232"},
    {"regnet_x_400mf", "62229a5f", "torchvision-232"},
    {"regnet_x_800mf", "94a99ebd", "torchvision-232"},
    {"regnet_x_8gf", "2b70d774", "torchvision-232"},
    {"regnet_y_128gf", "cbe8ce12", "torchvision-224-224-bicubic"},
    {"regnet_y_16gf", "3e4a00f9", "torchvision-232"},
    {"regnet_y_16gf", "43afe44d", "torchvision-384-384-bicubic"},
    {"regnet_y_16gf", "f3ec0043", "torchvision-224-224-bicubic"},
    {"regnet_y_1_6gf", "0d7bc02a", "torchvision-232"},
    {"regnet_y_32gf", "8db6d4b5", "torchvision-232"},
    {"regnet_y_32gf", "04fdfa75", "torchvision-384-384-bicubic"},
    {"regnet_y_32gf", "e1583746", "torchvision-224-224-bicubic"},
    {"regnet_y_3_2gf", "9180c971", "torchvision-232"},
    {"regnet_y_400mf", "e6988f5f", "torchvision-232"},
    {"regnet_y_800mf", "58fc7688", "torchvision-232"},
    {"regnet_y_8gf", "dc2b1b54", "torchvision-232"},
    {"resnet101", "cd907fc2", "torchvision-232"},
    {"resnet152", "f82ba261", "torchvision-232"},
    {"resnet50", "11ad3fa6", "torchvision-232"},
    {"resnext101_32x8d", "110c445d", "torchvision-232"},
    {"resnext50_32x4d", "1a0047aa", "torchvision-232"},
    {"wide_resnet101_2", "d733dc28", "torchvision-232"},
    {"wide_resnet50_2", "9ba9bcbe", "torchvision-232"},
};

const char *gcam__zoo_preprocess(const gcam__arch *arch, const char *path) {
    char hash[9];
    if (path == NULL || !gcam__file_name_hash(path, hash)) return arch->info.preprocess;
    for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
        if (strcmp(releases[i].hash, hash) == 0 && strcmp(releases[i].arch, arch->info.id) == 0)
            return releases[i].preprocess;
    return arch->info.preprocess;
}
