/* The table of methods, in the order in which `gradcam methods` prints it. Adding a method = its file and a row here. */
#include "core/status.h"
#include "explain/explain.h"

#include <string.h>

/* clang-format off */

#define A GCAM__WANTS_ACTIVATION
#define AG (GCAM__WANTS_ACTIVATION | GCAM__WANTS_GRADIENT)
#define AT (GCAM__WANTS_ACTIVATION | GCAM__WANTS_TAIL)
#define ALL GCAM__PART_ALL
#define POSITIVE GCAM__PART_POSITIVE
#define ABOVE GCAM__SHOW_POSITIVE
#define RANGE GCAM__SHOW_RANGE
#define NEGATIVE GCAM__PART_NEGATIVE

/* Class activation maps: id, title, wants, check, map, how it is shown, part that is the result, equals CAM, cost, paper, summary. */
#define CAMS(X) \
    X("gradcam", "Grad-CAM", AG, NULL, gradcam, ABOVE, POSITIVE, 1, "F + b", "Selvaraju et al. 2017", \
      "where the layer supports the class: ReLU of the channels weighted by their mean gradient") \
    X("gradcam++", "Grad-CAM++", AG, NULL, plusplus, ABOVE, POSITIVE, 0, "F + b", "Chattopadhay et al. 2018", \
      "Grad-CAM with weights that do justice to several instances of the class") \
    X("hirescam", "HiResCAM", AG, NULL, hires, ABOVE, ALL, 1, "F + b", "Draelos & Carin 2020", \
      "gradient times activation at each cell: the score's exact shares where the tail is linear") \
    X("elementwise-gradcam", "Element-wise Grad-CAM", AG, NULL, elementwise, ABOVE, POSITIVE, 0, "F + b", "Gildenblat 2021", \
      "the positive products of gradient and activation at each cell") \
    X("xgradcam", "XGrad-CAM", AG, NULL, xgrad, ABOVE, POSITIVE, 1, "F + b", "Fu et al. 2020", \
      "channels weighted by their gradient where they are active") \
    X("layercam", "LayerCAM", AG, NULL, layercam, ABOVE, POSITIVE, 0, "F + b", "Jiang et al. 2021", \
      "activation times positive gradient at each cell; sharp also in early layers") \
    X("eigencam", "Eigen-CAM", A, NULL, eigen, ABOVE, POSITIVE, 0, "F", "Muhammad & Yeasin 2020", \
      "the strongest pattern of the layer, whatever the class") \
    X("eigengradcam", "EigenGrad-CAM", AG, NULL, eigengrad, ABOVE, POSITIVE, 0, "F + b", "Muhammad & Yeasin 2020", \
      "the strongest pattern of gradient times activation") \
    X("smooth-gradcam++", "Smooth Grad-CAM++", A, NULL, smooth_plusplus, ABOVE, POSITIVE, 0, "2 F + n (F + b)", "Omeiza et al. 2019", \
      "Grad-CAM++ averaged over noisy copies of the input") \
    X("scorecam", "Score-CAM", A, NULL, score, ABOVE, POSITIVE, 0, "F + K F", "Wang et al. 2020", \
      "channels weighted by the score of the input seen through them; no gradients") \
    X("ablationcam", "Ablation-CAM", AT, NULL, ablation, ABOVE, POSITIVE, 0, "F + K T", "Desai & Ramaswamy 2020", \
      "channels weighted by how far the score falls without them; no gradients") \
    X("reciprocam", "Recipro-CAM", AT, NULL, recipro, RANGE, ALL, 0, "F + Z T", "Byun & Lee 2022", \
      "the score that each cell of the layer earns alone; no gradients") \
    X("cam", "CAM", A, gcam__cam_check, cam, ABOVE, ALL, 0, "F", "Zhou et al. 2016", \
      "channels weighted by the last layer's own weights; only for global average pooling + linear")

