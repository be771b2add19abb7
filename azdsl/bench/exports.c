/* What exported models are compared with: the same arithmetic by hand. F is given with -DF=16. */
#include <math.h>
#include <stddef.h>
void empty(void *a, const void *b, void *c) { (void)a; (void)b; (void)c; }
typedef struct { double rate, w[F]; } linear;
static double linear_one(const linear *restrict m, const double *restrict x) {
  double s = x[0] * m->w[0];
  for (int i = 1; i < F; i++) s += x[i] * m->w[i];
  return s;
}
void linear_predict(linear *restrict m, const double *restrict X, size_t n, double *restrict out) {
  for (size_t k = 0; k < n; k++) out[k] = linear_one(m, X + k * F);
}
int linear_train(linear *restrict m, const double *restrict X, const double *restrict y, size_t n) {
  for (size_t k = 0; k < n; k++) {
    const double *x = X + k * F;
    double e = y[k] - linear_one(m, x);
    if (!(fabs(e) <= 100.0)) return 1;
    double step = e * m->rate;
    for (int i = 0; i < F; i++) m->w[i] = m->w[i] + step * x[i];
  }
  return 0;
}
typedef struct { double rate, v[F], m[F][F]; } network;
static double network_one(const network *restrict m, const double *restrict x, double *restrict h, double *restrict r) {
  for (int i = 0; i < F; i++) {
    double s = m->m[i][0] * x[0];
    for (int j = 1; j < F; j++) s += m->m[i][j] * x[j];
    h[i] = s;
    r[i] = 0.0 < s ? s : 0.0;
  }
  double s = r[0] * m->v[0];
  for (int i = 1; i < F; i++) s += r[i] * m->v[i];
  return s;
}
void network_predict(network *restrict m, const double *restrict X, size_t n, double *restrict out) {
  double h[F], r[F];
  for (size_t k = 0; k < n; k++) out[k] = network_one(m, X + k * F, h, r);
}
int network_train(network *restrict m, const double *restrict X, const double *restrict y, size_t n) {
  double h[F], r[F];
  for (size_t k = 0; k < n; k++) {
    const double *x = X + k * F;
    double e = y[k] - network_one(m, x, h, r);
    if (!(fabs(e) <= 100.0)) return 1;
    double s = e * m->rate;
    double d[F];
    for (int i = 0; i < F; i++) d[i] = s * ((h[i] > 0.0 ? 1.0 : 0.0) * m->v[i]);
    for (int i = 0; i < F; i++) for (int j = 0; j < F; j++) m->m[i][j] = m->m[i][j] + d[i] * x[j];
    for (int i = 0; i < F; i++) m->v[i] = m->v[i] + s * r[i];
  }
  return 0;
}
