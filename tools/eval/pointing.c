/* The grid pointing game (Boehle et al. 2021, after Zhang et al. 2018): four photos of four classes in a 2 x 2 montage, which the
 * network sees as one picture of twice its usual size. The map for the class of one photo should lie in that photo's cell:
 *   mass = sum of the positive values in the cell / sum over the montage        hit = the largest value lies in the cell
 * Chance is 0.25 for both. Maps are the display maps at the input's size (for methods of pixels: largest magnitude over the
 * channels). A map without positive values has no mass; it is counted apart, and is no hit. */
#include "eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 4, METHODS = 9, CONTROL_SHARE = 4 };

static const char *const method_ids[METHODS] = {"gradcam",        "cam",      "hirescam",         "layercam",
                                                "counterfactual", "gradient", "input-x-gradient", "guided-backprop",
                                                "guided-gradcam"};
/* Those that must agree with Grad-CAM where the network ends in global average pooling and one linear layer. */
enum { GRADCAM, CAM, HIRESCAM };

/* Sums of one method over many maps. */
typedef struct tally {
    double mass;
    size_t maps, hits, blank;
} tally;

typedef struct game {
    const photo_set *set;
    gcam_session *session;
    gcam_tensor *montage, *cell; /* 1 C 2H 2W, 1 C H W */
    gcam_preprocess how;
    const char *methods[METHODS]; /* that this network takes */
    int method_of[METHODS];       /* their positions in method_ids */
    size_t method_count;
    tally all[METHODS];           /* by position in method_ids */
    tally known[METHODS];         /* only cells whose photo the model recognises when it stands alone */
    double disagreement[METHODS]; /* largest difference of the display map to Grad-CAM's */
} game;

/* ---- one montage ------------------------------------------------------------------------------------------------------------ */

/* The photos of a montage: CELLS different classes, one photo of each. */
static void draw_photos(const photo_set *set, chance *c, size_t photos[CELLS]) {
    int kinds[CELLS];
    for (int i = 0; i < CELLS; i++) {
        int fresh = 0;
        while (!fresh) {
            kinds[i] = (int)chance_below(c, (size_t)set->kind_count);
            fresh = 1;
            for (int k = 0; k < i; k++) fresh = fresh && kinds[k] != kinds[i];
        }
        photos[i] = set->kinds[kinds[i]].first + chance_below(c, set->kinds[kinds[i]].count);
    }
}

static void copy_cell(gcam_tensor *montage, const gcam_tensor *cell, int index) {
    const int64_t *dim = cell->shape.dim;
    int64_t h = dim[2], w = dim[3], left = index % 2 * w, top = index / 2 * h;
    for (int64_t c = 0; c < dim[1]; c++) {
        for (int64_t y = 0; y < h; y++)
            memcpy(montage->data + ((c * 2 * h) + top + y) * 2 * w + left, cell->data + (c * h + y) * w,
                   (size_t)w * sizeof(float));
    }
}

static gcam_status fill_montage(game *g, const size_t photos[CELLS]) {
    for (int i = 0; i < CELLS; i++) {
        gcam_image *photo = NULL;
        gcam_status status = gcam_image_load(&photo, g->set->photos[photos[i]].path);
        if (!status) status = gcam_preprocess_image(g->cell, 0, photo, &g->how, NULL);
        gcam_image_free(photo);
        if (status) return status;
        copy_cell(g->montage, g->cell, i);
    }
    return GCAM_OK;
}

static void judge(tally *t, const gcam_tensor *map, int cell) {
    int64_t h = map->shape.dim[0], w = map->shape.dim[1], peak = 0;
    double inside = 0, sum = 0;
    for (int64_t i = 0; i < h * w; i++) {
        int at = 2 * (int)(i / w >= h / 2) + (int)(i % w >= w / 2);
        double value = map->data[i] > 0 ? (double)map->data[i] : 0;
        sum += value;
        if (at == cell) inside += value;
        if (map->data[i] > map->data[peak]) peak = i;
    }
    t->maps++;
    if (sum > 0) {
        t->mass += inside / sum;
        t->hits += 2 * (peak / w >= h / 2) + (peak % w >= w / 2) == cell;
    } else {
        t->blank++;
    }
}

