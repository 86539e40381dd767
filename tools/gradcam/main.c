/* gradcam: the command. The table of subcommands, --help and --version. Every subcommand is a file of its own. */
#include "tool.h"

#include <errno.h>
#include <string.h>

static const subcommand subcommands[] = {
    {"explain", EXPLAIN, "PHOTO... [-m MODEL] [options]",
     "pictures of where the network looked, for each class and method",
     "Writes STEM.CLASS.METHOD.png (the map over the photo) and STEM.sheet.png (all maps side by side) for every "
     "photo;\n"
     "--save npy adds the raw map, --save map the display map at the network's input size, both as NumPy arrays.\n"
     "\n"
     "  gradcam explain dog.jpg -m vgg16.pth\n"
     "  gradcam explain dog.jpg -m vgg16.pth --class boxer,\"tiger cat\" --method "
     "gradcam,counterfactual,guided-gradcam\n"
     "  gradcam explain *.jpg -m model.safetensors --layer features.22 --save npy -o maps --json > maps/all.json\n"
     "  gradcam explain dog.jpg -m vgg16.pth --class boxer --target diff:\"bull mastiff\" --show\n",
     1, -1, run_explain},
    {"classify", CLASSIFY, "PHOTO... [-m MODEL] [options]", "the best classes of each photo",
     "  gradcam classify dog.jpg -m squeezenet1_1.pth\n"
     "  gradcam classify *.jpg -m model.safetensors --top 3 --json\n",
     1, -1, run_classify},
    {"localize", LOCALIZE, "PHOTO... [-m MODEL] [options]", "a box around what speaks for the class",
     "The box of the largest connected part of the map at or above a share of its maximum, in photo pixels: left, "
     "top,\n"
     "right and bottom (exclusive). Writes STEM.CLASS.METHOD.box.png. --threshold cuts in other ways, --all takes all "
     "parts.\n"
     "\n"
     "  gradcam localize dog.jpg -m vgg16.pth --class boxer\n"
     "  gradcam localize *.jpg -m model.safetensors --threshold otsu --all --outline --json\n",
     1, -1, run_localize},
    {"convert", CONVERT, "IN OUT [options]", "a checkpoint to a self-contained model file",
     "OUT is a safetensors file with weights, network, labels and preprocessing; every gradcam command takes it.\n"
     "Eight hex digits at the end of IN's name are compared with its SHA-256, as torchvision's file names promise.\n"
     "\n"
     "  gradcam convert vgg16-397923af.pth vgg16.safetensors\n"
     "  gradcam convert mine.pth mine.safetensors --graph mine.txt --labels names.txt --dtype f16\n",
     2, 2, run_convert},
    {"inspect", INSPECT, "[MODEL] [options]", "layers, shapes, parameters and memory of a model",
     "Without MODEL, of the one that the command carries. Of a checkpoint that no known architecture fits, its tensors "
     "are\n"
     "listed.\n"
     "\n"
     "  gradcam inspect squeezenet1_1.pth\n",
     0, 1, run_inspect},
    {"train", TRAIN, "DIR [-o MODEL] [options]", "a network from a folder of class folders",
     "DIR holds a folder of photos for each class, or such folders in train and val. Writes a model file, and beside "
     "it\n"
     "FILE.tsv with a line an epoch. A run that was stopped (Ctrl-C, a crash) goes on where it was when the same "
     "command\n"
     "is given again; the same seed gives the same bits.\n"
     "\n"
     "  gradcam train flowers -o flowers.safetensors --epochs 30\n"
     "  gradcam train photos --graph mine.net --size 112 --first-size 64 --lr 0.1 --seed 1 -o mine.safetensors\n",
     1, 1, run_train},
    {"compare", COMPARE, "PHOTO [options]", "methods, models, layers or classes side by side on one sheet",
     "Writes STEM.compare.png. Columns are the methods, or where there is one the layers, or the models; the rest "
     "makes rows.\n"
     "\n"
     "  gradcam compare dog.jpg -m alexnet.pth,vgg16.pth --method gradcam,guided-gradcam --class boxer\n"
     "  gradcam compare dog.jpg -m vgg16.pth --layer features.4,features.9,features.16,features.23,features.29\n",
     1, 1, run_compare},
    {"name-channels", NAME_CHANNELS, "DIR [options]", "names for a layer's channels from a folder of class folders",
     "Prints a table: each channel, the class that its mean activation tells best from the others, and how well (area "
     "under\n"
     "the ROC curve). `explain --channel-names` takes it.\n"
     "\n"
     "  gradcam name-channels photos -m vgg16.pth --layer features.29 > names.tsv\n"
     "  gradcam explain dog.jpg -m vgg16.pth --channels 5 --channel-names names.tsv\n",
     1, 1, run_name_channels},
    {"methods", METHODS, "[options]", "the table of explanation methods", "", 0, 0, run_methods},
    {"archs", ARCHS, "[options]", "the table of architectures, or of ONNX operators", "", 0, 0, run_archs},
    {"doctor", DOCTOR, "[options]", "versions, processor, libraries, and a self-test", "", 0, 0, run_doctor},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static void print_help(void) {
    puts("gradcam explains what an image classifier saw: where it looked, and what spoke against its answer.\n"
         "\n"
         "  gradcam SUBCOMMAND [options] FILE...\n");
    for (size_t i = 0; i < SUBCOMMANDS; i++) printf("  %-13s  %s\n", subcommands[i].name, subcommands[i].summary);
    puts("\n"
         "  gradcam explain dog.jpg -m vgg16.pth             dog.243.gradcam.png and dog.sheet.png\n"
         "  gradcam SUBCOMMAND --help                        its options, with examples\n"
         "\n"
         "Models are PyTorch checkpoints of the networks that `gradcam archs` lists, or files made by `gradcam "
         "convert`;\n"
         "without -m, the small network that the command carries (gradcam inspect describes it).\n"
         "Exit code: 0 done, 1 some or all inputs failed, 2 wrong use. GCAM_KERNELS=plain|blas|auto chooses the "
         "kernels.");
}

static void print_subcommand_help(const subcommand *which) {
    printf("gradcam %s: %s\n\n  gradcam %s %s\n\n", which->name, which->summary, which->name, which->arguments);
    if (*which->details) printf("%s\n", which->details);
    puts("Options:");
    print_options(which);
}

static const subcommand *find_subcommand(const char *name) {
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(subcommands[i].name, name) == 0) return &subcommands[i];
    }
    return NULL;
}

