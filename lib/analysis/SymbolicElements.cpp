// Elements of small integer tensors as expressions: how shape subgraphs are seen through.
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
using Elements = SmallVector<AffineExpr>;
using Position = SmallVector<int64_t>;

// One element per position of `shape`, in row-major order.
template <typename Fn>
Elements fill(ArrayRef<int64_t> shape, Fn elementAt) {
  Elements result;
  int64_t count = ShapedType::getNumElements(shape);
  SmallVector<int64_t> strides = computeStrides(shape);
  for (int64_t i = 0; i < count; ++i)
    result.push_back(elementAt(delinearize(i, strides)));
  return result;
}

// A tensor with known elements.
struct Source {
  ArrayRef<int64_t> shape;
  Elements elements;
  AffineExpr at(ArrayRef<int64_t> position) const {
    int64_t linear = 0;
    for (auto [p, size] : llvm::zip_equal(position, shape)) {
      if (p < 0 || p >= size)
        return {};
      linear = linear * size + p;
    }
    return elements[linear];
  }
  // With missing leading axes and axes of size 1 repeated.
  AffineExpr broadcastAt(ArrayRef<int64_t> position) const {
    Position own(position.take_back(shape.size()));
    for (auto [p, size] : llvm::zip_equal(own, shape))
      p = size == 1 ? 0 : p;
    return at(own);
  }
};
} // namespace

std::optional<Elements> SymbolicShapes::elements(Value tensor) {
  auto known = elementsOf.find(tensor);
  if (known != elementsOf.end())
    return known->second;
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || !type.getElementType().isIntOrIndex() || type.getElementType().getIntOrFloatBitWidth() > 64)
    return std::nullopt;
  SmallVector<int64_t> shape = shapeOf(dims(tensor));
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || size > maxElements || (count *= size) > maxElements)
      return elementsOf[tensor] = std::nullopt;
  Elements result = computeElements(tensor, shape).value_or(Elements());
  result.resize(count);
  for (auto [i, e] : llvm::enumerate(result)) {
    int64_t at = i;
    e = e ? normal(e) : make({Symbol::Kind::element, tensor, at, {}, {}, rangeOf(type.getElementType()), {}});
  }
  elementsOf[tensor] = result;
  return result;
}

std::optional<Elements> SymbolicShapes::computeElements(Value tensor, ArrayRef<int64_t> shape) {
  Operation *op = tensor.getDefiningOp();
  if (!op || op->getNumResults() != 1)
    return std::nullopt;
  if (auto fromElements = dyn_cast<tensor::FromElementsOp>(op))
    return llvm::map_to_vector(fromElements.getElements(), [&](Value v) { return index(v); });
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return elements(cast.getSource());
  if (auto constant = dyn_cast<ConstantOp>(op)) {
    auto values = dyn_cast<DenseIntElementsAttr>(constant.getValue());
    if (!values)
      return std::nullopt;
    bool isSigned = !values.getElementType().isInteger(1) && !values.getElementType().isUnsignedInteger();
    return llvm::map_to_vector(values.getValues<APInt>(), [&](const APInt &v) -> AffineExpr {
      return !isSigned && v.getActiveBits() > 63 ? AffineExpr() : this->constant(isSigned ? v.getSExtValue() : v.getZExtValue());
    });
  }
  if (isElementwise(op))
    return elementwise(op, shape);
  if (isa<ReduceOp>(op))
    return reduceElements(op, shape);
  return moveElements(op, shape);
}

