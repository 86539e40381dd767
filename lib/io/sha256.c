/* SHA-256 (FIPS 180-4, section 6.2). Constants: the first 32 bits of the fractional parts of the cube roots of the first 64 primes, and
 * of the square roots of the first 8. */
#include "io/sha256.h"

#include "core/status.h"
#include "io/file.h"

#include <ctype.h>
#include <string.h>

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

static void compress(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64], v[8]; /* v is a .. h */
    expand(block, w);
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + s1 + choice + k[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void gcam__sha256(const void *data, size_t size, char hex[65]) {
    uint32_t state[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                         0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    const uint8_t *p = data;
    size_t left = size;
    for (; left >= 64; p += 64, left -= 64) compress(state, p);
    uint8_t tail[128] = {0}; /* the rest, a bit 1, zeros, the size in bits */
    size_t blocks = left < 56 ? 1 : 2;
    if (left > 0) memcpy(tail, p, left);
    tail[left] = 0x80;
    for (int i = 0; i < 8; i++) tail[64 * blocks - 1 - (size_t)i] = (uint8_t)((uint64_t)size << 3 >> 8 * i);
    for (size_t i = 0; i < blocks; i++) compress(state, tail + 64 * i);
    for (int i = 0; i < 64; i++) hex[i] = "0123456789abcdef"[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = 0;
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
