/* The outer border of a part of a map, walked along the edges between cells with the part on the right hand. Where two cells of the
 * part touch at a corner only, the walk turns left across it if they hang together, and right if they do not. */
#include "explain/segments.h"

/* Directions clockwise: east, south, west, north. */
static const int STEP_X[4] = {1, 0, -1, 0}, STEP_Y[4] = {0, 1, 0, -1};

/* The cell ahead of a corner on the right (`side` 0) or on the left (1), seen in a direction. */
static int inside(const gcam__cells *cells, gcam__corner at, int direction, int side, int32_t part) {
    static const int right_x[4] = {0, -1, -1, 0}, right_y[4] = {0, 0, -1, -1};
    int quarter = (direction + (side ? 3 : 0)) % 4; /* the left cell is the right one of a walker who has turned left */
    int64_t x = at.x + right_x[quarter], y = at.y + right_y[quarter];
    return x >= 0 && y >= 0 && x < cells->w && y < cells->h && cells->part[y * cells->w + x] == part;
}

/* +1 for a turn to the right, -1 to the left, 0 straight on. */
static int turn(const gcam__cells *cells, gcam__corner at, int direction, int32_t part) {
    int right = inside(cells, at, direction, 0, part), left = inside(cells, at, direction, 1, part);
    if (cells->four_connected) return !right ? 1 : left ? -1 : 0;
    return left ? -1 : right ? 0 : 1;
}

size_t gcam__outline(const gcam__cells *cells, int64_t first, gcam__corner *corners, size_t capacity) {
    const gcam__corner start = {first % cells->w, first / cells->w};
    const int32_t part = cells->part[first];
    gcam__corner at = start;
    int direction = 0;
    size_t count = 0;
    do {
        if (count < capacity) corners[count] = at;
        count++;
        int turned;
        do { /* to the next turn */
            at.x += STEP_X[direction], at.y += STEP_Y[direction];
            turned = turn(cells, at, direction, part);
        } while (turned == 0);
        direction = (direction + turned + 4) % 4;
    } while (at.x != start.x || at.y != start.y || direction != 0);
    return count;
}
