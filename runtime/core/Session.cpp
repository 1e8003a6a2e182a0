// ds_session_*: checks a request against the signature, runs it, hands out the results; see include/ds/runtime.h.
#include "runtime/core/Counters.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Model.h"
#include "runtime/core/Runner.h"
#include <string.h>

using namespace ds;

struct ds_session {
  ds_model *model = nullptr;
  Runner runner;
  pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER;
  Array<int64_t> inputDims, outputDims; // of all values, in order
  Array<uint32_t> sameAs;               // per input dim: the first one of its name
  Array<const void *> inputs;
  Array<void *> outputs;
  struct Owned {
    void *memory;
    uint64_t bytes;
  };
  Array<Owned> owned; // per output: what it got when the caller gave no buffer

  ~ds_session();
  ds_result start(int32_t threads);
  ds_result checkInput(uint32_t index, const ds_tensor &tensor, int64_t *dims, bool data);
  ds_result checkInputs(const ds_tensor *tensors, uint32_t count, uint32_t outputCount, bool data);
  ds_result prepare(const ds_tensor *tensors, uint32_t count, uint32_t outputCount, bool data, const Plan *&plan);
  void describeOutputs(ds_tensor *tensors, const int64_t *dims);
  ds_result placeOutputs(ds_tensor *tensors, const uint64_t *capacities);
  ds_result fetchOutput(uint32_t index, ds_tensor &tensor, uint64_t capacity, bool known);
  ds_result run(const ds_tensor *in, uint32_t inCount, ds_tensor *out, uint32_t outCount);
};

static constexpr uint64_t unknownBytes = UINT64_MAX;

ds_session::~ds_session() {
  for (Owned &o : owned)
    free(o.memory);
  ds_model_close(model);
}

ds_result ds_session::start(int32_t threads) {
  const Package &package = model->package;
  const ds_model_image &image = *model->image.model;
  if (!inputDims.resize(image.input_dim_count) || !outputDims.resize(image.output_dim_count) ||
      !sameAs.resize(image.input_dim_count) || !inputs.resize(package.inputCount) ||
      !outputs.resize(package.outputCount) || !owned.resize(package.outputCount))
    return fail(DS_ERR_MEMORY, "no memory for a session");
  for (Owned &o : owned)
    o = {nullptr, 0};
  const ds_dim_info *dims = package.dims.data();
  for (uint32_t i = 0; i < sameAs.size(); ++i) {
    sameAs[i] = i;
    for (uint32_t j = 0; j < i && *dims[i].symbol && sameAs[i] == i; ++j)
      if (!strcmp(dims[i].symbol, dims[j].symbol))
        sameAs[i] = j;
  }
  return runner.start(&image, threads ? threads : usableProcessors(), package.nodes.data(), package.nodes.size());
}

// ---- Inputs ----

ds_result ds_session::checkInput(uint32_t index, const ds_tensor &tensor, int64_t *dims, bool data) {
  const ds_value_info &info = model->package.inputs()[index];
  uint32_t type; // any number, from a host in C
  memcpy(&type, &tensor.type, sizeof(type));
  if (type != uint32_t(info.type))
    return fail(DS_ERR_ARGUMENT, "input '%s' has type %s, the model expects %s", info.name,
                elementBytes(type) ? ds_type_name(ds_type(type)) : "?", ds_type_name(info.type));
  if (tensor.rank != info.rank)
    return fail(DS_ERR_ARGUMENT, "input '%s' has rank %u, the model expects %u", info.name, tensor.rank, info.rank);
  for (uint32_t i = 0; i < info.rank; ++i) {
    const ds_dim_info &dim = info.dims[i];
    auto size = (long long)(dims[i] = tensor.dims[i]);
    if (dim.size >= 0 && size != dim.size)
      return fail(DS_ERR_ARGUMENT, "input '%s', axis %u: size %lld, the model expects %lld", info.name, i, size,
                  (long long)dim.size);
    if (dim.size < 0 && (size < dim.lo || size > dim.hi))
      return fail(DS_ERR_ARGUMENT, "input '%s', axis %u (%s): size %lld is not in %lld..%lld", info.name, i, dim.symbol,
                  size, (long long)dim.lo, (long long)dim.hi);
  }
  uint64_t bytes;
  uint32_t element = ds_type_bytes(info.type);
  if (!tensorBytes(dims, info.rank, element, bytes))
    return fail(DS_ERR_ARGUMENT, "input '%s': its dims are out of range", info.name);
  if (!data)
    return DS_SUCCESS;
  if (bytes && (!tensor.data || tensor.bytes < bytes))
    return fail(DS_ERR_ARGUMENT, "input '%s': %llu bytes given, its dims need %llu", info.name,
                (unsigned long long)(tensor.data ? tensor.bytes : 0), (unsigned long long)bytes);
  if (reinterpret_cast<uintptr_t>(tensor.data) % element)
    return fail(DS_ERR_ARGUMENT, "input '%s': its data are not aligned to %u bytes", info.name, element);
  inputs[index] = tensor.data ? tensor.data : model->package.base;
  return DS_SUCCESS;
}

