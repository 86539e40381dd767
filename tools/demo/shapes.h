/* What the demo's picture shows, in its own pixels. The drawing and the tests read it from here. */
#ifndef GRADCAM_DEMO_SHAPES_H
#define GRADCAM_DEMO_SHAPES_H

enum {
    PICTURE_WIDTH = 480,
    PICTURE_HEIGHT = 320,
    /* A bright disc. */
    DISC_X = 165,
    DISC_Y = 205,
    DISC_RADIUS = 58,
    /* A patch of upright stripes: left, top, right, bottom. */
    STRIPES_LEFT = 240,
    STRIPES_TOP = 40,
    STRIPES_RIGHT = 360,
    STRIPES_BOTTOM = 170,
    STRIPES_PERIOD = 20
};

#endif
