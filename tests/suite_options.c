/* The options of sampled methods, as the command takes them: each reaches the library. Memory limits, progress and Ctrl-C. */
#include "explain/explain.h"
#include "gradcam.h"
#include "support/ask.h"
#include "support/command.h"
#include "support/json_check.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

Suite *options_suite(void);

/* ---- options ------------------------------------------------------------------------------------------------------------- */

typedef struct option_case {
    const char *method, *words;
    gcam_explain_options options;
} option_case;

static const option_case option_cases[] = {
    {"smoothgrad", "--samples 3 --noise 0.4 --seed 7", {.samples = 3, .noise = 0.4, .seed = 7}},
    {"smoothgrad", "--samples 3 --noise 0", {.samples = 3, .noise = -1}},
    {"integrated-gradients", "--samples 4 --baseline white", {.samples = 4, .baseline = GCAM_BASELINE_WHITE}},
    {"integrated-gradients", "--samples 3 --baseline uniform", {.samples = 3, .baseline = GCAM_BASELINE_UNIFORM}},
    {"gradientshap", "--samples 3 --baseline black", {.samples = 3, .baseline = GCAM_BASELINE_BLACK}},
    {"occlusion", "--window 40 --stride 36", {.window = 40, .stride = 36}},
    {"rise", "--samples 5 --seed 3", {.samples = 5, .seed = 3}},
};

/* The command's array is the library's, with the same options given in C. */
START_TEST(options_reach_the_library) {
    const option_case *c = &option_cases[_i];
    process_result r =
        command_shell("$G explain $D/shapes.png -m $M --method %s %s --save npy -o $D -q", c->method, c->words);
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    process_free(&r);
    char path[160];
    gcam_model *model = NULL;
    gcam_session *session = NULL;
    gcam_image *photo = NULL;
    gcam_explanation *e = NULL;
    gcam_tensor *found = NULL;
    snprintf(path, sizeof path, "%s/shapes.safetensors", command_folder());
    ck_assert_int_eq(gcam_model_load(&model, path, NULL), GCAM_OK);
    snprintf(path, sizeof path, "%s/shapes.png", command_folder());
    ck_assert_int_eq(gcam_image_load(&photo, path), GCAM_OK);
    ck_assert_int_eq(gcam_session_create(&session, model, NULL), GCAM_OK);
    gcam_explain_options options = c->options;
    options.struct_size = sizeof options;
    options.methods = &c->method, options.method_count = 1;
    ck_assert_int_eq(gcam_explain(&e, session, photo, &options), GCAM_OK);
    snprintf(path, sizeof path, "%s/shapes.1.%s.npy", command_folder(), c->method);
    ck_assert_int_eq(gcam_npy_load(&found, path), GCAM_OK);
    const gcam_tensor *wanted = gcam_explanation_raw(e);
    double largest = gcam__max_abs(wanted->data, gcam_shape_count(&wanted->shape));
    ck_assert(largest > 0 && gcam_shape_count(&found->shape) == gcam_shape_count(&wanted->shape));
    for (int64_t i = 0; i < gcam_shape_count(&wanted->shape); i++)
        ck_assert_double_eq_tol(found->data[i], wanted->data[i], 1e-4 * largest);
    gcam_tensor_free(found);
    gcam_explanation_free(e);
    gcam_image_free(photo);
    gcam_session_free(session);
    gcam_model_free(model);
}
END_TEST

