/* Stochastic gradient descent as in PyTorch: g += decay w, v = mu v + g, then w -= lr (g + mu v) (Nesterov 1983, in the form of
 * Sutskever et al. 2013) or w -= lr v. The running mean of the weights moves after each step: m += (1 - d) (w - m). */
#include "train/train.h"

#include <math.h>

double gcam__learning_rate(const gcam_train_options *options, int64_t step, int64_t epoch_steps) {
    double each = (double)epoch_steps, at = (double)step + 1, end = each * options->epochs + 1;
    double warm = options->warm_up * each, cool = options->cool_down * each;
    if (at < warm) return options->lr * at / warm;
    if (cool > 0) return options->lr * fmin((end - at) / cool, 1);
    double share = (at - warm) / fmax(end - warm, 1);
    return options->lr * 0.5 * (1 + cos(3.14159265358979323846 * fmin(share, 1)));
}

static double gradient_norm(const gcam_trainer *t) {
    double sum = 0;
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam_tensor *g = &t->session->parameter_gradient[i];
        for (int64_t e = 0; t->velocity[i] && e < gcam_shape_count(&g->shape); e++)
            sum += (double)g->data[e] * g->data[e];
    }
    return sqrt(sum);
}

static void move(const gcam_train_options *o, float *w, const float *gradient, float *velocity, int64_t count,
                 double scale, double decay, double lr) {
    float mu = (float)o->momentum, factor = (float)scale, shrink = (float)decay, rate = (float)lr;
    for (int64_t e = 0; e < count; e++) {
        float g = gradient[e] * factor + shrink * w[e];
        velocity[e] = mu * velocity[e] + g;
        w[e] -= rate * (o->plain_momentum ? velocity[e] : g + mu * velocity[e]);
    }
}

/* Early in training the mean follows more closely, so that it forgets the initial weights. */
static void move_mean(const gcam_trainer *t) {
    double decay = fmin(t->options.average, (1.0 + (double)t->step) / (10.0 + (double)t->step));
    float share = (float)(1 - decay);
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        const gcam_tensor *w = &t->now.network->parameters[i].value;
        float *m = t->mean.network->parameters[i].value.data;
        for (int64_t e = 0; e < gcam_shape_count(&w->shape); e++) m[e] += share * (w->data[e] - m[e]);
    }
}

double gcam__descend(gcam_trainer *t, double lr) {
    double norm = gradient_norm(t), clip = t->options.clip;
    double scale = clip > 0 && norm > clip ? clip / norm : 1;
    for (size_t i = 0; i < t->now.network->parameter_count; i++) {
        gcam_tensor *w = &t->now.network->parameters[i].value;
        if (!t->velocity[i]) continue;
        double decay = w->shape.rank >= 2 ? t->options.weight_decay : 0;
        move(&t->options, w->data, t->session->parameter_gradient[i].data, t->velocity[i], gcam_shape_count(&w->shape),
             scale, decay, lr);
    }
    if (t->mean.network) move_mean(t);
    gcam__session_weights_changed(t->session);
    return norm;
}
