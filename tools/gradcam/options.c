/* The table of options. A row says what an option is called, which subcommands take it, what --help says about it and where
 * its value goes; getopt_long, the checks and --help all follow the table. */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind { FLAG, TEXT, WORDS, INTEGER, REAL, PARSED } option_kind;

typedef struct option_row {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what --help calls the value; NULL for flags */
    unsigned taken_by;
    option_kind kind;
    size_t offset; /* of the member of settings */
    double least, most;
    int (*parse)(settings *s, const char *value); /* PARSED: an exit code */
    const char *help;
} option_row;

#define AT(member) offsetof(settings, member)

/* ---- values that need more than a number ---------------------------------------------------------------------------- */

static int parse_save(settings *s, const char *value) {
    static const struct {
        const char *word;
        unsigned bit;
    } kinds[] = {{"png", SAVE_PNG}, {"sheet", SAVE_SHEET}, {"npy", SAVE_NPY}, {"map", SAVE_MAP}, {"none", 0}};
    word_list words = {0};
    int code = word_list_add(&words, value) ? EXIT_DONE : fail_memory();
    s->save = 0;
    for (size_t i = 0; code == EXIT_DONE && i < words.count; i++) {
        size_t k = 0;
        while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].word, words.words[i]) != 0) k++;
        if (k == sizeof kinds / sizeof *kinds)
            code = fail_use("--save: \"%s\" is not one of png, sheet, npy, map, none", words.words[i]);
        else
            s->save |= kinds[k].bit;
    }
    if (code == EXIT_DONE && words.count == 0)
        code = fail_use("--save needs one or more of png, sheet, npy, map, none");
    word_list_free(&words);
    return code;
}

static int parse_profile(settings *s, const char *value) {
    return gcam_profile_find(&s->profile, value) ? fail_use("%s", gcam_last_error()->message) : EXIT_DONE;
}

static int parse_dtype(settings *s, const char *value) {
    static const struct {
        const char *word;
        gcam_dtype dtype;
    } types[] = {{"f32", GCAM_DTYPE_F32}, {"f16", GCAM_DTYPE_F16}, {"bf16", GCAM_DTYPE_BF16}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(value, types[i].word) == 0) {
            s->dtype = types[i].dtype;
            return EXIT_DONE;
        }
    }
    return fail_use("--dtype: \"%s\" is not one of f32, f16, bf16", value);
}

/* "HxW", or one number for a square. */
static int parse_size(settings *s, const char *value) {
    char rest;
    int n = sscanf(value, "%5lldx%5lld%c", &s->height, &s->width, &rest);
    if (n == 1 && sscanf(value, "%5lld%c", &s->height, &rest) == 1) {
        s->width = s->height;
        n = 2;
    }
    if (n != 2 || s->height < 1 || s->width < 1 || s->height > GCAM_IMAGE_MAX_SIDE || s->width > GCAM_IMAGE_MAX_SIDE)
        return fail_use("--size: \"%s\" is not a height and a width such as 224x320, each from 1 to %d", value,
                        GCAM_IMAGE_MAX_SIDE);
    return EXIT_DONE;
}

/* Bytes, with K, M or G for the powers of 1024. */
static int parse_memory(settings *s, const char *value) {
    char *end;
    double number = strtod(value, &end), unit = 1;
    if (*end == 'K' || *end == 'k')
        unit = 1024;
    else if (*end == 'M' || *end == 'm')
        unit = 1024 * 1024;
    else if (*end == 'G' || *end == 'g')
        unit = 1024 * 1024 * 1024.0;
    if (end == value || (unit > 1 ? end[1] : *end) != '\0' || !(number > 0) || number * unit > 1e15)
        return fail_use("--max-memory: \"%s\" is not an amount such as 500M or 2G", value);
    s->max_memory = (size_t)(number * unit);
    return EXIT_DONE;
}

/* A whole number, or "auto". */
static int parse_samples(settings *s, const char *value) {
    char rest;
    if (strcmp(value, "auto") == 0)
        s->samples = -1;
    else if (sscanf(value, "%8lld%c", &s->samples, &rest) != 1 || s->samples < 1 || s->samples > 1000000)
        return fail_use("--samples: \"%s\" is not a whole number from 1 to 1000000, nor auto", value);
    return EXIT_DONE;
}

