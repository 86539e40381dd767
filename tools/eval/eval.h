/* What the files of the evaluation share. It uses the library through its public header only. */
#ifndef GRADCAM_EVAL_H
#define GRADCAM_EVAL_H

#include <gradcam.h>
#include <stdio.h>

/* ---- photos ---------------------------------------------------------------------------------------------------------------- */

/* A photo of a folder of class folders. */
typedef struct photo_entry {
    char *path;
    int kind;   /* position of its class in photo_set */
    int answer; /* class that the model gave it; -1 before eval_accuracy() */
} photo_entry;

/* One class folder and what the model calls it. */
typedef struct photo_kind {
    char *name;      /* of the folder, with spaces for underscores */
    int class_index; /* of the model */
    size_t first, count;
} photo_kind;

/* A folder of class folders: DIR/CLASS/PHOTO. Classes and photos are sorted by name, so that a seed draws the same everywhere. */
typedef struct photo_set {
    photo_kind *kinds;
    int kind_count;
    photo_entry *photos;
    size_t count;
} photo_set;

/* Reads the folder. Folders that no class of the model answers to are left out and named on stderr. 0, or an exit code after its
 * sentence. */
int photo_set_open(photo_set *set, const char *folder, const gcam_model *model);
void photo_set_free(photo_set *set);
/* The position of a model's class among the kinds; -1 for classes without a folder. */
int photo_set_kind_of(const photo_set *set, int class_index);

/* ---- chance ---------------------------------------------------------------------------------------------------------------- */

/* Random numbers by splitmix64 (Steele et al. 2014). */
typedef struct chance {
    uint64_t state;
} chance;

uint64_t chance_next(chance *c);
/* A whole number below `limit`. */
size_t chance_below(chance *c, size_t limit);

/* A copy of a model with the values of every weight of two and more dimensions shuffled. Owns what it needs. */
typedef struct shuffled_model {
    gcam_model *model;
    gcam_tensor_table *weights;
} shuffled_model;

int shuffled_model_make(shuffled_model *out, const gcam_model *model, const char *path, uint64_t seed);
void shuffled_model_free(shuffled_model *m);

/* ---- the two examinations -------------------------------------------------------------------------------------------------- */

typedef struct eval_options {
    const char *model, *folder;
    long montages, copies, seed, threads;
} eval_options;

/* Gives every photo its answer and prints accuracy by class and the confusion table. 0 or an exit code. */
int eval_accuracy(photo_set *set, const gcam_model *model, const eval_options *options);
/* Plays the grid pointing game and prints its table. 0 or an exit code. */
int eval_pointing(const photo_set *set, const gcam_model *model, const eval_options *options);

/* ---- help ------------------------------------------------------------------------------------------------------------------ */

/* "eval_default: " and a sentence on stderr; 1. */
int eval_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The library's last sentence. */
int eval_fail_library(void);
/* A line on stderr that the next one replaces, where it is a terminal. NULL clears it. */
void eval_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
