/* Preprocessing inside the library. */
#ifndef GCAM_MODEL_PREPROCESS_H
#define GCAM_MODEL_PREPROCESS_H

#include "gradcam/model.h"

/* The same preprocessing for another input size: `resize` grows with the shorter side of the crop, so that a square crop keeps
 * its share of the photo. `out` may be `how`. Errors: ARGUMENT. */
gcam_status gcam__preprocess_for_size(const gcam_preprocess *how, int height, int width, gcam_preprocess *out);

/* ARGUMENT unless all numbers make sense; the message names the wrong one. */
gcam_status gcam__preprocess_check(const gcam_preprocess *how);

#endif