static int parse_noise(settings *s, const char *value) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= 0 && number <= 1e6))
        return fail_use("--noise: \"%s\" is not a number from 0 up", value);
    s->noise = number > 0 ? number : -1;
    return EXIT_DONE;
}

static int parse_baseline(settings *s, const char *value) {
    static const struct {
        const char *word;
        gcam_baseline baseline;
    } kinds[] = {{"zero", GCAM_BASELINE_ZERO},      {"black", GCAM_BASELINE_BLACK},     {"white", GCAM_BASELINE_WHITE},
                 {"blur", GCAM_BASELINE_BLUR},      {"uniform", GCAM_BASELINE_UNIFORM}, {"mean", GCAM_BASELINE_MEAN},
                 {"several", GCAM_BASELINE_SEVERAL}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(value, kinds[i].word) == 0) {
            s->baseline = kinds[i].baseline;
            return EXIT_DONE;
        }
    }
    return fail_use("--baseline: \"%s\" is not one of zero, black, white, blur, uniform, mean, several", value);
}

static int parse_quadrature(settings *s, const char *value) {
    static const char *const words[] = {"gauss", "trapezoid", "left", "right", "middle"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i]) != 0) continue;
        s->quadrature = (gcam_quadrature)i;
        return EXIT_DONE;
    }
    return fail_use("--quadrature: \"%s\" is not one of gauss, trapezoid, left, right, middle", value);
}

static int parse_fusion(settings *s, const char *value) {
    static const char *const words[] = {"none", "mean", "max", "product"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, words[i]) != 0) continue;
        s->fusion = (gcam_fusion)i;
        return EXIT_DONE;
    }
    return fail_use("--fuse: \"%s\" is not one of mean, max, product, none", value);
}

