// Which loops and kernels of a function form a group; decided before anything moves.
#pragma once
#include "passes/lowering/MainShapes.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::ds {

// How an op reads a tensor that another op computes.
struct Access {
  Value source;   // behind a view, what the view is of
  AffineMap map;  // null: by computed index, or through a view
};

struct Group {
  SmallVector<Operation *> ops; // in program order
  Operation *kernel = nullptr;  // its dsk op, if it has one
};

// Ops that a group repeats for itself: views, constants, empty and filled tensors, index arithmetic.
bool isFree(Operation *op);
// Every value that the op reads, its body included.
SmallVector<Value> allOperands(Operation *op);

class GroupPlan {
public:
  GroupPlan(func::FuncOp func, MainShapes &shapes);
  ArrayRef<std::unique_ptr<Group>> groups() const { return all; }

private:
  using Ops = SmallVector<Operation *>;
  void add(Operation *op);
  bool joinKernel(linalg::GenericOp op);
  void joinLoops(linalg::GenericOp op, Group *group);
  ArrayRef<Access> accesses(Operation *op);
  bool isEpilogue(linalg::GenericOp op, Group &group);
  // No path leaves `ops` and comes back.
  bool isConvex(const Ops &ops);
  bool reaches(Operation *from, const DenseSet<Operation *> &targets, unsigned first, DenseSet<Operation *> &visited);
  // Whether loops can run row by row in order, or all but the last are read once, element by element.
  bool canShareRows(const Ops &ops);
  bool isPulled(Operation *op, const DenseSet<Operation *> &inside);
  bool rowsAreSmall(const Ops &roots, unsigned rows);
  Dims loopSizes(linalg::GenericOp op);
  unsigned order(Operation *op) { return orders.lookup(op); }
  Group *groupOf(Operation *op) { return owner.lookup(op); }

  MainShapes &shapes;
  SmallVector<std::unique_ptr<Group>> all;
  DenseMap<Operation *, Group *> owner;
  DenseMap<Operation *, unsigned> orders;
  DenseMap<Operation *, SmallVector<Access>> accessCache;
};

} // namespace mlir::ds
