/* Yardstick: training a two-layer network by stochastic gradient descent, in C for this network alone.

   F features and F hidden units (-DF=4, 8, 16 or 32). The result is the output bias. */
#include "training.h"

typedef long long bits __attribute__((vector_size(WIDTH * sizeof(long long))));

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

static lanes result(void) { return model.output_bias; }

int main(void) { return run(); }
