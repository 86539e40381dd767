/* Compression for PNG: DEFLATE (RFC 1951) in a zlib stream (RFC 1950). Repeats are found through chains of earlier places with the
 * same four bytes, and taken as soon as found; every block of tokens gets its own Huffman codes. Fast rather than tight: made for
 * filtered picture rows, where the codes win most. All memory is ours, so running out of it is an ordinary error. */
#include "core/memory.h"
#include "core/status.h"
#include "io/image.h"

#include <string.h>

enum {
    WINDOW = 32768,
    HASH_BITS = 15,
    CHAIN = 4, /* earlier places tried for a repeat */
    MIN_MATCH = 4,
    MAX_MATCH = 258,
    BLOCK = 1 << 15, /* tokens of a block */
    LITERALS = 286,
    DISTANCES = 30,
    LENGTH_CODES = 19,
    END_OF_BLOCK = 256,
    MAX_BITS = 15,
    MAX_LENGTH_BITS = 7,
    BLOCK_BYTES = 6 * BLOCK + 512 /* most that a block can take: 15 + 5 + 15 + 13 bits a token, and its head */
};

/* A literal, or a repeat: length << 16 | distance. Lengths are at least 4, so the two cannot be mixed up. */
typedef uint32_t token;

typedef struct deflater {
    uint8_t *out;
    size_t size, capacity;
    uint64_t bits; /* not yet written, lowest first */
    int bit_count;
    token *tokens;
    int count;
    int32_t *head;     /* latest place of each hash, or -1 */
    int32_t *previous; /* place before that, by place modulo WINDOW */
    gcam_status status;
} deflater;

/* A Huffman code: `bits[s]` is the length of symbol s, 0 where it does not occur, `code[s]` the code with its first bit lowest. */
typedef struct huffman {
    uint8_t bits[LITERALS];
    uint16_t code[LITERALS];
} huffman;

/* ---- output ------------------------------------------------------------------------------------------------------------ */

/* Makes room for `bytes` more; what follows may then write without asking. */
static void reserve(deflater *d, size_t bytes) {
    if (d->status != GCAM_OK || d->capacity - d->size >= bytes) return;
    size_t wanted = 2 * d->capacity + bytes;
    uint8_t *grown = gcam__resize(d->out, wanted);
    if (grown)
        d->out = grown, d->capacity = wanted;
    else
        d->status = gcam_last_error()->status;
}

static void put_bits(deflater *d, uint32_t value, int count) {
    d->bits |= (uint64_t)value << d->bit_count;
    d->bit_count += count;
    for (; d->bit_count >= 8; d->bit_count -= 8, d->bits >>= 8) d->out[d->size++] = (uint8_t)d->bits;
}

static void put_symbol(deflater *d, const huffman *h, int symbol) {
    put_bits(d, h->code[symbol], h->bits[symbol]);
}

/* ---- Huffman codes ----------------------------------------------------------------------------------------------------- */

typedef struct leaf {
    uint32_t weight;
    uint16_t symbol;
} leaf;

/* Insertion sort with a shrinking gap (Shell 1959) by weight, then symbol. */
static void sort_leaves(leaf *leaves, int count) {
    for (int gap = 121; gap > 0; gap /= 3) {
        for (int i = gap; i < count; i++) {
            leaf moved = leaves[i];
            int j = i;
            for (; j >= gap; j -= gap) {
                const leaf *other = &leaves[j - gap];
                if (other->weight < moved.weight || (other->weight == moved.weight && other->symbol < moved.symbol))
                    break;
                leaves[j] = *other;
            }
            leaves[j] = moved;
        }
    }
}

/* Depths of the leaves of a Huffman tree, `leaves` sorted by weight; merges the two lightest of two queues until one is left. */
static void tree_depths(const leaf *leaves, int count, int *depth) {
    uint32_t weight[2 * LITERALS];
    int parent[2 * LITERALS] = {0};
    for (int i = 0; i < count; i++) weight[i] = leaves[i].weight;
    int next_leaf = 0, next_node = count, node = count;
    for (; node < 2 * count - 1; node++) {
        weight[node] = 0;
        for (int side = 0; side < 2; side++) {
            int take_leaf = next_leaf < count && (next_node >= node || weight[next_leaf] <= weight[next_node]);
            int child = take_leaf ? next_leaf++ : next_node++;
            weight[node] += weight[child];
            parent[child] = node;
        }
    }
    int level[2 * LITERALS];
    level[2 * count - 2] = 0;
    for (int i = 2 * count - 3; i >= 0; i--) level[i] = level[parent[i]] + 1;
    memcpy(depth, level, (size_t)count * sizeof *depth);
}

/* Number of codes of each length, none longer than `limit`: too long ones are cut, then shorter ones lengthened until the code is
 * possible again (Kraft's sum is 1). */