static int parse_smooth(settings *s, const char *value) {
    word_list words = {0};
    int code = word_list_add(&words, value) ? EXIT_DONE : fail_memory();
    for (size_t i = 0; i < words.count && code == EXIT_DONE; i++) {
        if (strcmp(words.words[i], "tta") == 0)
            s->smooth |= GCAM_SMOOTH_VIEWS;
        else if (strcmp(words.words[i], "principal") == 0)
            s->smooth |= GCAM_SMOOTH_PRINCIPAL;
        else
            code = fail_use("--smooth: \"%s\" is not one of tta, principal", words.words[i]);
    }
    word_list_free(&words);
    return code;
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static const option_row table[] = {
    {"model", 'm', "FILE", WITH_PHOTOS | NAME_CHANNELS, TEXT, AT(model), 0, 0, NULL,
     "checkpoint (.pth) or model file (.safetensors); default: the one built in"},
    {"model", 'm', "FILE,...", COMPARE, WORDS, AT(models), 0, 0, NULL, "checkpoints or model files to compare"},
    {"method", 0, "M,...", MAPPING, WORDS, AT(methods), 0, 0, NULL,
     "methods, as `gradcam methods` lists them (default gradcam)"},
    {"class", 0, "C,...", MAPPING, WORDS, AT(classes), 0, 0, NULL,
     "classes: index, label, or a unique part of one (default: the best)"},
    {"layer", 0, "L,...", MAPPING | NAME_CHANNELS, WORDS, AT(layers), 0, 0, NULL,
     "layers for the CAM family (default: the network's own)"},
    {"target", 0, "T", MAPPING, TEXT, AT(target), 0, 0, NULL,
     "score to explain: logit (default), prob, logprob, diff:CLASS, fine, set:CLASS=WEIGHT,...,\n"
     "                          similar:PHOTO, area[:MASK], channel:K@LAYER; with a - before it, its negative"},
    {"profile", 0, "P", MAPPING, PARSED, 0, 0, 0, parse_profile,
     "paper, pytorch-grad-cam (pgc), captum, torchcam or lua (default paper)"},
    {"top", 'k', "K", CLASSIFY, INTEGER, AT(top), 1, 1e6, NULL, "how many classes to show (default 5)"},
    {"threshold", 0, "T", LOCALIZE, PARSED, 0, 0, 0, parse_threshold,
     "what counts as inside: a share of the map's maximum, a percentile such as p95, or otsu (default 0.15)"},
    {"all", 'a', NULL, LOCALIZE, FLAG, AT(all), 0, 0, NULL, "all parts that hang together, not the largest alone"},
    {"least-area", 0, "A", LOCALIZE, REAL, AT(least_area), 1e-9, 1, NULL,
     "with --all: leave out parts smaller than this share of the map (default 0.01)"},
    {"outline", 0, NULL, LOCALIZE, FLAG, AT(outline), 0, 0, NULL,
     "draw outlines rather than boxes; the JSON has them too"},
    {"connect", 0, "N", LOCALIZE, PARSED, 0, 0, 0, parse_connect,
     "cells hang together by 4 sides, or by 8: sides and corners (default 8)"},
    {"out", 'o', "DIR", MAPPING, TEXT, AT(out), 0, 0, NULL, "folder for the results, created if need be (default .)"},
    {"out", 'o', "FILE", TRAIN, TEXT, AT(out), 0, 0, NULL, "model file to write (default model.safetensors)"},
    {"save", 0, "KIND,...", EXPLAIN, PARSED, 0, 0, 0, parse_save,
     "png, sheet, npy (raw map), map (display map), none (default png,sheet)"},
    {"show", 0, NULL, MAPPING, FLAG, AT(show), 0, 0, NULL, "preview in the terminal"},
    {"colormap", 0, "NAME", MAPPING, TEXT, AT(colormap), 0, 0, NULL, "colours of the maps"},
    {"alpha", 0, "A", MAPPING, REAL, AT(alpha), 1e-6, 1, NULL,
     "share of the map's colour in an overlay, up to 1 (default 0.5)"},
    {"arch", 0, "ID", WITH_MODEL | NAME_CHANNELS | COMPARE, TEXT, AT(arch), 0, 0, NULL,
     "architecture, as `gradcam archs` lists them (default: found from the file)"},
    {"labels", 0, "FILE", WITH_MODEL | NAME_CHANNELS | COMPARE | TRAIN, TEXT, AT(labels), 0, 0, NULL,
     "class labels, one a line"},
    {"preprocess", 0, "NAME", WITH_MODEL | NAME_CHANNELS | COMPARE, TEXT, AT(preprocess), 0, 0, NULL,
     "torchvision[-RESIZE[-CROP]][-bicubic], caffe, unit, cifar or squash (default: the model's)"},
    {"size", 0, "HxW", WITH_PHOTOS | NAME_CHANNELS | COMPARE, PARSED, 0, 0, 0, parse_size,
     "input size (default: the model's)"},
    {"epochs", 0, "N", TRAIN, INTEGER, AT(epochs), 1, 1e6, NULL, "times that every photo is seen (default 16)"},
    {"batch", 0, "N", TRAIN, INTEGER, AT(batch), 1, 65536, NULL, "photos a step (default 64)"},
    {"lr", 0, "R", TRAIN, REAL, AT(lr), 1e-12, 1e3, NULL, "highest learning rate (default 0.15)"},
    {"weight-decay", 0, "D", TRAIN, REAL, AT(weight_decay), 0, 1, NULL,
     "of weights, not of batch norm and biases (default 0.001)"},
    {"warm-up", 0, "E", TRAIN, REAL, AT(warm_up), 0, 1e6, NULL, "epochs in which the rate rises (default 2)"},
    {"cool-down", 0, "E", TRAIN, REAL, AT(cool_down), 0, 1e6, NULL,
     "epochs at the end in which it falls in a straight line (default: as a cosine, after the warm-up)"},
    {"size", 0, "N", TRAIN, INTEGER, AT(crop), 1, 4096, NULL, "side of the crops (default: the network's input)"},
    {"first-size", 0, "N", TRAIN, INTEGER, AT(first_crop), 1, 4096, NULL,
     "side of the crops at the beginning, growing by 16 (default: --size)"},
    {"growth", 0, "E", TRAIN, INTEGER, AT(growth), 1, 1e6, NULL, "epochs in which they grow (default: three quarters)"},
    {"hold-out", 0, "S", TRAIN, REAL, AT(hold_out), 1e-6, 0.9, NULL,
     "share of the photos for validation, where there is no folder val (default 0.1)"},
    {"license", 0, "TEXT", TRAIN, TEXT, AT(license), 0, 0, NULL, "what the model file says of its licence"},
    {"seed", 0, "N", TRAIN, INTEGER, AT(seed), 0, 9e15, NULL, "of first weights, order and augmentation (default 0)"},
    {"no-exif", 0, NULL, WITH_PHOTOS | NAME_CHANNELS | COMPARE, FLAG, AT(no_exif), 0, 0, NULL,
     "do not turn photos as their EXIF orientation says"},
    {"seed", 0, "N", MAPPING, INTEGER, AT(seed), 0, 9e15, NULL, "of methods that draw random numbers (default 0)"},
    {"channels", 0, "N", EXPLAIN, INTEGER, AT(channels), 1, 1000, NULL,
     "list the N channels that speak most for and against, and draw them (STEM.CLASS.METHOD.channels.png)"},
    {"channel-names", 0, "FILE", MAPPING, TEXT, AT(channel_names), 0, 0, NULL,
     "names of channels: number, tab, name on each line, as `gradcam name-channels` prints them"},
    {"fuse", 0, "HOW", MAPPING, PARSED, 0, 0, 0, parse_fusion,
     "make the maps of several --layer one: mean, max or product"},
    {"smooth", 0, "HOW,...", MAPPING, PARSED, 0, 0, 0, parse_smooth,
     "tta: mean over mirrored and brighter views; principal: first component of the weighted channels"},
    {"samples", 0, "N", MAPPING, PARSED, 0, 0, 0, parse_samples,
     "noisy copies, steps or masks (default: the method's published number); auto: steps until 1 % is missing"},
    {"noise", 0, "S", MAPPING, PARSED, 0, 0, 0, parse_noise,
     "standard deviation of noise: share of the input's range (smooth-gradcam++, gradientshap: absolute)"},
    {"baseline", 0, "B", MAPPING, PARSED, 0, 0, 0, parse_baseline,
     "what a path starts from: zero (default), black, white, blur, uniform, mean or several"},
    {"quadrature", 0, "Q", MAPPING, PARSED, 0, 0, 0, parse_quadrature,
     "of integrated-gradients: gauss, trapezoid, left, right or middle (default gauss)"},
    {"completeness", 0, "E", MAPPING, REAL, AT(completeness), 1e-9, 1, NULL,
     "integrated-gradients: doubles the steps until the shares miss at most this part of the change"},
    {"rule", 0, "NAME", MAPPING, TEXT, AT(rule), 0, 0, NULL,
     "of lrp: epsilon-gamma-box (default), epsilon-plus, epsilon-alpha2-beta1, epsilon, lrp-0, gamma, z-plus, "
     "alpha2-beta1"},
    {"epsilon", 0, "E", MAPPING, REAL, AT(epsilon), 1e-30, 1e6, NULL, "of lrp's rules (default 1e-6)"},
    {"gamma", 0, "G", MAPPING, REAL, AT(gamma), 1e-30, 1e6, NULL, "of lrp's gamma rule (default 0.25)"},
    {"window", 0, "N", MAPPING, INTEGER, AT(window), 1, GCAM_IMAGE_MAX_SIDE, NULL,
     "side of occlusion's window in input pixels (default 35)"},
    {"stride", 0, "N", MAPPING, INTEGER, AT(stride), 1, GCAM_IMAGE_MAX_SIDE, NULL,
     "pixels from one window of occlusion to the next (default 8)"},
    {"max-memory", 0, "SIZE", WITH_PHOTOS | NAME_CHANNELS | COMPARE | INSPECT, PARSED, 0, 0, 0, parse_memory,
     "allocate no more than, say, 500M: smaller batches, or an error (the mapped weights do not count)"},
    {"graph", 0, "FILE", WITH_MODEL | NAME_CHANNELS | COMPARE, TEXT, AT(graph), 0, 0, NULL,
     "the network as text, where no known architecture fits"},
    {"graph", 0, "FILE", TRAIN, TEXT, AT(graph), 0, 0, NULL,
     "the network as text (default: a small residual network for photos of 128 x 128)"},
    {"dtype", 0, "TYPE", CONVERT | TRAIN, PARSED, 0, 0, 0, parse_dtype, "f32, f16 or bf16 (default f32)"},
    {"threads", 't', "N", ALL, INTEGER, AT(threads), 1, 4096, NULL,
     "processors to use (default: all that are allowed)"},
    {"sha256", 0, NULL, WITH_PHOTOS, FLAG, AT(sha256), 0, 0, NULL,
     "hash the checkpoint for the evidence even if it is larger than 32 MB and does not say its SHA-256 itself"},
    {"onnx", 0, NULL, ARCHS, FLAG, AT(onnx), 0, 0, NULL, "the operators that an ONNX file may have, instead"},
    {"json", 0, NULL, ALL, FLAG, AT(json), 0, 0, NULL, "one JSON object on standard output"},
    {"quiet", 'q', NULL, ALL, FLAG, AT(quiet), 0, 0, NULL, "no listing and no progress, only errors"},
    {"help", 'h', NULL, ALL, FLAG, 0, 0, 0, NULL, "this text"},
};

enum { ROWS = sizeof table / sizeof *table, FIRST_CODE = 256 };

void print_options(const subcommand *which) {
    for (size_t i = 0; i < ROWS; i++) {
        if (!(table[i].taken_by & which->bit)) continue;
        char left[64], letter[8] = "    ";
        if (table[i].letter) snprintf(letter, sizeof letter, "-%c, ", table[i].letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, table[i].name, table[i].value ? " " : "",
                 table[i].value ? table[i].value : "");
        printf("  %-23s %s\n", left, table[i].help);
    }
}

/* ---- reading the command line ----------------------------------------------------------------------------------------- */

static int set_number(settings *s, const option_row *row, const char *value) {
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    int whole = row->kind == INTEGER;
    if (end == value || *end || errno || !isfinite(number) || (whole && number != floor(number)) || number < row->least
        || number > row->most) {
        if (whole)
            return fail_use("--%s: \"%s\" is not a whole number from %.0f to %.0f", row->name, value, row->least,
                            row->most);
        return fail_use("--%s: \"%s\" is not a number %s 0 and up to %g", row->name, value,
                        row->least > 0 ? "above" : "from", row->most);
    }
    void *member = (char *)s + row->offset;
    if (whole)
        *(long long *)member = (long long)number;
    else
        *(double *)member = number;
    return EXIT_DONE;
}

static int set_option(settings *s, const option_row *row, const char *value) {
    void *member = (char *)s + row->offset;
    switch (row->kind) {
    case FLAG:
        *(int *)member = 1;
        return EXIT_DONE;
    case TEXT:
        if (!*value) return fail_use("--%s needs a value that is not empty", row->name);
        *(const char **)member = value;
        return EXIT_DONE;
    case WORDS:
        if (!word_list_add(member, value)) return fail_memory();
        return ((word_list *)member)->count ? EXIT_DONE : fail_use("--%s needs a value that is not empty", row->name);
    case PARSED:
        return row->parse(s, value);
    default:
        return set_number(s, row, value);
    }
}

/* getopt's own tables of the rows that this subcommand takes: code FIRST_CODE + row, letters as they are. */
static void getopt_tables(const subcommand *which, struct option *options, char *letters) {
    *letters++ = ':'; /* a missing value is told from an unknown option */
    for (size_t i = 0; i < ROWS; i++) {
        if (!(table[i].taken_by & which->bit)) continue;
        *options++ =
            (struct option){table[i].name, table[i].value ? required_argument : no_argument, NULL, FIRST_CODE + (int)i};
        if (!table[i].letter) continue;
        *letters++ = table[i].letter;
        if (table[i].value) *letters++ = ':';
    }
    *options = (struct option){0};
    *letters = '\0';
}

static const option_row *row_of(const subcommand *which, int code) {
    if (code >= FIRST_CODE) return &table[code - FIRST_CODE];
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].taken_by & which->bit && table[i].letter && table[i].letter == code) return &table[i];
    }
    return NULL;
}

