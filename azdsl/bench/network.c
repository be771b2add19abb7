/* Yardstick: training a two-layer network by stochastic gradient descent, in C for this network alone.

   10 tasks of 8000 examples; F features and F hidden units (-DF=4, 8, 16 or 32). The tasks are the lanes of SIMD vectors, in two blocks of eight.
   Prints processor time per task and training step [ns], the least of 20 trainings, and the output bias of the last block's tasks, summed. */
#include "yardstick.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 8, TASKS = 10, BLOCKS = (TASKS + WIDTH - 1) / WIDTH, EXAMPLES = 8000, TRAININGS = 20 };

typedef double lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef long long bits __attribute__((vector_size(WIDTH * sizeof(long long))));
typedef struct { lanes x[F], y; } example;

static struct { lanes hidden[F][F], hidden_bias[F], output[F], output_bias; } model;

/* value where condition is above 0, else 0. */
static inline lanes where_positive(lanes condition, lanes value) { return (lanes)((bits)(condition > 0) & (bits)value); }

static void initialize(void) {
  const lanes none = {0};
  for (int i = 0; i < F; i++) {
    for (int j = 0; j < F; j++) model.hidden[i][j] = none + 0.01 * ((5 * i + 3 * j) % 7 - 3);
    model.hidden_bias[i] = none;
    model.output[i] = none + 0.1 * (i % 3 - 1);
  }
  model.output_bias = none;
}

static void learn(const example *e) {
  lanes before[F], after[F], prediction = model.output_bias;
  for (int i = 0; i < F; i++) {
    lanes sum = model.hidden_bias[i];
    for (int j = 0; j < F; j++) sum += model.hidden[i][j] * e->x[j];
    before[i] = sum;
    after[i] = where_positive(sum, sum);
  }
  for (int i = 0; i < F; i++) prediction += after[i] * model.output[i];
  const lanes change = (e->y - prediction) * 0.001;
  model.output_bias += change;
  for (int i = 0; i < F; i++) {
    model.output[i] += change * after[i];
    const lanes back = where_positive(before[i], change * model.output[i]);
    model.hidden_bias[i] += back;
    for (int j = 0; j < F; j++) model.hidden[i][j] += back * e->x[j];
  }
}

int main(void) {
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
  for (int t = 0; t < WIDTH; t++) sum += model.output_bias[t];
  printf("%.2f %.17g\n", 1e9 * least / (TASKS * (double)EXAMPLES), sum);
  free(data);
  return 0;
}
