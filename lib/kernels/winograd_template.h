/* Transforms of Winograd's minimal filtering (Winograd 1980; Lavin and Gray 2016), F(m x m, 3 x 3) with m = 4 and m = 2.
 *
 * y = At [(G g Gt) . (Bt d B)] A on tiles of m + 2 by m + 2 input values. The points are 0, a, -a, b, -b, infinity with
 * a = sqrt(1/2), b = sqrt(2) for m = 4, which have a fifth of the error of 0, 1, -1, 2, -2, and 0, 1, -1, infinity for m = 2.
 *
 * Because a b = 1, and rows of G are scaled to match, flipping a filter only exchanges points p and 1 / p: the transformed
 * filters of the forward pass serve the gradient of the input, read in another order (gcam__winograd_flip).
 *
 * A vector holds the same element of VECTOR_WIDTH neighbouring tiles. */

/* Sizes of buffers on the stack: tiles of one run, with the lanes that a last vector may add. */
enum { RUN = GCAM__WINOGRAD_RUN, RUN_LANES = RUN + 1 + VECTOR_WIDTH };

#define ROOT_HALF 0.70710678118654752f
#define ROOT_TWO 1.41421356237309505f

/* t = Bt d */
INLINE void transform_input(const vec *d, vec *t, int m) {
    if (m == 2) {
        t[0] = d[0] - d[2], t[1] = d[1] + d[2], t[2] = d[2] - d[1], t[3] = d[3] - d[1];
        return;
    }
    vec even_a = 2 * d[2] - d[4], odd_a = ROOT_TWO * d[1] - ROOT_HALF * d[3];
    vec even_b = 0.5f * d[4] - 0.25f * d[2], odd_b = ROOT_HALF * d[3] - 0.5f * ROOT_HALF * d[1];
    t[0] = d[0] + d[4] - 2.5f * d[2];
    t[1] = even_a + odd_a, t[2] = even_a - odd_a;
    t[3] = even_b + odd_b, t[4] = even_b - odd_b;
    t[5] = d[1] + d[5] - 2.5f * d[3];
}

/* t = A y, the transpose of the output's transform */
INLINE void transform_gradient(const vec *y, vec *t, int m) {
    t[0] = y[0], t[m + 1] = y[m - 1];
    if (m == 2) {
        t[1] = y[0] + y[1], t[2] = y[0] - y[1];
        return;
    }
    vec even_a = y[0] + 0.5f * y[2], odd_a = ROOT_HALF * y[1] + 0.5f * ROOT_HALF * y[3];
    vec even_b = y[0] + 2 * y[2], odd_b = ROOT_TWO * y[1] + 2 * ROOT_TWO * y[3];
    t[1] = even_a + odd_a, t[2] = even_a - odd_a;
    t[3] = even_b + odd_b, t[4] = even_b - odd_b;
}

/* g = Gt t, the transpose of the filter's transform */
INLINE void transform_filter_gradient(const vec *t, vec *g, int m) {
    vec sum_a = t[1] + t[2], difference = t[1] - t[2];
    if (m == 2) {
        g[0] = t[0] + 0.5f * sum_a, g[1] = 0.5f * difference, g[2] = t[3] + 0.5f * sum_a;
        return;
    }
    vec sum_b = t[3] + t[4];
    g[0] = t[0] + 2 / 3.0f * sum_a + 1 / 3.0f * sum_b;
    g[1] = 2 / 3.0f * ROOT_HALF * (difference + t[3] - t[4]);
    g[2] = t[5] + 1 / 3.0f * sum_a + 2 / 3.0f * sum_b;
}