static int complain(const subcommand *which, int code, char **argv) {
    char letter[3] = {'-', (char)optopt, '\0'};
    const char *word = optopt > 0 && optopt < FIRST_CODE ? letter : argv[optind - 1];
    if (code == ':') return fail_use("%s needs a value", word);
    return fail_use("%s has no option %s, or it is cut too short; see gradcam %s --help", which->name, word,
                    which->name);
}

static int check_files(const settings *s) {
    const subcommand *which = s->subcommand;
    if (s->file_count >= which->min_files && (which->max_files < 0 || s->file_count <= which->max_files))
        return EXIT_DONE;
    if (which->max_files == 0) return fail_use("%s takes no files, but was given %s", which->name, s->files[0]);
    if (which->max_files < 0)
        return fail_use("%s needs a photo: gradcam %s %s", which->name, which->name, which->arguments);
    if (which->min_files != which->max_files)
        return fail_use("%s takes at most %d file name%s: gradcam %s %s", which->name, which->max_files,
                        which->max_files == 1 ? "" : "s", which->name, which->arguments);
    return fail_use("%s needs exactly %d file name%s: gradcam %s %s", which->name, which->min_files,
                    which->min_files == 1 ? "" : "s", which->name, which->arguments);
}

static int is_listed(const char *name, gcam_name_at_fn name_at) {
    const char *listed;
    for (size_t i = 0; (listed = name_at(NULL, i)) != NULL; i++) {
        if (strcmp(listed, name) == 0) return 1;
    }
    return 0;
}

