/* Charts as SVG: plain elements and the reader's own colours, light or dark. */
#include "bench/chart.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 420, HEIGHT = 310, LEFT = 62, RIGHT = 20, TOP = 54, BOTTOM = 46 };

static const char *const colors[CHART_LINES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

typedef struct {
    double low, high; /* logarithms */
} range;

static range range_of(const double *v, int count, range r) {
    for (int i = 0; i < count; i++) {
        if (v[i] <= 0) continue;
        r.low = fmin(r.low, log10(v[i]));
        r.high = fmax(r.high, log10(v[i]));
    }
    return r;
}

static double place(range r, double value, double from, double to) {
    return from + (to - from) * (log10(value) - r.low) / fmax(r.high - r.low, 1e-9);
}

static void text(FILE *file, double x, double y, const char *anchor, const char *style, const char *string) {
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, style, string);
}

/* Lines at 1, 2 and 5 times powers of ten; at more of them where the values are close together. */
static void draw_grid(FILE *file, range y) {
    static const double coarse[] = {1, 2, 5}, fine[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
    const double *steps = y.high - y.low > 1 ? coarse : fine;
    int count = y.high - y.low > 1 ? 3 : 9;
    fprintf(file, "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" class=\"axis\"/>\n", LEFT, WIDTH - RIGHT,
            HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    for (int power = -3; power <= 6; power++)
        for (int i = 0; i < count; i++) {
            double value = steps[i] * pow(10, power), at = place(y, value, HEIGHT - BOTTOM, TOP);
            if (log10(value) < y.low - 1e-9 || log10(value) > y.high + 1e-9) continue;
            char label[32];
            snprintf(label, sizeof label, "%g", value);
            fprintf(file, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", LEFT, WIDTH - RIGHT,
                    at, at);
            text(file, LEFT - 6, at + 4, "end", "", label);
        }
}

/* From the line's first point to where it would end if it followed the guide, or where it leaves the chart. */
static void draw_guide(FILE *file, const chart *c, int index, range x, range y) {
    double from = c->x[0], to = c->x[c->points - 1], value = c->line[index].y[0];
    if (!c->guide || value <= 0) return;
    double end = value * pow(to / from, c->power), edge = pow(10, end > value ? y.high : y.low);
    if (end > value ? end > edge : end < edge) {
        to = from * pow(edge / value, 1 / c->power);
        end = edge;
    }
    fprintf(file, "<line class=\"guide\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
            place(x, from, LEFT + 8, WIDTH - RIGHT - 8), place(y, value, HEIGHT - BOTTOM, TOP),
            place(x, to, LEFT + 8, WIDTH - RIGHT - 8), place(y, end, HEIGHT - BOTTOM, TOP));
}

static void draw_line(FILE *file, const chart *c, int index, range x, range y) {
    const chart_line *line = &c->line[index];
    fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colors[index]);
    for (int i = 0; i < c->points; i++)
        if (line->y[i] > 0)
            fprintf(file, "%.1f,%.1f ", place(x, c->x[i], LEFT + 8, WIDTH - RIGHT - 8),
                    place(y, line->y[i], HEIGHT - BOTTOM, TOP));
    fprintf(file, "\"/>\n");
    for (int i = 0; i < c->points; i++)
        if (line->y[i] > 0)
            fprintf(file, "<circle r=\"3\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"/>\n", colors[index],
                    place(x, c->x[i], LEFT + 8, WIDTH - RIGHT - 8), place(y, line->y[i], HEIGHT - BOTTOM, TOP));
}

/* Names in one row above the chart, each behind a dash like its line. */
static void draw_legend(FILE *file, const chart *c) {
    double x = LEFT, y = 38;
    for (int i = 0; i < c->lines + (c->guide != NULL); i++) {
        const char *name = i < c->lines ? c->line[i].name : c->guide;
        fprintf(file, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" ", x, x + 20, y - 4, y - 4);
        if (i < c->lines)
            fprintf(file, "stroke=\"%s\" stroke-width=\"2\"/>\n", colors[i]);
        else
            fprintf(file, "class=\"guide\"/>\n");
        text(file, x + 25, y, "start", "", name);
        x += 45 + 7.0 * (double)strlen(name);
    }
}

static void draw_chart(FILE *file, const chart *c) {
    range none = {INFINITY, -INFINITY}, x = range_of(c->x, c->points, none), y = none;
    for (int i = 0; i < c->lines; i++) y = range_of(c->line[i].y, c->points, y);
    if (y.low > y.high) y = (range){0, 1}; /* nothing was measured */
    y.low -= 0.05;
    y.high += 0.05;
    text(file, WIDTH / 2.0, 20, "middle", " class=\"title\"", c->title);
    draw_grid(file, y);
    for (int i = 0; i < c->points; i++) {
        char label[32];
        snprintf(label, sizeof label, "%g", c->x[i]);
        text(file, place(x, c->x[i], LEFT + 8, WIDTH - RIGHT - 8), HEIGHT - BOTTOM + 18, "middle", "", label);
    }
    text(file, WIDTH / 2.0, HEIGHT - 8, "middle", "", c->x_title);
    fprintf(file, "<text text-anchor=\"middle\" transform=\"translate(14 %d) rotate(-90)\">%s</text>\n", HEIGHT / 2,
            c->y_title);
    for (int i = 0; i < c->lines; i++) draw_guide(file, c, i, x, y);
    for (int i = 0; i < c->lines; i++) draw_line(file, c, i, x, y);
    draw_legend(file, c);
}

void chart_write(FILE *file, const chart *charts, int count) {
    int rows = (count + 1) / 2;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
            "<style>text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .grid { stroke: #ddd } "
            ".axis { stroke: #888 } .guide { stroke: #999; stroke-dasharray: 4 3 }</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            2 * WIDTH, rows * HEIGHT, 2 * WIDTH, rows * HEIGHT);
    for (int i = 0; i < count; i++) {
        fprintf(file, "<g transform=\"translate(%d %d)\">\n", i % 2 * WIDTH, i / 2 * HEIGHT);
        draw_chart(file, &charts[i]);
        fprintf(file, "</g>\n");
    }
    fprintf(file, "</svg>\n");
}
