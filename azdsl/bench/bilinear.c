/* Yardstick: training a bilinear model, y = x·Mx + w·x, by stochastic gradient descent, in C for this model alone. F features (-DF=16). */
#include "training.h"

static struct { lanes matrix[F][F], weights[F]; } model;

static void initialize(void) {
  const lanes none = {0};
  for (int i = 0; i < F; i++) {
    for (int j = 0; j < F; j++) model.matrix[i][j] = none;
    model.weights[i] = none;
  }
}

static void learn(const example *e) {
  lanes prediction = {0};
  for (int i = 0; i < F; i++) {
    lanes sum = model.weights[i];
    for (int j = 0; j < F; j++) sum += model.matrix[i][j] * e->x[j];
    prediction += sum * e->x[i];
  }
  const lanes step = (e->y - prediction) * 0.001;
  for (int i = 0; i < F; i++) {
    const lanes change = step * e->x[i];
    model.weights[i] += change;
    for (int j = 0; j < F; j++) model.matrix[i][j] += change * e->x[j];
  }
}

static lanes result(void) { return model.weights[0]; }

int main(void) { return run(); }