static void limit_depths(const int *depth, int count, int limit, int *per_length) {
    memset(per_length, 0, (MAX_BITS + 1) * sizeof *per_length);
    for (int i = 0; i < count; i++) per_length[depth[i] < limit ? depth[i] : limit]++;
    uint32_t sum = 0;
    for (int bits = 1; bits <= limit; bits++) sum += (uint32_t)per_length[bits] << (limit - bits);
    for (; sum > 1u << limit; sum--) {
        int bits = limit - 1;
        while (per_length[bits] == 0) bits--;
        per_length[bits]--;
        per_length[bits + 1] += 2;
        per_length[limit]--;
    }
}

/* Canonical codes from lengths (RFC 1951, 3.2.2), mirrored because the first bit goes out first. */
static void assign_codes(huffman *h, int symbols, const int *per_length) {
    uint32_t next[MAX_BITS + 2] = {0};
    for (int bits = 1; bits <= MAX_BITS; bits++) next[bits + 1] = (next[bits] + (uint32_t)per_length[bits]) << 1;
    for (int s = 0; s < symbols; s++) {
        uint32_t code = h->bits[s] ? next[h->bits[s]]++ : 0, mirrored = 0;
        for (int i = 0; i < h->bits[s]; i++) mirrored |= (code >> i & 1) << (h->bits[s] - 1 - i);
        h->code[s] = (uint16_t)mirrored;
    }
}

