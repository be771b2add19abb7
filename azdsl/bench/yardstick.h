/* What the yardsticks share: a clock of this thread's processor time, and random numbers that are equal on every machine. */
#include <stdint.h>
#include <time.h>

/* Processor time of this thread [s]. */
static inline double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A random integer below n (xorshift, Marsaglia 2003). */
static inline uint32_t draw(uint32_t n) {
  static uint64_t word = 88172645463325252u;
  word ^= word << 13;
  word ^= word >> 7;
  word ^= word << 17;
  return (uint32_t)((word >> 20) % n);
}

/* A random number from -1 to 0.999 in steps of 0.001. */
static inline double number(void) { return draw(2000) / 1000.0 - 1; }