static double largest_difference(const gcam_tensor *a, const gcam_tensor *b) {
    double largest = 0;
    for (int64_t i = 0; i < gcam_shape_count(&a->shape); i++)
        largest = fmax(largest, fabs((double)a->data[i] - (double)b->data[i]));
    return largest;
}

/* The explanations of one cell's class, one a method. */
static void judge_cell(game *g, gcam_explanation *const *list, const photo_entry *photo, int cell) {
    int recognised = photo->answer == g->set->kinds[photo->kind].class_index;
    for (size_t m = 0; m < g->method_count; m++) {
        const gcam_tensor *map = gcam_explanation_map(list[m]);
        int id = g->method_of[m];
        judge(&g->all[id], map, cell);
        if (recognised) judge(&g->known[id], map, cell);
        g->disagreement[id] = fmax(g->disagreement[id], largest_difference(map, gcam_explanation_map(list[0])));
    }
}

static gcam_status explain_montage(game *g, const size_t photos[CELLS], const char *const *methods, size_t count,
                                   gcam_explanation ***list, size_t *list_count) {
    gcam_target targets[CELLS];
    gcam_explain_options options;
    gcam_explain_options_defaults(&options);
    for (int i = 0; i < CELLS; i++)
        targets[i] = (gcam_target){.class_index = g->set->kinds[g->set->photos[photos[i]].kind].class_index};
    options.methods = methods;
    options.method_count = count;
    options.targets = targets;
    options.target_count = CELLS;
    return gcam_explain_tensor(list, list_count, g->session, g->montage, 0, &options);
}

static gcam_status play(game *g, const size_t photos[CELLS]) {
    gcam_explanation **list = NULL;
    size_t count = 0;
    gcam_status status = fill_montage(g, photos);
    if (!status) status = explain_montage(g, photos, g->methods, g->method_count, &list, &count);
    for (int i = 0; i < CELLS && !status; i++)
        judge_cell(g, list + (size_t)i * g->method_count, &g->set->photos[photos[i]], i);
    gcam_explanations_free(list, count);
    return status;
}

/* ---- one network ------------------------------------------------------------------------------------------------------------ */

/* Keeps the methods that this network takes; CAM, for one, wants a certain head. */
static gcam_status choose_methods(game *g, const size_t photos[CELLS]) {
    gcam_status status = fill_montage(g, photos);
    for (int i = 0; i < METHODS && !status; i++) {
        gcam_explanation **list = NULL;
        size_t count = 0;
        status = explain_montage(g, photos, &method_ids[i], 1, &list, &count);
        gcam_explanations_free(list, count);
        if (!status) {
            g->method_of[g->method_count] = i;
            g->methods[g->method_count++] = method_ids[i];
        } else if (status == GCAM_ERR_UNSUPPORTED && i != GRADCAM) {
            status = GCAM_OK;
        }
    }
    return status;
}

static gcam_status game_open(game *g, const gcam_model *model, const eval_options *options) {
    g->how = *gcam_model_preprocess(model);
    gcam_session_options session_options;
    gcam_session_options_defaults(&session_options);
    session_options.height = 2 * g->how.height;
    session_options.width = 2 * g->how.width;
    session_options.threads = (int)options->threads;
    gcam_status status = gcam_session_create(&g->session, model, &session_options);
    if (status) return status;
    gcam_shape whole = gcam_session_input_shape(g->session);
    gcam_shape quarter = gcam_shape_nchw(1, whole.dim[1], g->how.height, g->how.width);
    status = gcam_tensor_create(&g->montage, &whole);
    return status ? status : gcam_tensor_create(&g->cell, &quarter);
}

static void game_close(game *g) {
    gcam_tensor_free(g->montage);
    gcam_tensor_free(g->cell);
    gcam_session_free(g->session);
}

