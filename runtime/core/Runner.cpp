// See Runner.h.
#include "runtime/core/Runner.h"
#include <string.h>

using namespace ds;

const ds_services Runner::services = {parallelFor, scratch, alloc, recordFailure, recordExperts};

static Runner *runnerOf(ds_exec *exec) { return static_cast<Exec *>(exec)->runner; }

Runner::~Runner() {
  freeBlocks();
  for (Plan *plan : plans)
    free(plan);
  for (Scratch &s : scratches)
    free(s.memory);
  for (ExpertSite &site : sites)
    free(site.rows);
}

ds_result Runner::start(const ds_model_image *code, int32_t threads, const char *const *names, size_t nameCount) {
  image = code, nodes = names, nodeCount = nameCount;
  if (ds_result r = pool.start(threads))
    return r;
  if (!scratches.resize(size_t(threads)) || !buffers.resize(image->buffer_count))
    return fail(DS_ERR_MEMORY, "no memory for a session");
  for (Scratch &s : scratches)
    s = {nullptr, 0};
  exec.services = &services, exec.threads = threads, exec.status = DS_OK, exec.node = -1, exec.runner = this;
  return DS_SUCCESS;
}

// ---- Services ----

void Runner::parallelFor(ds_exec *exec, ds_body_fn body, void *closure, int64_t count, int64_t grain) {
  runnerOf(exec)->pool.run(body, closure, count, grain);
}

void *Runner::scratch(ds_exec *exec, int32_t worker, uint64_t bytes) {
  Scratch &s = runnerOf(exec)->scratches[size_t(worker)];
  if (s.bytes < bytes || !s.memory) {
    free(s.memory);
    s.memory = alignedAlloc(bytes);
    s.bytes = s.memory ? bytes : 0;
    if (!s.memory)
      recordFailure(exec, DS_E_MEMORY, -1, int64_t(bytes), 0);
  }
  return s.memory;
}

void *Runner::alloc(ds_exec *exec, uint64_t bytes) {
  Runner *runner = runnerOf(exec);
  auto *block = bytes + sizeof(Block) > bytes ? static_cast<Block *>(alignedAlloc(bytes + sizeof(Block))) : nullptr;
  if (!block) {
    recordFailure(exec, DS_E_MEMORY, -1, int64_t(bytes), 0);
    return nullptr;
  }
  block->next = runner->blocks.load(std::memory_order_relaxed);
  while (!runner->blocks.compare_exchange_weak(block->next, block))
    ;
  return block + 1;
}

void Runner::recordFailure(ds_exec *exec, int32_t code, int32_t node, int64_t a, int64_t b) {
  Runner *runner = runnerOf(exec);
  if (runner->failed.exchange(true))
    return;
  runner->first = {code, node, a, b};
  __atomic_store_n(&exec->status, code, __ATOMIC_RELEASE);
}

// ---- Counters ----

// Sites are few and come in the same order in every run, but for models that choose branches: a search is cheap.
ExpertSite *Runner::siteOf(int32_t node, uint32_t experts) {
  for (ExpertSite &site : sites)
    if (site.node == node && site.experts == experts)
      return &site;
  auto *rows = static_cast<uint64_t *>(calloc(experts, sizeof(uint64_t)));
  if (!rows || !sites.push({node, 0, 0, 0, 0, rows, experts})) {
    free(rows);
    return nullptr;
  }
  return &sites[sites.size() - 1];
}

void Runner::recordExperts(ds_exec *exec, int32_t node, const int64_t *offsets, int64_t experts, int64_t tokens, int64_t rowFlops) {
  ExpertSite *site = runnerOf(exec)->siteOf(node, uint32_t(experts));
  if (!site)
    return recordFailure(exec, DS_E_MEMORY, node, experts * int64_t(sizeof(uint64_t)), 0);
  for (int64_t e = 0; e < experts; ++e)
    site->rows[e] += uint64_t(offsets[e + 1] - offsets[e]);
  ++site->runs;
  site->tokens += uint64_t(tokens);
  site->flops += uint64_t(offsets[experts]) * uint64_t(rowFlops);
  site->denseFlops += uint64_t(tokens * experts) * uint64_t(rowFlops);
}

void Runner::resetCounters() {
  for (ExpertSite &site : sites) {
    site.runs = site.tokens = site.flops = site.denseFlops = 0;
    memset(site.rows, 0, site.experts * sizeof(uint64_t));
  }
}

// ---- Results ----

