/* The contract between emitted code and the runtime. Plain C, no dependencies: included by the
 * runtime, by the micro-kernels and (as documentation) by lib/target, which emits code against it.
 * Whatever changes here changes DS_MODEL_ABI. */
#ifndef DS_MODEL_ABI_H
#define DS_MODEL_ABI_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define DS_MODEL_ABI 2u

/* Status codes that emitted code and kernels report through ds_services.fail. */
enum {
  DS_OK = 0,
  DS_E_SHAPE = 1,  /* two sizes that must agree do not: a, b are the sizes */
  DS_E_INDEX = 2,  /* an index operand is out of range: a is the index, b the bound */
  DS_E_MEMORY = 3, /* no memory: a is the number of bytes */
  DS_E_VALUE = 4,  /* an operand has a value the operator does not allow: a is the value */
};

typedef struct ds_exec ds_exec;

/* Runs [begin, end) of an iteration space; `worker` is in [0, threads). */
typedef void (*ds_body_fn)(void *closure, int64_t begin, int64_t end, int32_t worker);

/* What the runtime offers to emitted code. */
typedef struct ds_services {
  /* Splits [0, count) into contiguous chunks of at least `grain` and returns when all have run. Which worker
   * runs which chunk is unspecified; nested calls run inline on the caller, as worker `worker` of the caller. */
  void (*parallel_for)(ds_exec *, ds_body_fn, void *closure, int64_t count, int64_t grain);
  /* Scratch memory of one worker: 64-byte aligned, reused, valid until that worker's next call. */
  void *(*scratch)(ds_exec *, int32_t worker, uint64_t bytes);
  /* Memory of data-dependent size, released when the run ends. 64-byte aligned; NULL when there is none. */
  void *(*alloc)(ds_exec *, uint64_t bytes);
  /* Records the first failure of the run. `node` indexes the package's table of ONNX node names, -1 for none. */
  void (*fail)(ds_exec *, int32_t code, int32_t node, int64_t a, int64_t b);
  /* Counts one execution of a mixture of experts at `node` (as above): expert e computed offsets[e + 1] - offsets[e] rows, of
   * row_flops operations each, for `tokens` tokens. Called between parallel loops, by the thread that runs the launch list. */
  void (*record)(ds_exec *, int32_t node, const int64_t *offsets, int64_t experts, int64_t tokens, int64_t row_flops);
} ds_services;

/* One run in progress. Emitted code reads these fields; the runtime's own state follows them. */
struct ds_exec {
  const ds_services *services;
  int32_t threads; /* upper bound of `worker` + 1 */
  int32_t status;  /* DS_OK, or the code of the first failure */
  int32_t node;    /* what the launch under way is, as for `fail`; set by run where a kernel that many launches share asks */
  int32_t reserved;
};

/* Lifetime of an intermediate buffer, in steps of the launch list (both inclusive). Alignment is always 64. */
typedef struct ds_buffer_info {
  uint32_t first_use, last_use;
} ds_buffer_info;

/* The one symbol of a code image: `ds_model`. Dims of all inputs (outputs) are flattened in order. */
typedef struct ds_model_image {
  uint32_t abi; /* DS_MODEL_ABI */
  uint32_t buffer_count, weight_count, input_count, output_count;
  uint32_t input_dim_count, output_dim_count; /* sums of ranks */
  const ds_buffer_info *buffers;              /* [buffer_count] */
  /* Sizes for given input dims: buffer_bytes[buffer_count] and output_dims[output_dim_count], -1 where a size
   * depends on data (run allocates those itself). Returns a status. */
  int32_t (*plan)(ds_exec *, const int64_t *input_dims, int64_t *buffer_bytes, int64_t *output_dims);
  /* Runs. outputs[i] is where output i goes if plan knew its size; else run stores a pointer there, to memory that
   * outlives the run (from alloc, a weight, an input). output_dims hold plan's, and are stored where it gave -1. Inputs
   * and outputs are aligned to their element only, buffers and weights to 64 bytes (the weights of a weight program
   * to nothing); none is NULL but outputs of unknown size. Returns exec->status. */
  int32_t (*run)(ds_exec *, const int64_t *input_dims, const void *const *inputs, const void *const *weights,
                 void *const *buffers, void **outputs, int64_t *output_dims);
} ds_model_image;

/* Element types, in signatures and in kernels' type arguments. Values are ONNX's TensorProto.DataType. */
typedef enum ds_type {
  DS_F32 = 1, DS_U8 = 2, DS_I8 = 3, DS_U16 = 4, DS_I16 = 5, DS_I32 = 6, DS_I64 = 7, DS_BOOL = 9,
  DS_F16 = 10, DS_F64 = 11, DS_U32 = 12, DS_U64 = 13, DS_BF16 = 16
} ds_type;

#ifdef __cplusplus
}
#endif
#endif
