/* The command as a person meets it: exit codes, every sentence, the files it writes, its JSON. The model is the demo's, whose
 * weights are set by hand, so that the right answers are known (tools/demo/shapes.h). */
#include "demo/shapes.h"
#include "gradcam.h"
#include "support/command.h"
#include "support/json_check.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *cli_suite(void);

#define shell command_shell
#define expect_exit command_expect_exit
#define expect_contains command_expect_contains
#define exists command_wrote

static gcam_tensor *load_array(const char *name) {
    char path[256];
    gcam_tensor *tensor = NULL;
    snprintf(path, sizeof path, "%s/%s", command_folder(), name);
    ck_assert_msg(gcam_npy_load(&tensor, path) == GCAM_OK, "%s: %s", path, gcam_last_error()->message);
    return tensor;
}

/* ---- help and wrong use -------------------------------------------------------------------------------------------------- */

START_TEST(help_is_there_for_everything) {
    static const char *const names[] = {"explain", "classify", "localize", "convert",
                                        "inspect", "methods",  "archs",    "doctor"};
    process_result all = shell("$G --help");
    ck_assert_int_eq(all.exit_code, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        process_result r = shell("$G %s --help", names[i]);
        ck_assert_int_eq(r.exit_code, 0);
        expect_contains(all.out, names[i], "gradcam --help");
        expect_contains(r.out, "Options:", names[i]);
        expect_contains(r.out, "--json", names[i]);
        expect_contains(r.out, "--threads N", names[i]);
        expect_contains(r.out, "--quiet", names[i]);
        ck_assert_str_eq(r.err, "");
        process_free(&r);
    }
    process_free(&all);
}
END_TEST

START_TEST(version_is_the_librarys) {
    char expected[64];
    process_result r = shell("$G --version");
    snprintf(expected, sizeof expected, "gradcam %s\n", gcam_version());
    ck_assert_str_eq(r.out, expected);
    process_free(&r);
}
END_TEST

START_TEST(a_model_that_is_built_in_needs_no_file) {
    expect_exit(0, "$SHAPES explain $D/shapes.png -o $D/in --save npy,map -q && "
                   "$G explain $D/shapes.png -m $M -o $D/file --save npy,map -q && diff -r $D/in $D/file");
    expect_exit(0, "$SHAPES classify $D/shapes.png > $D/in.txt && $G classify $D/shapes.png -m $M | diff - $D/in.txt");
    process_result r =
        shell("$SHAPES inspect; $SHAPES doctor; $BARE doctor; $SHAPES localize $D/shapes.png -o $D --json");
    ck_assert_int_eq(r.exit_code, 0);
    expect_contains(r.out, "shapes: custom", "inspect");
    expect_contains(r.out, "built in    shapes, 3 classes, input 3x112x112: right", "doctor");
    expect_contains(r.out, "built in    no model", "doctor");
    expect_contains(r.out, "\"file\": \"shapes\"", "localize");
    process_free(&r);
    r = shell("$SHAPES explain $D/shapes.png --layer nowhere");
    ck_assert_int_eq(r.exit_code, 2);
    expect_contains(r.err, "there is no layer \"nowhere\"; gradcam inspect lists them", "--layer");
    process_free(&r);
}
END_TEST

static double map_difference(const char *a, const char *b) {
    gcam_tensor *x = load_array(a), *y = load_array(b);
    double largest = 0, peak = 0;
    ck_assert(gcam_shape_equal(&x->shape, &y->shape));
    for (int64_t i = 0; i < gcam_shape_count(&x->shape); i++) {
        largest = fmax(largest, fabs((double)x->data[i] - (double)y->data[i]));
        peak = fmax(peak, (double)x->data[i]);
    }
    ck_assert_msg(peak > 0.99, "%s: the map is flat", a);
    gcam_tensor_free(x);
    gcam_tensor_free(y);
    return largest;
}

