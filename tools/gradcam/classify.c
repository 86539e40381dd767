/* gradcam classify: the best classes of each photo. */
#include "tool.h"

#include <stdlib.h>

static int classify(record *r, engine *e, const settings *s, void *context) {
    (void)context;
    int classes = gcam_model_class_count(e->model);
    int count = s->top < classes ? (int)s->top : classes;
    r->top = calloc((size_t)count, sizeof *r->top);
    if (!r->top) return record_fail_with(r, "out of memory");
    double start = seconds_now();
    if (gcam_classify(e->session, r->photo, r->top, count)) return record_fail(r);
    r->seconds.forward = seconds_now() - start;
    r->top_count = count;
    return EXIT_DONE;
}

static void print(const record *r, const settings *s) {
    if (s->file_count > 1) printf("%s\n", r->path);
    for (int i = 0; i < r->top_count; i++)
        printf("%8.4f  %4d  %s\n", (double)r->top[i].probability, r->top[i].class_index, r->top[i].label);
}

int run_classify(settings *s) {
    engine e;
    int code = engine_open(&e, s);
    if (code == EXIT_DONE) code = each_photo(&e, s, classify, print, NULL);
    engine_close(&e);
    return code;
}
