/* Colour maps. A map is a few colours at equal distances, joined by straight lines in Oklab (Ottosson 2020), where equal steps look
 * equal; "jet" is the ramp of the Grad-CAM authors' program instead. The colours of inferno, viridis and cividis are those of
 * matplotlib's maps (Smith & van der Walt 2015; Nunez et al. 2018) at eleven places. In the two diverging maps both arms grow
 * equally light or dark, so that the sign shows in the hue alone; blue and orange differ for every kind of colour vision. */
#include "render/colormap.h"

#include "core/status.h"

#include <math.h>
#include <string.h>

enum { MAX_STOPS = 11 };

/* Adding a colour map = one row; no stops: jet. The first row that fits is the default for unsigned or signed maps. */
static const struct row {
    gcam_colormap_info info;
    int stops;
    uint32_t colours[MAX_STOPS];
} rows[] = {
    {{"inferno", "black, violet, red, yellow: lighter is more", 0},
     11,
     {0x000004, 0x180C3C, 0x420A68, 0x6A176E, 0x932667, 0xBC3754, 0xDD513A, 0xF3761B, 0xFCA50A, 0xF6D746, 0xFCFFA4}},
    {{"ice-fire", "for signed maps: light blue against, black neutral, yellow for", 1},
     11,
     {0xB6F0FF, 0x60CCFC, 0x3899E2, 0x2863AB, 0x1E3761, 0x161616, 0x5E2218, 0xA73B15, 0xE36B02, 0xFEA92F, 0xF9E596}},
    {{"blue-orange", "for signed maps: dark blue against, white neutral, dark orange for", 1},
     11,
     {0x0A2F77, 0x195BB0, 0x418AD1, 0x80B7E7, 0xBEDCF3, 0xF3F3F3, 0xF4D0AF, 0xEC9C63, 0xD1611B, 0x9F3501, 0x631501}},
    {{"viridis", "violet, green, yellow: lighter is more", 0},
     11,
     {0x440154, 0x482576, 0x414487, 0x355F8D, 0x2A788E, 0x21918C, 0x22A884, 0x42BE71, 0x7AD151, 0xBDDF26, 0xFDE725}},
    {{"cividis", "blue, grey, yellow: the same for most kinds of colour vision", 0},
     11,
     {0x00224E, 0x0C3470, 0x35456C, 0x4F576C, 0x666970, 0x7D7C78, 0x948E77, 0xADA272, 0xC8B866, 0xE5CF52, 0xFEE838}},
    {{"grey", "black to white", 0}, 2, {0x000000, 0xFFFFFF}},
    {{"jet", "blue, green, yellow, red: the look of the papers, uneven to the eye", 0}, 0, {0}},
};

enum { ROWS = sizeof rows / sizeof *rows };

size_t gcam_colormap_count(void) {
    return ROWS;
}

const gcam_colormap_info *gcam_colormap_at(size_t index) {
    return index < ROWS ? &rows[index].info : NULL;
}

static gcam_status find(const struct row **out, const char *name, int diverging) {
    char names[256] = "";
    for (size_t i = 0; i < ROWS; i++) {
        *out = &rows[i];
        if (name ? strcmp(rows[i].info.name, name) == 0 : rows[i].info.diverging == diverging) return GCAM_OK;
        if (i > 0) strcat(names, i + 1 < ROWS ? ", " : " or ");
        strcat(names, rows[i].info.name);
    }
    return gcam__fail(GCAM_ERR_NOT_FOUND, "colormap", "there is no colour map \"%s\", expected %s", name, names);
}

/* ---- Oklab ------------------------------------------------------------------------------------------------------------- */

static double to_linear(double v) {
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static uint8_t to_byte(double v) {
    v = v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
    return v <= 0 ? 0 : v >= 1 ? 255 : (uint8_t)(v * 255 + 0.5);
}

static void oklab_from_hex(double lab[3], uint32_t hex) {
    double r = to_linear((hex >> 16) / 255.0), g = to_linear((hex >> 8 & 255) / 255.0),
           b = to_linear((hex & 255) / 255.0);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    lab[0] = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
    lab[1] = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
    lab[2] = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
}

static gcam__colour oklab_to_colour(const double lab[3]) {
    double l = lab[0] + 0.3963377774 * lab[1] + 0.2158037573 * lab[2];
    double m = lab[0] - 0.1055613458 * lab[1] - 0.0638541728 * lab[2];
    double s = lab[0] - 0.0894841775 * lab[1] - 1.2914855480 * lab[2];
    l = l * l * l, m = m * m * m, s = s * s * s;
    return (gcam__colour){to_byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                          to_byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                          to_byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

/* ---- ramps ------------------------------------------------------------------------------------------------------------- */

static double unit(double v) {
    return v >= 0 ? (v <= 1 ? v : 1) : 0; /* NaN is 0, too */
}

/* (0, 4v, 1) to 1/4, (0, 1, 2 - 4v) to 1/2, (4v - 2, 1, 0) to 3/4, then (1, 4 - 4v, 0). */
static gcam__colour jet(double v) {
    double red = unit(4 * v - 2), blue = unit(2 - 4 * v), green = unit(v < 0.5 ? 4 * v : 4 - 4 * v);
    if (v <= 0.25) blue = 1;
    return (gcam__colour){(uint8_t)(255 * red + 0.5), (uint8_t)(255 * green + 0.5), (uint8_t)(255 * blue + 0.5)};
}

static gcam__colour colour_of(const struct row *row, double v) {
    v = unit(v);
    if (row->stops == 0) return jet(v);
    double place = v * (row->stops - 1), low[3], high[3], mixed[3];
    int stop = (int)place < row->stops - 2 ? (int)place : row->stops - 2;
    oklab_from_hex(low, row->colours[stop]);
    oklab_from_hex(high, row->colours[stop + 1]);
    for (int i = 0; i < 3; i++) mixed[i] = low[i] + (high[i] - low[i]) * (place - stop);
    return oklab_to_colour(mixed);
}

gcam_status gcam_colormap_color(const char *name, double v, uint8_t rgb[3]) {
    if (!name || !rgb) return gcam__fail(GCAM_ERR_ARGUMENT, "colormap", "a colour needs a map's name and a place");
    const struct row *row;
    GCAM_TRY(find(&row, name, 0));
    gcam__colour colour = colour_of(row, v);
    rgb[0] = colour.red, rgb[1] = colour.green, rgb[2] = colour.blue;
    return GCAM_OK;
}

gcam_status gcam__ramp_make(gcam__ramp *out, const char *name, int is_signed) {
    const struct row *row;
    GCAM_TRY(find(&row, name, is_signed));
    out->diverging = row->info.diverging;
    for (int i = 0; i < 256; i++) out->colours[i] = colour_of(row, i / 255.0);
    return GCAM_OK;
}

gcam__colour gcam__ramp_colour(const gcam__ramp *ramp, double value, int is_signed) {
    double v = is_signed || ramp->diverging ? (value + 1) / 2 : value;
    return ramp->colours[(int)(unit(v) * 255 + 0.5)];
}
