/* What the yardsticks of training share: ten tasks of 8000 examples as the lanes of SIMD vectors, in two blocks of eight, and the clock.
   Before it is included, F is defined; the file then defines the model, initialize, learn and result, and calls run. */
#include "yardstick.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 8, TASKS = 10, BLOCKS = (TASKS + WIDTH - 1) / WIDTH, EXAMPLES = 8000, TRAININGS = 20 };

typedef double lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef struct { lanes x[F], y; } example;

static void initialize(void);
static void learn(const example *e);
static lanes result(void);

/* Prints processor time per task and training step [ns], the least of 20 trainings, and the result of the last block's tasks, summed. */
static inline int run(void) {
  example *data = aligned_alloc(128, sizeof(example) * BLOCKS * EXAMPLES);
  if (!data) return 1;
  for (example *e = data; e < data + BLOCKS * EXAMPLES; e++)
    for (int t = 0; t < WIDTH; t++) {
      for (int i = 0; i < F; i++) e->x[i][t] = number();
      e->y[t] = number();
    }
  double least = 1e9;
  for (int k = 0; k < TRAININGS; k++) {
    double start = cpu_seconds();
    for (int block = 0; block < BLOCKS; block++) {
      initialize();
      for (int n = 0; n < EXAMPLES; n++) learn(&data[block * EXAMPLES + n]);
    }
    double seconds = cpu_seconds() - start;
    if (seconds < least) least = seconds;
  }
  double sum = 0;
  for (int t = 0; t < WIDTH; t++) sum += result()[t];
  printf("%.2f %.17g\n", 1e9 * least / (TASKS * (double)EXAMPLES), sum);
  free(data);
  return 0;
}
