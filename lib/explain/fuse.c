/* Fusion over layers (METHODS 2.16): each layer's map is rectified, divided by its maximum and resized to the input; then their mean, maximum
 * or product is taken and divided by its own maximum. Signed maps keep their sign and are divided by their largest magnitude; only their mean
 * means anything. Flat maps add nothing to a mean or maximum and are left out of a product. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"

#include <math.h>
#include <string.h>

gcam_status gcam__fusion_check(const gcam__study *study) {
    gcam_fusion fusion = study->options.fusion;
    if (fusion < GCAM_FUSION_NONE || fusion > GCAM_FUSION_PRODUCT)
        return gcam__fail(GCAM_ERR_ARGUMENT, "explain", "there is no fusion number %d", (int)fusion);
    for (size_t m = 0; m < study->method_count && fusion > GCAM_FUSION_MEAN; m++) {
        if (study->methods[m]->show == GCAM__SHOW_SIGNED)
            return gcam__fail(GCAM_ERR_UNSUPPORTED, "explain", "%s has two signs, so only the mean can fuse its layers",
                              study->methods[m]->info.id);
    }
    return GCAM_OK;
}

int gcam__fuses(const gcam__study *study, const gcam__method *method) {
    return study->options.fusion != GCAM_FUSION_NONE && study->layer_count > 1 && method->wants & GCAM__WANTS_LAYER
           && !method->info.per_pixel;
}

/* One layer's part at the input's size; 0 where it is flat. */
static int part_of(const gcam__study *study, const gcam_explanation *e, float *small, float *large) {
    int64_t h = e->raw->shape.dim[0], w = e->raw->shape.dim[1];
    int is_signed = e->method->show == GCAM__SHOW_SIGNED;
    int range = e->method->show == GCAM__SHOW_RANGE;
    float low = e->raw->data[0];
    for (int64_t i = 0; i < h * w; i++) low = fminf(low, e->raw->data[i]);
    for (int64_t i = 0; i < h * w; i++) {
        float v = e->raw->data[i] - (range ? low : 0);
        small[i] = is_signed || v > 0 ? v : 0;
    }
    if (gcam__is_flat(small, h * w)) return 0;
    double largest = gcam__max_abs(small, h * w);
    for (int64_t i = 0; i < h * w; i++) small[i] = (float)(small[i] / largest);
    gcam__map_to_input(study, small, h, w, large);
    return 1;
}

static float joined(gcam_fusion fusion, float sum, float part) {
    if (fusion == GCAM_FUSION_MAX) return fmaxf(sum, part);
    return fusion == GCAM_FUSION_PRODUCT ? sum * part : sum + part;
}

/* Adds part `l` of the fusion into the raw result of `out`. */
static gcam_status add_part(const gcam__study *study, gcam_explanation *out, const gcam_explanation *e, int first) {
    gcam_fusion fusion = study->options.fusion;
    int64_t count = gcam_shape_count(&out->raw->shape), cells = gcam_shape_count(&e->raw->shape);
    float *large = gcam__calloc((size_t)(count + cells), sizeof *large), *sum = out->raw->data;
    if (!large) return gcam_last_error()->status;
    if (part_of(study, e, large + count, large)) {
        for (int64_t i = 0; i < count; i++)
            sum[i] = first && fusion == GCAM_FUSION_PRODUCT ? large[i] : joined(fusion, sum[i], large[i]);
    } else {
        out->warnings |= GCAM_WARN_LEFT_OUT;
    }
    out->warnings |= e->warnings & (GCAM_WARN_SATURATED | GCAM_WARN_BLANK | GCAM_WARN_AMBIGUOUS | GCAM_WARN_LEAK);
    gcam__free(large);
    return GCAM_OK;
}

gcam_status gcam__join_layers(const gcam__study *study, gcam_explanation *out, gcam_explanation *const *parts,
                              size_t count) {
    const int64_t *dim = study->input->shape.dim;
    gcam_shape shape = {2, {dim[2], dim[3]}};
    GCAM_TRY(gcam_tensor_create(&out->raw, &shape));
    GCAM_TRY(gcam_tensor_create(&out->map, &shape));
    int first = 1;
    for (size_t i = 0; i < count; i++) {
        GCAM_TRY(add_part(study, out, parts[i], first));
        first = first && parts[i]->warnings & GCAM_WARN_FLAT;
    }
    int64_t size = dim[2] * dim[3];
    float share = study->options.fusion == GCAM_FUSION_MEAN ? 1 / (float)count : 1;
    for (int64_t i = 0; i < size; i++) out->raw->data[i] *= share;
    double largest = gcam__max_abs(out->raw->data, size);
    if (gcam__is_flat(out->raw->data, size)) out->warnings |= GCAM_WARN_FLAT, largest = INFINITY;
    for (int64_t i = 0; i < size; i++) out->map->data[i] = (float)(out->raw->data[i] / largest);
    return GCAM_OK;
}

/* "layer2+layer3+layer4" */
gcam_status gcam__fused_layer(const gcam__study *study, char **out) {
    gcam__text text = {0};
    for (size_t l = 0; l < study->layer_count; l++)
        gcam__text_printf(&text, "%s%s", l ? "+" : "", study->layers[l].name);
    *out = text.data;
    return text.status;
}
