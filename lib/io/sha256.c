/* SHA-256 (FIPS 180-4, section 6.2). Constants: the first 32 bits of the fractional parts of the cube roots of the first 64 primes, and
 * of the square roots of the first 8. */
#include "io/sha256.h"

#include "core/status.h"
#include "io/file.h"

#include <ctype.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t k[64] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};

static uint32_t rotate(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static void expand(const uint8_t block[64], uint32_t w[64]) {
    for (int i = 0; i < 16; i++) {
        const uint8_t *p = block + 4 * i;
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

/* One round; the names of the eight words turn instead of the words. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                                      \
    do {                                                                                                      \
        uint32_t t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i]; \
        d += t;                                                                                               \
        h = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));               \
    } while (0)

static void compress_one(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64];
    expand(block, w);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i += 8) {
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void compress_plain(uint32_t state[8], const uint8_t *p, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) compress_one(state, p + 64 * i);
}

#if defined(__x86_64__)

/* The same with the processor's own instructions (SHA extensions, 2013), which keep the words as A B E F and C D G H. */
__attribute__((target("sha,sse4.1"))) static void compress_sha(uint32_t state[8], const uint8_t *p, size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);
    for (size_t block = 0; block < blocks; block++, p += 64) {
        __m128i w[4], old_abef = abef, old_cdgh = cdgh;
        for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i sum = _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i *)(k + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            __m128i last = w[(i + 3) % 4], before = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
            __m128i first = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), before);
            w[i % 4] = _mm_sha256msg2_epu32(first, last); /* words 4 i + 16 and on; of no use after i = 11 */
        }
        abef = _mm_add_epi32(abef, old_abef);
        cdgh = _mm_add_epi32(cdgh, old_cdgh);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Leaf 7, EBX bit 29; SSE4.1 and SSSE3 came before it. */
static int has_sha(void) {
    unsigned a, b = 0, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}

#endif

typedef void (*compress_fn)(uint32_t state[8], const uint8_t *p, size_t blocks);

static void hash(const void *data, size_t size, char hex[65], compress_fn compress) {
    uint32_t state[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                         0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    const uint8_t *p = data;
    size_t left;
    compress(state, p, size / 64);
    p += size / 64 * 64, left = size % 64;
    uint8_t tail[128] = {0}; /* the rest, a bit 1, zeros, the size in bits */
    size_t blocks = left < 56 ? 1 : 2;
    if (left > 0) memcpy(tail, p, left);
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++) tail[64 * blocks - 1 - (size_t)i] = (uint8_t)((uint64_t)size << 3 >> 8 * i);
    compress(state, tail, blocks);
    for (int i = 0; i < 64; i++) hex[i] = "0123456789abcdef"[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = 0;
}

void gcam__sha256(const void *data, size_t size, char hex[65]) {
#if defined(__x86_64__)
    if (has_sha()) {
        hash(data, size, hex, compress_sha);
        return;
    }
#endif
    hash(data, size, hex, compress_plain);
}

void gcam__sha256_plain(const void *data, size_t size, char hex[65]) {
    hash(data, size, hex, compress_plain);
}

gcam_status gcam__file_sha256(const char *path, char hex[65]) {
    gcam__file file;
    GCAM_TRY(gcam__file_map(&file, path));
    gcam__sha256(file.data, file.size, hex);
    gcam__file_unmap(&file);
    return GCAM_OK;
}

int gcam__file_name_hash(const char *path, char digits[9]) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (const char *hyphen = strchr(name, '-'); hyphen; hyphen = strchr(hyphen + 1, '-')) {
        int i = 0;
        for (; i < 8 && isxdigit((unsigned char)hyphen[1 + i]); i++)
            digits[i] = (char)tolower((unsigned char)hyphen[1 + i]);
        digits[i] = 0;
        if (i == 8 && hyphen[9] == '.') return 1;
    }
    return 0;
}

gcam_status gcam__file_check_name(const char *path, int *agrees, char *hex) {
    char own[65], digits[9];
    if (!path || !agrees)
        return gcam__fail(GCAM_ERR_ARGUMENT, "sha256", "the path or the place for the answer is NULL");
    *agrees = 0;
    if (!hex) hex = own;
    GCAM_TRY(gcam__file_sha256(path, hex));
    if (!gcam__file_name_hash(path, digits)) return GCAM_OK;
    if (strncmp(hex, digits, 8)) {
        return gcam__fail(GCAM_ERR_FORMAT, "sha256",
                          "%s: its SHA-256 begins with %.8s, its name says %s; the file is damaged or another", path,
                          hex, digits);
    }
    *agrees = 1;
    return GCAM_OK;
}
