/* CRC-32, polynomial 0x04C11DB7 reflected. The table is made on the stack per call: 2048 steps, and nothing global. */
#include "io/image.h"

uint32_t gcam__crc32(uint32_t crc, const void *data, size_t size) {
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
        table[i] = value;
    }
    const uint8_t *byte = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) crc = table[(crc ^ byte[i]) & 0xFF] ^ crc >> 8;
    return ~crc;
}
