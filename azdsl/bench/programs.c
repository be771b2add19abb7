/* Yardstick: complete evaluations of random programs of the demo's shape, by an interpreter in C.

   10 tasks, F = 4, 100 training and 100 validation examples; 10 + 2 + 8 instructions of six ops. The tasks are the lanes of SIMD vectors. There is
   no cache, no removal of dead code and no early stop. The first argument is the number of programs [100000].
   Prints evaluations per second of processor time, and the sum of all programs' fitness. */
#include "yardstick.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { WIDTH = 16, TASKS = 10, F = 4, TRAIN = 100, EXAMPLES = 200 };
enum { CONSTANT, DOT, SUBTRACT, MULTIPLY, SCALE, ADD, OPS };

typedef double lanes __attribute__((vector_size(WIDTH * sizeof(double))));
typedef struct { uint16_t op, a, b, out; double constant; } instruction;
typedef struct { instruction setup[10], predict[2], learn[8]; } program;
typedef struct { lanes s[4], v[3][F]; } memory;

static struct { lanes x[F], y; } data[EXAMPLES];
static memory m;

static inline void execute(const instruction *code, size_t length) {
  for (const instruction *end = code + length; code < end; code++) {
    switch (code->op) {
    case CONSTANT: m.s[code->out] = (lanes){0} + code->constant; break;
    case SUBTRACT: m.s[code->out] = m.s[code->a] - m.s[code->b]; break;
    case MULTIPLY: m.s[code->out] = m.s[code->a] * m.s[code->b]; break;
    case DOT: {
      lanes sum = {0};
      for (int i = 0; i < F; i++) sum += m.v[code->a][i] * m.v[code->b][i];
      m.s[code->out] = sum;
      break;
    }
    case SCALE: {
      lanes factor = m.s[code->a];
      for (int i = 0; i < F; i++) m.v[code->out][i] = factor * m.v[code->b][i];
      break;
    }
    case ADD:
      for (int i = 0; i < F; i++) m.v[code->out][i] = m.v[code->a][i] + m.v[code->b][i];
      break;
    }
  }
}

/* Runs a function on an example's features; label becomes s0. */
static inline void step(const instruction *code, size_t length, int example, const lanes *label) {
  memcpy(m.v[0], data[example].x, sizeof m.v[0]);
  m.s[0] = *label;
  execute(code, length);
}

/* The sum of the tasks' fitness: 1 - 2/pi arctan(RMSE), 0 for NaN. */
static double evaluate(const program *p) {
  const lanes none = {0};
  lanes squares = none;
  memset(&m, 0, sizeof m);
  execute(p->setup, COUNT(p->setup));
  for (int e = 0; e < TRAIN; e++) {
    step(p->predict, COUNT(p->predict), e, &none);
    step(p->learn, COUNT(p->learn), e, &data[e].y);
  }
  for (int e = TRAIN; e < EXAMPLES; e++) {
    step(p->predict, COUNT(p->predict), e, &none);
    lanes error = data[e].y - m.s[1];
    squares += error * error;
  }
  double sum = 0;
  for (int t = 0; t < TASKS; t++) {
    double fitness = 1 - 2 / 3.14159265358979323846 * atan(sqrt(squares[t] / (EXAMPLES - TRAIN)));
    sum += isnan(fitness) ? 0 : fitness;
  }
  return sum;
}

static void randomize(instruction *code, size_t length) {
  for (size_t k = 0; k < length; k++) {
    instruction *i = &code[k];
    i->op = (uint16_t)draw(OPS);
    i->constant = number();
    int scalar_out = i->op < SCALE, vector_a = i->op == DOT || i->op == ADD, vector_b = vector_a || i->op == SCALE;
    i->out = (uint16_t)(1 + draw(scalar_out ? 3 : 2));
    i->a = (uint16_t)draw(vector_a ? 3 : 4);
    i->b = (uint16_t)draw(vector_b ? 3 : 4);
  }
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 100000;
  for (int e = 0; e < EXAMPLES; e++)
    for (int t = 0; t < WIDTH; t++) {
      for (int i = 0; i < F; i++) data[e].x[i][t] = number();
      data[e].y[t] = number();
    }
  program p;
  double sum = 0, start = cpu_seconds();
  for (int k = 0; k < count; k++) {
    randomize(p.setup, COUNT(p.setup));
    randomize(p.predict, COUNT(p.predict));
    randomize(p.learn, COUNT(p.learn));
    sum += evaluate(&p) / TASKS;
  }
  printf("%.0f %.17g\n", count / (cpu_seconds() - start), sum);
  return 0;
}