/* Plays `count` montages and adds to what the game has counted. */
static int play_many(game *g, const gcam_model *model, const eval_options *options, long count, uint64_t seed) {
    chance c = {seed};
    size_t photos[CELLS];
    gcam_status status = game_open(g, model, options);
    for (long i = 0; i < count && !status; i++) {
        draw_photos(g->set, &c, photos);
        if (i == 0) {
            g->method_count = 0;
            status = choose_methods(g, photos);
        }
        eval_progress("grid pointing game: montage %ld of %ld", i + 1, count);
        if (!status) status = play(g, photos);
    }
    eval_progress(NULL);
    game_close(g);
    return status ? eval_fail_library() : 0;
}

/* Plays with copies of the model whose weights are shuffled; a few montages tell chance from knowledge. */
static int play_control(game *g, const gcam_model *model, const eval_options *options) {
    int code = 0;
    long montages = (options->montages + CONTROL_SHARE - 1) / CONTROL_SHARE;
    for (long i = 0; i < options->copies && code == 0; i++) {
        shuffled_model copy;
        code = shuffled_model_make(&copy, model, options->model, (uint64_t)(options->seed + 1000 + i));
        long first = montages * i / options->copies, next = montages * (i + 1) / options->copies;
        if (code == 0) code = play_many(g, copy.model, options, next - first, (uint64_t)(options->seed + 2000 + i));
        shuffled_model_free(&copy);
    }
    return code;
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */

static void print_tally(const tally *t) {
    if (t->maps == t->blank)
        printf(" - | - |");
    else
        printf(" %.3f | %.3f |", t->mass / (double)(t->maps - t->blank), (double)t->hits / (double)t->maps);
}

static void print_table(const game *real, const game *control, const eval_options *options) {
    const tally *all = &real->all[GRADCAM];
    printf("Grid pointing game: %ld montages of four classes, %zu maps a method (%zu of photos that are recognised "
           "when they "
           "stand alone), seed %ld.\n",
           options->montages, all->maps, real->known[GRADCAM].maps, options->seed);
    printf("Mass: share of the map's positive mass in the right cell. Hit: its peak is there. Chance is 0.25. Control: "
           "%ld "
           "copies with shuffled weights, %zu maps.\n\n",
           options->copies, control->all[GRADCAM].maps);
    puts("| method | mass | hit | mass, recognised | hit, recognised | control mass | control hit | blank maps |\n"
         "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (size_t m = 0; m < real->method_count; m++) {
        int id = real->method_of[m];
        printf("| %s |", gcam_method_find(method_ids[id])->title);
        print_tally(&real->all[id]);
        print_tally(&real->known[id]);
        print_tally(&control->all[id]);
        printf(" %zu |\n", real->all[id].blank);
    }
    puts("\nA counterfactual map shows what speaks against the class: it should avoid the cell.");
    if (real->all[CAM].maps > 0)
        printf(
            "\nThe head is global average pooling and one linear layer, where CAM, Grad-CAM and HiResCAM are one: the "
            "largest difference to Grad-CAM's map (scaled to 1) is %.1e for CAM and %.1e for HiResCAM.\n",
            real->disagreement[CAM], real->disagreement[HIRESCAM]);
}

/* On a head of global average pooling and one linear layer the three maps must be the same. */
static int check_agreement(const game *g) {
    double largest = fmax(g->disagreement[CAM], g->disagreement[HIRESCAM]);
    if (g->all[CAM].maps == 0 || largest <= 1e-5) return 0;
    return eval_fail("CAM, Grad-CAM and HiResCAM differ by %.1e of the maximum, expected at most 1e-5", largest);
}

int eval_pointing(const photo_set *set, const gcam_model *model, const eval_options *options) {
    game real = {.set = set}, control = {.set = set};
    if (set->kind_count < CELLS)
        return eval_fail("the grid pointing game needs %d classes, the folder has %d", CELLS, set->kind_count);
    int code = play_many(&real, model, options, options->montages, (uint64_t)options->seed);
    if (code == 0) code = play_control(&control, model, options);
    if (code) return code;
    print_table(&real, &control, options);
    return check_agreement(&real);
}
