/* The runtime's interface for hosts, in plain C: load a compiled model (.dsm) and run it.
 *
 *   ds_model *model;
 *   ds_session *session;
 *   if (ds_model_open("net.dsm", &model) || ds_session_create(model, 2, &session))
 *     return puts(ds_last_error());
 *   ds_tensor in = {.type = DS_F32, .rank = 2, .dims = {1, 4}, .data = x, .bytes = sizeof x}, out = {0};
 *   if (ds_session_run(session, &in, 1, &out, 1))
 *     return puts(ds_last_error());
 *
 * Threads: every function may be called from any thread. A model is immutable and may be shared by any number of
 * sessions; a session runs one request at a time, callers wait for their turn. Sessions run independently.
 * Errors: functions that can fail return a ds_result; ds_last_error() then has one line that says more.
 * Trust: opening, describing and verifying a file never runs code from it; ds_session_create does. */
#ifndef DS_RUNTIME_H
#define DS_RUNTIME_H
#include "ds/model_abi.h"
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

#define DS_API __attribute__((visibility("default")))

typedef enum ds_result {
  DS_SUCCESS = 0,
  DS_ERR_ARGUMENT = 1, /* a call that makes no sense: null pointer, wrong count, type, rank or size of a tensor */
  DS_ERR_IO = 2,       /* the file cannot be opened or mapped */
  DS_ERR_FORMAT = 3,   /* not a package, or a damaged one */
  DS_ERR_VERSION = 4,  /* a package for another version of the runtime */
  DS_ERR_CPU = 5,      /* no code image in the package runs on this processor */
  DS_ERR_MEMORY = 6,   /* out of memory or of threads */
  DS_ERR_CAPACITY = 7, /* an output does not fit into the caller's buffer; dims and bytes say what is needed */
  DS_ERR_MODEL = 8     /* the model refused its inputs' values; the message names the ONNX node */
} ds_result;

/* One line about the last failure on this thread; "" when there was none. Valid until the next failure on it. */
DS_API const char *ds_last_error(void);

/* "0.1.0" */
DS_API const char *ds_version(void);

/* "f32", "i64", ...; "?" for a value that is no type. */
DS_API const char *ds_type_name(ds_type type);

/* Bytes of one element, 0 for a value that is no type. */
DS_API uint32_t ds_type_bytes(ds_type type);

/* ---- Models ---- */

typedef struct ds_model ds_model;

/* Maps a package and checks it: format, sizes, and the SHA-256 of everything but the weights (those are checked by
 * ds_model_verify only, so that opening does not read them).
 * Errors: DS_ERR_IO, DS_ERR_FORMAT, DS_ERR_VERSION, DS_ERR_MEMORY. */
DS_API ds_result ds_model_open(const char *path, ds_model **model);

/* The same for a package in memory, aligned to 64 bytes; it is used in place, and must stay until the model and
 * all its sessions are gone. */
DS_API ds_result ds_model_open_memory(const void *package, size_t bytes, ds_model **model);

/* Drops the caller's reference; sessions keep their own. NULL is allowed. */
DS_API void ds_model_close(ds_model *model);

/* Reads all weights and compares them with their SHA-256. Errors: DS_ERR_FORMAT. */
DS_API ds_result ds_model_verify(const ds_model *model);

/* An axis of an input or output. */
typedef struct ds_dim_info {
  int64_t size;       /* number of elements; -1: known at run time */
  int64_t lo, hi;     /* if size is -1: the sizes allowed, inclusive */
  const char *symbol; /* name; inputs' axes of equal non-empty names have equal sizes */
} ds_dim_info;

typedef struct ds_value_info {
  const char *name;
  ds_type type;
  uint32_t rank; /* 0: a scalar, one element */
  const ds_dim_info *dims; /* [rank] */
} ds_value_info;