/* t = G g */
INLINE void transform_filter(const vec *g, vec *t, int m) {
    t[0] = g[0], t[m + 1] = g[2];
    if (m == 2) {
        vec even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
        t[1] = even + odd, t[2] = even - odd;
        return;
    }
    vec odd = 2 / 3.0f * ROOT_HALF * g[1];
    vec even_a = 2 / 3.0f * g[0] + 1 / 3.0f * g[2], even_b = 1 / 3.0f * g[0] + 2 / 3.0f * g[2];
    t[1] = even_a + odd, t[2] = even_a - odd;
    t[3] = even_b + odd, t[4] = even_b - odd;
}

/* y = At t */
INLINE void transform_output(const vec *t, vec *y, int m) {
    vec sum_a = t[1] + t[2], difference_a = t[1] - t[2];
    if (m == 2) {
        y[0] = t[0] + sum_a, y[1] = difference_a + t[3];
        return;
    }
    vec sum_b = t[3] + t[4], difference_b = t[3] - t[4];
    y[0] = t[0] + sum_a + sum_b;
    y[1] = ROOT_HALF * difference_a + ROOT_TWO * difference_b;
    y[2] = 0.5f * sum_a + 2 * sum_b;
    y[3] = 0.5f * ROOT_HALF * difference_a + 2 * ROOT_TWO * difference_b + t[5];
}

/* ---- input --------------------------------------------------------------------------------------------------------------- */

/* phase[j][i] = row[m i + j], so that element j of neighbouring tiles lies side by side. */
INLINE void split_phases(const float *row, int count, float (*phase)[RUN_LANES], int m) {
    int i = 0;
#ifdef SPLIT
    for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH, row += m * VECTOR_WIDTH) {
        vec v[4], w[4];
        EACH (j, m) v[j] = load(row + j * VECTOR_WIDTH);
        if (m == 2) {
            store(&phase[0][i], SPLIT_EVEN(v[0], v[1]));
            store(&phase[1][i], SPLIT_ODD(v[0], v[1]));
            continue;
        }
        EACH (j, 2) w[2 * j] = SPLIT_EVEN(v[2 * j], v[2 * j + 1]), w[2 * j + 1] = SPLIT_ODD(v[2 * j], v[2 * j + 1]);
        EACH (j, 2) {
            store(&phase[j][i], SPLIT_EVEN(w[j], w[j + 2]));
            store(&phase[j + 2][i], SPLIT_ODD(w[j], w[j + 2]));
        }
    }
#endif
    for (; i < count; i++, row += m)
        for (int j = 0; j < m; j++) phase[j][i] = row[j];
}

/* One input row of a run: columns left .. left + m tiles + 1, zero outside the image. */
INLINE void load_phases(const gcam__winograd_input *in, int64_t h, float (*phase)[RUN_LANES], int m) {
    int count = in->tiles + 1;
    if (h < 0 || h >= in->h) {
        for (int j = 0; j < m; j++) memset(phase[j], 0, (size_t)count * sizeof(float));
        return;
    }
    const float *row = in->plane + h * in->w;
    if (in->left >= 0 && in->left + m * count <= in->w) {
        split_phases(row + in->left, count, phase, m);
        return;
    }
    float padded[4 * RUN + 4];
    int64_t begin = in->left < 0 ? -in->left : 0, end = gcam__min(m * count, in->w - in->left);
    if (begin > 0) memset(padded, 0, (size_t)gcam__min(begin, m * count) * sizeof(float));
    if (end > begin) memcpy(padded + begin, row + in->left + begin, (size_t)(end - begin) * sizeof(float));
    if (end < m * count) {
        end = gcam__max(end, 0);
        memset(padded + end, 0, (size_t)(m * count - end) * sizeof(float));
    }
    split_phases(padded, count, phase, m);
}

INLINE void store_lanes(float *to, vec value, int lanes) {
    if (lanes >= VECTOR_WIDTH)
        store(to, value);
    else
        memcpy(to, &value, (size_t)lanes * sizeof(float));
}