#define CAM(id, title, wants, check, map, shown, part, equals, cost, paper, summary) \
    {{id, title, summary, paper, cost, 0, (part) == ALL}, wants, shown, gcam__cam_run, check, gcam__##map##_map, part, equals},
/* Every class activation map has a guided sister. */
#define GUIDED(id, title, wants, check, map, shown, part, equals, cost, paper, summary) \
    {{"guided-" id, "Guided " title, "guided backpropagation where " title " is warm: fine detail in the right place", paper, cost " + B", 1, 1}, \
     (wants) | GCAM__WANTS_GUIDED, GCAM__SHOW_MAX_ABS, gcam__guided_cam_run, check},
#define PIXELS(id, title, is_signed, wants, run, check, cost, paper, summary) \
    {{id, title, summary, paper, cost, 1, is_signed}, wants, GCAM__SHOW_MAX_ABS, run, check},
/* Pixels' shares of the score. */
#define SHARES(id, title, wants, run, check, cost, paper, summary) \
    {{id, title, summary, paper, cost, 1, 1, 1}, wants, GCAM__SHOW_MAX_ABS, run, check},

static const gcam__method methods[] = {
    CAMS(CAM)
    {{"signed", "Signed Grad-CAM", "Grad-CAM before its ReLU: for (+) and against (-) in one map", "Selvaraju et al. 2017", "F + b", 0, 1},
     AG, GCAM__SHOW_SIGNED, gcam__cam_run, NULL, gcam__gradcam_map, ALL, 1},
    {{"counterfactual", "Counterfactual", "what speaks against the class: Grad-CAM of the negated score", "Selvaraju et al. 2017", "F + b", 0, 0},
     AG, GCAM__SHOW_POSITIVE, gcam__cam_run, NULL, gcam__gradcam_map, NEGATIVE, 1},
    PIXELS("gradient", "Gradient", 1, GCAM__WANTS_PIXELS, gcam__gradient_run, NULL, "F + B", "Simonyan et al. 2014",
           "how the score changes with each pixel")
    SHARES("input-x-gradient", "Input x gradient", GCAM__WANTS_PIXELS, gcam__input_gradient_run, NULL, "F + B", "Shrikumar et al. 2016",
           "each pixel's share of the score, to first order")
    PIXELS("guided-backprop", "Guided backpropagation", 1, GCAM__WANTS_GUIDED, gcam__guided_run, NULL, "F + B", "Springenberg et al. 2015",
           "the gradient through positive signals only: fine detail, but not class-specific")
    PIXELS("deconvnet", "Deconvolution", 1, GCAM__WANTS_DECONVNET, gcam__deconvnet_run, NULL, "F + B", "Zeiler & Fergus 2014",
           "positive signals carried back to the pixels, whatever the forward pass did")
    PIXELS("smoothgrad", "SmoothGrad", 1, 0, gcam__smoothgrad_run, NULL, "F + n (F + B)", "Smilkov et al. 2017",
           "the gradient averaged over noisy copies of the input")
    PIXELS("smoothgrad2", "SmoothGrad squared", 0, 0, gcam__smoothgrad2_run, NULL, "F + n (F + B)", "Hooker et al. 2019",
           "the squared gradient averaged over noisy copies of the input")
    PIXELS("vargrad", "VarGrad", 0, 0, gcam__vargrad_run, NULL, "F + n (F + B)", "Adebayo et al. 2018",
           "how much the gradient varies over noisy copies of the input")
    SHARES("integrated-gradients", "Integrated gradients", 0, gcam__integrated_run, NULL, "F + n (F + B)", "Sundararajan et al. 2017",
           "each pixel's share of the change from a baseline, along the straight path; the shares sum to the change")
    SHARES("gradientshap", "GradientSHAP", 0, gcam__gradientshap_run, NULL, "F + n (F + B)", "Lundberg & Lee 2017",
           "expected shares over random points between baseline and input")
    SHARES("deeplift", "DeepLIFT", GCAM__WANTS_RELEVANCE, gcam__deeplift_run, gcam__deeplift_check, "2 F + B", "Shrikumar et al. 2017",
           "each pixel's share of the change from a baseline, by the rescale rule; one pass back")
    SHARES("lrp", "LRP", GCAM__WANTS_RELEVANCE, gcam__lrp_run, gcam__lrp_check, "F + B", "Bach et al. 2015",
           "the score handed back layer by layer in the shares that each input had in it")
    {{"mwp", "Excitation backpropagation", "the chance that a walk down the positive weights from the class ends in each cell", "Zhang et al. 2016", "F + b", 0, 0},
     A | GCAM__WANTS_RELEVANCE | GCAM__WANTS_ENTRANCE, ABOVE, gcam__cam_run, gcam__mwp_check, gcam__mwp_map, ALL, 0},
    {{"c-mwp", "Contrastive excitation", "excitation backpropagation of the class minus that of everything but the class", "Zhang et al. 2016", "F + b", 0, 0},
     A | GCAM__WANTS_RELEVANCE | GCAM__WANTS_ENTRANCE, ABOVE, gcam__cam_run, gcam__contrast_check, gcam__contrast_map, POSITIVE, 0},
    PIXELS("fullgrad", "FullGrad", 0, 0, gcam__fullgrad_run, NULL, "2 F + B", "Srinivas & Fleuret 2019",
           "the shares of the input and of every bias, where they lie")
    SHARES("occlusion", "Occlusion", 0, gcam__occlusion_run, NULL, "F + n F", "Zeiler & Fergus 2014",
           "how far the score falls when a window is covered")
    /* every pixel is open in half of the masks, so its raw value is never near 0: shown from the smallest to the largest */
    {{"rise", "RISE", "random masks weighted by the probability they leave; needs nothing but scores", "Petsiuk et al. 2018", "F + n F", 1, 0},
     0, GCAM__SHOW_RANGE, gcam__rise_run},
    CAMS(GUIDED)
};

/* clang-format on */

enum { METHODS = sizeof methods / sizeof methods[0] };

size_t gcam_method_count(void) {
    return METHODS;
}

const gcam_method_info *gcam_method_at(size_t index) {
    return index < METHODS ? &methods[index].info : NULL;
}

static const gcam__method *find(const char *id) {
    for (size_t i = 0; id && i < METHODS; i++) {
        if (strcmp(methods[i].info.id, id) == 0) return &methods[i];
    }
    return NULL;
}

const gcam_method_info *gcam_method_find(const char *id) {
    const gcam__method *method = find(id);
    return method ? &method->info : NULL;
}

static const char *method_name(const void *unused, size_t index) {
    (void)unused;
    return index < METHODS ? methods[index].info.id : NULL;
}

gcam_status gcam__method_lookup(const gcam__method **out, const char *id) {
    *out = find(id);
    if (*out) return GCAM_OK;
    if (!id) return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "a method's name is NULL");
    const char *near = gcam_suggest(id, method_name, NULL);
    if (near)
        return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "there is no method \"%.80s\"; did you mean \"%s\"?", id,
                          near);
    return gcam__fail(GCAM_ERR_NOT_FOUND, "explain", "there is no method \"%.80s\"; `gradcam methods` lists them", id);
}

static const struct {
    const char *name;
    gcam_profile profile;
} profiles[] = {
    {"paper", GCAM_PROFILE_PAPER},          {"pytorch-grad-cam", GCAM_PROFILE_PYTORCH_GRAD_CAM},
    {"pgc", GCAM_PROFILE_PYTORCH_GRAD_CAM}, {"captum", GCAM_PROFILE_CAPTUM},
    {"torchcam", GCAM_PROFILE_TORCHCAM},    {"lua", GCAM_PROFILE_LUA},
};

const char *gcam_profile_name(gcam_profile profile) {
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (profiles[i].profile == profile) return profiles[i].name;
    }
    return "?";
}

gcam_status gcam_profile_find(gcam_profile *out, const char *name) {
    *out = GCAM_PROFILE_PAPER;
    for (size_t i = 0; name && i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            *out = profiles[i].profile;
            return GCAM_OK;
        }
    }
    return gcam__fail(
        GCAM_ERR_NOT_FOUND, "explain",
        "there is no profile \"%.80s\"; the profiles are paper, pytorch-grad-cam (pgc), captum, torchcam and lua",
        name ? name : "(null)");
}
