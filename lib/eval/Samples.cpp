// Sampling of inputs that a model can take: sizes that agree by name, indices that lie within what they index.
#include "lib/eval/Samples.h"
#include "dialects/ds/ir/DsOps.h"
#include "lib/eval/Elements.h"
#include "lib/eval/Npy.h"
#include "llvm/Support/FileSystem.h"
#include <random>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// A dimension as ds.dims writes it: "name" or "name:low..high".
struct Dim {
  explicit Dim(StringRef text) {
    auto [first, range] = text.split(':');
    name = first.trim();
    auto [lo, hi] = range.split("..");
    ranged = !lo.getAsInteger(10, low) && !hi.getAsInteger(10, high);
  }
  StringRef name;
  int64_t low = 2, high = 7;
  bool ranged;
};

class Sizes {
public:
  Sizes(const SampleOptions &options, std::mt19937_64 &random) : options(options), random(random) {}

  // The size that a dimension has in this sample. Sums of names ("past + 1") are those of their parts.
  int64_t of(StringRef text, bool spatial) {
    int64_t scale = spatial ? options.spatialScale : 1, low = scale > 1 ? 1 : 2, high = scale > 1 ? 3 : 7;
    if (text.empty() || text == "?") // "?" is some exporters' way to give no name
      return choose(low, high) * scale;
    Dim dim(text);
    if (auto given = options.dims.find(dim.name.str()); given != options.dims.end())
      return given->second;
    if (auto known = sizes.find(dim.name); known != sizes.end())
      return known->second;
    if (!dim.ranged && dim.name.contains('+')) {
      SmallVector<StringRef> parts;
      dim.name.split(parts, '+');
      int64_t sum = 0, number;
      for (StringRef part : parts)
        sum += part.trim().getAsInteger(10, number) ? of(part.trim(), spatial) : number;
      return sum;
    }
    int64_t size = 0;
    // Two names with one size would hide a mix-up of axes.
    for (int tries = 0; tries < 100 && (tries == 0 || llvm::is_contained(llvm::make_second_range(sizes), size));
         ++tries)
      size = dim.ranged ? choose(dim.low, std::min(dim.high, dim.low + 6)) : choose(low, high + tries / 10) * scale;
    return sizes[dim.name] = size;
  }

private:
  int64_t choose(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % std::max<int64_t>(high - low + 1, 1));
  }

  const SampleOptions &options;
  std::mt19937_64 &random;
  llvm::StringMap<int64_t> sizes;
};

// The smallest axis that values of `value` index directly.
int64_t indexBound(Value value, int64_t bound) {
  for (Operation *user : value.getUsers()) {
    if (auto gather = dyn_cast<GatherOp>(user); gather && gather.getIndices() == value) {
      int64_t size = cast<RankedTensorType>(gather.getInput().getType()).getDimSize(gather.getAxis());
      bound = ShapedType::isDynamic(size) ? bound : std::min(bound, size);
    } else if (isa<CastOp, ReshapeOp, BroadcastOp, TransposeOp>(user)) {
      bound = indexBound(user->getResult(0), bound);
    }
  }
  return bound;
}

struct Range {
  int64_t low, high;
};
Range integerRange(func::FuncOp func, unsigned i, StringRef name, const SampleOptions &options) {
  if (auto range = func.getArgAttrOfType<ArrayAttr>(i, "ds.range"); range && range.size() == 2) {
    auto low = dyn_cast<IntegerAttr>(range[0]), high = dyn_cast<IntegerAttr>(range[1]);
    if (low && high && low.getInt() <= high.getInt())
      return {low.getInt(), high.getInt()};
  }
  if (getElementTypeOrSelf(func.getArgumentTypes()[i]).isInteger(1) || name.contains("mask"))
    return {0, 1};
  return {0, std::max<int64_t>(indexBound(func.getArgument(i), options.integerBound), 1) - 1};
}

FailureOr<Tensor> sampleTensor(RankedTensorType type, ArrayRef<int64_t> shape, Range range, std::mt19937_64 &random) {
  if (!byteSize(type.getElementType(), shape) || *byteSize(type.getElementType(), shape) > maxTensorBytes)
    return failure();
  if (isa<FloatType>(type.getElementType())) {
    std::vector<double> values(product(shape));
    for (double &value : values) { // the sum of twelve uniform numbers is normal enough, and the same everywhere
      for (int i = 0; i < 12; ++i)
        value += static_cast<double>(random() >> 11) * 0x1p-53;
      value -= 6;
    }
    return store<double>(type.getElementType(), shape, values);
  }
  std::vector<int64_t> values(product(shape));
  for (int64_t &value : values)
    value = range.low + static_cast<int64_t>(random() % (static_cast<uint64_t>(range.high - range.low) + 1));
  return store<int64_t>(type.getElementType(), shape, values);
}