/* The network of weights/: small, whole, and with a head on which three methods are one (METHODS 9, row 3). */
START_TEST(the_carried_network_is_whole) {
    if (access("weights/photos11.safetensors", R_OK) != 0) {
        printf("skipped: the network that the command carries, weights/photos11.safetensors is absent\n");
        return;
    }
    process_result r =
        shell("test $(wc -c < weights/photos11.safetensors) -le 3000000 && $G doctor && $G inspect && "
              "$G explain $D/shapes.png --size 96x176 --method gradcam,cam,hirescam --save map -q -o $D/carried && "
              "cd $D/carried && for m in gradcam cam hirescam; do mv shapes.*.$m.map.npy $m.npy; done");
    ck_assert_msg(r.exit_code == 0, "%s%s", r.out, r.err);
    expect_contains(r.out, "built in    photos11, 11 classes, input 3x128x128: right", "doctor");
    expect_contains(r.out, "classes     11, cat ... parachute", "inspect");
    ck_assert_double_le(map_difference("carried/gradcam.npy", "carried/cam.npy"), 1e-5);
    ck_assert_double_le(map_difference("carried/gradcam.npy", "carried/hirescam.npy"), 1e-5);
    process_free(&r);
}
END_TEST

/* A line, its exit code and what its one sentence on stderr says ("gradcam: " is checked for all). */
typedef struct mistake {
    const char *line;
    int code;
    const char *sentence;
} mistake;

static const mistake mistakes[] = {
    {"$G", 2, "what shall be done? gradcam --help lists the subcommands"},
    {"$G paint", 2, "there is no subcommand \"paint\"; gradcam --help lists them"},
    {"$G explan", 2, "there is no subcommand \"explan\"; did you mean \"explain\"?"},
    {"$G explain $D/shapes.png --method gradcm", 2, "there is no method \"gradcm\"; did you mean \"gradcam\"?"},
    {"$G explain $D/shapes.png --arch resnet5", 2, "there is no architecture \"resnet5\"; did you mean \"resnet50\"?"},
    {"$G explain -m $M", 2, "explain needs a photo: gradcam explain PHOTO... [-m MODEL] [options]"},
    {"$BARE explain $D/shapes.png", 2, "no model was named, and this command carries none: give a checkpoint or"},
    {"$BARE classify $D/shapes.png", 2, "a model file with -m"},
    {"$BARE inspect", 2, "no model was named"},
    {"$G inspect $M $M", 2, "inspect takes at most 1 file name: gradcam inspect [MODEL] [options]"},
    {"$G explain $D/shapes.png -m $M --colour red", 2, "explain has no option --colour"},
    {"$G explain $D/shapes.png -m $M -x", 2, "explain has no option -x"},
    {"$G classify $D/shapes.png -m $M --method gradcam", 2, "classify has no option --method"},
    {"$G explain $D/shapes.png -m", 2, "-m needs a value"},
    {"$G explain $D/shapes.png -m $M --class", 2, "--class needs a value"},
    {"$G explain $D/shapes.png -m $M --class ''", 2, "--class needs a value that is not empty"},
    {"$G explain $D/shapes.png -m $M --method gradcamm", 2, "there is no method \"gradcamm\""},
    {"$G explain $D/shapes.png -m $M --class zebra", 2, "zebra"},
    {"$G explain $D/shapes.png -m $M --class 3", 2, "3"},
    {"$G explain $D/shapes.png -m $M --class -1", 2, "-1"},
    {"$G explain $D/shapes.png -m $M --class stripes", 2, "upright stripes"},
    {"$G explain $D/shapes.png -m $M --layer nowhere", 2, "there is no layer \"nowhere\"; gradcam inspect lists them"},
    {"$G explain $D/shapes.png -m $M --target luck", 2,
     "\"luck\" is not one of logit, prob, logprob, diff:CLASS, fine,"},
    {"$G explain $D/shapes.png -m $M --target diff:zebra", 2, "zebra"},
    {"$G explain $D/shapes.png -m $M --class 0 --target diff:disc", 2, "difference of class 0 with itself"},
    {"$G explain $D/shapes.png -m $M --profile mine", 2, "mine"},
    {"$G explain $D/shapes.png -m $M --preprocess mine", 2, "mine"},
    {"$G explain $D/shapes.png -m $M --arch mine", 2, "there is no architecture \"mine\""},
    {"$G explain $D/shapes.png -m $M --colormap mine", 2, "mine"},
    {"$G explain $D/shapes.png -m $M --save jpg", 2, "\"jpg\" is not one of png, sheet, npy, map, none"},
    {"$G explain $D/shapes.png -m $M --alpha 2", 2, "\"2\" is not a number above 0 and up to 1"},
    {"$G explain $D/shapes.png -m $M --alpha nan", 2, "\"nan\" is not a number"},
    {"$G explain $D/shapes.png -m $M --threads 0", 2, "\"0\" is not a whole number from 1 to 4096"},
    {"$G explain $D/shapes.png -m $M --threads 1.5", 2, "\"1.5\" is not a whole number"},
    {"$G explain $D/shapes.png -m $M --size 0x9", 2, "\"0x9\" is not a height and a width"},
    {"$G explain $D/shapes.png -m $M --max-memory lots", 2, "\"lots\" is not an amount such as 500M or 2G"},
    {"$G explain $D/shapes.png -m $M --show --json", 2, "--show and --json both want standard output"},
    {"$G localize $D/shapes.png -m $M --threshold half", 2,
     "\"half\" is not a share above 0 and up to 1, a percentile"},
    {"$G localize $D/shapes.png -m $M --threshold p100", 2, "\"p100\" is not a share"},
    {"$G localize $D/shapes.png -m $M --threshold 1.5", 2, "\"1.5\" is not a share"},
    {"$G localize $D/shapes.png -m $M --connect 6", 2, "\"6\" is not 4 (sides) or 8 (sides and corners)"},
    {"$G explain $D/a.png $D/b/a.jpg -m $M", 2, "would both be written as a.*"},
    {"$G convert $M", 2, "convert needs exactly 2 file names"},
    {"$G convert $M $D/o.safetensors --dtype f8", 2, "\"f8\" is not one of f32, f16, bf16"},
    {"$G methods extra", 2, "methods takes no files, but was given extra"},
    {"GCAM_KERNELS=fast $G doctor", 2, "GCAM_KERNELS is \"fast\""},
    {"$G explain $D/none.png -m $M", 1, "none.png"},
    {"$G explain $M -m $M", 1, "shapes.safetensors"},
    {"$G explain $D/shapes.png -m $D/none.pth", 1, "none.pth"},
    {"$G explain $D/shapes.png -m $D/shapes.png", 1, "shapes.png"},
    {"$G inspect $D/shapes.png", 1, "shapes.png"},
    {"$G explain $D/shapes.png -m $M -o $D/shapes.png", 1, "shapes.png"},
    {"$G explain $D/shapes.png -m $M -o $D/shapes.png/sub", 1, "the folder cannot be made: Not a directory"},
    {"$G explain $D/shapes.png -m $M --max-memory 10K", 1, "memory"},
    {"$G classify $D/shapes.png -m $M --labels $D/none.txt", 1, "none.txt: cannot be opened"},
    {"$G methods > /dev/full", 1, "cannot write to standard output: No space left on device"},
};

