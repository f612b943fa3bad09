#ifndef LJ_OPINION_FMATH_H
#define LJ_OPINION_FMATH_H
/*
 * exp, log and the logistic function from additions and products alone. Internal.
 *
 * The mathematical library chooses its code by the processor, and results may differ in the last
 * bit; a bundle must come out the same on every machine that builds it. Square roots are exact by
 * the standard.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float lj_sqrtf(float x)
{
    return __builtin_sqrtf(x);
}

/* e^x to about 1e-7 of its value; clamped to what float holds. */
static inline float lj_expf(float x)
{
    x = x > 80 ? 80 : x < -80 ? -80 : x;
    float k = (float)(int32_t)(x * 1.44269504F + (x < 0 ? -0.5F : 0.5F));
    float r = x - k * 0.693359375F + k * 2.12194440e-4F;
    float p = 1 + r * (1 + r * (0.5F + r * (0.16666667F + r * (0.04166667F + r * 0.00833333F))));
    uint32_t bits = (uint32_t)((int32_t)k + 127) << 23;
    float two;
    memcpy(&two, &bits, sizeof two);
    return p * two;
}

static inline float lj_sigmoid(float x)
{
    return 1 / (1 + lj_expf(-x));
}

/* Natural logarithm of a positive number, to about 1e-6. */
static inline float lj_logf(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits >> 23) - 127;
    bits = (bits & 0x7FFFFFU) | 0x3F800000U;
    float m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356F) {
        m *= 0.5F;
        e++;
    }
    float z = (m - 1) / (m + 1);
    float q = z * z;
    float s = 2 * z * (1 + q * (0.33333333F + q * (0.2F + q * (0.14285714F + q * 0.11111111F))));
    return s + (float)e * 0.69314718F;
}

static inline float lj_logit(float p)
{
    p = p < 1e-6F ? 1e-6F : p > 1 - 1e-6F ? 1 - 1e-6F : p;
    return lj_logf(p / (1 - p));
}

#endif
