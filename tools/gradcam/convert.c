/* gradcam convert: a checkpoint to a self-contained model file. */
#include "json_out.h"
#include "tool.h"

#include <stdlib.h>
#include <sys/stat.h>

/* A model, and what it stands on where its network came from a text. */
typedef struct source {
    engine e;
    gcam_tensor_table *weights;
    char *graph;
    char sha256[65];
    int name_agrees; /* 1: the digits in the file's name are those of its SHA-256; 0: it has none */
} source;

static int load_described(source *in, const settings *s) {
    gcam_model_options options = {.struct_size = sizeof options};
    gcam_network *network = NULL;
    int code = read_text(&in->graph, s->graph);
    if (code == EXIT_DONE) code = engine_options(&in->e, s, &options);
    if (code != EXIT_DONE) return code;
    if (gcam_tensor_table_open(&in->weights, s->files[0])) return fail_library();
    if (gcam_network_from_text(&network, in->graph, in->weights))
        return fail("%s: %s", s->graph, gcam_last_error()->message);
    if (gcam_model_from_network(&in->e.model, network, &options)) {
        gcam_network_free(network);
        return fail_library();
    }
    return EXIT_DONE;
}

static void print_result(const source *in, const settings *s) {
    struct stat about = {0};
    char size[32], count[32];
    long long parameters = count_parameters(gcam_model_network(in->e.model));
    if (stat(s->files[1], &about)) about.st_size = 0;
    if (s->json) {
        json_out j = {.file = stdout};
        json_object(&j, NULL);
        json_text(&j, "in", s->files[0]);
        json_text(&j, "out", s->files[1]);
        json_text(&j, "arch", gcam_model_arch(in->e.model));
        json_integer(&j, "classes", gcam_model_class_count(in->e.model));
        json_integer(&j, "parameters", parameters);
        json_integer(&j, "bytes", about.st_size);
        json_text(&j, "sha256", in->sha256);
        json_text(&j, "name", in->name_agrees ? "agrees with the SHA-256" : "carries no digits of a SHA-256");
        json_end(&j);
    } else if (!s->quiet) {
        printf("%s: %s, %s parameters, %s\n", s->files[1], gcam_model_arch(in->e.model), count_text(parameters, count),
               bytes_text((double)about.st_size, size));
        printf("SHA-256 of %s: %.16s...%s\n", s->files[0], in->sha256,
               in->name_agrees ? ", as its name says" : " (its name carries no digits to compare)");
    }
}

int run_convert(settings *s) {
    source in = {0};
    int code = EXIT_DONE;
    progress(s, "reading %s", s->files[0]);
    if (gcam_file_check_name(s->files[0], &in.name_agrees, in.sha256)) return fail_library();
    code = s->graph ? load_described(&in, s) : engine_open_model(&in.e, s);
    if (code == EXIT_DONE && gcam_model_save(in.e.model, s->files[1], s->dtype)) code = fail_library();
    progress_clear();
    if (code == EXIT_DONE) print_result(&in, s);
    engine_close(&in.e);
    gcam_tensor_table_free(in.weights);
    free(in.graph);
    return code;
}
