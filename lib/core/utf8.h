/* UTF-8 (RFC 3629). */
#ifndef GCAM_CORE_UTF8_H
#define GCAM_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of `text` that are well-formed UTF-8: `length` if all of it is. Surrogates and overlong forms are not. */
size_t gcam__utf8_valid(const char *text, size_t length);
/* Writes a code point (below 0x110000, no surrogate) as 1 to 4 bytes; returns how many. */
int gcam__utf8_encode(uint32_t code, char out[4]);
/* 1 where the text is well formed and has no control characters. */
int gcam__utf8_printable(const char *text, size_t length);
/* Copies what fits into `room` bytes with a zero behind it, "?" for what must not reach a terminal: text from files in error
 * messages. Returns `out`. */
char *gcam__utf8_show(char *out, size_t room, const char *text, size_t length);

#endif
