// ds_model_*: open, describe, verify; see include/ds/runtime.h.
#include "runtime/core/Model.h"
#include "runtime/core/Cpu.h"
#include <stdio.h>
#include <string.h>

using namespace ds;

int ds_model::bestImage() const {
  int best = -1, bestRank = -1;
  for (uint32_t i = 0; i < package.imageCount; ++i) {
    int rank = isaRank(package.images[i].isa);
    if (rank > bestRank && isaSupported(package.images[i].isa))
      best = int(i), bestRank = rank;
  }
  return best;
}

// Code that disagrees with the signature would read beyond the caller's buffers.
ds_result ds_model::checkImage() const {
  const ds_model_image &m = *image.model;
  uint64_t inputDims = 0, outputDims = 0;
  for (uint32_t i = 0; i < package.inputCount; ++i)
    inputDims += package.inputs()[i].rank;
  for (uint32_t i = 0; i < package.outputCount; ++i)
    outputDims += package.outputs()[i].rank;
  if (m.input_count != package.inputCount || m.output_count != package.outputCount ||
      m.weight_count > package.weights.size() || m.input_dim_count != inputDims || m.output_dim_count != outputDims)
    return fail(DS_ERR_FORMAT, "the code image '%s' does not match the package's signature", isa);
  return DS_SUCCESS;
}

ds_result ds_model::load() {
  Lock lock(loading);
  if (isa)
    return DS_SUCCESS;
  int best = bestImage();
  if (best < 0) {
    char names[256] = "none";
    for (uint32_t i = 0, used = 0; i < package.imageCount && used < sizeof(names); ++i)
      used += uint32_t(snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", package.images[i].isa));
    return fail(DS_ERR_CPU, "this processor runs none of the package's code images (%s): compile for it with --cpu",
                names);
  }
  if (!image.model)
    if (ds_result r = image.load(package.imageData[size_t(best)], package.images[best].bytes))
      return r;
  isa = package.images[best].isa;
  if (ds_result r = checkImage()) {
    isa = nullptr;
    return r;
  }
  return DS_SUCCESS;
}

template <typename Open> static ds_result open(ds_model **result, Open openPackage) {
  if (!result)
    return fail(DS_ERR_ARGUMENT, "no place for the model");
  *result = nullptr;
  auto *model = make<ds_model>();
  if (!model)
    return fail(DS_ERR_MEMORY, "no memory for a model");
  if (ds_result r = openPackage(model->package)) {
    destroy(model);
    return r;
  }
  *result = model;
  return DS_SUCCESS;
}

ds_result ds_model_open(const char *path, ds_model **model) {
  if (!path)
    return fail(DS_ERR_ARGUMENT, "no path");
  return open(model, [&](Package &package) { return package.open(path); });
}

ds_result ds_model_open_memory(const void *data, size_t bytes, ds_model **model) {
  return open(model, [&](Package &package) { return package.openMemory(data, bytes); });
}

void ds_model_close(ds_model *model) {
  if (model && model->references.fetch_sub(1) == 1)
    destroy(model);
}

ds_result ds_model_verify(const ds_model *model) {
  return model ? model->package.verify() : fail(DS_ERR_ARGUMENT, "no model");
}

const char *ds_model_name(const ds_model *model) { return model->package.model; }
uint32_t ds_model_input_count(const ds_model *model) { return model->package.inputCount; }
uint32_t ds_model_output_count(const ds_model *model) { return model->package.outputCount; }
uint32_t ds_model_weight_count(const ds_model *model) { return uint32_t(model->package.weights.size()); }
uint64_t ds_model_weight_bytes(const ds_model *model) { return model->package.weightBytes; }

const ds_value_info *ds_model_input(const ds_model *model, uint32_t index) {
  return index < model->package.inputCount ? model->package.inputs() + index : nullptr;
}

const ds_value_info *ds_model_output(const ds_model *model, uint32_t index) {
  return index < model->package.outputCount ? model->package.outputs() + index : nullptr;
}

const char *ds_model_isa(const ds_model *model, uint32_t index) {
  return index < model->package.imageCount ? model->package.images[index].isa : nullptr;
}
