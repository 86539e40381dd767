/* Tests of the zoo: every architecture has torchvision's tensors and PyTorch's layer names, and is recognised by its tensors. */
#include "graph/network.h"
#include "model/model.h"
#include "model/zoo/zoo.h"
#include "support/weights.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void setup(void) {
    snprintf(path, sizeof path, "/tmp/gradcam-zoo-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void) {
    unlink(path);
}

/* The architecture's network without weights; free the builder. */
static const gcam_network *build(const char *arch, const gcam_tensor_table *like, gcam_builder **builder) {
    ck_assert_int_eq(gcam__arch_build(builder, gcam__arch_find(arch), like), GCAM_OK);
    return gcam__builder_network(*builder);
}

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

/* As the torchvision documentation counts them, without batch norm's statistics. */
static const struct {
    const char *arch;
    int64_t count;
} parameters[] = {
    {"alexnet", 61100840},
    {"convnext_base", 88591464},
    {"convnext_large", 197767336},
    {"convnext_small", 50223688},
    {"convnext_tiny", 28589128},
    {"densenet121", 7978856},
    {"densenet161", 28681000},
    {"densenet169", 14149480},
    {"densenet201", 20013928},
    {"efficientnet_b0", 5288548},
    {"efficientnet_b1", 7794184},
    {"efficientnet_b2", 9109994},
    {"efficientnet_b3", 12233232},
    {"efficientnet_b4", 19341616},
    {"efficientnet_b5", 30389784},
    {"efficientnet_b6", 43040704},
    {"efficientnet_b7", 66347960},
    {"efficientnet_v2_l", 118515272},
    {"efficientnet_v2_m", 54139356},
    {"efficientnet_v2_s", 21458488},
    {"googlenet", 6624904}, /* auxiliary heads are never counted */
    {"googlenet_plain", 6624904},
    {"inception_v3", 23834568},
    {"inception_v3_plain", 23834568},
    {"mnasnet0_5", 2218512},
    {"mnasnet0_75", 3170208},
    {"mnasnet1_0", 4383312},
    {"mnasnet1_3", 6282256},
    {"mobilenet_v2", 3504872},
    {"mobilenet_v3_large", 5483032},
    {"mobilenet_v3_small", 2542856},
    {"regnet_x_16gf", 54278536},
    {"regnet_x_1_6gf", 9190136},
    {"regnet_x_32gf", 107811560},
    {"regnet_x_3_2gf", 15296552},
    {"regnet_x_400mf", 5495976},
    {"regnet_x_800mf", 7259656},
    {"regnet_x_8gf", 39572648},
    {"regnet_y_128gf", 644812894},
    {"regnet_y_16gf", 83590140},
    {"regnet_y_1_6gf", 11202430},
    {"regnet_y_32gf", 145046770},
    {"regnet_y_3_2gf", 19436338},
    {"regnet_y_400mf", 4344144},
    {"regnet_y_800mf", 6432512},
    {"regnet_y_8gf", 39381472},
    {"resnet101", 44549160},
    {"resnet152", 60192808},
    {"resnet18", 11689512},
    {"resnet34", 21797672},
    {"resnet50", 25557032},
    {"resnext101_32x8d", 88791336},
    {"resnext101_64x4d", 83455272},
    {"resnext50_32x4d", 25028904},
    {"shufflenet_v2_x0_5", 1366792},
    {"shufflenet_v2_x1_0", 2278604},
    {"shufflenet_v2_x1_5", 3503624},
    {"shufflenet_v2_x2_0", 7393996},
    {"squeezenet1_0", 1248424},
    {"squeezenet1_1", 1235496},
    {"vgg11", 132863336},
    {"vgg11_bn", 132868840},
    {"vgg13", 133047848},
    {"vgg13_bn", 133053736},
    {"vgg16", 138357544},
    {"vgg16_bn", 138365992},
    {"vgg19", 143667240},
    {"vgg19_bn", 143678248},
    {"wide_resnet101_2", 126886696},
    {"wide_resnet50_2", 68883240},
    {"tiny_darknet", 1042104},
    {"resnet20_cifar", 336824}, /* with 1000 classes, as all here */
    {"resnet32_cifar", 531256},
    {"resnet44_cifar", 725688},
    {"resnet56_cifar", 920120},
    {"resnet110_cifar", 1795064},
};

static gcam_status count_parameter(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    int64_t *total = user;
    if (strstr(name, ".running_") == NULL) *total += gcam_shape_count(shape);
    return GCAM_OK;
}

