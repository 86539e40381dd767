/* Further passes. Methods that ask "what would the score be if ..." run the network on many variants of its input, or of one layer's
 * activation. A lab is a session of its own, with a batch that fits the memory allowed, so that weights are read once for several variants.
 * For variants of an activation only the layers behind it run: the lab is given the activation and whatever else those layers read.
 * Where the batch that was chosen does not fit after all (the allocator may be the caller's, with a limit of its own), it is halved. */
#include "core/memory.h"
#include "core/status.h"
#include "explain/explain.h"
#include "graph/region.h"

#include <math.h>
#include <string.h>

enum { MOST_AT_ONCE = 64 };
static const size_t DEFAULT_MEMORY = (size_t)512 << 20;

/* ---- which layers run again ------------------------------------------------------------------------------------------------- */

/* behind[i] = 1 where layer i depends on `layer`, itself included. */
static void mark_behind(const gcam_network *network, int layer, unsigned char *behind) {
    memset(behind, 0, (size_t)network->count);
    behind[layer] = 1;
    for (int i = layer + 1; i < network->count; i++) {
        for (int k = 0; k < network->nodes[i].input_count; k++) behind[i] |= behind[network->nodes[i].inputs[k]];
    }
}

/* Lists `layer` first, then what the layers behind it read that does not depend on it. */
static int list_given(const gcam__study *study, int layer, const unsigned char *behind, int *given) {
    const gcam_network *network = study->network;
    int count = 0;
    given[count++] = layer;
    for (int i = 0; i < network->count; i++) {
        int read = 0;
        for (int j = layer + 1; j <= study->end && !behind[i] && !read; j++) {
            for (int k = 0; behind[j] && k < network->nodes[j].input_count; k++)
                read |= network->nodes[j].inputs[k] == i;
        }
        if (read) given[count++] = i;
    }
    return count;
}

/* `*given` is a new list of `*count` layers. */
static gcam_status find_given(const gcam__study *study, int layer, int **given, int *count) {
    size_t layers = (size_t)study->network->count;
    unsigned char *behind = gcam__calloc(layers, 1);
    *given = gcam__calloc(layers, sizeof **given);
    if (behind && *given) {
        mark_behind(study->network, layer, behind);
        *count = list_given(study, layer, behind, *given);
    }
    gcam__free(behind);
    return *given && behind ? GCAM_OK : GCAM_ERR_NOMEM;
}

