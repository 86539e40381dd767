/* The JSON reader, driven through any nesting. */
#include "fuzz/fuzz.h"
#include "io/json.h"

#include <string.h>

static gcam_status walk(gcam__json *json);

static gcam_status walk_object(gcam__json *json) {
    const char *key;
    gcam_status status = gcam__json_object(json);
    while (status == GCAM_OK) {
        status = gcam__json_key(json, &key);
        if (status != GCAM_OK || !key) break;
        status = walk(json);
    }
    return status;
}

static gcam_status walk_array(gcam__json *json) {
    int more;
    gcam_status status = gcam__json_array(json);
    while (status == GCAM_OK) {
        status = gcam__json_element(json, &more);
        if (status != GCAM_OK || !more) break;
        status = walk(json);
    }
    return status;
}

/* The depth of this recursion is limited by the reader. */
static gcam_status walk(gcam__json *json) {
    const char *text;
    uint64_t number;
    while (json->cursor.at < json->cursor.end && strchr(" \t\n\r", json->cursor.data[json->cursor.at])
           && json->cursor.data[json->cursor.at])
        json->cursor.at++;
    switch (json->cursor.at < json->cursor.end ? json->cursor.data[json->cursor.at] : 0) {
    case '{':
        return walk_object(json);
    case '[':
        return walk_array(json);
    case '"':
        return gcam__json_text(json, &text);
    default:
        return gcam__json_u64(json, &number);
    }
}

FUZZ_TARGET(json) {
    gcam__arena arena = {0};
    gcam__json json = {.cursor = {data, 0, size}, .arena = &arena};
    if (walk(&json) == GCAM_OK) (void)gcam__json_end(&json);
    gcam__arena_free(&arena);
    return 0;
}

FUZZ_SEEDS(json) {
    static const char *const texts[] = {
        "{\"a\":[1,2,{\"b\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\udc15 \xC3\xA9\"}],\"c\":18446744073709551615}",
        " [ [ [ [ 0 ] , [ ] ] ] , { } , \"\" ] ",
    };
    for (size_t i = 0; i < 2; i++) emit(context, texts[i], strlen(texts[i]));
}