static const char *subcommand_at(const void *unused, size_t index) {
    (void)unused;
    return index < SUBCOMMANDS ? subcommands[index].name : NULL;
}

static int run(const subcommand *which, int argc, char **argv) {
    settings s;
    int code = settings_parse(&s, which, argc, argv);
    if (code == -1) {
        print_subcommand_help(which);
        code = EXIT_DONE;
    } else if (code == EXIT_DONE) {
        if (s.max_memory) limit_memory(s.max_memory);
        code = which->run(&s);
    }
    settings_free(&s);
    return code;
}

static int dispatch(int argc, char **argv) {
    const char *first = argc > 1 ? argv[1] : "";
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || (strcmp(first, "help") == 0 && argc == 2)) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(first, "--version") == 0) {
        printf("gradcam %s\n", gcam_version());
        return EXIT_DONE;
    }
    if (!*first) return fail_use("what shall be done? gradcam --help lists the subcommands");
    const subcommand *which = find_subcommand(first);
    if (!which) return fail_unknown("subcommand", first, subcommand_at, NULL, "gradcam --help lists them");
    return run(which, argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    interrupt_prepare();
    int code = dispatch(argc, argv);
    progress_clear();
    interrupt_finish();
    if (fflush(stdout) || ferror(stdout)) return fail("cannot write to standard output: %s", strerror(errno));
    return code;
}