INLINE void input_run(const gcam__winograd_input *in, int m) {
    float phase[6][4][RUN_LANES];
    EACH (i, m + 2) load_phases(in, in->top + i, phase[i], m);
    for (int j = 0; j < m; j++)
        for (int lane = 0; lane < in->tiles + 1; lane += VECTOR_WIDTH) {
            vec d[6], t[6];
            EACH (i, m + 2) d[i] = load(&phase[i][j][lane]);
            transform_input(d, t, m);
            EACH (i, m + 2) store(&phase[i][j][lane], t[i]);
        }
    for (int lane = 0; lane < in->tiles; lane += VECTOR_WIDTH) {
        int lanes = in->room - lane;
        EACH (i, m + 2) {
            vec d[6], t[6];
            EACH (j, m + 2) d[j] = load(&phase[i][j % m][lane + j / m]);
            transform_input(d, t, m);
            float *v = in->v + i * (m + 2) * in->stride + lane;
            EACH (j, m + 2) store_lanes(v + j * in->stride, t[j], lanes);
        }
    }
}

static void input_run2(const gcam__winograd_input *in) {
    input_run(in, 2);
}
static void input_run4(const gcam__winograd_input *in) {
    input_run(in, 4);
}

/* ---- filters ------------------------------------------------------------------------------------------------------------- */

INLINE void filter_panel(const float *w, int64_t row_stride, int rows, float *u, int64_t stride, int m) {
    float taps[9][2 * VECTOR_WIDTH] = {{0}};
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 9; j++) taps[j][i] = w[i * row_stride + j];
    float out[36][2 * VECTOR_WIDTH];
    for (int lane = 0; lane < TILE_ROWS; lane += VECTOR_WIDTH) {
        vec g[3], half[6][3], t[6];
        EACH (s, 3) {
            EACH (r, 3) g[r] = load(&taps[r * 3 + s][lane]);
            transform_filter(g, t, m);
            EACH (i, m + 2) half[i][s] = t[i];
        }
        EACH (i, m + 2) {
            transform_filter(half[i], t, m);
            EACH (j, m + 2) store(&out[i * (m + 2) + j][lane], t[j]);
        }
    }
    for (int i = 0; i < (m + 2) * (m + 2); i++) memcpy(u + i * stride, out[i], TILE_ROWS * sizeof(float));
}

static void filter_panel2(const float *w, int64_t row_stride, int rows, float *u, int64_t stride) {
    filter_panel(w, row_stride, rows, u, stride, 2);
}
static void filter_panel4(const float *w, int64_t row_stride, int rows, float *u, int64_t stride) {
    filter_panel(w, row_stride, rows, u, stride, 4);
}

/* ---- gradient of the weights ----------------------------------------------------------------------------------------------- */

/* Tiles of m x m of dy to their (m + 2) x (m + 2) elements. */
INLINE void gradient_run(const gcam__winograd_input *in, int m) {
    float phase[4][4][RUN_LANES];
    EACH (i, m) load_phases(in, in->top + i, phase[i], m);
    for (int lane = 0; lane < in->tiles; lane += VECTOR_WIDTH) {
        vec half[6][4], d[4], t[6];
        EACH (j, m) {
            EACH (i, m) d[i] = load(&phase[i][j][lane]);
            transform_gradient(d, t, m);
            EACH (i, m + 2) half[i][j] = t[i];
        }
        EACH (i, m + 2) {
            transform_gradient(half[i], t, m);
            float *v = in->v + i * (m + 2) * in->stride + lane;
            EACH (j, m + 2) store_lanes(v + j * in->stride, t[j], in->room - lane);
        }
    }
}

static void gradient_run2(const gcam__winograd_input *in) {
    gradient_run(in, 2);
}
static void gradient_run4(const gcam__winograd_input *in) {
    gradient_run(in, 4);
}