gcam_status gcam__tail_watch(const gcam__study *study, const gcam__map_layer *layer) {
    int *given, count = 0;
    gcam_status status = find_given(study, layer->index, &given, &count);
    for (int i = 1; i < count && status == GCAM_OK; i++)
        status = gcam_session_watch(study->session, given[i], study->session->watch[given[i]] | GCAM_WATCH_ACTIVATION);
    gcam__free(given);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

/* Elements of one image at a layer. */
static int64_t elements(const gcam__study *study, int layer) {
    const gcam_shape *shape = gcam__session_shape(study->session, layer);
    return gcam_shape_count(shape) / shape->dim[0];
}

/* A last batch that is not full costs as much as a full one, so of the batches down to half of `most` the one with the fewest images in all. */
static int64_t even_batch(int64_t most, int64_t count) {
    int64_t best = most;
    for (int64_t batch = most; batch > 1 && 2 * batch > most; batch--) {
        int64_t run = (count + batch - 1) / batch * batch;
        if (run < (count + best - 1) / best * best) best = batch;
    }
    return best;
}

/* Elements of the weights that the layers from `first` on read, and of what layers with weights make of one image. */
static void count_traffic(const gcam__lab *lab, int first, double *weights, double *values) {
    const gcam__study *study = lab->study;
    *weights = *values = 0;
    for (int i = first + 1; i <= study->end; i++) {
        const gcam__layer *layer = &study->network->nodes[i].layer;
        double before = *weights;
        for (int k = 0; layer->op->multiplies && k < GCAM__MAX_WEIGHTS; k++)
            if (layer->weight[k].data) *weights += (double)gcam_shape_count(&layer->weight[k].shape);
        int64_t changed = lab->region ? gcam__region_elements(lab->region, i) : -1;
        if (*weights > before) *values += (double)(changed >= 0 ? changed : elements(study, i));
    }
}

/* A batch reads the weights once. As soon as its values outweigh them there is little left to share, and more images only push each
 * other's values out of the caches. Threads are kept busy in any case. */
static int64_t useful_batch(const gcam__lab *lab, int first) {
    const gcam__study *study = lab->study;
    double weights, values;
    count_traffic(lab, first, &weights, &values);
    int64_t threads = gcam__pool_threads(gcam__session_compute(study->session)->pool);
    double most = ceil(weights / fmax(values, 1));
    int64_t batch = most < MOST_AT_ONCE ? (int64_t)most : MOST_AT_ONCE;
    return batch > threads ? batch : threads;
}

/* How many images are worth while and fit the memory, of which one takes `bytes`. */
static int64_t choose_batch(const gcam__lab *lab, size_t bytes) {
    const gcam__study *study = lab->study;
    for (int i = 0; i < lab->given_count; i++) bytes += sizeof(float) * (size_t)elements(study, lab->given[i]);
    size_t memory = study->options.max_memory ? study->options.max_memory : DEFAULT_MEMORY;
    int64_t fits = (int64_t)(memory / bytes),
            batch = useful_batch(lab, lab->region ? gcam_network_input(study->network) : lab->given[0]);
    if (lab->region) bytes += gcam__region_bytes(lab->region);
    batch = fits < 1 ? 1 : fits < batch ? fits : batch;
    return even_batch(batch < lab->count ? batch : lab->count, lab->count);
}

gcam_status gcam__study_session(const gcam__study *study, int64_t batch, gcam_session **out) {
    const gcam__compute *compute = gcam__session_compute(study->session);
    const int64_t *dim = study->input->shape.dim;
    gcam_session_options options;
    gcam_session_options_defaults(&options);
    options.batch = batch;
    options.height = dim[2];
    options.width = dim[3];
    options.threads = gcam__pool_threads(compute->pool);
    options.kernels = compute->kernels;
    options.deterministic = compute->deterministic;
    GCAM_TRY(gcam_session_create_network(out, study->network, &options));
    (*out)->cancel_with = &study->session->cancel;
    return GCAM_OK;
}

/* One value tensor per given layer, every image of it the study's own. */
static gcam_status make_value(gcam__lab *lab, int i) {
    const gcam__study *study = lab->study;
    int layer = lab->given[i];
    int64_t size = elements(study, layer);
    const gcam_session *from = lab->region ? lab->known : study->session;
    int64_t image = lab->region ? 0 : study->image;
    const gcam_tensor *own = layer == gcam_network_input(study->network) && !lab->region
                                 ? study->input
                                 : gcam_session_activation(from, layer);
    if (!own) return gcam__fail(GCAM_ERR_STATE, "explain", "the activation that the tail needs was not kept");
    GCAM_TRY(gcam_tensor_create(&lab->values[i], gcam__session_shape(lab->session, layer)));
    for (int64_t b = 0; b < lab->batch; b++)
        memcpy(lab->values[i]->data + b * size, own->data + image * size, (size_t)size * sizeof(float));
    return GCAM_OK;
}

static gcam_status open_batch(gcam__lab *lab, int watched) {
    const gcam__study *study = lab->study;
    size_t ends = (size_t)study->end_count;
    lab->size = elements(study, lab->region ? gcam_network_input(study->network) : lab->given[0]);
    lab->values = gcam__calloc((size_t)lab->given_count, sizeof *lab->values);
    lab->score = gcam__calloc((size_t)lab->batch, sizeof *lab->score);
    lab->work = gcam__calloc(ends, 2 * sizeof *lab->work);
    lab->seed_row = gcam__calloc(ends, sizeof *lab->seed_row);
    if (!lab->values || !lab->score || !lab->work || !lab->seed_row) return GCAM_ERR_NOMEM;
    GCAM_TRY(gcam__study_session(study, lab->batch, &lab->session));
    for (int i = 0; i < lab->given_count; i++) GCAM_TRY(make_value(lab, i));
    if (lab->region) GCAM_TRY(gcam__region_reserve(lab->region, gcam__session_compute(lab->session), lab->batch));
    GCAM_TRY(gcam_session_watch(lab->session, study->end, GCAM_WATCH_ACTIVATION));
    if (watched < 0) return GCAM_OK;
    GCAM_TRY(gcam_session_watch(lab->session, watched, lab->session->watch[watched] | GCAM_WATCH_GRADIENT));
    return gcam_tensor_create(&lab->seed, gcam__session_shape(lab->session, study->end));
}

static void close_batch(gcam__lab *lab) {
    for (int i = 0; lab->values && i < lab->given_count; i++) gcam_tensor_free(lab->values[i]);
    gcam_tensor_free(lab->seed);
    gcam_session_free(lab->session);
    gcam__free(lab->values);
    gcam__free(lab->score);
    gcam__free(lab->work);
    gcam__free(lab->seed_row);
    lab->values = NULL;
    lab->seed = NULL;
    lab->session = NULL;
    lab->score = lab->work = lab->seed_row = NULL;
}

/* With half the batch for as long as it does not fit. */
static gcam_status reopen(gcam__lab *lab) {
    gcam_status status;
    do {
        close_batch(lab);
        lab->batch /= 2;
        status = open_batch(lab, lab->watched);
    } while (status == GCAM_ERR_NOMEM && lab->batch > 1);
    return status;
}

/* A session for one image is asked what it will take, then another one is made for as many as are worth while. */
static gcam_status open(gcam__lab *lab, int watched) {
    size_t bytes = 0;
    lab->batch = 1;
    gcam_status status = open_batch(lab, watched);
    if (status == GCAM_OK)
        status = gcam__session_bytes(lab->session, lab->given, lab->given_count, watched >= 0, &bytes);
    if (status != GCAM_OK) return status;
    int64_t batch = choose_batch(lab, bytes);
    if (batch == 1) return GCAM_OK;
    close_batch(lab);
    lab->batch = batch;
    status = open_batch(lab, watched);
    return status == GCAM_ERR_NOMEM ? reopen(lab) : status;
}

gcam_status gcam__lab_open(gcam__lab *lab, const gcam__task *task, int64_t count, int watched) {
    *lab = (gcam__lab){
        .study = task->study, .aim = task->aim, .method = task->e->method->info.id, .count = count, .watched = watched};
    lab->given = gcam__calloc(1, sizeof(int));
    if (!lab->given) return gcam_last_error()->status;
    lab->given[0] = gcam_network_input(task->study->network);
    lab->given_count = 1;
    return open(lab, watched);
}

gcam_status gcam__lab_open_tail(gcam__lab *lab, const gcam__task *task, int64_t count) {
    *lab = (gcam__lab){
        .study = task->study, .aim = task->aim, .method = task->e->method->info.id, .count = count, .watched = -1};
    GCAM_TRY(find_given(task->study, task->layer->index, &lab->given, &lab->given_count));
    return open(lab, -1);
}

/* A session for the study's own image that keeps what the rectangles lie in. */
static gcam_status open_region(gcam__lab *lab, const int64_t sides[2], gcam__place_fn corner, const void *user) {
    const gcam__study *study = lab->study;
    gcam_tensor own = *study->input;
    own.shape.dim[0] = 1;
    own.data += study->image * gcam_shape_count(&own.shape);
    GCAM_TRY(gcam__study_session(study, 1, &lab->known));
    GCAM_TRY(gcam__region_create(&lab->region, lab->known, study->end, sides, lab->count, corner, user));
    return lab->region ? gcam_session_forward(lab->known, &own) : GCAM_OK;
}

gcam_status gcam__lab_open_windows(gcam__lab *lab, const gcam__task *task, int64_t count, const int64_t sides[2],
                                   gcam__place_fn corner, const void *user) {
    *lab = (gcam__lab){
        .study = task->study, .aim = task->aim, .method = task->e->method->info.id, .count = count, .watched = -1};
    lab->given = gcam__calloc((size_t)task->study->network->count, sizeof(int));
    if (!lab->given) return gcam_last_error()->status;
    GCAM_TRY(open_region(lab, sides, corner, user));
    lab->given[0] = gcam_network_input(task->study->network);
    lab->given_count = lab->region ? gcam__region_edges(lab->region, lab->given) : 1;
    return open(lab, -1);
}

void gcam__lab_close(gcam__lab *lab) {
    close_batch(lab);
    gcam__region_free(lab->region);
    gcam_session_free(lab->known);
    lab->region = NULL;
    lab->known = NULL;
    gcam__free(lab->given);
    lab->given = NULL;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

/* Fills the batch with variants first .. first + used - 1, each starting from the study's own value. */
static void fill_batch(gcam__lab *lab, int64_t first, int64_t used, const float *own, gcam__fill_fn fill, void *user) {
    for (int64_t b = 0; b < used; b++) {
        float *x = lab->values[0]->data + b * lab->size;
        memcpy(x, own, (size_t)lab->size * sizeof *x);
        fill(lab, first + b, x, user);
    }
}

/* The same where only rectangles change: `x` is room for one input. A batch that is not full repeats its first image. */
static void fill_rectangles(gcam__lab *lab, int64_t first, int64_t used, const float *own, gcam__fill_fn fill,
                            void *user, float *x) {
    for (int64_t b = 0; b < lab->batch; b++) {
        int64_t n = first + (b < used ? b : 0);
        memcpy(x, own, (size_t)lab->size * sizeof *x);
        fill(lab, n, x, user);
        gcam__region_set(lab->region, b, n, x);
    }
    gcam__region_run(lab->region);
    for (int i = 0; i < lab->given_count; i++) gcam__region_paste(lab->region, lab->given[i], lab->values[i]->data);
}

/* Scores of the batch, and their seeds where a gradient is wanted. */
static void read_batch(gcam__lab *lab, int64_t used) {
    int64_t count = lab->study->end_count;
    const gcam_tensor *z = gcam_session_activation(lab->session, lab->study->end);
    if (lab->seed) memset(lab->seed->data, 0, (size_t)gcam_shape_count(&lab->seed->shape) * sizeof(float));
    for (int64_t b = 0; b < used; b++) {
        lab->score[b] =
            gcam__target_value(lab->study, &lab->aim->target, z->data + b * count, lab->work, lab->seed_row);
        for (int64_t c = 0; lab->seed && c < count; c++) lab->seed->data[b * count + c] = (float)lab->seed_row[c];
    }
}

static gcam_status report(const gcam__lab *lab, int64_t done) {
    const gcam_explain_options *options = &lab->study->options;
    GCAM_TRY(gcam__session_check_cancel(lab->study->session, lab->study->end));
    if (!options->progress
        || options->progress(lab->method, (double)done / (double)lab->count, options->progress_user) == 0)
        return GCAM_OK;
    return gcam__fail(GCAM_ERR_CANCELED, "explain", "%s was canceled after %lld of %lld passes", lab->method,
                      (long long)done, (long long)lab->count);
}

/* One batch, forward and, where a gradient is watched, backward. */
static gcam_status run_batch(gcam__lab *lab, int64_t used) {
    GCAM_TRY(gcam__session_forward_given(lab->session, lab->given, (const gcam_tensor *const *)lab->values,
                                         lab->given_count));
    read_batch(lab, used);
    if (!lab->seed) return GCAM_OK;
    return gcam__session_backward_from(lab->session, lab->study->end, lab->seed, GCAM_RULE_GRADIENT);
}

static void take_batch(gcam__lab *lab, int64_t first, int64_t used, gcam__take_fn take, void *user) {
    const gcam_tensor *g = lab->seed ? gcam_session_gradient(lab->session, lab->watched) : NULL;
    int64_t size = g ? gcam_shape_count(&g->shape) / lab->batch : 0;
    for (int64_t b = 0; b < used; b++) take(lab, first + b, lab->score[b], g ? g->data + b * size : NULL, user);
}

gcam_status gcam__lab_run(gcam__lab *lab, gcam__fill_fn fill, gcam__take_fn take, void *user) {
    float *own = gcam__alloc((size_t)lab->size * 2 * sizeof *own);
    if (!own) return gcam_last_error()->status;
    const float *from = lab->region ? lab->study->input->data + lab->study->image * lab->size : lab->values[0]->data;
    memcpy(own, from, (size_t)lab->size * sizeof *own);
    gcam_status status = GCAM_OK;
    for (int64_t first = 0; first < lab->count && status == GCAM_OK;) {
        int64_t used = lab->count - first < lab->batch ? lab->count - first : lab->batch;
        if (lab->region)
            fill_rectangles(lab, first, used, own, fill, user, own + lab->size);
        else
            fill_batch(lab, first, used, own, fill, user);
        status = run_batch(lab, used);
        if (status == GCAM_ERR_NOMEM && lab->batch > 1) {
            status = reopen(lab);
            continue;
        }
        if (status == GCAM_OK) take_batch(lab, first, used, take, user);
        first += used;
        if (status == GCAM_OK) status = report(lab, first);
    }
    gcam__free(own);
    return status;
}