static const char *colormap_at(const void *unused, size_t i) {
    (void)unused;
    return i < gcam_colormap_count() ? gcam_colormap_at(i)->name : NULL;
}

static const char *arch_at(const void *unused, size_t i) {
    (void)unused;
    return i < gcam_arch_count() ? gcam_arch_at(i)->id : NULL;
}

static const char *method_at(const void *unused, size_t i) {
    (void)unused;
    return i < gcam_method_count() ? gcam_method_at(i)->id : NULL;
}

/* Names of the library's tables are checked before any file is opened. */
static int check_names(const settings *s) {
    gcam_preprocess ignored;
    for (size_t i = 0; i < s->methods.count; i++) {
        if (!gcam_method_find(s->methods.words[i]))
            return fail_unknown("method", s->methods.words[i], method_at, NULL, "gradcam methods lists them");
    }
    if (s->arch && !is_listed(s->arch, arch_at))
        return fail_unknown("architecture", s->arch, arch_at, NULL, "gradcam archs lists them");
    if (s->colormap && !is_listed(s->colormap, colormap_at)) {
        uint8_t rgb[3];
        return gcam_colormap_color(s->colormap, 0, rgb) ? fail_use("%s", gcam_last_error()->message) : EXIT_DONE;
    }
    if (s->preprocess && gcam_preprocess_preset(&ignored, s->preprocess))
        return fail_use("%s", gcam_last_error()->message);
    gcam_relevance rules;
    if (s->rule && gcam_relevance_preset(&rules, s->rule)) return fail_use("--rule: %s", gcam_last_error()->message);
    if (s->show && s->json) return fail_use("--show and --json both want standard output; choose one");
    return EXIT_DONE;
}