void Runner::freeBlocks() {
  for (Block *block = blocks.exchange(nullptr); block;) {
    Block *next = block->next;
    free(block);
    block = next;
  }
}

void Runner::clearFailure() {
  failed.store(false);
  exec.status = DS_OK;
}

ds_result Runner::failure(int32_t status) {
  if (!failed.load())
    first = {status, -1, 0, 0};
  const char *where = nodeName(first.node), *sign = ": ";
  auto a = (long long)first.a, b = (long long)first.b;
  switch (first.code) {
  case DS_E_SHAPE:
    return fail(DS_ERR_MODEL, "%s%ssizes %lld and %lld do not fit together", where, sign, a, b);
  case DS_E_INDEX:
    return fail(DS_ERR_MODEL, "%s%sindex %lld is out of range for size %lld", where, sign, a, b);
  case DS_E_MEMORY:
    return fail(DS_ERR_MEMORY, "%s%sno memory for %lld bytes", where, sign, a);
  case DS_E_VALUE:
    return fail(DS_ERR_MODEL, "%s%svalue %lld is not allowed", where, sign, a);
  default:
    return fail(DS_ERR_MODEL, "%s%sfailed with status %d", where, sign, first.code);
  }
}

// ---- Plans ----

// One block of memory per plan.
Plan *Runner::newPlan() {
  size_t words = size_t(image->input_dim_count) + image->output_dim_count + 2 * size_t(image->buffer_count);
  auto *plan = static_cast<Plan *>(malloc(sizeof(Plan) + words * sizeof(int64_t)));
  if (!plan)
    return nullptr;
  plan->age = 0;
  plan->inputDims = reinterpret_cast<int64_t *>(plan + 1);
  plan->outputDims = plan->inputDims + image->input_dim_count;
  plan->bufferBytes = plan->outputDims + image->output_dim_count;
  plan->offsets = reinterpret_cast<uint64_t *>(plan->bufferBytes + image->buffer_count);
  return plan;
}

ds_result Runner::fillPlan(Plan &plan, const int64_t *inputDims) {
  copyDims(plan.inputDims, inputDims, image->input_dim_count);
  clearFailure();
  if (int32_t status = image->plan(&exec, inputDims, plan.bufferBytes, plan.outputDims))
    return failure(status);
  if (failed.load())
    return failure(exec.status);
  if (!planArena(image->buffers, plan.bufferBytes, image->buffer_count, plan.offsets, plan.arenaBytes))
    return fail(DS_ERR_MEMORY, "the intermediate results need more memory than there is");
  return DS_SUCCESS;
}

ds_result Runner::plan(const int64_t *inputDims, const Plan *&result) {
  size_t keyBytes = image->input_dim_count * sizeof(int64_t), oldest = 0;
  for (size_t i = 0; i < plans.size(); ++i) {
    if (!keyBytes || !memcmp(plans[i]->inputDims, inputDims, keyBytes)) {
      plans[i]->age = ++clock;
      result = plans[i];
      return DS_SUCCESS;
    }
    if (plans[i]->age < plans[oldest]->age)
      oldest = i;
  }
  Plan *plan = newPlan();
  if (!plan)
    return fail(DS_ERR_MEMORY, "no memory for a plan");
  ds_result r = fillPlan(*plan, inputDims);
  if (!r && plans.size() < cachedPlans)
    r = plans.push(plan) ? DS_SUCCESS : fail(DS_ERR_MEMORY, "no memory for a plan");
  else if (!r) {
    free(plans[oldest]);
    plans[oldest] = plan;
  }
  if (r) {
    free(plan);
    return r;
  }
  plan->age = ++clock;
  result = plan;
  return DS_SUCCESS;
}

ds_result Runner::run(const Plan &plan, const void *const *inputs, const void *const *weights, void **outputs,
                      int64_t *outputDims) {
  clearFailure();
  freeBlocks();
  char *memory = arena.reserve(plan.arenaBytes);
  if (!memory)
    return fail(DS_ERR_MEMORY, "no memory for %llu bytes of intermediate results", (unsigned long long)plan.arenaBytes);
  for (uint32_t i = 0; i < image->buffer_count; ++i)
    buffers[i] = plan.bufferBytes[i] < 0 ? nullptr : memory + plan.offsets[i];
  int32_t status = image->run(&exec, plan.inputDims, inputs, weights, buffers.data(), outputs, outputDims);
  if (status || failed.load())
    return failure(status);
  return DS_SUCCESS;
}
