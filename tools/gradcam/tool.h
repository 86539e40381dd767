/* What the files of the command share: settings, errors, an opened model, a photo at work.
 * The command uses the library through its public header only, as any other program would. */
#ifndef GRADCAM_TOOL_H
#define GRADCAM_TOOL_H

#include <gradcam.h>
#include <stdio.h>

/* ---- errors: one sentence on stderr, and an exit code ---------------------------------------------------------------- */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USE = 2 };

/* Print "gradcam: " and the sentence, and return EXIT_USE or EXIT_FAILED. */
int fail_use(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The library's last sentence. */
int fail_library(void);
int fail_memory(void);
/* "there is no KIND "WORD"; did you mean "..."?", or without a near name `where`, which says what lists them. */
int fail_unknown(const char *kind, const char *word, gcam_name_at_fn name_at, const void *list, const char *where);
/* The same for a layer. */
int fail_layer(const gcam_network *network, const char *word);

/* ---- settings: what the command line said ---------------------------------------------------------------------------- */

typedef struct word_list {
    const char **words; /* point into the copy below */
    size_t count;
    char *copy;
} word_list;

/* Parts of "a,b,c" without the white space around them, added to what the list holds; empty and repeated parts are dropped.
 * Returns 0 on want of memory. */
int word_list_add(word_list *list, const char *text);
void word_list_free(word_list *list);

/* A text file of at most 16 MB, ending in NUL; the caller frees it. Returns an exit code. */
int read_text(char **out, const char *path);

enum { SAVE_PNG = 1, SAVE_SHEET = 2, SAVE_NPY = 4, SAVE_MAP = 8 };

typedef struct settings {
    const struct subcommand *subcommand;
    char **files;
    int file_count;

    const char *model, *arch, *labels, *preprocess, *graph;
    const char *out, *target, *colormap;
    word_list methods, classes, layers, models;
    unsigned save;
    gcam_profile profile;
    gcam_dtype dtype;
    gcam_kernels kernels; /* from the environment, GCAM_KERNELS */
    double alpha, noise;  /* noise as the library takes it: 0 the method's own, negative none */
    gcam_baseline baseline;
    gcam_fusion fusion;
    unsigned smooth;
    gcam_quadrature quadrature;
    const char *channel_names;
    long long channels;
    const char *rule;
    double completeness, epsilon, gamma;
    long long seed, top, threads, height, width;
    long long samples, window, stride; /* samples -1: as many as it takes */
    long long epochs, batch, crop, first_crop, growth;
    double lr, weight_decay, warm_up, cool_down, hold_out; /* negative: the library's own */
    const char *license;
    size_t max_memory;
    gcam_localize_options localize;
    double least_area; /* of segments with --all */
    int all, outline;
    int show, no_exif, quiet, json, sha256, onnx;
} settings;

/* ---- subcommands ------------------------------------------------------------------------------------------------------ */

/* Bits that say which subcommand takes an option. */
enum {
    EXPLAIN = 1,
    CLASSIFY = 2,
    LOCALIZE = 4,
    CONVERT = 8,
    INSPECT = 16,
    METHODS = 32,
    ARCHS = 64,
    DOCTOR = 128,
    TRAIN = 256,
    NAME_CHANNELS = 2048,
    COMPARE = 4096,
    MAPPING = EXPLAIN | LOCALIZE | COMPARE, /* whatever asks for maps */
    WITH_PHOTOS = EXPLAIN | CLASSIFY | LOCALIZE,
    WITH_MODEL = WITH_PHOTOS | CONVERT | INSPECT,
    ALL = 511 | NAME_CHANNELS | COMPARE
};

typedef struct subcommand {
    const char *name;
    unsigned bit;
    const char *arguments; /* "PHOTO... -m MODEL" */
    const char *summary;
    const char *details; /* paragraphs and examples for --help */
    int min_files, max_files;
    int (*run)(settings *s);
} subcommand;

int run_explain(settings *s);
int run_classify(settings *s);
int run_localize(settings *s);
int run_convert(settings *s);
int run_inspect(settings *s);
int run_name_channels(settings *s);
int run_compare(settings *s);
int run_methods(settings *s);
int run_archs(settings *s);
int run_doctor(settings *s);
int run_train(settings *s);

/* Fills `s` from the arguments after the subcommand. EXIT_DONE, EXIT_USE, or -1 where --help was asked for and printed. */
int settings_parse(settings *s, const subcommand *which, int argc, char **argv);
void settings_free(settings *s);
/* The lines of --help that describe the options of one subcommand. */
void print_options(const subcommand *which);

/* ---- a model at work -------------------------------------------------------------------------------------------------- */

typedef struct engine {
    gcam_model *model;
    gcam_session *session;
    char *labels_text; /* file of labels, kept while the model is loaded */
    const char **labels;
    char *graph_text; /* likewise */
    size_t label_count;
    gcam_preprocess preprocess;
    double forward_ended; /* when the last forward pass reached the output */
    char sha256[65];      /* see engine_sha256() */
    int sha256_known;
} engine;

/* All three return an exit code, having said what was wrong; engine_close() follows in any case. */
int engine_open(engine *e, const settings *s);
/* What the model is called to a person: its file, or the name of the one that the command carries. */
const char *engine_model_name(const settings *s);
/* The model that the command carries and uses without -m (default_model.S): bytes and name; 0 where it carries none. */
size_t default_model_find(const void **data, const char **name);
/* Without a session. */
int engine_open_model(engine *e, const settings *s);
/* As engine_open(), but where the file's tensors can be read and no model be made of them, nothing is said and `*unbuildable`
 * is 1: gcam_last_error() has the reason. */
int engine_try(engine *e, const settings *s, int *unbuildable);
void engine_close(engine *e);
/* Reads a file of labels into the engine, one a line; of lines with tabs (index, id, name) the last column. */
int engine_read_labels(engine *e, const char *path);
/* The default layer for maps, by its documented name (a block's name rather than that of its last operation); NULL: none. */
const char *engine_layer(const engine *e);
/* The class that a person named. */
int engine_find_class(const engine *e, const char *text, int *class_index);

/* Number of weights of all layers. */
long long count_parameters(const gcam_network *network);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

/* Makes every allocation of the library fail that would take more than `bytes` together. */
void limit_memory(size_t bytes);
/* Bytes that are left of the limit; 0 where there is none. */
size_t memory_left(void);

/* ---- what is asked of every photo -------------------------------------------------------------------------------------- */

typedef struct request {
    gcam_target *targets;
    size_t target_count;
    gcam_target target; /* what --target says, for any class */
    gcam_term *terms;   /* what it points to */
    gcam_tensor *embedding;
    uint8_t *mask;
    char *names_text;   /* of --channel-names */
    const char **names; /* by channel; point into it */
    size_t name_count;
} request;

/* Reads --channel-names. */
int request_names(request *q, const settings *s);

/* Reads --target into q->target. */
int request_target(request *q, const engine *e, const settings *s);

/* Targets and layers as the command line names them, checked against the model. An exit code. */
int request_make(request *q, const engine *e, const settings *s);
void request_free(request *q);
/* The library's options, without progress; they borrow from both. */
void request_options(gcam_explain_options *options, const request *q, const settings *s);

/* ---- Ctrl-C -------------------------------------------------------------------------------------------------------------- */

/* From here on a first SIGINT, SIGTERM or SIGHUP only asks to stop. */
void interrupt_prepare(void);
/* The session whose pass it ends; NULL: none. */
void interrupt_session(gcam_session *session);
/* Has anybody asked? */
int interrupted(void);
/* Ends the process by the signal that asked, if one did. */
void interrupt_finish(void);

/* ---- photos and what is written about them ----------------------------------------------------------------------------- */

enum { TOP_SHOWN = 5 };

typedef struct timing {
    double load, forward, explain, render;
} timing;

/* One file name written for an explanation, or NULL. */
enum { FILE_PNG, FILE_NPY, FILE_MAP, FILE_CHANNELS, FILES };

/* A photo with all that was found in it. */
typedef struct record {
    const char *path;
    gcam_image *photo;
    gcam_prediction *top;
    int top_count;
    gcam_explanation **explanations;
    size_t count;
    char *(*files)[FILES]; /* `count` rows */
    char *sheet;
    timing seconds;
    char error[512]; /* empty: all went well */
} record;

int record_load(record *r, const settings *s, const char *path);
void record_free(record *r);
/* Keeps the library's last sentence as the record's error and returns EXIT_FAILED. */
int record_fail(record *r);
/* As above, with a sentence of the command's own. */
int record_fail_with(record *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What happens to one photo: fills the record, or leaves an error in it. */
typedef int (*photo_fn)(record *r, engine *e, const settings *s, void *context);
/* Prints what a record holds, for people. */
typedef void (*print_fn)(const record *r, const settings *s);

/* Runs `work` on every photo: a bad one is reported, the others go on. Prints the records, as JSON where asked for. */
int each_photo(engine *e, const settings *s, photo_fn work, print_fn print, void *context);

/* The line of the best classes under a photo's name. */
void print_top(const record *r, int count);

/* ---- evidence: what an explanation says of itself ---------------------------------------------------------------------- */

struct json_out;

/* SHA-256 of the checkpoint, found once; NULL where there is none, or where the file is so large that it is left out without --sha256. */
const char *engine_sha256(engine *e, const settings *s);
/* Members of the object that stands for one explanation. */
void json_evidence(struct json_out *j, const gcam_explanation *e, const settings *s);
/* The member "channels", where there are any. */
void json_channels(struct json_out *j, const gcam_explanation *e);
/* A sheet of the channels that speak most for and against explanation `index`, where it has any. An exit code. */
int save_channels(record *r, size_t index, const char *path, engine *e, const settings *s);
/* The object "model". */
void json_model(struct json_out *j, engine *e, const settings *s);
/* One line of JSON about explanations first .. first + count - 1; the caller frees it; NULL on want of memory. */
char *evidence_text(const record *r, size_t first, size_t count, engine *e, const settings *s);
/* Writes a picture of `count` explanations, of which `one` is the first, with this evidence in its text chunks. */
gcam_status save_with_text(const gcam_image *picture, const char *path, const gcam_explanation *one, size_t count,
                           const char *evidence);
/* Writes a picture with the evidence of explanations first .. first + count - 1 in its text chunks. An exit code. */
int save_with_evidence(record *r, const char *path, const gcam_image *picture, size_t first, size_t count, engine *e,
                       const settings *s);

/* ---- localising: what of a map is inside ---------------------------------------------------------------------------------- */

/* Values of --threshold and --connect; exit codes. */
int parse_threshold(settings *s, const char *value);
int parse_connect(settings *s, const char *value);
/* Draws, prints, and writes as members of an object the segments that the command line asks for. */
gcam_status draw_segments(gcam_image *picture, const gcam_explanation *e, const settings *s);
void print_segments(const gcam_explanation *e, const settings *s);
void json_segments(struct json_out *j, const gcam_explanation *e, const settings *s);

/* ---- files that are written -------------------------------------------------------------------------------------------- */

/* "dog" of "photos/dog.jpg": bytes and length. */
const char *stem_of(const char *path, int *length);
/* Two inputs must not share the names of their results. */
int check_stems(const settings *s);
/* Makes the folder of -o with its parents, and checks that files can be made in it. */
int prepare_folder(const char *path);
/* "OUT/STEM.rest", allocated; NULL on want of memory. */
char *result_path(const settings *s, const char *photo, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- terminal ----------------------------------------------------------------------------------------------------------- */

/* A line on stderr that the next one replaces; only on a terminal, not with --quiet. NULL clears it. */
void progress(const settings *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_clear(void);
/* "1 min 20 s", rounded up, so that the last second is not "0 s". */
void duration_text(double seconds, char *text, size_t size);
/* Progress of methods that take many passes, for gcam_explain_options: begin before the call, pass `waiting` as the user. */
typedef struct waiting {
    const settings *s;
    const char *what;   /* the photo */
    const char *method; /* the last one that reported */
    double start, done; /* when it began, and how far it was */
} waiting;
void waiting_begin(waiting *w, const settings *s, const char *what);
int waiting_report(const char *method, double done, void *user);
/* A preview of a picture on standard output. */
int show_picture(const gcam_image *picture);
/* "13.2 MB". Writes into `text` (at least 32 bytes) and returns it. */
const char *bytes_text(double bytes, char *text);
/* "1,234,567" likewise. */
const char *count_text(long long count, char *text);

#endif
