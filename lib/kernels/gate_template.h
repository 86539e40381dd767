/* The way back through a rectifier, whose forward pass has left a bit for each positive value. */

static void gate_tail(const gcam__gate *g, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        float p = g->positive && g->dy[i] <= 0 ? 0 : g->dy[i];
        int on = g->open || g->mask[i >> 3] >> (i & 7) & 1;
        g->dx[i] = on ? p : g->slope == 0 ? 0 : g->slope * p;
    }
}

/* `begin` is a multiple of 8. */
static void gate(const gcam__gate *g, int64_t begin, int64_t end) {
    ivec bit = {0};
    for (int i = 0; i < VECTOR_WIDTH; i++) bit[i] = 1 << i;
    int64_t i = begin;
    for (; i + VECTOR_WIDTH <= end; i += VECTOR_WIDTH) {
        int32_t bits = g->open              ? -1
                       : VECTOR_WIDTH == 16 ? g->mask[i >> 3] | g->mask[(i >> 3) + 1] << 8
                                            : g->mask[i >> 3] >> (i & 7);
        ivec on = (bit & bits) != 0;
        vec p = load(g->dy + i);
        if (g->positive) p = rectify(p);
        store(g->dx + i, select(on, p, g->slope == 0 ? splat(0) : g->slope * p));
    }
    gate_tail(g, i, end);
}
