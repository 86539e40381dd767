/**
 * @file gradcam.h
 * libgradcam: explain any CNN, from C, on a CPU. This header includes all others.
 *
 * @code
 * gcam_model *model = NULL;  gcam_session *session = NULL;  gcam_image *photo = NULL;  gcam_explanation *why = NULL;
 * if (gcam_model_load(&model, "vgg16.pth", NULL) || gcam_session_create(&session, model, NULL)
 *  || gcam_image_load(&photo, "cat_dog.jpg") || gcam_explain(&why, session, photo, NULL))
 *     fprintf(stderr, "%s\n", gcam_last_error()->message);
 * @endcode
 */
#ifndef GRADCAM_H
#define GRADCAM_H

#include "gradcam/core.h"
#include "gradcam/explain.h"
#include "gradcam/graph.h"
#include "gradcam/io.h"
#include "gradcam/layers.h"
#include "gradcam/model.h"
#include "gradcam/render.h"
#include "gradcam/train.h"

#endif