static const struct {
    const char *words, *sentence;
} mistakes[] = {
    {"--samples 0", "--samples: \"0\" is not a whole number from 1 to 1000000, nor auto"},
    {"--samples many", "--samples: \"many\" is not a whole number"},
    {"--noise -1", "--noise: \"-1\" is not a number from 0 up"},
    {"--noise nan", "--noise: \"nan\" is not a number from 0 up"},
    {"--baseline grey", "--baseline: \"grey\" is not one of zero, black, white, blur, uniform"},
    {"--window 0", "--window: \"0\" is not a whole number from 1 to 16384"},
    {"--target set:", "--target: set: names no class"},
    {"--target set:disc=much", "--target: \"disc=much\" is not CLASS=WEIGHT"},
    {"--target set:zebra=1", "zebra"},
    {"--target set:disc=1 --class 1", "says itself what is explained; leave out --class"},
    {"--target channel:0", "\"channel:0\" is not channel:NUMBER@LAYER"},
    {"--target channel:0@none", "there is no layer \"none\""},
    {"--fuse sum", "--fuse: \"sum\" is not one of mean, max, product, none"},
    {"--smooth sand", "--smooth: \"sand\" is not one of tta, principal"},
    {"--stride 1.5", "--stride: \"1.5\" is not a whole number"},
};

START_TEST(options_are_checked) {
    process_result r = command_shell("$G explain $D/shapes.png -m $M %s", mistakes[_i].words);
    ck_assert_int_eq(r.exit_code, 2);
    command_expect_contains(r.err, mistakes[_i].sentence, mistakes[_i].words);
    process_free(&r);
}
END_TEST

/* ---- targets ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *words, *text;
    double share[3]; /* of the three logits in the score; all 0: not checked */
} targets[] = {
    {"--target set:disc=1,1=-0.5", "set:0=1,1=-0.5", {1, -0.5, 0}},
    {"--target set:2", "set:2=1", {0, 0, 1}},
    {"--target=-logit --class 2", "-logit", {0, 0, -1}},
    {"--target area --class disc", "area", {1, 0, 0}},
    {"--target diff:disc --class 1", "diff:0", {-1, 1, 0}},
    {"--target fine", "fine", {0}},
    {"--target channel:0@parts_relu --layer edges_relu", "channel:0@parts_relu", {0}},
    {"--target similar:$D/shapes.png", "similar", {0}},
};

START_TEST(targets_say_which_score) {
    process_result r = command_shell("$G explain $D/shapes.png -m $M --json -o $D %s", targets[_i].words);
    ck_assert_msg(r.exit_code == 0, "%s", r.err);
    ck_assert_msg(json_text_is(r.out, "photos.0.explanations.0.target", targets[_i].text), "%s", r.out);
    double wanted = 0, known = 0;
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "photos.0.top.%d.class", i);
        int class_index = (int)json_number_at(r.out, path);
        snprintf(path, sizeof path, "photos.0.top.%d.logit", i);
        wanted += targets[_i].share[class_index] * json_number_at(r.out, path);
        known += targets[_i].share[class_index] != 0;
    }
    if (known) ck_assert_double_eq_tol(json_number_at(r.out, "photos.0.explanations.0.score"), wanted, 1e-4);
    process_free(&r);
}
END_TEST

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

/* An allocator with a limit, and the most that was ever taken of it. The threads of a session share it. */
typedef struct purse {
    size_t limit, used, peak;
} purse;

