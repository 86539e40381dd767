/* gradcam convert: a checkpoint to a self-contained model file. */
#include "json_out.h"
#include "tool.h"

#include <sys/stat.h>

/* The model, and what its file's name says of it. */
typedef struct source {
    engine e;
    char sha256[65];
    int name_agrees; /* 1: the digits in the file's name are those of its SHA-256; 0: it has none */
    size_t unused;   /* tensors that a graph written by hand leaves out, but for counters */
    char first[128]; /* and the first of them */
} source;

static int is_counter(gcam_dtype dtype) {
    return dtype != GCAM_DTYPE_F32 && dtype != GCAM_DTYPE_F64 && dtype != GCAM_DTYPE_F16 && dtype != GCAM_DTYPE_BF16;
}

/* A layer that was forgotten, or a bias, changes the answer without an error: so what the new file lacks is counted. */
static int count_unused(source *in, const settings *s) {
    gcam_tensor_table *from = NULL, *to = NULL;
    int failed = gcam_tensor_table_open(&from, s->files[0]) || gcam_tensor_table_open(&to, s->files[1]);
    for (size_t i = 0; !failed && i < gcam_tensor_table_count(from); i++) {
        const gcam_tensor_entry *entry = gcam_tensor_table_at(from, i);
        if (is_counter(entry->dtype) || gcam_tensor_table_find(to, entry->name)) continue;
        if (in->unused++ == 0) snprintf(in->first, sizeof in->first, "%s", entry->name);
    }
    gcam_tensor_table_free(from);
    gcam_tensor_table_free(to);
    return failed ? fail_library() : EXIT_DONE;
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
        json_integer(&j, "unused", (long long)in->unused);
        json_text(&j, "name", in->name_agrees ? "agrees with the SHA-256" : "carries no digits of a SHA-256");
        json_end(&j);
    } else if (!s->quiet) {
        printf("%s: %s, %s parameters, %s\n", s->files[1], gcam_model_arch(in->e.model), count_text(parameters, count),
               bytes_text((double)about.st_size, size));
        printf("SHA-256 of %s: %.16s...%s\n", s->files[0], in->sha256,
               in->name_agrees ? ", as its name says" : " (its name carries no digits to compare)");
        if (in->unused > 0)
            printf("note: the graph does not use %zu tensor%s of %s; the first is %s\n", in->unused,
                   in->unused == 1 ? "" : "s", s->files[0], in->first);
    }
}

int run_convert(settings *s) {
    source in = {0};
    progress(s, "reading %s", s->files[0]);
    if (gcam_file_check_name(s->files[0], &in.name_agrees, in.sha256)) return fail_library();
    int code = engine_open_model(&in.e, s);
    if (code == EXIT_DONE && gcam_model_save(in.e.model, s->files[1], s->dtype)) code = fail_library();
    if (code == EXIT_DONE && s->graph) code = count_unused(&in, s);
    progress_clear();
    if (code == EXIT_DONE) print_result(&in, s);
    engine_close(&in.e);
    return code;
}
