// Questions about the contents of weights, answered in one stream over the mapped file each.
#include "lib/analysis/WeightData.h"

using namespace mlir;
using namespace mlir::ds;

static constexpr int64_t blockSize = 1 << 14;

// Consecutive blocks of `t`, converted to T.
template <typename T>
static void visitBlocks(const Tensor &t, llvm::function_ref<bool(int64_t, ArrayRef<T>)> block) {
  Type type = t.elementType();
  bool isSame = (std::is_same_v<T, float> && type.isF32()) || (std::is_same_v<T, double> && type.isF64());
  std::vector<T> buffer(std::min(blockSize, t.numElements()));
  for (int64_t at = 0; at < t.numElements(); at += blockSize) {
    int64_t count = std::min(blockSize, t.numElements() - at);
    if (isSame) // a copy: a mapped weight may lie at any address
      std::memcpy(buffer.data(), t.bytes().data() + at * sizeof(T), count * sizeof(T));
    else
      for (int64_t i = 0; i < count; ++i)
        buffer[i] = static_cast<T>(t.getF64(at + i));
    if (!block(at, ArrayRef<T>(buffer).take_front(count)))
      return;
  }
}

LogicalResult WeightData::visitF32(Value v, llvm::function_ref<bool(int64_t, ArrayRef<float>)> block) {
  FailureOr<Tensor> t = tensor(v);
  if (succeeded(t))
    visitBlocks<float>(*t, block);
  return t;
}

LogicalResult WeightData::visitF64(Value v, llvm::function_ref<bool(int64_t, ArrayRef<double>)> block) {
  FailureOr<Tensor> t = tensor(v);
  if (succeeded(t))
    visitBlocks<double>(*t, block);
  return t;
}

FailureOr<std::vector<float>> WeightData::readF32(Value v, int64_t limit) {
  auto type = cast<RankedTensorType>(v.getType());
  if (!isData(v) || !type.hasStaticShape() || type.getNumElements() > limit)
    return failure();
  std::vector<float> result;
  if (failed(visitF32(v, [&](int64_t, ArrayRef<float> block) {
        result.insert(result.end(), block.begin(), block.end());
        return true;
      })))
    return failure();
  return result;
}

WeightData::Facts &WeightData::factsOf(Value v) {
  const void *type = v.getType().getAsOpaquePointer();
  if (auto op = v.getDefiningOp<WeightOp>())
    return facts[{op.getFile().str(), op.getOffset(), op.getLength(), type}];
  return facts[{"", 0, 0, v.getDefiningOp<ConstantOp>().getValue().getAsOpaquePointer()}];
}

std::optional<double> WeightData::splat(Value v) {
  if (!isData(v))
    return std::nullopt;
  auto &known = factsOf(v).splat;
  if (known)
    return *known;
  known.emplace(std::nullopt);
  FailureOr<Tensor> t = tensor(v);
  if (failed(t) || t->numElements() == 0)
    return std::nullopt;
  size_t step = elementBytes(t->elementType());
  ArrayRef<char> bytes = t->bytes();
  // Every element equals the one after it.
  if (std::memcmp(bytes.data(), bytes.data() + step, bytes.size() - step) == 0)
    *known = t->getF64(0);
  return *known;
}

bool WeightData::isIota(Value v) {
  if (!isData(v))
    return false;
  auto &known = factsOf(v).iota;
  if (known)
    return *known;
  known = false;
  bool isIota = true;
  if (failed(visitF64(v, [&](int64_t at, ArrayRef<double> block) {
        for (auto [i, x] : llvm::enumerate(block))
          isIota &= x == static_cast<double>(at + static_cast<int64_t>(i));
        return isIota;
      })))
    return false;
  return *(known = isIota);
}

bool WeightData::isCausalMask(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  if (!isData(v) || type.getRank() < 2 || llvm::any_of(type.getShape().drop_back(2), [](int64_t s) { return s != 1; }))
    return false;
  auto &known = factsOf(v).causalMask;
  if (known)
    return *known;
  known = false;
  int64_t rows = type.getShape().take_back(2)[0], columns = type.getShape().back();
  if (rows < 2 || columns < rows)
    return false;
  bool isBool = type.getElementType().isInteger(1), holds = true;
  if (failed(visitF64(v, [&](int64_t at, ArrayRef<double> block) {
        for (size_t i = 0; i < block.size() && holds; ++i) {
          int64_t row = (at + static_cast<int64_t>(i)) / columns, column = (at + static_cast<int64_t>(i)) % columns;
          bool isSeen = column <= row + columns - rows;
          holds = isBool ? (block[i] != 0) == isSeen : isSeen ? block[i] == 0 : block[i] <= -1e4;
        }
        return holds;
      })))
    return false;
  return *(known = holds);
}

bool WeightData::equal(Value a, Value b) {
  if (!isData(a) || !isData(b) || a.getType() != b.getType())
    return false;
  auto x = a.getDefiningOp<WeightOp>(), y = b.getDefiningOp<WeightOp>();
  if (x && y && x.getFile() == y.getFile() && x.getOffset() == y.getOffset() && x.getLength() == y.getLength())
    return true;
  FailureOr<Tensor> s = tensor(a), t = tensor(b);
  return succeeded(s) && succeeded(t) && s->bytes() == t->bytes();
}

FailureOr<SmallVector<double>> WeightData::absMax(Value v, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  if (!isData(v) || axis >= type.getRank())
    return failure();
  auto &byAxis = factsOf(v).absMax;
  if (auto known = byAxis.find(axis); known != byAxis.end())
    return known->second;
  // Element i belongs to index (i / inner) % size of the axis.
  int64_t size = axis < 0 ? 1 : type.getDimSize(axis), inner = 1;
  if (axis >= 0)
    for (int64_t s : type.getShape().drop_front(axis + 1))
      inner *= s;
  SmallVector<double> result(size, 0.0);
  if (failed(visitF32(v, [&](int64_t at, ArrayRef<float> block) {
        for (auto [i, x] : llvm::enumerate(block)) {
          double &m = result[size == 1 ? 0 : (at + static_cast<int64_t>(i)) / inner % size];
          double a = std::abs(static_cast<double>(x));
          m = std::isnan(m) || a <= m ? m : a;
        }
        return true;
      })))
    return failure();
  return byAxis[axis] = result;
}
