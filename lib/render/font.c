/* The font: every printable ASCII character as strokes of a pen, drawn for this library. A pixel's ink is how much of it the pen
 * covers, from its distance to the nearest stroke, so the letters are smooth at any size and bold is a wider pen.
 *
 * Letters stand on y = 0; capitals and figures reach 28, small letters 20, tails go down to -8. A glyph is a string of
 *   M x y  begin a stroke    L x y  line to    D x y  dot
 *   A cx cy rx ry from to    arc of an ellipse, degrees anticlockwise, joined to the stroke by a line
 *   O cx cy rx ry from to    the same as a stroke of its own */
#include "render/font.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAPITAL = 28, SPACING = 7, BLANK = 11, FIRST = 32, LAST = 126, MISSING = 127 };
enum { MAX_SEGMENTS = 160, ARC_STEP = 15, MAX_SIZE = 40, BOX = 80 };

static const char *const glyphs[] = {
    /*   */ "",
    /* ! */ "M2 28 L2 10 D2 1",
    /* " */ "M1 28 L1 20 M8 28 L8 20",
    /* # */ "M7 28 L3 0 M16 28 L12 0 M1 19 L19 19 M0 9 L18 9",
    /* $ */ "O9 20 8 6 35 270 A9 8 9 6 90 -145 M9 31 L9 -3",
    /* % */ "O5 21 5 7 0 360 O21 7 5 7 0 360 M21 28 L5 0",
    /* & */ "M21 0 L5 18 A9 22 6 6 215 -35 L4 12 A9 7 8 7 135 300 L20 13",
    /* ' */ "M1 28 L1 20",
    /* ( */ "O11 12 11 23 130 230",
    /* ) */ "O-7 12 11 23 -50 50",
    /* * */ "M6 28 L6 16 M1 25 L11 19 M1 19 L11 25",
    /* + */ "M8 18 L8 2 M0 10 L16 10",
    /* , */ "M3 1 L1 -5",
    /* - */ "M0 10 L9 10",
    /* . */ "D1 1",
    /* / */ "M0 -3 L11 30",
    /* 0 */ "O9 14 9 14 0 360",
    /* 1 */ "M3 23 L10 28 L10 0",
    /* 2 */ "O9 19 8 9 165 -40 L1 0 L17 0",
    /* 3 */ "O8 21 7 7 150 -90 A8 7 9 7 90 -150",
    /* 4 */ "M14 0 L14 28 L0 8 L18 8",
    /* 5 */ "M15 28 L3 28 L2 16 A8 9 9 9 125 -150",
    /* 6 */ "O9 9 8 9 0 360 O17 9 16 19 180 100",
    /* 7 */ "M1 28 L17 28 L7 0",
    /* 8 */ "O9 21 7 7 0 360 O9 7 9 7 0 360",
    /* 9 */ "O9 19 8 9 0 360 O1 19 16 19 0 -80",
    /* : */ "D1 1 D1 17",
    /* ; */ "D2 17 M3 1 L1 -5",
    /* < */ "M15 18 L1 10 L15 2",
    /* = */ "M0 14 L16 14 M0 6 L16 6",
    /* > */ "M1 18 L15 10 L1 2",
    /* ? */ "O8 21 7 7 165 -50 L8 12 L8 9 D8 1",
    /* @ */ "O12 11 6 6 0 360 M18 17 L18 7 A22 7 4 4 180 360 L26 11 A13 11 13 15 0 300",
    /* A */ "M0 0 L10 28 L20 0 M3 9 L17 9",
    /* B */ "M0 0 L0 28 L9 28 A9 21 7 7 90 -90 L0 14 M9 14 A10 7 8 7 90 -90 L0 0",
    /* C */ "O12 14 12 14 48 312",
    /* D */ "M0 0 L0 28 L7 28 A8 14 12 14 90 -90 L0 0",
    /* E */ "M16 28 L0 28 L0 0 L16 0 M0 14 L14 14",
    /* F */ "M16 28 L0 28 L0 0 M0 14 L14 14",
    /* G */ "O12 14 12 14 48 345 L24 13 L14 13",
    /* H */ "M0 0 L0 28 M19 0 L19 28 M0 14 L19 14",
    /* I */ "M1 0 L1 28",
    /* J */ "M11 28 L11 7 A5 7 6 7 0 -160",
    /* K */ "M0 0 L0 28 M17 28 L0 10 M6 16 L18 0",
    /* L */ "M0 28 L0 0 L14 0",
    /* M */ "M0 0 L0 28 L11 7 L22 28 L22 0",
    /* N */ "M0 0 L0 28 L19 0 L19 28",
    /* O */ "O12 14 12 14 0 360",
    /* P */ "M0 0 L0 28 L9 28 A9 20 8 8 90 -90 L0 12",
    /* Q */ "O12 14 12 14 0 360 M15 6 L24 -3",
    /* R */ "M0 0 L0 28 L9 28 A9 20 8 8 90 -90 L0 12 M9 12 L17 0",
    /* S */ "O9 21 8 7 35 270 A9 7 9 7 90 -145",
    /* T */ "M0 28 L20 28 M10 28 L10 0",
    /* U */ "M0 28 L0 9 A9 9 9 9 180 360 L18 28",
    /* V */ "M0 28 L10 0 L20 28",
    /* W */ "M0 28 L7 0 L14 26 L21 0 L28 28",
    /* X */ "M0 28 L18 0 M18 28 L0 0",
    /* Y */ "M0 28 L10 13 L20 28 M10 13 L10 0",
    /* Z */ "M1 28 L17 28 L0 0 L18 0",
    /* [ */ "M6 30 L0 30 L0 -6 L6 -6",
    /* \ */ "M0 30 L11 -3",
    /* ] */ "M0 30 L6 30 L6 -6 L0 -6",
    /* ^ */ "M0 18 L7 28 L14 18",
    /* _ */ "M0 -4 L18 -4",
    /* ` */ "M0 28 L4 23",
    /* a */ "M15 0 L15 13 A8 13 7 7 0 155 M15 12 L7 12 A7 6 7 6 90 270 A7 6 8 6 270 350",
    /* b */ "M0 28 L0 0 O9 10 9 10 0 360",
    /* c */ "O9 10 9 10 45 315",
    /* d */ "M18 28 L18 0 O9 10 9 10 0 360",
    /* e */ "M0 10 L18 10 A9 10 9 10 0 310",
    /* f */ "M4 0 L4 22 A10 22 6 6 180 80 M0 19 L10 19",
    /* g */ "O9 10 9 10 0 360 M18 20 L18 0 A9 0 9 8 0 -150",
    /* h */ "M0 28 L0 0 M0 12 A8 12 8 8 180 0 L16 0",
    /* i */ "M1 20 L1 0 D1 27",
    /* j */ "M6 20 L6 -3 A1 -3 5 5 0 -80 D6 27",
    /* k */ "M0 28 L0 0 M13 20 L0 7 M5 12 L14 0",
    /* l */ "M1 28 L1 4 A5 4 4 4 180 275",
    /* m */ "M0 20 L0 0 M0 13 A6 13 6 7 180 0 L12 0 M12 13 A18 13 6 7 180 0 L24 0",
    /* n */ "M0 20 L0 0 M0 12 A8 12 8 8 180 0 L16 0",
    /* o */ "O9 10 9 10 0 360",
    /* p */ "M0 20 L0 -8 O9 10 9 10 0 360",
    /* q */ "M18 20 L18 -8 O9 10 9 10 0 360",
    /* r */ "M0 20 L0 0 M0 12 A8 12 8 8 180 75",
    /* s */ "O7 15 6 5 30 270 A7 5 7 5 90 -150",
    /* t */ "M4 26 L4 6 A10 6 6 6 180 285 M0 19 L10 19",
    /* u */ "M0 20 L0 8 A8 8 8 8 180 360 M16 20 L16 0",
    /* v */ "M0 20 L8 0 L16 20",
    /* w */ "M0 20 L6 0 L12 18 L18 0 L24 20",
    /* x */ "M0 20 L15 0 M15 20 L0 0",
    /* y */ "M0 20 L8 1 M16 20 L5 -8",
    /* z */ "M1 20 L14 20 L0 0 L15 0",
    /* { */ "M7 30 L4 28 L4 15 L0 12 L4 9 L4 -4 L7 -6",
    /* | */ "M1 31 L1 -7",
    /* } */ "M0 30 L3 28 L3 15 L7 12 L3 9 L3 -4 L0 -6",
    /* ~ */ "M0 8 L3 12 L7 12 L11 8 L15 8 L18 12",
    /* a box for every character that is not here */ "M0 0 L0 28 L16 28 L16 0 L0 0",
};

