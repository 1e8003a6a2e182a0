// Code images as the compiler would emit them, small enough to be read: each is this file compiled with IMAGE set to
// the function that its table names. They are the conformance suite's models.
#include "ds/model_abi.h"
#include <string.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// ---- add: z[n,4] = (x[n,4] + w0[4]) * 2 through one intermediate buffer; x has a symbolic axis ----
static int32_t add_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) {
  bytes[0] = in[0] * 4 * 4;
  out[0] = in[0], out[1] = 4;
  return DS_OK;
}
static int32_t add_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                       void *const *buffers, void **outputs, int64_t *out) {
  const float *x = inputs[0], *w = weights[0];
  float *t = buffers[0], *z = outputs[0];
  for (int64_t i = 0; i < in[0] * 4; ++i)
    t[i] = x[i] + w[i % 4];
  for (int64_t i = 0; i < in[0] * 4; ++i)
    z[i] = t[i] * 2;
  return e->status;
}
static const ds_buffer_info add_buffers[] = {{0, 1}};
#define add_counts 1, 1, 1, 1, 2, 2

// ---- gather: z = x[i], scalars i and z; fails at node 1 where i is out of range ----
static int32_t gather_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) { return DS_OK; }
static int32_t gather_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                          void *const *buffers, void **outputs, int64_t *out) {
  const float *x = inputs[0];
  int64_t i = *(const int64_t *)inputs[1];
  if (i < 0 || i >= in[0])
    e->services->fail(e, DS_E_INDEX, 1, i, in[0]);
  else
    *(float *)outputs[0] = x[i];
  return e->status;
}
#define gather_buffers 0
#define gather_counts 0, 0, 2, 1, 1, 0

// ---- positive: the elements of x[n] that are above 0; their number depends on data ----
static int32_t positive_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) {
  bytes[0] = -1, out[0] = -1;
  return DS_OK;
}
static int32_t positive_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                            void *const *buffers, void **outputs, int64_t *out) {
  const float *x = inputs[0];
  int64_t n = 0;
  if (buffers[0])
    e->services->fail(e, DS_E_VALUE, -1, 1, 0);
  for (int64_t i = 0; i < in[0]; ++i)
    n += x[i] > 0;
  float *z = e->services->alloc(e, (uint64_t)n * 4), *unused = e->services->alloc(e, 1 << 20);
  if (!z || !unused)
    return e->status;
  memset(unused, 1, 1 << 20);
  outputs[0] = z, out[0] = n;
  for (int64_t i = 0; i < in[0]; ++i)
    if (x[i] > 0)
      *z++ = x[i];
  return e->status;
}
static const ds_buffer_info positive_buffers[] = {{0, 1}};
#define positive_counts 1, 0, 1, 1, 1, 1

// ---- rowsum: z[n] = sum of x[n,m], rows in parallel, each through the worker's scratch and a nested loop ----
typedef struct rows {
  ds_exec *e;
  const float *x;
  float *z, *copy;
  int64_t m;
} rows;
static void rowsum_copy(void *closure, int64_t begin, int64_t end, int32_t worker) {
  rows *r = closure;
  memcpy(r->copy + begin, r->x + begin, (uint64_t)(end - begin) * 4);
}
static void rowsum_body(void *closure, int64_t begin, int64_t end, int32_t worker) {
  rows *r = closure;
  for (int64_t i = begin; i < end; ++i) {
    float *copy = r->e->services->scratch(r->e, worker, (uint64_t)r->m * 4);
    if (!copy || worker < 0 || worker >= r->e->threads)
      return;
    rows inner = {r->e, r->x + i * r->m, 0, copy, r->m};
    r->e->services->parallel_for(r->e, rowsum_copy, &inner, r->m, 1);
    float sum = 0;
    for (int64_t j = 0; j < r->m; ++j)
      sum += copy[j];
    r->z[i] = sum;
    if (sum != sum)
      r->e->services->fail(r->e, DS_E_VALUE, 0, i, 0);
  }
}
static int32_t rowsum_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) {
  if (in[1] == 13) {
    e->services->fail(e, DS_E_SHAPE, 0, 13, 12);
    return e->status;
  }
  out[0] = in[0];
  return DS_OK;
}
static int32_t rowsum_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                          void *const *buffers, void **outputs, int64_t *out) {
  rows r = {e, inputs[0], outputs[0], 0, in[1]};
  e->services->parallel_for(e, rowsum_body, &r, in[0], 2);
  return e->status;
}
#define rowsum_buffers 0
#define rowsum_counts 0, 0, 1, 1, 2, 1

// ---- weights: a weight program; outputs w0 + 1 (4 floats), w0 * 1 (4 floats), w1 reversed (n bytes) ----
static int32_t weights_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) {
  out[0] = 4, out[1] = 4, out[2] = 70000;
  return DS_OK;
}
static int32_t weights_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                           void *const *buffers, void **outputs, int64_t *out) {
  for (int i = 0; i < 4; ++i) {
    float w;
    memcpy(&w, (const char *)weights[0] + 4 * i, 4);
    ((float *)outputs[0])[i] = w + 1;
    ((float *)outputs[1])[i] = w;
  }
  for (int i = 0; i < 70000; ++i)
    ((char *)outputs[2])[i] = ((const char *)weights[1])[69999 - i];
  return e->status;
}
#define weights_buffers 0
#define weights_counts 0, 2, 0, 3, 0, 3

// ---- math: z = pow(x, 3), a scalar; the image does not say that it needs the mathematics library ----
double pow(double, double);
static int32_t math_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) { return DS_OK; }
static int32_t math_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                        void *const *buffers, void **outputs, int64_t *out) {
  *(double *)outputs[0] = pow(*(const double *)inputs[0], 3);
  return DS_OK;
}
#define math_buffers 0
#define math_counts 0, 0, 1, 1, 0, 0

// ---- experts: token i goes to expert x[i] of 4; counted at node 1, and all at node 0 as one expert ----
static int32_t experts_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) { return DS_OK; }
static int32_t experts_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                           void *const *buffers, void **outputs, int64_t *out) {
  int64_t offsets[5] = {0}, all[2] = {0, in[0]};
  for (int64_t i = 0; i < in[0]; ++i)
    for (int expert = (int)((const float *)inputs[0])[i]; expert < 4; ++expert)
      ++offsets[expert + 1];
  e->services->record(e, 1, offsets, 4, in[0], 10);
  e->services->record(e, 0, all, 1, in[0], 2);
  *(float *)outputs[0] = 0;
  return e->status;
}
#define experts_buffers 0
#define experts_counts 0, 0, 1, 1, 1, 0

// ---- bad: for x[n]: crashes if n is 1, never ends if n is 2 ----
static int32_t bad_plan(ds_exec *e, const int64_t *in, int64_t *bytes, int64_t *out) { return DS_OK; }
static int32_t bad_run(ds_exec *e, const int64_t *in, const void *const *inputs, const void *const *weights,
                       void *const *buffers, void **outputs, int64_t *out) {
  if (in[0] == 1)
    __builtin_trap();
  for (volatile int64_t n = in[0]; n == 2;)
    ;
  *(float *)outputs[0] = 0;
  return DS_OK;
}
#define bad_buffers 0
#define bad_counts 0, 0, 1, 1, 1, 0

__attribute__((visibility("default"))) const ds_model_image ds_model = {
    DS_MODEL_ABI, PASTE(IMAGE, _counts), PASTE(IMAGE, _buffers), PASTE(IMAGE, _plan), PASTE(IMAGE, _run)};
