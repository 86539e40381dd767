/* Charts as SVG: plain elements and the reader's own colours, light or dark. */
#include "bench/chart.h"

#include <math.h>

enum { WIDTH = 420, HEIGHT = 300, LEFT = 62, RIGHT = 20, TOP = 40, BOTTOM = 46 };

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

/* Lines at 1, 2 and 5 times powers of ten. */
static void draw_grid(FILE *file, range y) {
    static const int steps[] = {1, 2, 5};
    for (int power = -3; power <= 6; power++)
        for (int i = 0; i < 3; i++) {
            double value = steps[i] * pow(10, power), at = place(y, value, HEIGHT - BOTTOM, TOP);
            if (log10(value) < y.low - 1e-9 || log10(value) > y.high + 1e-9) continue;
            char label[32];
            snprintf(label, sizeof label, "%g", value);
            fprintf(file, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", LEFT, WIDTH - RIGHT,
                    at, at);
            text(file, LEFT - 6, at + 4, "end", "", label);
        }
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

/* Names at the upper left, with a dash in the line's colour. */
static void draw_legend(FILE *file, const chart *c) {
    for (int i = 0; i < c->lines; i++) {
        double y = TOP + 14 + 16 * i;
        fprintf(file, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\"/>\n",
                LEFT + 10, LEFT + 28, y - 4, y - 4, colors[i]);
        text(file, LEFT + 33, y, "start", "", c->line[i].name);
    }
}

static void draw_chart(FILE *file, const chart *c) {
    range none = {INFINITY, -INFINITY}, x = range_of(c->x, c->points, none), y = none;
    for (int i = 0; i < c->lines; i++) y = range_of(c->line[i].y, c->points, y);
    y.low -= 0.05;
    y.high += 0.06 + 0.075 * c->lines * (y.high - y.low); /* room for the names */
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
    for (int i = 0; i < c->lines; i++) draw_line(file, c, i, x, y);
    draw_legend(file, c);
}

void chart_write(FILE *file, const chart *charts, int count) {
    int rows = (count + 1) / 2;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
            "<style>text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .grid { stroke: #ddd "
            "}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            2 * WIDTH, rows * HEIGHT, 2 * WIDTH, rows * HEIGHT);
    for (int i = 0; i < count; i++) {
        fprintf(file, "<g transform=\"translate(%d %d)\">\n", i % 2 * WIDTH, i / 2 * HEIGHT);
        draw_chart(file, &charts[i]);
        fprintf(file, "</g>\n");
    }
    fprintf(file, "</svg>\n");
}
