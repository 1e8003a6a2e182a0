// ds-lowering-form-groups: groups become private functions, main a launch list.
#include "passes/lowering/Passes.h"
#include "passes/lowering/GroupPlan.h"
#include "passes/lowering/GroupNames.h"
#include "passes/lowering/ds_to_linalg/Lowering.h"
#include "mlir/Analysis/TopologicalSortUtils.h"

namespace mlir::ds {
#define GEN_PASS_DEF_FORMGROUPS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

namespace {
// Moves one group out of main.
class Outliner {
public:
  Outliner(func::FuncOp main, MainShapes &shapes, SymbolTable &symbols) : main(main), shapes(shapes), symbols(symbols) {}
  void outline(Group &group);

private:
  void collect(Operation *op);
  void findResults(Group &group);
  Value mapIndex(Value value);
  Value map(Value value);
  void cloneOp(Operation *op);
  Value argumentDim(AffineExpr expr);

  func::FuncOp main;
  MainShapes &shapes;
  SymbolTable &symbols;
  DenseSet<Operation *> inside;
  SetVector<Value> tensors;
  SmallVector<Value> indices, results;
  DenseMap<AffineExpr, unsigned> indexArguments;
  DenseMap<AffineExpr, std::pair<unsigned, int64_t>> argumentDims; // (argument, axis)
  DenseMap<AffineExpr, Value> indexValues;
  func::FuncOp function;
  IRMapping mapping;
  OpBuilder b{main.getContext()};
};
} // namespace

// What the group reads from outside: tensors, and index values that no argument's shape tells.
void Outliner::collect(Operation *op) {
  for (Value value : allOperands(op)) {
    Operation *def = value.getDefiningOp();
    if (def && inside.contains(def))
      continue;
    if (isa<IndexType>(value.getType())) {
      indices.push_back(value);
    } else if (def && isFree(def)) {
      collect(def);
    } else {
      tensors.insert(value);
    }
  }
}

void Outliner::findResults(Group &group) {
  for (Operation *op : group.ops)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            while (user->getBlock() != op->getBlock())
              user = user->getParentOp();
            return !inside.contains(user);
          }))
        results.push_back(result);
}

Value Outliner::argumentDim(AffineExpr expr) {
  auto [argument, axis] = argumentDims.lookup(expr);
  return tensor::DimOp::create(b, function.getLoc(), function.getArgument(argument), axis);
}

// An index value inside: a constant, a dim of an argument, or an argument.
Value Outliner::mapIndex(Value value) {
  AffineExpr expr = shapes.index(value);
  Value &mapped = indexValues[expr];
  if (mapped)
    return mapped;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  if (auto number = constantOf(expr))
    return mapped = arith::ConstantIndexOp::create(b, function.getLoc(), *number);
  if (argumentDims.count(expr))
    return mapped = argumentDim(expr);
  return mapped = function.getArgument(indexArguments.lookup(expr));
}

Value Outliner::map(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (isa<IndexType>(value.getType()))
    return mapIndex(value);
  cloneOp(value.getDefiningOp());
  return mapping.lookup(value);
}

void Outliner::cloneOp(Operation *op) {
  IRMapping local;
  for (Value operand : allOperands(op))
    mapping.map(operand, map(operand));
  Operation *clone = b.clone(*op, mapping);
  clone->removeDiscardableAttr(kWordAttr);
}

void Outliner::outline(Group &group) {
  inside.insert(group.ops.begin(), group.ops.end());
  for (Operation *op : group.ops)
    collect(op);
  findResults(group);
  Operation *last = group.ops.back();
  b.setInsertionPoint(last);
  Location loc = FusedLoc::get(main.getContext(), llvm::map_to_vector(group.ops, [](Operation *op) { return op->getLoc(); }));
  if (group.ops.size() == 1)
    loc = last->getLoc();

  SmallVector<Value> operands(tensors.begin(), tensors.end()), dests;
  for (Value result : results) {
    auto type = cast<RankedTensorType>(result.getType());
    dests.push_back(tensor::EmptyOp::create(b, loc, type, shapes.dynamicSizes(b, loc, type, shapes.dims(result))));
  }
  auto noteDims = [&](Value tensor, unsigned argument) {
    for (auto [axis, dim] : llvm::enumerate(shapes.dims(tensor)))
      if (!constantOf(dim))
        argumentDims.try_emplace(dim, argument, axis);
  };
  for (auto [i, tensor] : llvm::enumerate(tensors))
    noteDims(tensor, i);
  SmallVector<AffineExpr> scalars;
  DenseMap<AffineExpr, unsigned> destDims;
  for (Value result : results)
    for (AffineExpr dim : shapes.dims(result))
      destDims.try_emplace(dim, 0);
  for (Value index : indices) {
    AffineExpr expr = shapes.index(index);
    if (constantOf(expr) || argumentDims.count(expr) || destDims.count(expr) || indexArguments.count(expr))
      continue;
    indexArguments[expr] = operands.size();
    operands.push_back(shapes.value(b, loc, expr));
  }
  for (auto [i, result] : llvm::enumerate(results))
    noteDims(result, operands.size() + i);
  llvm::append_range(operands, dests);

  auto type = b.getFunctionType(TypeRange(ValueRange(operands)), TypeRange(ValueRange(dests)));
  function = func::FuncOp::create(loc, groupName(group.ops, loc), type);
  function.setPrivate();
  function->setAttr(dsk::kGroupAttr, b.getUnitAttr());
  symbols.insert(function, main->getIterator());
  auto call = func::CallOp::create(b, loc, function, operands);

  b.setInsertionPointToStart(function.addEntryBlock());
  for (auto [i, tensor] : llvm::enumerate(tensors))
    mapping.map(tensor, function.getArgument(i));
  for (Operation *op : group.ops)
    cloneOp(op);
  func::ReturnOp::create(b, loc, llvm::map_to_vector(results, [&](Value v) { return mapping.lookup(v); }));
  for (auto [result, value] : llvm::zip_equal(results, call.getResults())) {
    shapes.setDims(value, shapes.dims(result));
    result.replaceAllUsesWith(value);
  }
}

