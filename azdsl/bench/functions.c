/* The C library's functions on arrays of groups of eight numbers. */
#include <math.h>
#include <stdint.h>

#define ARRAY(name) \
  void array_##name(const double *x, double *y, int64_t groups) { \
    for (int64_t i = 0; i < 8 * groups; i++) y[i] = name(x[i]); \
  }

ARRAY(exp)
ARRAY(log)
ARRAY(sin)
ARRAY(cos)
ARRAY(atan)