START_TEST(parameters_are_as_many_as_published) {
    ck_assert_uint_eq(sizeof parameters / sizeof parameters[0], gcam_arch_count());
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        gcam_builder *builder;
        int64_t total = 0;
        const gcam_network *network = build(parameters[i].arch, NULL, &builder);
        ck_assert_int_eq(gcam__network_each_weight(network, count_parameter, &total), GCAM_OK);
        ck_assert_msg(total == parameters[i].count, "%s has %" PRId64 " parameters, not %" PRId64, parameters[i].arch,
                      total, parameters[i].count);
        gcam_builder_free(builder);
    }
}
END_TEST

/* ---- torchvision's own lists -------------------------------------------------------------------------------------------- */

typedef struct listing {
    FILE *file;
    const char *arch;
    char line[512];
    int seen;
} listing;

/* Moves on to the architecture's next float tensor in the list; 0 at the end. */
static int next_listed(listing *l, char *name, char *shape) {
    char arch[64], dtype[32];
    while (fgets(l->line, sizeof l->line, l->file) != NULL) {
        shape[0] = '\0';
        if (sscanf(l->line, "%63s %255s %31s %127s", arch, name, dtype, shape) < 3 || strcmp(arch, l->arch) != 0)
            continue;
        if (strncmp(name, "aux", 3) != 0 && strcmp(dtype, "float32") == 0) return 1;
    }
    return 0;
}

static gcam_status compare_listed(void *user, int node, int which, const char *name, const gcam_shape *shape) {
    (void)node, (void)which;
    listing *l = user;
    char listed[256], listed_shape[128], text[160];
    rewind(l->file);
    while (next_listed(l, listed, listed_shape))
        if (strcmp(listed, name) == 0) {
            ck_assert_str_eq(gcam__shape_text(shape, text), listed_shape);
            l->seen++;
            return GCAM_OK;
        }
    ck_abort_msg("%s has no %s", l->arch, name);
}

START_TEST(tensors_are_torchvisions) {
    FILE *file = fopen("../shared/torchvision_shapes.tsv", "r");
    if (file == NULL) {
        puts("skipped: ../shared/torchvision_shapes.tsv is not there");
        return;
    }
    const char *const archs[] = {"alexnet",  "vgg16",       "resnet18",     "squeezenet1_1",
                                 "resnet50", "densenet121", "mobilenet_v2", "googlenet"};
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        listing l = {.file = file, .arch = archs[i]};
        gcam_builder *builder;
        char name[256], shape[128];
        int listed = 0;
        ck_assert_int_eq(gcam__network_each_weight(build(archs[i], NULL, &builder), compare_listed, &l), GCAM_OK);
        for (rewind(file); next_listed(&l, name, shape); listed++)
            ;
        ck_assert_int_eq(l.seen, listed);
        gcam_builder_free(builder);
    }
    fclose(file);
}
END_TEST

/* ---- layers ---------------------------------------------------------------------------------------------------------------- */

static void check_layer(const gcam_network *network, const char *name, const char *op, int64_t channels, int64_t side) {
    gcam_layer_info info;
    int index = gcam_network_find(network, name);
    ck_assert_msg(index >= 0, "there is no layer %s", name);
    ck_assert_int_eq(gcam_network_layer(network, index, &info), GCAM_OK);
    ck_assert_str_eq(info.op, op);
    ck_assert_int_eq(info.shape.dim[1], channels);
    if (info.shape.rank == 4) ck_assert_int_eq(info.shape.dim[3], side);
}

