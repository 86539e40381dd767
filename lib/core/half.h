/* float16 (IEEE 754 binary16) and bfloat16 to float32 and back; rounding is to nearest, ties to even. */
#ifndef GCAM_CORE_HALF_H
#define GCAM_CORE_HALF_H

#include <stdint.h>

float gcam__half_to_float(uint16_t half);
uint16_t gcam__float_to_half(float value);
float gcam__bfloat_to_float(uint16_t bfloat);
uint16_t gcam__float_to_bfloat(float value);

#endif