DS_API const char *ds_model_name(const ds_model *model);
DS_API uint32_t ds_model_input_count(const ds_model *model);
DS_API uint32_t ds_model_output_count(const ds_model *model);
/* NULL if `index` is out of range. Valid as long as the model. */
DS_API const ds_value_info *ds_model_input(const ds_model *model, uint32_t index);
DS_API const ds_value_info *ds_model_output(const ds_model *model, uint32_t index);
/* The instruction sets that the package has code for ("avx2", ...), strongest last; NULL if out of range. */
DS_API const char *ds_model_isa(const ds_model *model, uint32_t index);
/* Number and bytes of the weights, as stored (equal ones once). */
DS_API uint32_t ds_model_weight_count(const ds_model *model);
DS_API uint64_t ds_model_weight_bytes(const ds_model *model);

/* ---- Running ---- */

#define DS_MAX_RANK 16

/* An input or output: contiguous, row-major, `data` aligned to its element's size. */
typedef struct ds_tensor {
  ds_type type;
  uint32_t rank;
  int64_t dims[DS_MAX_RANK];
  void *data;
  uint64_t bytes; /* of an input: at least its size. Of an output: capacity of `data` before, size after the run */
} ds_tensor;

typedef struct ds_session ds_session;

/* Prepares to run with `threads` threads, the caller's among them; 0: as many as this process may use processors.
 * The first session of a model loads its code. Errors: DS_ERR_ARGUMENT, DS_ERR_CPU, DS_ERR_FORMAT, DS_ERR_MEMORY. */
DS_API ds_result ds_session_create(ds_model *model, int32_t threads, ds_session **session);

/* Frees the session and the outputs it allocated. Not while it runs. NULL is allowed. */
DS_API void ds_session_destroy(ds_session *session);

/* The instruction set and the number of threads in use. */
DS_API const char *ds_session_isa(const ds_session *session);
DS_API int32_t ds_session_threads(const ds_session *session);

/* Sets type, rank, dims and bytes of all outputs for inputs of these types and dims; the inputs' data are not read.
 * A dim, and bytes, that depend on data are -1 (bytes: UINT64_MAX).
 * Errors: DS_ERR_ARGUMENT, DS_ERR_MODEL, DS_ERR_MEMORY. */
DS_API ds_result ds_session_output_shapes(ds_session *session, const ds_tensor *inputs, uint32_t input_count,
                                          ds_tensor *outputs, uint32_t output_count);

/* Runs the model. Inputs are in the model's order and are not changed. An output with `data` set is written there
 * (it must not overlap an input); one whose `data` is NULL gets memory of the session, valid until the session's
 * next run. Sets type, rank, dims and bytes of all outputs.
 * Errors: DS_ERR_ARGUMENT, DS_ERR_MODEL, DS_ERR_CAPACITY, DS_ERR_MEMORY. The session remains usable. */
DS_API ds_result ds_session_run(ds_session *session, const ds_tensor *inputs, uint32_t input_count,
                                ds_tensor *outputs, uint32_t output_count);

/* ---- Counters ---- */

/* One mixture of experts, over all runs of a session since ds_session_reset_counters. */
typedef struct ds_expert_counters {
  const char *node;  /* the ONNX nodes that it was; valid as long as the session */
  uint32_t experts;
  uint64_t runs;     /* how often it was executed */
  uint64_t tokens;
  uint64_t rows;     /* of all experts: tokens times experts per token */
  uint64_t min_rows, max_rows; /* of the experts */
  uint64_t flops;        /* executed: multiplications and additions of the experts' products */
  uint64_t dense_flops;  /* of every expert on every token */
  double balance;        /* standard deviation of the experts' rows over their mean: 0 is even. 0 without rows */
  double max_violation;  /* largest over mean, minus 1 */
  double entropy;        /* of the distribution of rows over experts, divided by log(experts): 1 is even */
} ds_expert_counters;

/* The number of mixtures of experts that ran so far, in the order in which they first did. Waits for a run under way. */
DS_API uint32_t ds_session_expert_sites(ds_session *session);

/* The counters of site `index`, and the rows of its first `capacity` experts (`rows` may be NULL if that is 0). Waits for a run
 * under way. Errors: DS_ERR_ARGUMENT if there is no such site. */
DS_API ds_result ds_session_expert_counters(ds_session *session, uint32_t index, ds_expert_counters *counters, uint64_t *rows,
                                            uint32_t capacity);

/* Sets all counters to 0; the sites stay. */
DS_API void ds_session_reset_counters(ds_session *session);

#ifdef __cplusplus
}
#endif
#endif