static void *take(size_t size, void *context) {
    purse *p = context;
    size_t used = __atomic_add_fetch(&p->used, size, __ATOMIC_RELAXED), peak = p->peak;
    if (used > p->limit) {
        __atomic_sub_fetch(&p->used, size, __ATOMIC_RELAXED);
        return NULL;
    }
    while (used > peak && !__atomic_compare_exchange_n(&p->peak, &peak, used, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return aligned_alloc(16, (size + 15) / 16 * 16);
}

static void give(void *block, size_t size, void *context) {
    free(block);
    __atomic_sub_fetch(&((purse *)context)->used, size, __ATOMIC_RELAXED);
}

/* SmoothGrad of a small network under `limit` bytes; -1 if they do not suffice. */
static int64_t smooth(purse *p, size_t limit, float *out) {
    *p = (purse){.limit = SIZE_MAX};
    gcam_allocator_set(&(gcam_allocator){take, give, p});
    tiny t;
    tiny_convnet(&t, 3, 1, 1);
    tiny_fill_input(&t, 5, -1, 1);
    gcam_session_options many = {
        .struct_size = sizeof many, .threads = 16, .deterministic = 1}; /* no fewer images than threads run at once */
    gcam_session_free(t.session);
    ck_assert_int_eq(gcam_session_create_network(&t.session, t.network, &many), GCAM_OK);
    p->limit = limit;
    const char *method = "smoothgrad";
    gcam_explain_options options = {.samples = 40, .noise = 0.2, .methods = &method, .method_count = 1};
    options.struct_size = sizeof options;
    answers a;
    gcam_status status = gcam_explain_tensor(&a.list, &a.count, t.session, t.input, 0, &options);
    int64_t count = status == GCAM_OK ? raw_count(a, 0) : -1;
    if (status != GCAM_OK) ck_assert_int_eq(status, GCAM_ERR_NOMEM);
    for (int64_t i = 0; i < count; i++) out[i] = raw(a, 0)[i];
    if (status == GCAM_OK) drop(a);
    tiny_free(&t);
    ck_assert_uint_eq(p->used, 0);
    gcam_allocator_set(NULL);
    return count;
}

/* Less memory than the batch that was chosen needs: it shrinks, and the bits stay. */
START_TEST(batches_shrink_to_the_memory_there_is) {
    purse p;
    float all[192], few[192];
    ck_assert_int_eq(smooth(&p, SIZE_MAX, all), 192);
    size_t full = p.peak, least = 0;
    for (size_t limit = full - 1; least == 0 && limit > 0; limit -= full / 16) {
        if (smooth(&p, limit, few) < 0)
            least = limit;
        else
            ck_assert_int_eq(memcmp(all, few, sizeof all), 0);
        if (limit < full / 16) break;
    }
    ck_assert_msg(least < full * 2 / 3, "%zu bytes of %zu did not suffice", least, full);
}
END_TEST

START_TEST(the_command_keeps_to_its_limit) {
    command_expect_exit(
        0, "$G explain $D/shapes.png -m $M --method integrated-gradients --samples 9 --save npy -o $D/a -q "
           "&& $G explain $D/shapes.png -m $M --method integrated-gradients --samples 9 --save npy -o $D/b "
           "-q --max-memory 8M && cmp $D/a/*.npy $D/b/*.npy");
}
END_TEST

/* ---- stopping ------------------------------------------------------------------------------------------------------------- */

/* The signal ends the process, but not before its JSON is whole; no file is left, finished or not. */
START_TEST(a_signal_ends_it_cleanly) {
    process_result r =
        command_shell("mkdir $D/stop; cp $D/shapes.png $D/z.png; $G explain $D/shapes.png $D/z.png -m $M --method rise "
                      "--samples 1000000 -o $D/stop --json & sleep 0.5; kill -TERM $!; wait $!; "
                      "code=$?; ls -A $D/stop; exit $code");
    ck_assert_int_eq(r.exit_code, 128 + 15);
    ck_assert_msg(json_is_valid(r.out), "%s", r.out);
    ck_assert_ptr_nonnull(json_find(r.out, "photos.0.error", NULL));
    ck_assert_ptr_null(json_find(r.out, "photos.1", NULL));
    command_expect_contains(r.err, "canceled", "kill -TERM");
    process_free(&r);
}
END_TEST

Suite *options_suite(void) {
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, command_folder_make, command_folder_remove);
    tcase_add_loop_test(tcase, options_reach_the_library, 0, (int)(sizeof option_cases / sizeof *option_cases));
    tcase_add_loop_test(tcase, options_are_checked, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_loop_test(tcase, targets_say_which_score, 0, (int)(sizeof targets / sizeof *targets));
    tcase_add_test(tcase, batches_shrink_to_the_memory_there_is);
    tcase_add_test(tcase, the_command_keeps_to_its_limit);
    tcase_add_test(tcase, a_signal_ends_it_cleanly);
    suite_add_tcase(suite, tcase);
    return suite;
}