_Static_assert(sizeof glyphs / sizeof *glyphs == MISSING - FIRST + 1,
               "one glyph for each printable character, and the box");

/* ---- strokes ----------------------------------------------------------------------------------------------------------- */

typedef struct point {
    double x, y;
} point;

typedef struct segment {
    point a, b;
    double thicker; /* the pen's width there, 1 but for dots */
} segment;

typedef struct outline {
    segment segments[MAX_SEGMENTS];
    int count;
    double width; /* of its strokes' axes */
    point at;
    int open; /* 1: a stroke has begun at `at` */
} outline;

static void line_to(outline *o, point to, double thicker) {
    if (o->open && o->count < MAX_SEGMENTS) o->segments[o->count++] = (segment){o->at, to, thicker};
    o->at = to;
    o->open = 1;
    if (to.x > o->width) o->width = to.x;
}

/* `v` is centre, radii, angles. */
static void arc(outline *o, const long *v) {
    const double degree = 3.14159265358979323846 / 180;
    long steps = (labs(v[5] - v[4]) + ARC_STEP - 1) / ARC_STEP;
    for (long i = 0; i <= steps; i++) {
        double angle = ((double)v[4] + (double)(v[5] - v[4]) * (double)i / (double)steps) * degree;
        line_to(o, (point){(double)v[0] + (double)v[2] * cos(angle), (double)v[1] + (double)v[3] * sin(angle)}, 1);
    }
}