ds_result ds_session::checkInputs(const ds_tensor *tensors, uint32_t count, uint32_t outputCount, bool data) {
  const Package &package = model->package;
  if (count != package.inputCount || (count && !tensors))
    return fail(DS_ERR_ARGUMENT, "%u inputs given, the model has %u", count, package.inputCount);
  if (outputCount != package.outputCount)
    return fail(DS_ERR_ARGUMENT, "%u outputs asked for, the model has %u", outputCount, package.outputCount);
  int64_t *dims = inputDims.data();
  for (uint32_t i = 0; i < count; dims += package.inputs()[i++].rank)
    if (ds_result r = checkInput(i, tensors[i], dims, data))
      return r;
  for (uint32_t i = 0; i < inputDims.size(); ++i)
    if (inputDims[i] != inputDims[sameAs[i]])
      return fail(DS_ERR_ARGUMENT, "axis '%s' has size %lld in one input and %lld in another", package.dims[i].symbol,
                  (long long)inputDims[sameAs[i]], (long long)inputDims[i]);
  return DS_SUCCESS;
}

ds_result ds_session::prepare(const ds_tensor *tensors, uint32_t count, uint32_t outputCount, bool data,
                              const Plan *&plan) {
  if (ds_result r = checkInputs(tensors, count, outputCount, data))
    return r;
  return runner.plan(inputDims.data(), plan);
}

// ---- Outputs ----

void ds_session::describeOutputs(ds_tensor *tensors, const int64_t *dims) {
  const Package &package = model->package;
  for (uint32_t i = 0; i < package.outputCount; dims += package.outputs()[i++].rank) {
    const ds_value_info &info = package.outputs()[i];
    tensors[i].type = info.type, tensors[i].rank = info.rank;
    copyDims(tensors[i].dims, dims, info.rank);
    if (!tensorBytes(dims, info.rank, ds_type_bytes(info.type), tensors[i].bytes))
      tensors[i].bytes = unknownBytes;
  }
}

static ds_result tooSmall(const ds_value_info &info, uint64_t capacity, uint64_t bytes) {
  return fail(DS_ERR_CAPACITY, "output '%s' needs %llu bytes, its buffer has %llu", info.name,
              (unsigned long long)bytes, (unsigned long long)capacity);
}

// Outputs of known size get their place before the run: the caller's, or memory of the session.
ds_result ds_session::placeOutputs(ds_tensor *tensors, const uint64_t *capacities) {
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    const ds_value_info &info = model->package.outputs()[i];
    uint32_t element = ds_type_bytes(info.type);
    uint64_t bytes = tensors[i].bytes;
    outputs[i] = nullptr;
    if (reinterpret_cast<uintptr_t>(tensors[i].data) % element)
      return fail(DS_ERR_ARGUMENT, "output '%s': its buffer is not aligned to %u bytes", info.name, element);
    if (bytes == unknownBytes)
      continue;
    if (tensors[i].data && capacities[i] < bytes)
      return tooSmall(info, capacities[i], bytes);
    Owned &own = owned[i];
    if (!tensors[i].data && (!own.memory || own.bytes < bytes)) {
      free(own.memory);
      own = {alignedAlloc(bytes), bytes};
      if (!own.memory) {
        own.bytes = 0;
        return fail(DS_ERR_MEMORY, "no memory for output '%s' of %llu bytes", info.name, (unsigned long long)bytes);
      }
    }
    outputs[i] = tensors[i].data ? tensors[i].data : own.memory;
  }
  return DS_SUCCESS;
}

// Outputs whose size was not known lie where the code has put them.
ds_result ds_session::fetchOutput(uint32_t index, ds_tensor &tensor, uint64_t capacity, bool known) {
  const ds_value_info &info = model->package.outputs()[index];
  if (!known && tensor.bytes == unknownBytes)
    return fail(DS_ERR_MODEL, "the code did not set the size of output '%s'", info.name);
  if (known || !tensor.data) {
    tensor.data = outputs[index];
    return DS_SUCCESS;
  }
  if (capacity < tensor.bytes)
    return tooSmall(info, capacity, tensor.bytes);
  if (tensor.bytes)
    memcpy(tensor.data, outputs[index], tensor.bytes);
  return DS_SUCCESS;
}