//--- What main may not do itself ---------------------------------------------------------------------------------------

// An op with a copy of `value`, to be a group.
static Value copyOf(OpBuilder &b, Location loc, Value value, MainShapes &shapes) {
  auto type = cast<RankedTensorType>(value.getType());
  Value out = tensor::EmptyOp::create(b, loc, type, shapes.dynamicSizes(b, loc, type, shapes.dims(value)));
  AffineMap map = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto body = [](OpBuilder &nested, Location l, ValueRange args) { linalg::YieldOp::create(nested, l, args[0]); };
  auto copy = linalg::GenericOp::create(b, loc, type, value, out, {map, map}, iterators, body);
  copy->setDiscardableAttr(kWordAttr, b.getStringAttr("copy"));
  return copy.getResult(0);
}

// Constants that are not read inside a loop, and results that are not a destination of their own, are copied.
static void addCopies(func::FuncOp main, MainShapes &shapes) {
  OpBuilder b(main.getContext());
  for (Operation &op : llvm::make_early_inc_range(main.getBody().front())) {
    if (!isa<func::CallOp, dsk::ReshapeOp, dsk::MatmulOp, dsk::ConvOp, dsk::DepthwiseConvOp, tensor::ExtractOp>(op))
      continue;
    b.setInsertionPoint(&op);
    for (OpOperand &operand : op.getOpOperands())
      if (isa<RankedTensorType>(operand.get().getType()) && operand.get().getDefiningOp<arith::ConstantOp>())
        operand.set(copyOf(b, op.getLoc(), operand.get(), shapes));
  }
  Operation *ret = main.getBody().front().getTerminator();
  bool entry = main.getName() == "main";
  b.setInsertionPoint(ret);
  DenseSet<Value> used;
  for (OpOperand &operand : ret->getOpOperands()) {
    Value base = operand.get();
    while (auto reshape = base.getDefiningOp<dsk::ReshapeOp>())
      base = reshape.getInput();
    Operation *def = base.getDefiningOp();
    bool constant = def && isa<arith::ConstantOp>(def), given = !def || isa<dsk::WeightOp>(def);
    if (constant || (entry && (given || !used.insert(base).second)))
      operand.set(copyOf(b, ret->getLoc(), operand.get(), shapes));
  }
}

// Every call has destinations of its own.
static void splitDestinations(func::FuncOp func) {
  OpBuilder b(func.getContext());
  for (auto call : func.getOps<func::CallOp>())
    for (OpOperand &operand : call->getOpOperands())
      if (auto empty = operand.get().getDefiningOp<tensor::EmptyOp>(); empty && !empty->hasOneUse()) {
        b.setInsertionPoint(call);
        operand.set(b.clone(*empty)->getResult(0));
      }
}

static void eraseDead(func::FuncOp func) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

namespace {
struct FormGroups : ds::impl::FormGroupsBase<FormGroups> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (StringRef name : {"weights", "main"}) {
      auto func = getOperation().lookupSymbol<func::FuncOp>(name);
      if (!func)
        continue;
      eraseDead(func);
      MainShapes shapes(func);
      addCopies(func, shapes);
      GroupPlan plan(func, shapes);
      for (const std::unique_ptr<Group> &group : plan.groups())
        Outliner(func, shapes, symbols).outline(*group);
      for (const std::unique_ptr<Group> &group : plan.groups())
        for (Operation *op : llvm::reverse(group->ops))
          op->dropAllUses(), op->erase();
      splitDestinations(func);
      eraseDead(func);
      sortTopologically(&func.getBody().front());
    }
  }
};
} // namespace