FailureOr<Tensor> readInput(func::FuncOp func, unsigned i, StringRef name, const std::string &folder) {
  std::string message, path = folder + "/" + name.str() + ".npy";
  if (name.empty() || !llvm::sys::fs::exists(path))
    path = folder + "/input_" + std::to_string(i) + ".npy";
  FailureOr<Tensor> tensor = readNpy(path, getElementTypeOrSelf(func.getArgumentTypes()[i]), message);
  if (failed(tensor))
    return func.emitError() << "input " << i << " '" << name << "': " << message;
  return tensor;
}
} // namespace

FailureOr<SmallVector<Tensor>> mlir::ds::sampleInputs(func::FuncOp func, const SampleOptions &options) {
  std::mt19937_64 random(options.seed);
  Sizes sizes(options, random);
  SmallVector<Tensor> inputs;
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto type = dyn_cast<RankedTensorType>(func.getArgumentTypes()[i]);
    auto nameAttr = func.getArgAttrOfType<StringAttr>(i, "ds.name");
    StringRef name = nameAttr ? nameAttr.getValue() : "";
    if (!type)
      return func.emitError() << "input " << i << " is no tensor";
    if (!options.inputsDir.empty()) {
      FailureOr<Tensor> input = readInput(func, i, name, options.inputsDir);
      if (failed(input))
        return failure();
      inputs.push_back(*input);
      continue;
    }
    auto dims = func.getArgAttrOfType<ArrayAttr>(i, "ds.dims");
    Shape shape(type.getShape());
    for (auto [axis, size] : llvm::enumerate(shape)) {
      auto dim = dims && axis < dims.size() ? dyn_cast<StringAttr>(dims[axis]) : StringAttr();
      if (ShapedType::isDynamic(size))
        size = sizes.of(dim ? dim.getValue() : "", axis >= 2);
    }
    FailureOr<Tensor> input = sampleTensor(type, shape, integerRange(func, i, name, options), random);
    if (failed(input))
      return func.emitError() << "input " << i << " '" << name << "' is too big to be sampled";
    inputs.push_back(*input);
  }
  return inputs;
}

static FailureOr<SmallVector<Tensor>> readSample(func::FuncOp func, const std::string &path) {
  SmallVector<Tensor> inputs;
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto attr = func.getArgAttrOfType<StringAttr>(i, "ds.name");
    std::string name = attr ? attr.str() : "input_" + std::to_string(i), message;
    Type type = getElementTypeOrSelf(func.getArgumentTypes()[i]);
    FailureOr<Tensor> input =
        StringRef(path).ends_with(".npz") ? readNpz(path, name, type, message) : readNpy(path + "/" + name + ".npy", type, message);
    if (failed(input))
      return emitError(func.getLoc()) << "input " << i << " '" << name << "': " << message;
    if (failed(verifyCompatibleShape(func.getArgumentTypes()[i], input->type())))
      return emitError(func.getLoc()) << "input " << i << " '" << name << "' of " << path << " is a " << input->type() << ", not a " << func.getArgumentTypes()[i];
    inputs.push_back(*input);
  }
  return inputs;
}

FailureOr<std::vector<SmallVector<Tensor>>> mlir::ds::readSamples(func::FuncOp func, StringRef folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
    if (StringRef(it->path()).ends_with(".npz") || llvm::sys::fs::is_directory(it->path()))
      paths.push_back(it->path());
  if (error || paths.empty())
    return emitError(func.getLoc()) << "no samples in '" << folder << "'" << (error ? ": " + error.message() : std::string(": it has neither .npz files nor folders"));
  llvm::sort(paths);
  std::vector<SmallVector<Tensor>> samples;
  for (const std::string &path : paths) {
    FailureOr<SmallVector<Tensor>> sample = readSample(func, path);
    if (failed(sample))
      return failure();
    samples.push_back(std::move(*sample));
  }
  return samples;
}