START_TEST(mistakes_get_one_sentence) {
    const mistake *m = &mistakes[_i];
    process_result r = shell("%s", m->line);
    ck_assert_msg(r.exit_code == m->code, "exit code %d, expected %d: %s\n%s", r.exit_code, m->code, m->line, r.err);
    ck_assert_msg(strncmp(r.err, "gradcam: ", 9) == 0, "%s\nsays: %s", m->line, r.err);
    ck_assert_msg(strchr(r.err, '\n') == r.err + strlen(r.err) - 1, "%s\nis not one line: %s", m->line, r.err);
    expect_contains(r.err, m->sentence, m->line);
    ck_assert_str_eq(r.out, "");
    process_free(&r);
}
END_TEST

/* ---- explain --------------------------------------------------------------------------------------------------------------- */

START_TEST(explain_writes_the_named_files) {
    expect_exit(
        0, "$G explain $D/shapes.png -m $M --class disc,1 --method gradcam,guided-gradcam --save png,sheet,npy,map "
           "-o $D/new/folder");
    static const char *const names[] = {"new/folder/shapes.sheet.png", "new/folder/shapes.0.gradcam.png",
                                        "new/folder/shapes.1.gradcam.npy", "new/folder/shapes.0.guided-gradcam.map.npy",
                                        "new/folder/shapes.1.guided-gradcam.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) ck_assert_msg(exists(names[i]), "no %s", names[i]);
    process_result r = shell("ls $D/new/folder | wc -l");
    ck_assert_int_eq(atoi(r.out), 2 * 2 * 3 + 1);
    process_free(&r);
}
END_TEST

START_TEST(explain_writes_png_and_sheet_by_default) {
    expect_exit(0, "cd $D; $G explain shapes.png -m $M --quiet");
    ck_assert(exists("shapes.1.gradcam.png") && exists("shapes.sheet.png"));
    ck_assert(!exists("shapes.1.gradcam.npy"));
}
END_TEST

/* Arrays are what DESIGN says: L, L_cf and S at the layer's size, maps at the input's; S = L - L_cf exactly. */
START_TEST(arrays_hold_raw_maps_and_display_maps) {
    expect_exit(0, "$G explain $D/shapes.png -m $M --class disc --method gradcam,counterfactual,signed,gradient "
                   "--save npy,map -o $D");
    gcam_tensor *l = load_array("shapes.0.gradcam.npy"), *cf = load_array("shapes.0.counterfactual.npy");
    gcam_tensor *s = load_array("shapes.0.signed.npy"), *map = load_array("shapes.0.gradcam.map.npy");
    gcam_tensor *gradient = load_array("shapes.0.gradient.npy");
    ck_assert(l->shape.rank == 2 && l->shape.dim[0] == 56 && l->shape.dim[1] == 56);
    ck_assert(map->shape.rank == 2 && map->shape.dim[0] == 112 && map->shape.dim[1] == 112);
    ck_assert(gradient->shape.rank == 3 && gradient->shape.dim[0] == 3 && gradient->shape.dim[2] == 112);
    float most = 0;
    for (int64_t i = 0; i < 56 * 56; i++) ck_assert(l->data[i] - cf->data[i] == s->data[i]);
    for (int64_t i = 0; i < 112 * 112; i++) most = fmaxf(most, map->data[i]);
    ck_assert_float_eq_tol(most, 1.0f, 1e-6f);
    gcam_tensor_free(l);
    gcam_tensor_free(cf);
    gcam_tensor_free(s);
    gcam_tensor_free(map);
    gcam_tensor_free(gradient);
}
END_TEST

/* Where the network saw the disc and the stripes, in photo pixels: known, as the picture is drawn. */
START_TEST(maps_lie_on_the_drawn_shapes) {
    process_result r = shell("$G localize $D/shapes.png -m $M --class disc,'upright stripes' -o $D --json");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    const int slack = 20;
    const int disc[4] = {DISC_X - DISC_RADIUS, DISC_Y - DISC_RADIUS, DISC_X + DISC_RADIUS, DISC_Y + DISC_RADIUS};
    const int stripes[4] = {STRIPES_LEFT, STRIPES_TOP, STRIPES_RIGHT, STRIPES_BOTTOM};
    for (int k = 0; k < 4; k++) {
        char path[64];
        snprintf(path, sizeof path, "photos.0.explanations.0.box.%d", k);
        ck_assert_double_eq_tol(json_number_at(r.out, path), disc[k], slack);
        snprintf(path, sizeof path, "photos.0.explanations.1.box.%d", k);
        ck_assert_double_eq_tol(json_number_at(r.out, path), stripes[k], slack);
    }
    ck_assert(exists("shapes.0.gradcam.box.png") && exists("shapes.1.gradcam.box.png"));
    process_free(&r);
}
END_TEST

/* Both parts of "not level stripes": the disc and the upright stripes, found apart, with outlines that lie on them. */
START_TEST(all_parts_are_found) {
    process_result r = shell(
                       "$G localize $D/shapes.png -m $M --class level --method counterfactual --threshold otsu --all "
                       "--outline -o $D/parts --json"),
                   one = shell(
                       "$G localize $D/shapes.png -m $M --class level --method counterfactual -o $D/parts --threshold "
                       "p60 --connect 4"),
                   all =
                       shell("$G localize $D/shapes.png -m $M --class level --method counterfactual -o $D/parts --all");
    ck_assert_msg(r.exit_code == 0 && json_is_valid(r.out), "%s%s", r.out, r.err);
    const double centres[2][2] = {{DISC_X, DISC_Y},
                                  {(STRIPES_LEFT + STRIPES_RIGHT) / 2.0, (STRIPES_TOP + STRIPES_BOTTOM) / 2.0}};
    int seen[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        double box[4];
        char path[80];
        for (int k = 0; k < 4; k++) {
            snprintf(path, sizeof path, "photos.0.explanations.0.segments.%d.box.%d", i, k);
            box[k] = json_number_at(r.out, path);
        }
        snprintf(path, sizeof path, "photos.0.explanations.0.segments.%d.outline.0.1", i);
        ck_assert_double_eq_tol(json_number_at(r.out, path), box[1], 1.01); /* it begins at the top */
        for (int c = 0; c < 2; c++) {
            seen[c] +=
                box[0] < centres[c][0] && centres[c][0] < box[2] && box[1] < centres[c][1] && centres[c][1] < box[3];
        }
    }
    ck_assert(seen[0] == 1 && seen[1] == 1);
    ck_assert_ptr_null(json_find(r.out, "photos.0.explanations.0.segments.2", NULL));
    ck_assert(exists("parts/shapes.2.counterfactual.box.png"));
    expect_contains(one.out, "level stripes (2): left ", "localize");
    expect_contains(all.out, "level stripes (2):\n    left ", "localize --all");
    expect_contains(all.out, " % of the map, ", "localize --all");
    process_free(&r);
    process_free(&one);
    process_free(&all);
}
END_TEST

START_TEST(a_bad_photo_does_not_stop_the_others) {
    process_result r = shell("head -c 500 $D/shapes.png > $D/cut.png; cp $D/shapes.png $D/good.png; "
                             "$G explain $D/cut.png $D/none.png $D/good.png -m $M -o $D/bad --json");
    ck_assert_int_eq(r.exit_code, 1);
    ck_assert(json_is_valid(r.out));
    ck_assert_ptr_nonnull(json_find(r.out, "photos.0.error", NULL));
    ck_assert_ptr_nonnull(json_find(r.out, "photos.1.error", NULL));
    ck_assert_ptr_null(json_find(r.out, "photos.2.error", NULL));
    ck_assert(exists("bad/good.sheet.png") && !exists("bad/cut.sheet.png"));
    process_free(&r);
}
END_TEST

/* Every write fails after 512 bytes: a sentence, and no file, not even a temporary one. */
START_TEST(a_full_disk_leaves_nothing_behind) {
    process_result r = shell("mkdir $D/full; (trap '' XFSZ; ulimit -f 1; $G explain $D/shapes.png -m $M -o $D/full "
                             "--save png,npy); code=$?; ls -A $D/full; exit $code");
    ck_assert_int_eq(r.exit_code, 1);
    ck_assert_msg(strncmp(r.err, "gradcam: ", 9) == 0, "%s", r.err);
    ck_assert_str_eq(r.out, "");
    process_free(&r);
}
END_TEST

START_TEST(several_layers_have_their_names_in_the_files) {
    expect_exit(0, "$G explain $D/shapes.png -m $M --layer parts_relu,edges_relu --save npy -o $D/layers");
    ck_assert(exists("layers/shapes.1.gradcam.parts_relu.npy") && exists("layers/shapes.1.gradcam.edges_relu.npy"));
}
END_TEST

START_TEST(show_previews_without_escapes_when_piped) {
    process_result r = shell("$G explain $D/shapes.png -m $M --show --save none");
    ck_assert_int_eq(r.exit_code, 0);
    ck_assert_ptr_null(strchr(r.out, '\033'));
    ck_assert_int_gt(strlen(r.out), 400);
    process_free(&r);
}
END_TEST

START_TEST(options_change_what_they_should) {
    expect_exit(0, "$G explain $D/shapes.png -m $M -o $D/a && $G explain $D/shapes.png -m $M -o $D/b --alpha 0.9 && "
                   "! cmp -s $D/a/shapes.1.gradcam.png $D/b/shapes.1.gradcam.png");
    expect_exit(0, "$G explain $D/shapes.png -m $M -o $D/b --colormap jet && "
                   "! cmp -s $D/a/shapes.1.gradcam.png $D/b/shapes.1.gradcam.png");
    expect_exit(0, "$G explain $D/shapes.png -m $M -o $D/c --save npy --size 112x160 --threads 1 && test -s "
                   "$D/c/shapes.1.gradcam.npy");
    gcam_tensor *wide = load_array("c/shapes.1.gradcam.npy");
    ck_assert_int_eq(wide->shape.dim[1], 80);
    gcam_tensor_free(wide);
}
END_TEST

START_TEST(kernels_agree) {
    expect_exit(
        0,
        "for k in plain blas auto; do GCAM_KERNELS=$k $G explain $D/shapes.png -m $M -o $D/$k --save npy -q || exit 1; "
        "done");
    gcam_tensor *plain = load_array("plain/shapes.1.gradcam.npy");
    for (int k = 0; k < 2; k++) {
        gcam_tensor *other = load_array(k ? "auto/shapes.1.gradcam.npy" : "blas/shapes.1.gradcam.npy");
        for (int64_t i = 0; i < 56 * 56; i++) ck_assert_float_eq_tol(plain->data[i], other->data[i], 1e-4f);
        gcam_tensor_free(other);
    }
    gcam_tensor_free(plain);
}
END_TEST

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */

START_TEST(explain_json_has_the_agreed_layout) {
    process_result r = shell("$G explain $D/shapes.png -m $M --method gradcam,gradient -o $D --json");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    ck_assert_msg(json_is_valid(r.out), "%s", r.out);
    static const char *const paths[] = {
        "photos.0.photo",
        "photos.0.input.3",
        "photos.0.top.2.class",
        "photos.0.top.0.label",
        "photos.0.top.0.probability",
        "photos.0.top.0.logit",
        "photos.0.explanations.1.method",
        "photos.0.explanations.0.class",
        "photos.0.explanations.0.label",
        "photos.0.explanations.0.layer",
        "photos.0.explanations.0.target",
        "photos.0.explanations.0.score",
        "photos.0.explanations.0.raw_min",
        "photos.0.explanations.0.raw_max",
        "photos.0.explanations.0.box.3",
        "photos.0.explanations.0.files.0",
        "photos.0.explanations.0.warnings",
        "photos.0.seconds.load",
        "photos.0.seconds.forward",
        "photos.0.seconds.explain",
        "photos.0.seconds.render",
        "model.arch",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_msg(json_find(r.out, paths[i], NULL) != NULL, "no %s in %s", paths[i], r.out);
    ck_assert(json_text_is(r.out, "photos.0.explanations.0.method", "gradcam"));
    ck_assert(json_text_is(r.out, "photos.0.explanations.0.layer", "parts_relu"));
    ck_assert(json_text_is(r.out, "photos.0.explanations.0.target", "logit"));
    ck_assert_double_eq_tol(json_number_at(r.out, "photos.0.explanations.0.score"),
                            json_number_at(r.out, "photos.0.top.0.logit"), 1e-6);
    process_free(&r);
}
END_TEST

START_TEST(classify_json_and_listing_agree) {
    process_result r = shell("$G classify $D/shapes.png -m $M --json --top 2"),
                   text = shell("$G classify $D/shapes.png -m $M");
    ck_assert(json_is_valid(r.out));
    ck_assert_ptr_null(json_find(r.out, "photos.0.explanations", NULL));
    ck_assert_ptr_nonnull(json_find(r.out, "photos.0.top.1", NULL));
    ck_assert_ptr_null(json_find(r.out, "photos.0.top.2", NULL));
    ck_assert_double_eq_tol(strtod(text.out, NULL), json_number_at(r.out, "photos.0.top.0.probability"), 1e-4);
    process_free(&r);
    process_free(&text);
}
END_TEST

START_TEST(json_escapes_what_file_names_hold) {
    process_result r = shell("cp $D/shapes.png \"$D/a\\\"b\tc\xff.png\"; $G classify $D/a*.png -m $M --json");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    ck_assert_msg(json_is_valid(r.out), "%s", r.out);
    expect_contains(r.out, "a\\\"b\\u0009c\\ufffd.png", "classify");
    process_free(&r);
}
END_TEST

START_TEST(json_of_every_subcommand_is_valid) {
    static const char *const lines[] = {"$G methods --json",      "$G archs --json",
                                        "$G archs --onnx --json", "$G doctor --json",
                                        "$G inspect $M --json",   "$G convert $M $D/copy.safetensors --json"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        process_result r = shell("%s", lines[i]);
        ck_assert_msg(r.exit_code == 0, "%s: %s", lines[i], r.err);
        ck_assert_msg(json_is_valid(r.out), "%s: %s", lines[i], r.out);
        process_free(&r);
    }
}
END_TEST

/* ---- the other subcommands -------------------------------------------------------------------------------------------------- */

START_TEST(tables_list_every_row) {
    process_result methods = shell("$G methods"), archs = shell("$G archs");
    for (size_t i = 0; i < gcam_method_count(); i++) expect_contains(methods.out, gcam_method_at(i)->id, "methods");
    for (size_t i = 0; i < gcam_arch_count(); i++) expect_contains(archs.out, gcam_arch_at(i)->id, "archs");
    process_free(&methods);
    process_free(&archs);
}
END_TEST

/* A line an operator, and the operator sets that the standard has it in. */
START_TEST(operators_are_listed_with_their_sets) {
    process_result r = shell("$G archs --onnx");
    size_t lines = 0;
    for (const char *c = r.out; *c; c++) lines += *c == '\n';
    ck_assert_uint_eq(lines, gcam_onnx_operator_count() + 1);
    expect_contains(r.out, "\nConv                  7-21           layers\n", "archs --onnx");
    expect_contains(r.out, "\nUpsample              7-9            layers\n", "archs --onnx");
    expect_contains(r.out, "\nHardSwish             14-21          layers\n", "archs --onnx");
    expect_contains(r.out, "\nSwish                 24             layers\n", "archs --onnx");
    expect_contains(r.out, "\nShape                 7-21           constants, when the file is read\n", "archs --onnx");
    process_free(&r);
    r = shell("$G methods --onnx");
    ck_assert_int_eq(r.exit_code, 2);
    process_free(&r);
}
END_TEST

START_TEST(doctor_passes_its_self_test) {
    process_result r = shell("$G doctor");
    ck_assert_msg(r.exit_code == 0, "%s%s", r.out, r.err);
    expect_contains(r.out, "auto right, blas right, plain right", "doctor");
    process_free(&r);
}
END_TEST

START_TEST(converted_models_give_the_same_bits) {
    expect_exit(0,
                "$G convert $M $D/again.safetensors -q && $G explain $D/shapes.png -m $M -o $D/one --save npy,map && "
                "$G explain $D/shapes.png -m $D/again.safetensors -o $D/two --save npy,map && diff -r $D/one $D/two");
    expect_exit(0,
                "$G convert $M $D/half.safetensors --dtype f16 -q && $G classify $D/shapes.png -m $D/half.safetensors");
}
END_TEST

START_TEST(names_that_carry_a_wrong_sha_are_refused) {
    process_result r =
        shell("cp $M $D/shapes-0123abcd.safetensors; $G convert $D/shapes-0123abcd.safetensors $D/out.safetensors");
    ck_assert_int_eq(r.exit_code, 1);
    expect_contains(r.err, "0123abcd", "convert");
    ck_assert(!exists("out.safetensors"));
    process_free(&r);
    expect_exit(0, "sum=$(sha256sum $M | cut -c1-8); cp $M $D/shapes-$sum.safetensors; $G convert "
                   "$D/shapes-$sum.safetensors $D/out.safetensors | grep -q 'as its name says'");
}
END_TEST

START_TEST(inspect_shows_layers_and_the_target) {
    process_result r = shell("$G inspect $M");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    expect_contains(r.out, "* parts_relu", "inspect");
    expect_contains(r.out, "5x112x112", "inspect");
    process_free(&r);
}
END_TEST

/* A file whose tensors no architecture knows: they are listed, and the reason is given. */
START_TEST(inspect_lists_tensors_it_cannot_build_from) {
    char path[128];
    float values[6] = {0};
    gcam_tensor_table *table = NULL;
    gcam_shape shape = {2, {2, 3}};
    ck_assert_int_eq(gcam_tensor_table_create(&table), GCAM_OK);
    ck_assert_int_eq(gcam_tensor_table_add(table, "strange.weight", &shape, values), GCAM_OK);
    snprintf(path, sizeof path, "%s/strange.safetensors", command_folder());
    ck_assert_int_eq(gcam_safetensors_write(path, gcam_tensor_table_at(table, 0), 1, NULL, 0, GCAM_DTYPE_F32), GCAM_OK);
    gcam_tensor_table_free(table);
    process_result r = shell("$G inspect $D/strange.safetensors"),
                   json = shell("$G inspect $D/strange.safetensors --json");
    ck_assert_int_eq(r.exit_code, 0);
    expect_contains(r.out, "strange.weight", "inspect");
    expect_contains(r.out, "2x3", "inspect");
    expect_contains(r.out, "No model could be made of it:", "inspect");
    ck_assert(json_text_is(json.out, "tensors.0.name", "strange.weight"));
    process_free(&r);
    process_free(&json);
    expect_exit(1, "$G explain $D/shapes.png -m $D/strange.safetensors");
}
END_TEST

START_TEST(labels_come_from_a_file) {
    process_result r = shell("printf '0\\tn01\\tround thing\\n1\\tn02\\tbars\\n2\\tn03\\trungs\\n' > $D/labels.tsv; "
                             "$G classify $D/shapes.png -m $M --labels $D/labels.tsv");
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    expect_contains(r.out, "round thing", "classify");
    process_free(&r);
    expect_exit(1, "echo one > $D/few.txt; $G classify $D/shapes.png -m $M --labels $D/few.txt");
}
END_TEST

START_TEST(quiet_says_nothing) {
    process_result r = shell("$G explain $D/shapes.png -m $M -o $D --quiet");
    ck_assert_int_eq(r.exit_code, 0);
    ck_assert_str_eq(r.out, "");
    ck_assert_str_eq(r.err, "");
    process_free(&r);
}
END_TEST

Suite *cli_suite(void) {
    Suite *suite = suite_create("cli");
    TCase *tcase = tcase_create("command");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, command_folder_make, command_folder_remove);
    tcase_add_test(tcase, help_is_there_for_everything);
    tcase_add_test(tcase, version_is_the_librarys);
    tcase_add_test(tcase, a_model_that_is_built_in_needs_no_file);
    tcase_add_test(tcase, the_carried_network_is_whole);
    tcase_add_loop_test(tcase, mistakes_get_one_sentence, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_test(tcase, explain_writes_the_named_files);
    tcase_add_test(tcase, explain_writes_png_and_sheet_by_default);
    tcase_add_test(tcase, arrays_hold_raw_maps_and_display_maps);
    tcase_add_test(tcase, maps_lie_on_the_drawn_shapes);
    tcase_add_test(tcase, all_parts_are_found);
    tcase_add_test(tcase, a_bad_photo_does_not_stop_the_others);
    tcase_add_test(tcase, a_full_disk_leaves_nothing_behind);
    tcase_add_test(tcase, several_layers_have_their_names_in_the_files);
    tcase_add_test(tcase, show_previews_without_escapes_when_piped);
    tcase_add_test(tcase, options_change_what_they_should);
    tcase_add_test(tcase, kernels_agree);
    tcase_add_test(tcase, explain_json_has_the_agreed_layout);
    tcase_add_test(tcase, classify_json_and_listing_agree);
    tcase_add_test(tcase, json_escapes_what_file_names_hold);
    tcase_add_test(tcase, json_of_every_subcommand_is_valid);
    tcase_add_test(tcase, tables_list_every_row);
    tcase_add_test(tcase, operators_are_listed_with_their_sets);
    tcase_add_test(tcase, doctor_passes_its_self_test);
    tcase_add_test(tcase, converted_models_give_the_same_bits);
    tcase_add_test(tcase, names_that_carry_a_wrong_sha_are_refused);
    tcase_add_test(tcase, inspect_shows_layers_and_the_target);
    tcase_add_test(tcase, inspect_lists_tensors_it_cannot_build_from);
    tcase_add_test(tcase, labels_come_from_a_file);
    tcase_add_test(tcase, quiet_says_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