START_TEST(vgg_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("vgg16", NULL, &builder);
    ck_assert_int_eq(gcam_network_layer_count(network), 41);
    check_layer(network, "features.0", "conv2d", 64, 224);
    check_layer(network, "features.28", "conv2d", 512, 14);
    check_layer(network, "features.29", "relu", 512, 14);
    check_layer(network, "features.30", "max_pool", 512, 7);
    check_layer(network, "avgpool", "adaptive_avg_pool", 512, 7);
    check_layer(network, "flatten", "flatten", 25088, 0);
    check_layer(network, "classifier.5", "dropout", 4096, 0);
    check_layer(network, "classifier.6", "linear", 1000, 0);
    gcam_builder_free(builder);
    network = build("vgg16_bn", NULL, &builder);
    check_layer(network, "features.41", "batchnorm", 512, 14);
    check_layer(network, "features.43", "max_pool", 512, 7);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(alexnet_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("alexnet", NULL, &builder);
    ck_assert_int_eq(gcam_network_layer_count(network), 23);
    check_layer(network, "features.0", "conv2d", 64, 55);
    check_layer(network, "features.2", "max_pool", 64, 27);
    check_layer(network, "features.11", "relu", 256, 13);
    check_layer(network, "avgpool", "adaptive_avg_pool", 256, 6);
    check_layer(network, "classifier.0", "dropout", 9216, 0);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(squeezenet_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("squeezenet1_1", NULL, &builder);
    check_layer(network, "features.2", "max_pool", 64, 55);
    check_layer(network, "features.3.squeeze", "conv2d", 16, 55);
    check_layer(network, "features.3.squeeze_activation", "relu", 16, 55);
    check_layer(network, "features.3.expand1x1_activation", "relu", 64, 55);
    check_layer(network, "features.3.expand3x3", "conv2d", 64, 55);
    check_layer(network, "features.3.cat", "concat", 128, 55);
    check_layer(network, "features.3", "concat", 128, 55);
    check_layer(network, "features.12", "concat", 512, 13);
    check_layer(network, "classifier.2", "relu", 1000, 13);
    check_layer(network, "classifier.3", "global_avg_pool", 1000, 1);
    gcam_builder_free(builder);
    network = build("squeezenet1_0", NULL, &builder);
    check_layer(network, "features.6", "max_pool", 256, 27);
    check_layer(network, "features.12", "concat", 512, 13);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(tiny_darknet_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("tiny_darknet", NULL, &builder);
    check_layer(network, "act2", "leaky_relu", 32, 112);
    check_layer(network, "bn6", "batchnorm", 128, 56);
    check_layer(network, "act15", "leaky_relu", 128, 14);
    check_layer(network, "conv16", "conv2d", 1000, 14);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(inception_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("googlenet", NULL, &builder);
    check_layer(network, "transform_input", "scale_shift", 3, 224);
    check_layer(network, "conv1", "relu", 64, 112);
    check_layer(network, "inception3a.branch3.1.conv", "conv2d", 32, 28);
    check_layer(network, "inception4e.branch4.0", "max_pool", 528, 14);
    check_layer(network, "inception5b", "concat", 1024, 7);
    gcam_builder_free(builder);
    network = build("googlenet_plain", NULL, &builder);
    ck_assert_int_lt(gcam_network_find(network, "transform_input"), 0);
    gcam_builder_free(builder);
    network = build("inception_v3", NULL, &builder);
    check_layer(network, "image", "input", 3, 299);
    check_layer(network, "Mixed_5d", "concat", 288, 35);
    check_layer(network, "Mixed_6a.max_pool", "max_pool", 288, 17);
    check_layer(network, "Mixed_6c.branch7x7dbl_2", "relu", 160, 17);
    check_layer(network, "Mixed_7b.cat#1", "concat", 768, 8);
    check_layer(network, "Mixed_7c", "concat", 2048, 8);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(convnext_layers) {
    gcam_builder *builder;
    const gcam_network *network = build("convnext_tiny", NULL, &builder);
    check_layer(network, "features.0", "layer_norm", 96, 56);
    check_layer(network, "features.1.0.block.1", "transpose", 56, 96);
    check_layer(network, "features.3.2.layer_scale", "layer_scale", 192, 28);
    check_layer(network, "features.5.8", "add", 384, 14);
    check_layer(network, "features.7", "add", 768, 7);
    check_layer(network, "classifier.1", "flatten", 768, 0);
    gcam_builder_free(builder);
}
END_TEST

START_TEST(targets_are_rectified_maps) {
    for (size_t i = 0; i < gcam_arch_count(); i++) {
        gcam_builder *builder;
        const gcam_arch_info *row = gcam_arch_at(i);
        const gcam_network *network = build(row->id, NULL, &builder);
        const gcam__node *node = &network->nodes[gcam_network_find(network, row->target)];
        ck_assert_int_eq(gcam_network_target(network), gcam_network_find(network, row->target));
        ck_assert_msg(node->shape.rank == 4 && node->shape.dim[2] > 1, "%s: %s has one cell", row->id, row->target);
        for (const gcam__node *below = node;; below = &network->nodes[below->inputs[0]]) {
            const char *op = below->layer.op->name;
            if (strcmp(op, "concat") == 0) continue;
            int is_residual = strcmp(op, "add") == 0 && strncmp(row->id, "convnext", 8) == 0; /* it has no ReLU */
            int is_activation = strstr(op, "relu") || strcmp(op, "silu") == 0 || strcmp(op, "hard_swish") == 0;
            ck_assert_msg(is_activation || is_residual, "%s: %s is %s", row->id, row->target, op);
            break;
        }
        gcam_builder_free(builder);
    }
    ck_assert_ptr_null(gcam_arch_at(gcam_arch_count()));
}
END_TEST

/* ---- preprocessing -------------------------------------------------------------------------------------------------------- */

static void check_numbers(const float found[3], const char *text, const char *file) {
    float want[3];
    ck_assert_int_eq(sscanf(text, "%f,%f,%f", &want[0], &want[1], &want[2]), 3);
    for (int c = 0; c < 3; c++)
        ck_assert_msg(found[c] == want[c], "%s: %g, not %g", file, (double)found[c], (double)want[c]);
}

/* Every file that torchvision publishes gets the preprocessing that torchvision says it wants, whatever folder it lies in. */
START_TEST(preprocessing_is_the_published_one) {
    char line[256], arch[64], file[96], filter[16], mean[64], std[64], where[128];
    int resize, crop, files = 0, listed = 0;
    FILE *table = fopen("tests/fixtures/torchvision_weights.tsv", "r");
    ck_assert_ptr_nonnull(table);
    while (fgets(line, sizeof line, table) != NULL) {
        if (sscanf(line, "%63s %95s %d %d %15s %63s %63s", arch, file, &resize, &crop, filter, mean, std) != 7)
            continue;
        const gcam__arch *row = gcam__arch_find(arch);
        gcam_preprocess how;
        ck_assert_msg(row != NULL, "there is no %s", arch);
        snprintf(where, sizeof where, "models-0123/%s", file);
        ck_assert_int_eq(gcam_preprocess_preset(&how, gcam__zoo_preprocess(row, where)), GCAM_OK);
        ck_assert_msg(how.fit == GCAM_FIT_CROP && how.resize == resize, "%s: resize %d, not %d", file, how.resize,
                      resize);
        ck_assert_msg(how.height == crop && how.width == crop, "%s: crop %d, not %d", file, how.height, crop);
        ck_assert_msg(how.bicubic == (strcmp(filter, "bicubic") == 0), "%s: filter", file);
        check_numbers(how.mean, mean, file);
        check_numbers(how.std, std, file);
        files++;
    }
    fclose(table);
    ck_assert_int_eq(files, 97);
    for (size_t i = 0; i < gcam_arch_count(); i++) /* without a file's name the row's own */
        listed += strcmp(gcam__zoo_preprocess(gcam__arch_at(i), NULL), gcam_arch_at(i)->preprocess) == 0;
    ck_assert_int_eq(listed, (int)gcam_arch_count());
    ck_assert_str_eq(gcam__zoo_preprocess(gcam__arch_find("resnet18"), "resnet50-11ad3fa6.pth"), "torchvision");
}
END_TEST

/* ---- detection ------------------------------------------------------------------------------------------------------------- */

static gcam_status detect(const gcam__arch **arch) {
    gcam_tensor_table *table;
    ck_assert_int_eq(gcam_tensor_table_open(&table, path), GCAM_OK);
    gcam_status status = gcam__arch_detect(arch, table);
    gcam_tensor_table_free(table);
    return status;
}

START_TEST(every_architecture_is_recognised) {
    const gcam__arch *arch;
    for (size_t i = 0; i < gcam_arch_count(); i++) {
        if (strstr(gcam_arch_at(i)->id, "_plain")) continue; /* the same tensors: only asked for by name */
        weights_write_shapes(path, gcam_arch_at(i)->id, NULL, (shapes_change){0});
        ck_assert_int_eq(detect(&arch), GCAM_OK);
        ck_assert_str_eq(arch->info.id, gcam_arch_at(i)->id);
    }
}
END_TEST

/* The same network with another name for the target layer, and all that begins with it. */
static const gcam_network *rename_target(const gcam_network *network, const char *target, gcam_builder **builder) {
    char *text;
    ck_assert_int_eq(gcam_network_to_text(&text, network), GCAM_OK);
    for (char *at = text; (at = strstr(at, target)) != NULL; at++)
        if (at > text && at[-1] != '=') *at = 'Z';
    ck_assert_int_eq(gcam__builder_from_text(builder, text), GCAM_OK);
    gcam_text_free(text);
    ck_assert_int_lt(gcam_network_find(gcam__builder_network(*builder), target), 0);
    return gcam__builder_network(*builder);
}

/* VGG with batch norm has the shapes of the one without: which of the two a folded graph is nothing tells. */
START_TEST(every_architecture_is_recognised_by_shapes) {
    for (size_t i = 0; i < gcam_arch_count(); i++) {
        const char *id = gcam_arch_at(i)->id;
        const gcam__arch *arch;
        gcam_builder *builder;
        char wanted[64];
        int target;
        snprintf(wanted, sizeof wanted, "%.*s", strstr(id, "_plain") ? (int)(strstr(id, "_plain") - id) : 63, id);
        const gcam_network *network = build(id, NULL, &builder);
        ck_assert_int_eq(gcam__arch_like(&arch, network), GCAM_OK);
        ck_assert_msg(strncmp(id, "vgg", 3) == 0 ? arch == NULL : arch && strcmp(arch->info.id, wanted) == 0,
                      "%s is taken for %s", id, arch ? arch->info.id : "nothing");
        ck_assert_int_eq(gcam__arch_target(&target, gcam__arch_find(id), network), GCAM_OK);
        ck_assert_int_eq(target, network->target);
        if (strcmp(gcam_arch_at(i)->target, "relu") != 0) { /* that is an operation's name too */
            gcam_builder *renamed;
            const gcam_network *other = rename_target(network, gcam_arch_at(i)->target, &renamed);
            ck_assert_int_eq(gcam__arch_target(&target, gcam__arch_find(id), other), GCAM_OK);
            ck_assert_msg(target == network->target, "%s: layer %d, not %d", id, target, network->target);
            gcam_builder_free(renamed);
        }
        gcam_builder_free(builder);
    }
}
END_TEST

START_TEST(classes_and_channels_come_from_the_weights) {
    gcam_tensor_table *like;
    gcam_builder *builder;
    float zeros[16] = {0};
    ck_assert_int_eq(gcam_tensor_table_create(&like), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_table_add(like, "classifier.6.weight", &(gcam_shape){2, {10, 1}}, zeros), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_table_add(like, "features.0.weight", &(gcam_shape){4, {1, 1, 1, 1}}, zeros), GCAM_OK);
    const gcam_network *network = build("vgg16", like, &builder);
    check_layer(network, "image", "input", 1, 224);
    check_layer(network, "classifier.6", "linear", 10, 0);
    weights_write_shapes(path, "vgg16", like, (shapes_change){0});
    const gcam__arch *arch;
    ck_assert_int_eq(detect(&arch), GCAM_OK);
    ck_assert_str_eq(arch->info.id, "vgg16");
    gcam_builder_free(builder);
    gcam_tensor_table_free(like);
}
END_TEST

static void check_refused(const char *arch, shapes_change change, const char *sentence) {
    const gcam__arch *found;
    weights_write_shapes(path, arch, NULL, change);
    ck_assert_int_eq(detect(&found), GCAM_ERR_UNSUPPORTED);
    ck_assert_ptr_null(found);
    ck_assert_str_eq(gcam_last_error()->message, sentence);
}

START_TEST(what_does_not_fit_is_named) {
    check_refused("vgg16", (shapes_change){.drop = "classifier.0.weight"},
                  "no known architecture fits; the nearest is vgg16: classifier.0.weight is missing (4096x25088)");
    check_refused(
        "vgg16", (shapes_change){.widen = "features.28.weight"},
        "no known architecture fits; the nearest is vgg16: features.28.weight: expected 512x512x3x3, the file has "
        "512x512x3x4");
    check_refused(
        "squeezenet1_1", (shapes_change){.add = "attention.gate"},
        "no known architecture fits; the nearest is squeezenet1_1: it has no attention.gate, which the file has");
    gcam_tensor_table *table;
    const gcam__arch *found;
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_table_add(table, "w", &(gcam_shape){1, {1}}, (float[]){1}), GCAM_OK);
    ck_assert_int_eq(gcam__arch_detect(&found, table), GCAM_ERR_UNSUPPORTED);
    ck_assert_str_eq(gcam_last_error()->message,
                     "no known architecture resembles the file's 1 tensors, the first of which is w");
    gcam_tensor_table_free(table);
}
END_TEST

Suite *zoo_suite(void);
Suite *zoo_suite(void) {
    Suite *suite = suite_create("zoo");
    TCase *tests = tcase_create("zoo");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, parameters_are_as_many_as_published);
    tcase_add_test(tests, tensors_are_torchvisions);
    tcase_add_test(tests, vgg_layers);
    tcase_add_test(tests, alexnet_layers);
    tcase_add_test(tests, squeezenet_layers);
    tcase_add_test(tests, tiny_darknet_layers);
    tcase_add_test(tests, inception_layers);
    tcase_add_test(tests, convnext_layers);
    tcase_add_test(tests, targets_are_rectified_maps);
    tcase_add_test(tests, preprocessing_is_the_published_one);
    tcase_add_test(tests, every_architecture_is_recognised);
    tcase_add_test(tests, every_architecture_is_recognised_by_shapes);
    tcase_add_test(tests, classes_and_channels_come_from_the_weights);
    tcase_add_test(tests, what_does_not_fit_is_named);
    suite_add_tcase(suite, tests);
    return suite;
}