/* Gradients of transformed filters, element e of filter i at u[e * stride + i], to those of `count` filters of 3 x 3. */
INLINE void filter_gradient(const float *u, int64_t stride, int count, float *dw, int64_t step, int m) {
    vec half[3][6], t[6], g[3];
    EACH (j, m + 2) {
        EACH (i, m + 2) t[i] = load(u + (i * (m + 2) + j) * stride);
        transform_filter_gradient(t, g, m);
        EACH (r, 3) half[r][j] = g[r];
    }
    float out[9][VECTOR_WIDTH];
    EACH (r, 3) {
        transform_filter_gradient(half[r], g, m);
        EACH (s, 3) store(out[r * 3 + s], g[s]);
    }
    for (int i = 0; i < count; i++, dw += step)
        for (int j = 0; j < 9; j++) dw[j] += out[j][i];
}

static void filter_gradient2(const float *u, int64_t stride, int count, float *dw, int64_t step) {
    filter_gradient(u, stride, count, dw, step, 2);
}
static void filter_gradient4(const float *u, int64_t stride, int count, float *dw, int64_t step) {
    filter_gradient(u, stride, count, dw, step, 4);
}

/* ---- output -------------------------------------------------------------------------------------------------------------- */

/* row[m i + j] = y[j][i] through the epilogue, the first `count` values. `add`: what is added to them, or NULL. */
INLINE void store_merged(const gcam__winograd_output *out, float *row, const float *add, const vec *y, int64_t count,
                         int m) {
    float merged[4 * VECTOR_WIDTH], added[4 * VECTOR_WIDTH];
    vec v[4];
    int whole = count >= m * VECTOR_WIDTH;
#ifdef SPLIT
    if (m == 2) {
        v[0] = MERGE_LOW(y[0], y[1]), v[1] = MERGE_HIGH(y[0], y[1]);
    } else {
        vec low_even = MERGE_LOW(y[0], y[2]), high_even = MERGE_HIGH(y[0], y[2]);
        vec low_odd = MERGE_LOW(y[1], y[3]), high_odd = MERGE_HIGH(y[1], y[3]);
        v[0] = MERGE_LOW(low_even, low_odd), v[1] = MERGE_HIGH(low_even, low_odd);
        v[2] = MERGE_LOW(high_even, high_odd), v[3] = MERGE_HIGH(high_even, high_odd);
    }
#else
    EACH (j, m)
        for (int i = 0; i < VECTOR_WIDTH; i++) merged[i * m + j] = y[j][i];
    EACH (j, m) v[j] = load(merged + j * VECTOR_WIDTH);
#endif
    if (add && !whole) add = memcpy(added, add, (size_t)count * sizeof(float));
    EACH (j, m) {
        v[j] = v[j] * splat(out->scale) + splat(out->bias);
        if (add) v[j] += load(add + j * VECTOR_WIDTH);
        store((whole ? row : merged) + j * VECTOR_WIDTH, clip(v[j], out->relu, out->cap));
    }
    if (!whole) memcpy(row, merged, (size_t)count * sizeof(float));
}

INLINE void output_run(const gcam__winograd_output *out, int m) {
    for (int lane = 0; lane < out->tiles; lane += VECTOR_WIDTH) {
        vec half[4][6], t[6], y[4];
        EACH (j, m + 2) {
            EACH (i, m + 2) t[i] = load(out->products + (i * (m + 2) + j) * out->stride + lane);
            transform_output(t, y, m);
            EACH (i, m) half[i][j] = y[i];
        }
        int64_t count = gcam__min(out->columns, (int64_t)m * out->tiles) - m * lane;
        EACH (i, m) {
            if (i >= out->rows) break;
            transform_output(half[i], y, m);
            int64_t at = i * out->w + m * lane;
            store_merged(out, out->y + at, out->add ? out->add + at : NULL, y, gcam__min(count, m * VECTOR_WIDTH), m);
        }
    }
}

static void output_run2(const gcam__winograd_output *out) {
    output_run(out, 2);
}
static void output_run4(const gcam__winograd_output *out) {
    output_run(out, 4);
}