std::optional<Elements> SymbolicShapes::moveElements(Operation *op, ArrayRef<int64_t> shape) {
  if (isa<IotaOp>(op))
    return fill(shape, [&](ArrayRef<int64_t> p) { return constant(p[0]); });
  if (!isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, GatherOp>(op))
    return std::nullopt;
  SmallVector<Source> sources;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type)
      break; // sizes and offsets, looked at below
    auto values = elements(operand);
    if (!values || !type.hasStaticShape())
      return std::nullopt;
    sources.push_back({type.getShape(), std::move(*values)});
  }
  const Source &from = sources.front();
  return llvm::TypeSwitch<Operation *, std::optional<Elements>>(op)
      .Case<ReshapeOp>([&](auto) { return from.elements; })
      .Case<BroadcastOp>([&](auto) { return fill(shape, [&](ArrayRef<int64_t> p) { return from.broadcastAt(p); }); })
      .Case<TransposeOp>([&](TransposeOp transpose) {
        return fill(shape, [&](ArrayRef<int64_t> p) {
          Position source(p.size());
          for (auto [i, axis] : llvm::enumerate(transpose.getPermutation()))
            source[axis] = p[i];
          return from.at(source);
        });
      })
      .Case<SliceOp>([&](SliceOp slice) -> std::optional<Elements> {
        SmallVector<int64_t> offsets = shapeOf(llvm::map_to_vector(mixed(slice.getOffsets(), slice.getStaticOffsets()),
                                                                   [&](AffineExpr e) { return normal(e); }));
        if (llvm::is_contained(offsets, ShapedType::kDynamic))
          return std::nullopt;
        return fill(shape, [&](ArrayRef<int64_t> p) {
          Position source = llvm::map_to_vector(llvm::seq<size_t>(0, p.size()), [&](size_t i) { return offsets[i] + p[i] * slice.getStrides()[i]; });
          return from.at(source);
        });
      })
      .Case<ConcatOp>([&](ConcatOp concat) {
        int64_t axis = concat.getAxis();
        return fill(shape, [&](ArrayRef<int64_t> p) {
          Position source(p);
          for (const Source &part : sources) {
            if (source[axis] < part.shape[axis])
              return part.at(source);
            source[axis] -= part.shape[axis];
          }
          return AffineExpr();
        });
      })
      .Case<GatherOp>([&](GatherOp gather) {
        const Source &indices = sources[1];
        int64_t axis = gather.getAxis(), length = indices.shape.size();
        return fill(shape, [&](ArrayRef<int64_t> p) {
          auto chosen = constantOf(indices.at(p.slice(axis, length)));
          if (!chosen)
            return AffineExpr();
          Position source(p.take_front(axis));
          source.push_back(*chosen < 0 ? *chosen + from.shape[axis] : *chosen);
          llvm::append_range(source, p.drop_front(axis + length));
          return from.at(source);
        });
      })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<Elements> SymbolicShapes::reduceElements(Operation *op, ArrayRef<int64_t> shape) {
  auto reduce = cast<ReduceOp>(op);
  auto values = elements(reduce.getInput());
  ArrayRef<int64_t> from = reduce.getInput().getType().getShape();
  if (!values || values->empty() || !reduce.getInput().getType().hasStaticShape() || shape.empty() != (reduce.getAxes().size() == from.size() && !reduce.getKeepdims()))
    return std::nullopt;
  SmallVector<int64_t> strides = computeStrides(from), resultStrides = computeStrides(shape);
  Elements result(ShapedType::getNumElements(shape));
  for (auto [i, e] : llvm::enumerate(*values)) {
    Position position = delinearize(i, strides), kept;
    for (auto [axis, p] : llvm::enumerate(position)) {
      if (!llvm::is_contained(reduce.getAxes(), static_cast<int64_t>(axis)))
        kept.push_back(p);
      else if (reduce.getKeepdims())
        kept.push_back(0);
    }
    AffineExpr &sum = result[linearize(kept, resultStrides)];
    if (!sum) {
      sum = e;
      continue;
    }
    switch (reduce.getKind()) {
    case ReduceKind::sum:
      sum = normal(sum + e);
      break;
    case ReduceKind::prod:
      sum = normal(sum * e);
      break;
    case ReduceKind::max:
      sum = max(sum, e);
      break;
    case ReduceKind::min:
      sum = min(sum, e);
      break;
    }
  }
  return result;
}

