// Runs one code image: implements the services of the ABI, plans memory per tuple of input dims, and turns what the
// code reports into results. A session has one; the package writer uses one for its weight program.
#pragma once
#include "runtime/core/Arena.h"
#include "runtime/core/Pool.h"

namespace ds {

class Runner;

/// What the code recorded at one mixture of experts since the last reset.
struct ExpertSite {
  int32_t node;
  uint64_t runs, tokens, flops, denseFlops;
  uint64_t *rows; // [experts], owned by the runner
  uint32_t experts;
};

/// ds_exec as emitted code sees it, followed by what the services need.
struct Exec : ds_exec {
  Runner *runner = nullptr;
};

/// What plan() said for one tuple of input dims.
struct Plan {
  uint64_t age;
  int64_t *inputDims;   // [input_dim_count], the key
  int64_t *outputDims;  // [output_dim_count], -1: depends on data
  int64_t *bufferBytes; // [buffer_count]
  uint64_t *offsets;    // [buffer_count]
  uint64_t arenaBytes;
};

class Runner {
public:
  Runner() = default;
  Runner(const Runner &) = delete;
  ~Runner();

  /// `nodes`: how messages name node i.
  ds_result start(const ds_model_image *image, int32_t threads, const char *const *nodes, size_t nodeCount);

  /// The plan for these dims; valid until the next call. Errors: DS_ERR_MODEL, DS_ERR_MEMORY.
  ds_result plan(const int64_t *inputDims, const Plan *&result);

  /// outputs[i] is a buffer, or null where its size depends on data: then it is set to memory that is valid until
  /// the next run. outputDims must hold the plan's; unknown ones are set. Errors: DS_ERR_MODEL, DS_ERR_MEMORY.
  ds_result run(const Plan &plan, const void *const *inputs, const void *const *weights, void **outputs,
                int64_t *outputDims);

  int32_t threads() const { return pool.threads(); }

  /// In the order in which they first ran.
  const Array<ExpertSite> &expertSites() const { return sites; }
  const char *nodeName(int32_t node) const { return node >= 0 && size_t(node) < nodeCount ? nodes[node] : "the model"; }
  void resetCounters();

private:
  struct Scratch {
    void *memory;
    uint64_t bytes;
  };
  struct alignas(64) Block {
    Block *next;
  };
  static const ds_services services;
  static void parallelFor(ds_exec *, ds_body_fn, void *, int64_t, int64_t);
  static void *scratch(ds_exec *, int32_t, uint64_t);
  static void *alloc(ds_exec *, uint64_t);
  static void recordFailure(ds_exec *, int32_t, int32_t, int64_t, int64_t);
  static void recordExperts(ds_exec *, int32_t, const int64_t *, int64_t, int64_t, int64_t);
  ExpertSite *siteOf(int32_t node, uint32_t experts);

  void clearFailure();
  ds_result failure(int32_t status);
  void freeBlocks();
  Plan *newPlan();
  ds_result fillPlan(Plan &plan, const int64_t *inputDims);

  static constexpr size_t cachedPlans = 16;
  const ds_model_image *image = nullptr;
  const char *const *nodes = nullptr;
  size_t nodeCount = 0;
  Exec exec{};
  Pool pool;
  Arena arena;
  Array<Scratch> scratches;
  Array<Plan *> plans;
  Array<void *> buffers;
  Array<ExpertSite> sites;
  uint64_t clock = 0;
  std::atomic<Block *> blocks{nullptr};
  std::atomic<bool> failed{false};
  struct {
    int32_t code, node;
    int64_t a, b;
  } first{};
};

} // namespace ds
