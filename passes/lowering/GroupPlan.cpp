// Fusion: which loops and kernels form a group.
#include "passes/lowering/GroupPlan.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::ds;

// Rows whose buffers stay in a core's cache, in elements; a size that the run tells counts as kTypicalSize.
constexpr int64_t kRowLimit = 1 << 18, kTypicalSize = 512;
constexpr unsigned kMaxResults = 8;

bool mlir::ds::isFree(Operation *op) {
  if (isa<tensor::EmptyOp, tensor::ExtractSliceOp, linalg::FillOp>(op) || op->hasTrait<::mlir::OpTrait::ConstantLike>())
    return true;
  return isa<arith::ArithDialect, affine::AffineDialect, math::MathDialect>(op->getDialect()) || isa<tensor::DimOp, tensor::ExtractOp>(op);
}

SmallVector<Value> mlir::ds::allOperands(Operation *op) {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values.takeVector();
}

static Value behindViews(Value value, bool &viewed) {
  while (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>()) {
    value = slice.getSource();
    viewed = true;
  }
  return value;
}

ArrayRef<Access> GroupPlan::accesses(Operation *op) {
  if (auto it = accessCache.find(op); it != accessCache.end())
    return it->second;
  SmallVector<Access> result;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  for (Value value : allOperands(op)) {
    if (!isa<RankedTensorType>(value.getType()))
      continue;
    bool viewed = false, mapped = false;
    Value source = behindViews(value, viewed);
    for (OpOperand &operand : op->getOpOperands()) {
      if (operand.get() != value)
        continue;
      result.push_back({source, generic && !viewed ? generic.getMatchingIndexingMap(&operand) : AffineMap()});
      mapped = true;
    }
    if (generic && (!mapped || llvm::any_of(value.getUsers(), [&](Operation *u) { return isa<tensor::ExtractOp>(u) && generic->isProperAncestor(u); })))
      result.push_back({source, AffineMap()});
  }
  return accessCache[op] = std::move(result);
}

static bool isParallel(linalg::GenericOp op) { return op.getNumParallelLoops() == op.getNumLoops(); }

// Result i is loop i as far as the loops share an order with the tensor's axes.
static unsigned leadingIdentity(AffineMap map) {
  unsigned n = 0;
  for (AffineExpr e : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(e);
    if (!dim || dim.getPosition() != n)
      break;
    ++n;
  }
  return n;
}

Dims GroupPlan::loopSizes(linalg::GenericOp op) {
  Dims sizes(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    Dims dims = shapes.dims(operand.get());
    for (auto [axis, e] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(e); dim && (!sizes[dim.getPosition()] || op.isDpsInit(&operand)))
        sizes[dim.getPosition()] = dims[axis];
  }
  for (AffineExpr &size : sizes)
    if (!size)
      size = shapes.constant(1);
  return sizes;
}

//--- Order -----------------------------------------------------------------------------------------------------------

bool GroupPlan::reaches(Operation *from, const DenseSet<Operation *> &targets, unsigned first, DenseSet<Operation *> &visited) {
  SmallVector<Operation *> stack = {from};
  while (!stack.empty()) {
    Operation *op = stack.pop_back_val();
    if (!visited.insert(op).second)
      continue;
    if (targets.contains(op))
      return true;
    Group *group = groupOf(op);
    Operation *last = group ? group->ops.back() : op;
    if (order(last) < first)
      continue;
    if (group)
      llvm::append_range(stack, group->ops);
    for (Value operand : allOperands(op))
      if (Operation *def = operand.getDefiningOp())
        stack.push_back(def);
  }
  return false;
}

bool GroupPlan::isConvex(const Ops &ops) {
  DenseSet<Operation *> inside(ops.begin(), ops.end()), visited;
  unsigned first = order(ops.front());
  for (Operation *op : ops)
    first = std::min(first, order(op));
  // From operands outside; free ops on the way belong to whoever reads them.
  SmallVector<Operation *> stack(ops), outside;
  DenseSet<Operation *> seen;
  while (!stack.empty()) {
    for (Value operand : allOperands(stack.pop_back_val())) {
      Operation *def = operand.getDefiningOp();
      if (!def || inside.contains(def) || !seen.insert(def).second)
        continue;
      if (isa<tensor::EmptyOp, tensor::ExtractSliceOp, linalg::FillOp>(def))
        stack.push_back(def);
      else
        outside.push_back(def);
    }
  }
  return llvm::none_of(outside, [&](Operation *op) { return reaches(op, inside, first, visited); });
}

//--- Kernels ---------------------------------------------------------------------------------------------------------

// Axes in order, some repeated by a constant 0.
static bool isBroadcast(AffineMap map) {
  int64_t last = -1;
  for (AffineExpr e : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(e);
    if (dim && static_cast<int64_t>(dim.getPosition()) <= last)
      return false;
    if (!dim && !isa<AffineConstantExpr>(e))
      return false;
    last = dim ? static_cast<int64_t>(dim.getPosition()) : last;
  }
  return true;
}

bool GroupPlan::isEpilogue(linalg::GenericOp op, Group &group) {
  if (!isParallel(op) || op.getNumResults() != 1 || !op.getRegion().getOps<linalg::IndexOp>().empty())
    return false;
  if (shapes.dims(op.getResult(0)) != shapes.dims(group.kernel->getResult(0)))
    return false;
  return llvm::all_of(accesses(op), [&](const Access &a) {
    Operation *def = a.source.getDefiningOp();
    bool inside = def && llvm::is_contained(group.ops, def);
    return a.map && (inside ? a.map.isIdentity() : isBroadcast(a.map));
  });
}