std::optional<Elements> SymbolicShapes::elementwise(Operation *op, ArrayRef<int64_t> shape) {
  SmallVector<Source> sources;
  for (Value operand : op->getOperands()) {
    auto values = elements(operand);
    if (!values || !cast<RankedTensorType>(operand.getType()).hasStaticShape())
      return std::nullopt;
    sources.push_back({cast<RankedTensorType>(operand.getType()).getShape(), std::move(*values)});
  }
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  // Sizes are taken not to wrap in 32 bits or more; narrower and unsigned types must prove it.
  bool mayWrap = type.isUnsignedInteger() || type.getIntOrFloatBitWidth() < 32;
  return fill(shape, [&](ArrayRef<int64_t> p) {
    AffineExpr e = combine(op, llvm::map_to_vector(sources, [&](const Source &s) { return s.broadcastAt(p); }));
    return e && mayWrap && !fits(range(e), type) ? AffineExpr() : e;
  });
}

AffineExpr SymbolicShapes::combine(Operation *op, ArrayRef<AffineExpr> x) {
  using Switch = llvm::TypeSwitch<Operation *, AffineExpr>;
  auto boolean = [&](unsigned i) { return constantOf(x[i]); };
  return Switch(op)
      .Case<AddOp>([&](auto) { return x[0] + x[1]; })
      .Case<SubOp>([&](auto) { return x[0] - x[1]; })
      .Case<MulOp>([&](auto) { return x[0] * x[1]; })
      .Case<DivOp>([&](auto) { return constantOf(x[1]) == 0 ? constant(0) : truncDiv(x[0], x[1]); })
      .Case<ModOp>([&](ModOp mod) {
        bool same = mod.getFmod() ? range(x[0]).lo >= 0 : true;
        return same && range(x[1]).lo > 0 ? x[0] - floorDiv(x[0], x[1]) * x[1] : AffineExpr();
      })
      .Case<MaxOp>([&](auto) { return max(x[0], x[1]); })
      .Case<MinOp>([&](auto) { return min(x[0], x[1]); })
      .Case<ReluOp>([&](auto) { return max(x[0], constant(0)); })
      .Case<NegOp>([&](auto) { return x[0] * -1; })
      .Case<AbsOp>([&](auto) { return range(x[0]).lo >= 0 ? x[0] : range(x[0]).hi <= 0 ? x[0] * -1 : AffineExpr(); })
      .Case<EqualOp>([&](auto) { return truth(equal(x[0], x[1])); })
      .Case<LessOp>([&](auto) { return truth(less(x[0], x[1])); })
      .Case<LessEqualOp>([&](auto) {
        auto greater = less(x[1], x[0]);
        return greater ? constant(!*greater) : AffineExpr();
      })
      .Case<NotOp>([&](auto) { return constant(1) - x[0]; })
      .Case<AndOp>([&](auto) { return boolean(0) == 0 || boolean(1) == 0 ? constant(0) : boolean(0) == 1 ? x[1] : boolean(1) == 1 ? x[0] : AffineExpr(); })
      .Case<OrOp>([&](auto) { return boolean(0) == 1 || boolean(1) == 1 ? constant(1) : boolean(0) == 0 ? x[1] : boolean(1) == 0 ? x[0] : AffineExpr(); })
      .Case<SelectOp>([&](auto) { return boolean(0) ? x[*boolean(0) ? 1 : 2] : x[1] == x[2] ? x[1] : AffineExpr(); })
      .Case<CastOp>([&](CastOp cast) {
        if (!cast.getType().getElementType().isInteger(1))
          return fits(range(x[0]), cast.getType().getElementType()) ? x[0] : AffineExpr();
        auto zero = equal(x[0], constant(0));
        return zero ? constant(!*zero) : AffineExpr();
      })
      .Default([](Operation *) { return AffineExpr(); });
}
