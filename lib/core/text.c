/* Growing text: a buffer that doubles. */
#include "core/text.h"

#include "core/memory.h"
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes room for `extra` bytes and the zero. */
static int reserve(gcam__text *text, size_t extra) {
    if (text->status != GCAM_OK) return 0;
    size_t wanted = text->capacity ? text->capacity : 128;
    while (wanted - text->length <= extra && wanted <= SIZE_MAX / 2) wanted *= 2;
    if (wanted - text->length <= extra) {
        text->status = gcam__fail(GCAM_ERR_LIMIT, "text", "a text of %zu bytes is beyond the address space", extra);
    } else if (wanted != text->capacity) {
        char *grown = gcam__resize(text->data, wanted);
        if (!grown)
            text->status = GCAM_ERR_NOMEM;
        else
            text->data = grown, text->capacity = wanted;
    }
    return text->status == GCAM_OK;
}

void gcam__text_add(gcam__text *text, const char *bytes, size_t length) {
    if (!reserve(text, length)) return;
    if (length > 0) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = 0;
}

void gcam__text_printf(gcam__text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        text->status = gcam__fail(GCAM_ERR_ARGUMENT, "text", "a text cannot be formatted");
    } else if (reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void gcam__text_free(gcam__text *text) {
    gcam__free(text->data);
    *text = (gcam__text){0};
}
