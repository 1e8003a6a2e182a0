// From the stop `groups` to the deployable file: one image per ISA, the weight program, the signature.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/package/PackageWriter.h"
#include "lib/pipeline/Pipeline.h"
#include "lib/target/common/Buffers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Path.h"
#include <numeric>

using namespace mlir;
using namespace mlir::ds;

static FailureOr<ds_type> elementType(Type type, StringRef given) {
  static const llvm::StringMap<ds_type> named = {{"u8", DS_U8}, {"u16", DS_U16}, {"u32", DS_U32}, {"u64", DS_U64}, {"ui8", DS_U8},
                                                 {"ui16", DS_U16}, {"ui32", DS_U32}, {"ui64", DS_U64}};
  if (auto it = named.find(given); it != named.end())
    return it->second;
  if (std::optional<int32_t> known = abiType(type))
    return static_cast<ds_type>(*known);
  return failure();
}

// "seq:1..512" -> symbol, lo, hi
static PackageDim dimOf(int64_t size, StringRef spelled) {
  PackageDim dim;
  dim.size = ShapedType::isDynamic(size) ? -1 : size;
  auto [name, range] = spelled.split(':');
  dim.symbol = name.str();
  auto [low, high] = range.split("..");
  if (!range.empty()) {
    (void)low.getAsInteger(10, dim.lo);
    (void)high.getAsInteger(10, dim.hi);
  }
  return dim;
}

static FailureOr<PackageValue> describeValue(Location loc, RankedTensorType type, DictionaryAttr attrs, StringRef fallback) {
  PackageValue value;
  auto name = attrs ? attrs.getAs<StringAttr>("ds.name") : StringAttr();
  auto given = attrs ? attrs.getAs<StringAttr>("ds.type") : StringAttr();
  auto dims = attrs ? attrs.getAs<ArrayAttr>("ds.dims") : ArrayAttr();
  value.name = name ? name.str() : fallback.str();
  FailureOr<ds_type> element = elementType(type.getElementType(), given ? given.getValue() : "");
  if (failed(element))
    return FailureOr<PackageValue>(emitError(loc) << "not supported: element type " << type.getElementType() << " of '" << value.name << "'");
  value.type = *element;
  for (auto [axis, size] : llvm::enumerate(type.getShape())) {
    StringRef spelled = dims && axis < dims.size() ? cast<StringAttr>(dims[axis]).getValue() : "";
    value.dims.push_back(dimOf(size, ShapedType::isDynamic(size) ? spelled : ""));
  }
  return value;
}

static FailureOr<PackageSignature> signatureOf(ModuleOp module) {
  PackageSignature signature;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return FailureOr<PackageSignature>(module.emitError("has no function @main"));
  if (auto name = module->getAttrOfType<StringAttr>("ds.model"))
    signature.model = name.str();
  for (auto [i, arg] : llvm::enumerate(main.getArguments())) {
    auto value = describeValue(arg.getLoc(), cast<RankedTensorType>(arg.getType()), main.getArgAttrDict(i), ("input_" + Twine(i)).str());
    if (failed(value))
      return failure();
    signature.inputs.push_back(std::move(*value));
  }
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    auto value = describeValue(main.getLoc(), cast<RankedTensorType>(type), main.getResultAttrDict(i), ("output_" + Twine(i)).str());
    if (failed(value))
      return failure();
    signature.outputs.push_back(std::move(*value));
  }
  return signature;
}

// The weights of the model that result `v` of the weight program is computed from.
static void collectSources(Value v, llvm::SmallSetVector<Operation *, 4> &sources) {
  Operation *op = v.getDefiningOp();
  if (!op)
    return;
  if (isa<dsk::RawWeightOp>(op)) {
    sources.insert(op);
    return;
  }
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      collectSources(operand, sources);
}

// Large weights that more than one slot of the package holds, as they are or in a kernel's layout.
static void reportCopies(ModuleOp module, ArrayRef<ImageInfo::Slot> slots, PipelineReport &report) {
  auto weights = module.lookupSymbol<func::FuncOp>("weights");
  llvm::MapVector<Operation *, SmallVector<uint64_t>> stored;
  for (auto [v, slot] : llvm::zip_equal(weights.getBody().front().getTerminator()->getOperands(), slots)) {
    llvm::SmallSetVector<Operation *, 4> sources;
    collectSources(v, sources);
    for (Operation *source : sources)
      if (slot.bytes * 2 >= static_cast<uint64_t>(cast<dsk::RawWeightOp>(source).getLength()))
        stored[source].push_back(slot.bytes);
  }
  for (auto &[source, bytes] : stored)
    if (bytes.size() > 1 && bytes.front() >= 1 << 16)
      report.copies.push_back({cast<dsk::RawWeightOp>(source).getName().str(), std::accumulate(bytes.begin() + 1, bytes.end(), uint64_t(0))});
}

LogicalResult Pipeline::writeTo(StringRef path) {
  PackageContents contents;
  FailureOr<PackageSignature> signature = signatureOf(module());
  if (failed(signature))
    return failure();
  contents.signature = std::move(*signature);
  std::vector<CpuImage> images;
  for (const std::string &isa : options.cpus) {
    FailureOr<CpuImage> image = emit(isa, CpuEmit::Image);
    if (failed(image))
      return failure();
    images.push_back(std::move(*image));
  }
  for (auto [isa, image] : llvm::zip_equal(options.cpus, images)) {
    contents.images.push_back({isa, image.bytes.data(), image.bytes.size()});
    report.imageBytes.push_back({isa, image.bytes.size()});
  }
  if (!images.empty())
    contents.nodeNames = images.front().info.nodes;
  std::optional<CpuImage> program;
  if (module().lookupSymbol<func::FuncOp>("weights")) {
    FailureOr<CpuImage> compiled = timed("weight program", [&] { return compileForCpu(module(), "weights", hostCpuIsa()); });
    if (failed(compiled))
      return failure();
    program = std::move(*compiled);
    reportCopies(module(), program->info.slots, report);
    auto range = [&](const RawWeight &w) { return FileRange{weightPath(w.file), w.offset, w.bytes}; };
    for (const ImageInfo::Slot &slot : program->info.slots)
      contents.weights.push_back({slot.bytes, slot.raw, slot.raw ? range(slot.source) : FileRange{}});
    for (const RawWeight &raw : program->info.raws)
      contents.program.raw.push_back(range(raw));
    contents.program.elf = program->bytes.data();
    contents.program.bytes = program->bytes.size();
  }
  std::string error;
  PackageReport written;
  if (!timed("package", [&] { return writePackage(path.str(), contents, error, &written); }))
    return emitError(UnknownLoc::get(context)) << error;
  report.fileBytes = written.fileBytes;
  report.weightBytes = written.weightBytes;
  report.sharedBytes = written.sharedBytes;
  return success();
}
