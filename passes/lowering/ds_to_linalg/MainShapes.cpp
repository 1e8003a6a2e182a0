// Sizes while lowering; see the header.
#include "passes/lowering/MainShapes.h"
#include "dialects/dsk/ir/DskOps.h"

using namespace mlir;
using namespace mlir::ds;

MainShapes::MainShapes(func::FuncOp func) : ShapeContext(func.getContext()), func(func) {
  llvm::StringMap<AffineExpr> named;
  for (BlockArgument arg : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      continue;
    auto names = func.getArgAttrOfType<ArrayAttr>(arg.getArgNumber(), "ds.dims");
    Dims dims;
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      if (!type.isDynamicDim(axis)) {
        dims.push_back(constant(type.getDimSize(axis)));
        continue;
      }
      StringRef name;
      if (names && axis < static_cast<int64_t>(names.size()))
        if (auto text = dyn_cast<StringAttr>(names[axis]))
          name = text.getValue().split(':').first;
      AffineExpr &shared = named[name];
      if (!shared || name.empty())
        shared = newSymbol({Value(), arg, nullptr, static_cast<unsigned>(axis)});
      dims.push_back(shared);
    }
    known[arg] = std::move(dims);
  }
}

AffineExpr MainShapes::newSymbol(Symbol symbol) {
  symbols.push_back(symbol);
  return getAffineSymbolExpr(symbols.size() - 1, getContext());
}

AffineExpr MainShapes::unknown(Operation *op, unsigned ordinal) { return newSymbol({Value(), Value(), op, ordinal}); }

void MainShapes::bind(AffineExpr symbol, Value value) {
  if (auto expr = dyn_cast<AffineSymbolExpr>(symbol))
    symbols[expr.getPosition()].value = value;
}

Dims MainShapes::ofType(Value tensor) {
  Dims dims;
  for (auto [axis, size] : llvm::enumerate(cast<RankedTensorType>(tensor.getType()).getShape()))
    dims.push_back(ShapedType::isDynamic(size) ? newSymbol({Value(), tensor, nullptr, static_cast<unsigned>(axis)})
                                               : constant(size));
  return dims;
}

Dims MainShapes::infer(OpResult result) {
  Operation *op = result.getOwner();
  if (auto shaped = dyn_cast<ShapeOpInterface>(op)) {
    SmallVector<Dims> all;
    if (succeeded(shaped.inferShapes(*this, all)))
      return all[result.getResultNumber()];
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return mixed(empty.getDynamicSizes(), empty.getType().getShape());
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    if (static_cast<int64_t>(slice.getStaticSizes().size()) == slice.getType().getRank())
      return mixed(slice.getSizes(), slice.getStaticSizes());
  if (auto reshape = dyn_cast<dsk::ReshapeOp>(op))
    return mixed(reshape.getSizes(), reshape.getType().getShape());
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
    return dims(dps.getTiedOpOperand(result)->get());
  if (auto call = dyn_cast<func::CallOp>(op)) {
    // Destination i is the i-th of the last operands.
    unsigned tensors = llvm::count_if(call.getResultTypes(), llvm::IsaPred<RankedTensorType>);
    return dims(call.getOperand(call.getNumOperands() - tensors + result.getResultNumber()));
  }
  Dims kernel = kernelDims(op, *this);
  return kernel.empty() ? ofType(result) : kernel;
}

Dims MainShapes::dims(Value tensor) {
  if (auto it = known.find(tensor); it != known.end())
    return it->second;
  auto result = dyn_cast<OpResult>(tensor);
  Dims dims = result ? infer(result) : ofType(tensor);
  // What the type knows and the rule does not.
  for (auto [dim, size] : llvm::zip_equal(dims, cast<RankedTensorType>(tensor.getType()).getShape()))
    if (!ShapedType::isDynamic(size))
      dim = constant(size);
  return known[tensor] = dims;
}

AffineExpr MainShapes::indexOf(Operation *op) {
  auto operand = [&](unsigned i) { return index(op->getOperand(i)); };
  if (auto dimOp = dyn_cast<tensor::DimOp>(op))
    if (auto axis = dimOp.getConstantIndex())
      return dims(dimOp.getSource())[*axis];
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    SmallVector<AffineExpr> all = llvm::map_to_vector(apply.getMapOperands(), [&](Value v) { return index(v); });
    ArrayRef<AffineExpr> exprs(all);
    return map.getResult(0).replaceDimsAndSymbols(exprs.take_front(map.getNumDims()), exprs.drop_front(map.getNumDims()));
  }
  if (isa<arith::AddIOp>(op))
    return operand(0) + operand(1);
  if (isa<arith::SubIOp>(op))
    return operand(0) - operand(1);
  if (isa<arith::MulIOp>(op))
    return operand(0) * operand(1);
  return nullptr;
}

AffineExpr MainShapes::index(Value value) {
  if (auto it = indices.find(value); it != indices.end())
    return it->second;
  APInt number;
  AffineExpr expr;
  if (matchPattern(value, m_ConstantInt(&number)))
    expr = constant(number.getSExtValue());
  else if (Operation *op = value.getDefiningOp())
    expr = indexOf(op);
  if (!expr)
    expr = newSymbol({value, Value(), nullptr, 0});
  // The source of a tensor.dim may be on its way out.
  auto dimOp = value.getDefiningOp<tensor::DimOp>();
  if (!dimOp || isa<BlockArgument>(dimOp.getSource()))
    values.try_emplace(expr, value);
  return indices[value] = expr;
}