static int read_environment(settings *s) {
    const char *kernels = getenv("GCAM_KERNELS");
    if (!kernels || !*kernels || strcmp(kernels, "auto") == 0)
        s->kernels = GCAM_KERNELS_AUTO;
    else if (strcmp(kernels, "blas") == 0)
        s->kernels = GCAM_KERNELS_BLAS;
    else if (strcmp(kernels, "plain") == 0)
        s->kernels = GCAM_KERNELS_PLAIN;
    else
        return fail_use("the environment variable GCAM_KERNELS is \"%s\", not one of auto, blas, plain", kernels);
    return EXIT_DONE;
}

int settings_parse(settings *s, const subcommand *which, int argc, char **argv) {
    struct option options[ROWS + 1];
    char letters[3 * ROWS + 2];
    getopt_tables(which, options, letters);
    *s = (settings){.subcommand = which, .out = ".", .save = SAVE_PNG | SAVE_SHEET, .top = 5};
    s->weight_decay = s->warm_up = s->cool_down = -1;
    s->hold_out = 0.1;
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        const option_row *row = row_of(which, code);
        if (!row || code == '?' || code == ':') return complain(which, code, argv);
        if (strcmp(row->name, "help") == 0) return -1;
        int result = set_option(s, row, optarg);
        if (result != EXIT_DONE) return result;
    }
    s->files = argv + optind;
    s->file_count = argc - optind;
    int code = check_files(s);
    if (code == EXIT_DONE) code = check_names(s);
    return code == EXIT_DONE ? read_environment(s) : code;
}

void settings_free(settings *s) {
    word_list_free(&s->methods);
    word_list_free(&s->classes);
    word_list_free(&s->layers);
    word_list_free(&s->models);
}
