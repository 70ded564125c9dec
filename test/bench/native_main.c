/* The yardstick's main: prints "model p50_ns p10_ns" a line. Input 8, batch 1, one output, one thread. Arguments: rounds. */
#define _POSIX_C_SOURCE 200809L
#include "native_cell.c"
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *drawn(long n) {
  float *p = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
  for (long i = 0; i < n; i++) p[i] = (rand() / (float)RAND_MAX - 0.5f) * 0.2f;
  return p;
}

int main(int argc, char **argv) {
  const int n = argc > 1 ? atoi(argv[1]) : 20000;
  const int kind[] = {1, 1, 0, 0}, width[] = {32, 64, 64, 128};
  for (int m = 0; m < 4; m++) {
    const int H = width[m], I = 8, G = kind[m] ? 3 : 4;
    const float *W[1] = {drawn(I * G * H)}, *U[1] = {drawn(H * G * H)}, *bi[1] = {drawn(G * H)}, *bh[1] = {drawn(G * H)};
    float *h = calloc(H, sizeof(float)), *c = calloc(H, sizeof(float)), *out = malloc(n * sizeof(float));
    double *ns = malloc(n * sizeof(double));
    bench(kind[m], 1, I, H, W, U, bi, bh, h, c, drawn(H), 0, drawn(512 * I), 512, n, ns, out);
    qsort(ns, n, sizeof(double), ascending);
    printf("%s%d %.1f %.1f\n", kind[m] ? "gru" : "lstm", H, ns[n / 2], ns[n / 10]);
  }
}