// The size of an axis along which operands of different symbolic sizes broadcast: the one that is not 1.
Value MainShapes::broadcastSize(OpBuilder &b, Location loc, Operation *op, unsigned axis) {
  int64_t rank = cast<RankedTensorType>(op->getResult(0).getType()).getRank();
  Value size;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    int64_t own = type ? type.getRank() - rank + static_cast<int64_t>(axis) : -1;
    if (own < 0 || own >= type.getRank() || constantOf(dim(operand, own)) == 1)
      continue;
    Value next = value(b, loc, dim(operand, own));
    if (!size) {
      size = next;
      continue;
    }
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, size, one);
    size = arith::SelectOp::create(b, loc, isOne, next, size);
  }
  return size;
}

Value MainShapes::symbolValue(OpBuilder &b, Location loc, unsigned position) {
  Symbol symbol = symbols[position];
  if (symbol.value)
    return symbol.value;
  Value value;
  if (symbol.tensor) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(symbol.tensor);
    value = tensor::DimOp::create(b, loc, symbol.tensor, symbol.ordinal);
  } else {
    value = broadcastSize(b, loc, symbol.op, symbol.ordinal);
  }
  indices[value] = getAffineSymbolExpr(position, getContext());
  return symbols[position].value = value;
}

Value MainShapes::value(OpBuilder &b, Location loc, AffineExpr expr) {
  if (auto it = values.find(expr); it != values.end())
    return it->second;
  Value result;
  if (auto number = constantOf(expr)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&func.getBody().front());
    result = arith::ConstantIndexOp::create(b, loc, *number);
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    result = symbolValue(b, loc, symbol.getPosition());
  } else {
    SmallVector<AffineExpr> used(symbols.size());
    SmallVector<Value> operands;
    expr.walk([&](AffineExpr e) {
      auto symbol = dyn_cast<AffineSymbolExpr>(e);
      if (!symbol || used[symbol.getPosition()])
        return;
      used[symbol.getPosition()] = getAffineSymbolExpr(operands.size(), getContext());
      operands.push_back(symbolValue(b, loc, symbol.getPosition()));
    });
    for (AffineExpr &e : used)
      if (!e)
        e = constant(0);
    AffineMap map = AffineMap::get(0, operands.size(), expr.replaceSymbols(used));
    result = affine::AffineApplyOp::create(b, loc, map, operands);
  }
  indices[result] = expr;
  values[expr] = result;
  return result;
}

OpFoldResult MainShapes::fold(OpBuilder &b, Location loc, AffineExpr expr) {
  if (auto number = constantOf(expr))
    return b.getIndexAttr(*number);
  return value(b, loc, expr);
}

SmallVector<Value> MainShapes::dynamicSizes(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<AffineExpr> dims) {
  SmallVector<Value> sizes;
  for (auto [size, dim] : llvm::zip_equal(type.getShape(), dims))
    if (ShapedType::isDynamic(size))
      sizes.push_back(value(b, loc, dim));
  return sizes;
}

template <typename OpTy> static Dims windowDims(OpTy op, ShapeContext &shapes) {
  Dims in = shapes.dims(op.getInput());
  Dims out = {in[0]};
  for (int i = 0; i < 2; ++i) {
    AffineExpr room = in[1 + i] + (op.getPads()[i] + op.getPads()[i + 2] - op.getDilations()[i] * (op.getKernel()[i] - 1) - 1);
    out.push_back(room.floorDiv(op.getStrides()[i]) + 1);
  }
  out.push_back(in[3]);
  return out;
}

Dims mlir::ds::kernelDims(Operation *op, ShapeContext &shapes) {
  if (auto matmul = dyn_cast<dsk::MatmulOp>(op)) {
    Dims a = shapes.dims(matmul.getLhs()), b = shapes.dims(matmul.getRhs()), out;
    bool packed = matmul.getPackedN().has_value();
    if (a.size() == 3 || (!packed && b.size() == 3))
      out.push_back(a.size() == 3 && (packed || b.size() != 3 || constantOf(a[0]) != 1) ? a[0] : b[0]);
    out.push_back(a[a.size() - (matmul.getTransposeA() ? 1 : 2)]);
    out.push_back(packed ? shapes.constant(*matmul.getPackedN()) : b[b.size() - (matmul.getTransposeB() ? 2 : 1)]);
    return out;
  }
  if (auto conv = dyn_cast<dsk::ConvOp>(op)) {
    Dims out = windowDims(conv, shapes);
    out[3] = shapes.constant(conv.getType().getDimSize(3));
    return out;
  }
  if (auto grouped = dyn_cast<dsk::GroupedMatmulOp>(op))
    return {shapes.dims(grouped.getPermutation())[0], shapes.constant(grouped.getPackedN())};
  if (auto conv = dyn_cast<dsk::DepthwiseConvOp>(op))
    return windowDims(conv, shapes);
  return {};
}