static void trace(outline *o, const char *path) {
    *o = (outline){.count = 0};
    while (*path) {
        char command = *path++, *end;
        long v[6] = {0};
        for (int i = 0; i < (command == 'A' || command == 'O' ? 6 : 2); i++, path = end) v[i] = strtol(path, &end, 10);
        point to = {(double)v[0], (double)v[1]};
        if (command != 'L' && command != 'A') o->open = 0;
        if (command == 'A' || command == 'O')
            arc(o, v);
        else
            line_to(o, to, 1);
        if (command == 'D') line_to(o, to, 1.3);
        while (*path == ' ') path++;
    }
}

/* ---- ink --------------------------------------------------------------------------------------------------------------- */

/* One glyph's ink, 0..255 a pixel; the baseline's left end is at (origin, origin) of the box. */
typedef struct ink {
    uint8_t cover[BOX * BOX];
} ink;

static double distance(point p, const segment *s) {
    double dx = s->b.x - s->a.x, dy = s->b.y - s->a.y, px = p.x - s->a.x, py = p.y - s->a.y;
    double length = dx * dx + dy * dy, t = length > 0 ? (px * dx + py * dy) / length : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(px - t * dx, py - t * dy);
}

static int clamp_box(double v) {
    return v < 0 ? 0 : v > BOX - 1 ? BOX - 1 : (int)v;
}

/* `s` is in pixels of the box, `radius` half the pen's width. */
static void ink_segment(ink *k, const segment *s, double radius) {
    double reach = radius + 1;
    int x0 = clamp_box(fmin(s->a.x, s->b.x) - reach), x1 = clamp_box(fmax(s->a.x, s->b.x) + reach);
    int y0 = clamp_box(fmin(s->a.y, s->b.y) - reach), y1 = clamp_box(fmax(s->a.y, s->b.y) + reach);
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            double cover = radius + 0.5 - distance((point){x + 0.5, y + 0.5}, s);
            uint8_t value = cover >= 1 ? 255 : cover > 0 ? (uint8_t)(cover * 255) : 0;
            if (value > k->cover[y * BOX + x]) k->cover[y * BOX + x] = value;
        }
    }
}

static double pen_radius(const gcam__type *type) {
    return (type->bold ? 0.092 : 0.066) * type->size;
}