ds_result ds_session::run(const ds_tensor *in, uint32_t inCount, ds_tensor *out, uint32_t outCount) {
  const Plan *plan;
  if (ds_result r = prepare(in, inCount, outCount, true, plan))
    return r;
  Array<uint64_t> capacities, planned;
  if (!capacities.resize(outCount) || !planned.resize(outCount))
    return fail(DS_ERR_MEMORY, "no memory for a run");
  for (uint32_t i = 0; i < outCount; ++i)
    capacities[i] = out[i].bytes;
  describeOutputs(out, plan->outputDims);
  for (uint32_t i = 0; i < outCount; ++i)
    planned[i] = out[i].bytes;
  if (ds_result r = placeOutputs(out, capacities.data()))
    return r;
  copyDims(outputDims.data(), plan->outputDims, outputDims.size());
  if (ds_result r = runner.run(*plan, inputs.data(), model->package.weights.data(), outputs.data(), outputDims.data()))
    return r;
  describeOutputs(out, outputDims.data());
  ds_result result = DS_SUCCESS;
  for (uint32_t i = 0; i < outCount; ++i)
    if (ds_result r = fetchOutput(i, out[i], capacities[i], planned[i] != unknownBytes))
      result = r;
  return result;
}

// ---- The C interface ----

ds_result ds_session_create(ds_model *model, int32_t threads, ds_session **result) {
  if (result)
    *result = nullptr;
  if (!model || !result || threads < 0)
    return fail(DS_ERR_ARGUMENT, "ds_session_create: no model, no result or a negative number of threads");
  if (ds_result r = model->load())
    return r;
  auto *session = make<ds_session>();
  if (!session)
    return fail(DS_ERR_MEMORY, "no memory for a session");
  model->references.fetch_add(1);
  session->model = model;
  if (ds_result r = session->start(threads)) {
    destroy(session);
    return r;
  }
  *result = session;
  return DS_SUCCESS;
}

void ds_session_destroy(ds_session *session) { destroy(session); }
const char *ds_session_isa(const ds_session *session) { return session->model->isa; }
int32_t ds_session_threads(const ds_session *session) { return session->runner.threads(); }

ds_result ds_session_output_shapes(ds_session *session, const ds_tensor *inputs, uint32_t inputCount,
                                   ds_tensor *outputs, uint32_t outputCount) {
  if (!session || (outputCount && !outputs))
    return fail(DS_ERR_ARGUMENT, "no session or no place for the outputs");
  Lock lock(session->running);
  const Plan *plan;
  if (ds_result r = session->prepare(inputs, inputCount, outputCount, false, plan))
    return r;
  session->describeOutputs(outputs, plan->outputDims);
  return DS_SUCCESS;
}

ds_result ds_session_run(ds_session *session, const ds_tensor *inputs, uint32_t inputCount, ds_tensor *outputs,
                         uint32_t outputCount) {
  if (!session || (outputCount && !outputs))
    return fail(DS_ERR_ARGUMENT, "no session or no place for the outputs");
  Lock lock(session->running);
  return session->run(inputs, inputCount, outputs, outputCount);
}

uint32_t ds_session_expert_sites(ds_session *session) {
  Lock lock(session->running);
  return uint32_t(session->runner.expertSites().size());
}

ds_result ds_session_expert_counters(ds_session *session, uint32_t index, ds_expert_counters *counters, uint64_t *rows,
                                     uint32_t capacity) {
  if (!session || !counters || (capacity && !rows))
    return fail(DS_ERR_ARGUMENT, "ds_session_expert_counters: no session or no place for the counters");
  Lock lock(session->running);
  const Array<ExpertSite> &sites = session->runner.expertSites();
  if (index >= sites.size())
    return fail(DS_ERR_ARGUMENT, "expert site %u of %u", index, uint32_t(sites.size()));
  const ExpertSite &site = sites[index];
  *counters = summarise(site, session->runner.nodeName(site.node));
  for (uint32_t e = 0; e < site.experts && e < capacity; ++e)
    rows[e] = site.rows[e];
  return DS_SUCCESS;
}

void ds_session_reset_counters(ds_session *session) {
  Lock lock(session->running);
  session->runner.resetCounters();
}
