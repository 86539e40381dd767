/* Small line charts with logarithmic axes, as SVG. */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdio.h>

enum { CHART_POINTS = 16, CHART_LINES = 4 };

typedef struct {
    const char *name;
    double y[CHART_POINTS]; /* 0: not measured */
} chart_line;

typedef struct {
    const char *title, *x_title, *y_title;
    const char *guide; /* name of a dashed line for comparison, from each line's first point; NULL: none */
    double power;      /* it grows with this power of x */
    double x[CHART_POINTS];
    int points, lines;
    chart_line line[CHART_LINES];
} chart;

/* Draws `count` charts side by side in rows of two. */
void chart_write(FILE *file, const chart *charts, int count);

#endif