bool GroupPlan::joinKernel(linalg::GenericOp op) {
  SmallVector<Group *> candidates;
  for (const Access &a : accesses(op))
    if (Operation *def = a.source.getDefiningOp())
      if (Group *group = groupOf(def); group && group->kernel && !llvm::is_contained(candidates, group))
        candidates.push_back(group);
  llvm::sort(candidates, [&](Group *x, Group *y) { return order(x->ops.back()) > order(y->ops.back()); });
  for (Group *group : candidates) {
    if (!isEpilogue(op, *group))
      continue;
    Ops ops = group->ops;
    ops.push_back(op);
    if (!isConvex(ops))
      continue;
    group->ops = std::move(ops);
    owner[op] = group;
    return true;
  }
  return false;
}

//--- Loops -----------------------------------------------------------------------------------------------------------

// One op inside reads all of it, each element once, by a map: its loops can run inside the reader's.
bool GroupPlan::isPulled(Operation *op, const DenseSet<Operation *> &inside) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || !isParallel(generic) || generic.getNumResults() != 1)
    return false;
  Operation *reader = nullptr;
  for (Operation *user : op->getUsers()) {
    while (user->getBlock() != op->getBlock())
      user = user->getParentOp();
    if (!inside.contains(user) || (reader && reader != user))
      return false;
    reader = user;
  }
  auto loops = dyn_cast_or_null<linalg::GenericOp>(reader);
  if (!loops)
    return false;
  unsigned reads = 0;
  for (const Access &a : accesses(reader)) {
    if (a.source.getDefiningOp() != op)
      continue;
    if (!a.map || !a.map.isPermutation())
      return false;
    ++reads;
  }
  return reads == 1;
}

bool GroupPlan::rowsAreSmall(const Ops &roots, unsigned rows) {
  for (Operation *op : roots) {
    int64_t inner = 1;
    Dims sizes = loopSizes(cast<linalg::GenericOp>(op));
    for (AffineExpr size : ArrayRef(sizes).drop_front(rows))
      if (llvm::MulOverflow(inner, constantOf(size).value_or(kTypicalSize), inner))
        return false;
    if (inner > kRowLimit)
      return false;
  }
  return true;
}

bool GroupPlan::canShareRows(const Ops &ops) {
  DenseSet<Operation *> inside(ops.begin(), ops.end()), derived;
  Ops roots;
  unsigned results = 0;
  for (Operation *op : ops) {
    bool outside = llvm::any_of(op->getUsers(), [&](Operation *user) {
      while (user->getBlock() != op->getBlock())
        user = user->getParentOp();
      return !inside.contains(user);
    });
    results += outside ? op->getNumResults() : 0;
    bool root = !isPulled(op, inside);
    if (root)
      roots.push_back(op);
    bool reads = llvm::any_of(accesses(op), [&](const Access &a) {
      Operation *def = a.source.getDefiningOp();
      return def && derived.contains(def);
    });
    if (root || reads)
      derived.insert(op);
  }
  if (results > kMaxResults)
    return false;
  // What is read by computed index must be complete before.
  for (Operation *op : ops)
    for (const Access &a : accesses(op))
      if (Operation *def = a.source.getDefiningOp(); def && inside.contains(def) && !a.map)
        return false;
  if (roots.size() == 1)
    return true;

  unsigned rows = ~0u;
  Dims sizes;
  for (Operation *op : ops) {
    if (!derived.contains(op))
      continue;
    auto generic = cast<linalg::GenericOp>(op);
    Dims own = loopSizes(generic);
    AffineMap out = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
    rows = std::min(rows, leadingIdentity(out));
    if (sizes.empty())
      sizes = own;
    for (unsigned i = 0; i < std::min<size_t>({rows, sizes.size(), own.size()}); ++i)
      if (sizes[i] != own[i])
        rows = i;
    rows = std::min<unsigned>({rows, static_cast<unsigned>(sizes.size()), static_cast<unsigned>(own.size())});
    for (const Access &a : accesses(op))
      if (Operation *def = a.source.getDefiningOp(); def && derived.contains(def))
        rows = std::min(rows, leadingIdentity(a.map));
  }
  return rows >= 1 && rowsAreSmall(roots, rows);
}

void GroupPlan::joinLoops(linalg::GenericOp op, Group *group) {
  SmallVector<Group *> candidates;
  for (const Access &a : accesses(op))
    if (Operation *def = a.source.getDefiningOp())
      if (Group *g = groupOf(def); g && g != group && !g->kernel && !llvm::is_contained(candidates, g))
        candidates.push_back(g);
  llvm::sort(candidates, [&](Group *x, Group *y) { return order(x->ops.back()) > order(y->ops.back()); });
  for (Group *other : candidates) {
    Ops ops = group->ops;
    llvm::append_range(ops, other->ops);
    llvm::sort(ops, [&](Operation *x, Operation *y) { return order(x) < order(y); });
    if (!canShareRows(ops) || !isConvex(ops))
      continue;
    for (Operation *moved : other->ops)
      owner[moved] = group;
    other->ops.clear();
    group->ops = std::move(ops);
  }
}

void GroupPlan::add(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic && !isa<dsk::MatmulOp, dsk::ConvOp, dsk::DepthwiseConvOp>(op))
    return;
  if (generic && joinKernel(generic))
    return;
  all.push_back(std::make_unique<Group>());
  Group *group = all.back().get();
  group->ops.push_back(op);
  owner[op] = group;
  if (generic)
    joinLoops(generic, group);
  else
    group->kernel = op;
}

GroupPlan::GroupPlan(func::FuncOp func, MainShapes &shapes) : shapes(shapes) {
  for (auto [i, op] : llvm::enumerate(func.getBody().front()))
    orders[&op] = i;
  for (Operation &op : func.getBody().front())
    add(&op);
  llvm::erase_if(all, [](const std::unique_ptr<Group> &g) { return g->ops.empty(); });
}