/* `x`, `y`: the glyph's left end on the baseline. */
static void draw_glyph(gcam_image *canvas, double x, double y, const outline *o, const gcam__type *type) {
    double scale = type->size / CAPITAL, left = floor(x) - 6, top = floor(y) - BOX + 20;
    ink k;
    memset(&k, 0, sizeof k);
    for (int i = 0; i < o->count; i++) {
        segment s = o->segments[i];
        s.a = (point){x + s.a.x * scale - left, y - s.a.y * scale - top};
        s.b = (point){x + s.b.x * scale - left, y - s.b.y * scale - top};
        ink_segment(&k, &s, pen_radius(type) * s.thicker);
    }
    for (int row = 0; row < BOX; row++) {
        int to_y = (int)top + row;
        for (int column = 0; column < BOX && to_y >= 0 && to_y < canvas->height; column++) {
            int to_x = (int)left + column;
            uint8_t cover = k.cover[row * BOX + column];
            if (!cover || to_x < 0 || to_x >= canvas->width) continue;
            uint8_t *pixel = canvas->pixels + 3 * ((size_t)to_y * (size_t)canvas->width + (size_t)to_x);
            gcam__blend(pixel, type->colour, cover / 255.0);
        }
    }
}

/* ---- text -------------------------------------------------------------------------------------------------------------- */

/* Index of the glyph at `text` and the bytes it takes: all bytes of a UTF-8 character together. */
static int next_glyph(const char *text, size_t length, size_t *bytes) {
    unsigned char c = (unsigned char)text[0];
    *bytes = 1;
    if (c >= FIRST && c <= LAST) return c - FIRST;
    if (c < FIRST) return 0; /* tabs and line ends are blanks */
    while (*bytes < length && ((unsigned char)text[*bytes] & 0xC0) == 0x80) ++*bytes;
    return MISSING - FIRST;
}

static double advance(const outline *o, const gcam__type *type) {
    return (o->count ? o->width + SPACING + type->bold : BLANK) * type->size / CAPITAL;
}

double gcam__text_width(const char *text, size_t length, const gcam__type *type) {
    double width = 0;
    outline o;
    for (size_t i = 0, bytes; i < length; i += bytes) {
        trace(&o, glyphs[next_glyph(text + i, length - i, &bytes)]);
        width += advance(&o, type);
    }
    return width;
}

void gcam__text_draw(gcam_image *canvas, double x, double y, const char *text, size_t length, const gcam__type *type) {
    outline o;
    x += SPACING / 2.0 * type->size / CAPITAL;
    for (size_t i = 0, bytes; i < length; i += bytes) {
        trace(&o, glyphs[next_glyph(text + i, length - i, &bytes)]);
        draw_glyph(canvas, x, y, &o, type);
        x += advance(&o, type);
    }
}

/* Bytes of the longest beginning of `text` that is at most `room` pixels wide. */
static size_t bytes_that_fit(const char *text, double room, const gcam__type *type) {
    size_t length = strlen(text), fit = 0, bytes;
    double width = 0;
    while (fit < length) {
        next_glyph(text + fit, length - fit, &bytes);
        width += gcam__text_width(text + fit, bytes, type);
        if (width > room) break;
        fit += bytes;
    }
    return fit;
}

void gcam__text_clip(gcam_image *canvas, double x, double y, double room, const char *text, const gcam__type *type) {
    size_t fit = bytes_that_fit(text, room, type);
    if (fit == strlen(text)) {
        gcam__text_draw(canvas, x, y, text, fit, type);
        return;
    }
    double dots = gcam__text_width("...", 3, type);
    if (dots > room) return;
    fit = bytes_that_fit(text, room - dots, type);
    while (fit > 0 && text[fit - 1] == ' ') fit--;
    gcam__text_draw(canvas, x, y, text, fit, type);
    gcam__text_draw(canvas, x + gcam__text_width(text, fit, type), y, "...", 3, type);
}

size_t gcam__text_line(const char *text, double room, const gcam__type *type, size_t *next) {
    size_t length = strlen(text), fit = bytes_that_fit(text, room, type), end = fit;
    if (fit < length) {
        while (end > 0 && text[end] != ' ') end--;
        if (end == 0) end = fit; /* one long word is cut */
        if (end == 0) next_glyph(text, length, &end);
    }
    *next = end;
    while (text[*next] == ' ') ++*next;
    return end;
}