/* Lengths: the heaviest symbol gets the shortest code. A lone symbol gets one bit. */
static void build(huffman *h, const uint32_t *weight, int symbols, int limit) {
    leaf leaves[LITERALS];
    int depth[LITERALS] = {0}, per_length[MAX_BITS + 1], count = 0;
    memset(h, 0, sizeof *h);
    for (int s = 0; s < symbols; s++) {
        if (weight[s]) leaves[count++] = (leaf){weight[s], (uint16_t)s};
    }
    sort_leaves(leaves, count);
    if (count > 1) tree_depths(leaves, count, depth);
    if (count == 1) depth[0] = 1;
    limit_depths(depth, count, limit, per_length);
    int place = count;
    for (int bits = 1; bits <= limit; bits++) {
        for (int i = 0; i < per_length[bits]; i++) h->bits[leaves[--place].symbol] = (uint8_t)bits;
    }
    assign_codes(h, symbols, per_length);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */

/* Symbol of a length 3..258 or of a distance 1..32768 with its extra bits: both grow by powers of two, with `fine` = 2 or 1 bits
 * that choose within each power. `value` counts from 0. */
static int bucket(uint32_t value, int fine, int *extra) {
    int top = 31 - __builtin_clz(value | 1);
    *extra = top > fine ? top - fine : 0;
    return *extra ? (*extra << fine) + (int)(value >> *extra) : (int)value;
}

static int length_symbol(int length, int *extra) {
    if (length == MAX_MATCH) return *extra = 0, 285;
    return 257 + bucket((uint32_t)length - 3, 2, extra);
}

static int distance_symbol(int distance, int *extra) {
    return bucket((uint32_t)distance - 1, 1, extra);
}

static void count_symbols(const deflater *d, uint32_t *literal, uint32_t *distance) {
    int extra;
    for (int i = 0; i < d->count; i++) {
        token t = d->tokens[i];
        if (t < 256) {
            literal[t]++;
        } else {
            literal[length_symbol((int)(t >> 16), &extra)]++;
            distance[distance_symbol((int)(t & 0xFFFF), &extra)]++;
        }
    }
    literal[END_OF_BLOCK]++;
}

/* The block's head: the lengths of both codes, themselves Huffman-coded. */
static void put_codes(deflater *d, const huffman *literal, const huffman *distance) {
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint32_t weight[LENGTH_CODES] = {0};
    for (int s = 0; s < LITERALS; s++) weight[literal->bits[s]]++;
    for (int s = 0; s < DISTANCES; s++) weight[distance->bits[s]]++;
    huffman lengths;
    build(&lengths, weight, LENGTH_CODES, MAX_LENGTH_BITS);
    put_bits(d, LITERALS - 257, 5);
    put_bits(d, DISTANCES - 1, 5);
    put_bits(d, LENGTH_CODES - 4, 4);
    for (int i = 0; i < LENGTH_CODES; i++) put_bits(d, lengths.bits[order[i]], 3);
    for (int s = 0; s < LITERALS; s++) put_symbol(d, &lengths, literal->bits[s]);
    for (int s = 0; s < DISTANCES; s++) put_symbol(d, &lengths, distance->bits[s]);
}

static void put_repeat(deflater *d, token t, const huffman *literal, const huffman *distance) {
    int extra, length = (int)(t >> 16), back = (int)(t & 0xFFFF);
    put_symbol(d, literal, length_symbol(length, &extra));
    put_bits(d, (uint32_t)(length - 3) & ((1u << extra) - 1), extra);
    put_symbol(d, distance, distance_symbol(back, &extra));
    put_bits(d, (uint32_t)(back - 1) & ((1u << extra) - 1), extra);
}

static void put_block(deflater *d, int last) {
    reserve(d, BLOCK_BYTES);
    if (d->status != GCAM_OK) return;
    uint32_t literal_weight[LITERALS] = {0}, distance_weight[DISTANCES] = {0};
    count_symbols(d, literal_weight, distance_weight);
    huffman literal, distance;
    build(&literal, literal_weight, LITERALS, MAX_BITS);
    build(&distance, distance_weight, DISTANCES, MAX_BITS);
    put_bits(d, last ? 1 : 0, 1);
    put_bits(d, 2, 2); /* codes of its own */
    put_codes(d, &literal, &distance);
    for (int i = 0; i < d->count; i++) {
        if (d->tokens[i] < 256)
            put_symbol(d, &literal, (int)d->tokens[i]);
        else
            put_repeat(d, d->tokens[i], &literal, &distance);
    }
    put_symbol(d, &literal, END_OF_BLOCK);
    d->count = 0;
}

static void put_token(deflater *d, token t) {
    if (d->count == BLOCK) put_block(d, 0);
    d->tokens[d->count++] = t;
}

/* ---- repeats ----------------------------------------------------------------------------------------------------------- */

static uint32_t hash_at(const uint8_t *p) {
    return gcam__read_le32(p) * 2654435761u >> (32 - HASH_BITS); /* Knuth's multiplicative hash */
}

static void remember(deflater *d, uint32_t hash, size_t at) {
    d->previous[at % WINDOW] = d->head[hash];
    d->head[hash] = (int32_t)at;
}

static int common_length(const uint8_t *a, const uint8_t *b, int most) {
    int length = 0;
    while (length < most && a[length] == b[length]) length++;
    return length;
}

/* Longest repeat of what begins at `at`, as a token, or 0; `hash` is that of its first four bytes. */
static token find_repeat(const deflater *d, uint32_t hash, const uint8_t *data, size_t at, int most) {
    int best = MIN_MATCH - 1;
    token found = 0;
    int32_t place = d->head[hash];
    uint32_t start = gcam__read_le32(data + at);
    for (int tries = 0; tries < CHAIN && place >= 0 && at - (size_t)place < WINDOW; tries++) {
        if (gcam__read_le32(data + place) == start) {
            int length = common_length(data + at, data + place, most);
            if (length > best) best = length, found = (token)length << 16 | (token)(at - (size_t)place);
            if (length == most) break;
        }
        int32_t older = d->previous[(size_t)place % WINDOW];
        if (older >= place) break; /* overwritten by a place beyond the window */
        place = older;
    }
    return found;
}

static void compress(deflater *d, const uint8_t *data, size_t size) {
    size_t at = 0;
    while (at < size && d->status == GCAM_OK) {
        token repeat = 0;
        int most = size - at < MAX_MATCH ? (int)(size - at) : MAX_MATCH;
        if (most >= MIN_MATCH) {
            uint32_t hash = hash_at(data + at);
            repeat = find_repeat(d, hash, data, at, most);
            remember(d, hash, at);
        }
        put_token(d, repeat ? repeat : data[at]);
        size_t end = at + (repeat ? repeat >> 16 : 1);
        for (at++; at < end; at++) {
            if (size - at >= MIN_MATCH) remember(d, hash_at(data + at), at);
        }
    }
    put_block(d, 1);
}

static uint32_t adler32(const uint8_t *data, size_t size) {
    uint32_t a = 1, b = 0;
    while (size > 0) {
        size_t part = size < 5552 ? size : 5552; /* most bytes before b can overflow */
        for (size_t i = 0; i < part; i++) b += a += data[i];
        a %= 65521, b %= 65521;
        data += part, size -= part;
    }
    return b << 16 | a;
}

gcam_status gcam__zlib_compress(uint8_t **out, size_t *out_size, const uint8_t *data, size_t size) {
    *out = NULL;
    *out_size = 0;
    if (size > INT32_MAX) return gcam__fail(GCAM_ERR_LIMIT, "deflate", "%zu bytes are too many to compress", size);
    deflater d = {.tokens = gcam__alloc(BLOCK * sizeof(token)),
                  .head = gcam__alloc((sizeof(int32_t)) << HASH_BITS),
                  .previous = gcam__alloc(WINDOW * sizeof(int32_t))};
    d.status = d.tokens && d.head && d.previous ? GCAM_OK : GCAM_ERR_NOMEM;
    reserve(&d, 16); /* head and checksum */
    if (d.status == GCAM_OK) {
        memset(d.head, 0xFF, sizeof(int32_t) << HASH_BITS);
        put_bits(&d, 0x0178, 16); /* DEFLATE with a window of 32 KiB */
        compress(&d, data, size);
        reserve(&d, 16);
    }
    if (d.status == GCAM_OK) {
        put_bits(&d, 0, (8 - d.bit_count) % 8);
        uint32_t sum = adler32(data, size);
        for (int shift = 24; shift >= 0; shift -= 8) put_bits(&d, sum >> shift & 0xFF, 8);
    }
    gcam__free(d.tokens);
    gcam__free(d.head);
    gcam__free(d.previous);
    if (d.status != GCAM_OK) {
        gcam__free(d.out);
        return d.status;
    }
    *out = d.out;
    *out_size = d.size;
    return GCAM_OK;
}
