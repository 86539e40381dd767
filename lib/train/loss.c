/* The loss of classification: softmax cross-entropy with label smoothing (Szegedy et al. 2016). */
#include "train/train.h"

#include <math.h>

static int best_of(const float *row, int64_t k) {
    int64_t best = 0;
    for (int64_t j = 1; j < k; j++)
        if (row[j] > row[best]) best = j;
    return (int)best;
}

/* log sum exp of a row. */
static double log_partition(const float *row, int64_t k) {
    int64_t best = best_of(row, k);
    double sum = 0; /* of all but the best, which adds 1 */
    for (int64_t j = 0; j < k; j++) sum += j == best ? 0 : exp((double)row[j] - row[best]);
    return row[best] + log1p(sum);
}

double gcam__cross_entropy(const float *logits, const int *classes, int64_t rows, int64_t k, double smoothing,
                           float *dlogits, int *correct) {
    double loss = 0;
    *correct = 0;
    for (int64_t i = 0; i < rows; i++) {
        const float *row = logits + i * k;
        double all = log_partition(row, k);
        *correct += best_of(row, k) == classes[i];
        for (int64_t j = 0; j < k; j++) {
            double target = (j == classes[i] ? 1 - smoothing : 0) + smoothing / (double)k;
            loss -= target * (row[j] - all);
            if (dlogits) dlogits[i * k + j] = (float)((exp(row[j] - all) - target) / (double)rows);
        }
    }
    return loss / (double)rows;
}
