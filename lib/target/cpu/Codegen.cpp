// Machine code by LLVM, linked by lld in the process.
#include "lib/target/cpu/Codegen.h"
#include "ds/model_abi.h"
#include "runtime/kernels/cpu/KernelBitcode.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "lld/Common/Driver.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace mlir::ds;

namespace {
struct Isa {
  StringRef name, cpu, vectorWidth;
};
constexpr Isa kIsas[] = {{"avx2", "x86-64-v3", "256"}, {"avx512", "x86-64-v4", "512"}};
} // namespace

ArrayRef<StringRef> mlir::ds::cpuIsas() {
  static const StringRef names[] = {"avx2", "avx512"};
  return names;
}

StringRef mlir::ds::hostCpuIsa() {
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<StringRef> features) {
    return llvm::all_of(features, [&](StringRef f) { return has.lookup(f); });
  };
  if (!all({"avx2", "fma", "f16c", "bmi2"}))
    return "";
  return all({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}) ? "avx512" : "avx2";
}

static std::unique_ptr<llvm::TargetMachine> createMachine(const Isa &isa, std::string &error) {
  static bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, isa.cpu, "", options, llvm::Reloc::PIC_, std::nullopt,
                                                                          llvm::CodeGenOptLevel::Aggressive));
}

// The one exported symbol: struct ds_model_image.
static void addModelTable(llvm::Module &m, const ImageInfo &info) {
  llvm::LLVMContext &c = m.getContext();
  auto *i32 = llvm::Type::getInt32Ty(c);
  auto *ptr = llvm::PointerType::getUnqual(c);
  auto word = [&](uint32_t v) -> llvm::Constant * { return llvm::ConstantInt::get(i32, v); };
  auto *pair = llvm::StructType::get(c, {i32, i32});
  std::vector<llvm::Constant *> lifetimes;
  for (auto [first, last] : info.buffers)
    lifetimes.push_back(llvm::ConstantStruct::get(pair, {word(first), word(last)}));
  auto *arrayType = llvm::ArrayType::get(pair, lifetimes.size());
  auto *buffers = new llvm::GlobalVariable(m, arrayType, true, llvm::GlobalValue::InternalLinkage,
                                           llvm::ConstantArray::get(arrayType, lifetimes), "ds_buffers");
  auto *type = llvm::StructType::get(c, {i32, i32, i32, i32, i32, i32, i32, ptr, ptr, ptr});
  auto *value = llvm::ConstantStruct::get(
      type, {word(DS_MODEL_ABI), word(info.buffers.size()), word(info.weightCount), word(info.inputCount), word(info.outputCount),
             word(info.inputDimCount), word(info.outputDimCount), buffers, m.getFunction("ds_plan"), m.getFunction("ds_run")});
  new llvm::GlobalVariable(m, type, true, llvm::GlobalValue::ExternalLinkage, value, "ds_model");
}

// Rounds to the nearest bf16, ties to even. Instruction selection calls it by this name where the CPU has no such instruction,
// as in a select of bf16 vectors; nothing that the runtime links has it.
static void addBf16Rounding(llvm::Module &m) {
  llvm::IRBuilder<> b(m.getContext());
  auto *type = llvm::FunctionType::get(b.getBFloatTy(), {b.getFloatTy()}, false);
  auto *fn = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, "__truncsfbf2", m);
  fn->setVisibility(llvm::GlobalValue::HiddenVisibility);
  llvm::appendToCompilerUsed(m, {fn});
  b.SetInsertPoint(llvm::BasicBlock::Create(m.getContext(), "", fn));
  llvm::Value *x = fn->getArg(0), *bits = b.CreateBitCast(x, b.getInt32Ty());
  llvm::Value *half = b.CreateAdd(b.CreateAnd(b.CreateLShr(bits, 16), 1), b.getInt32(0x7fff));
  llvm::Value *quiet = b.CreateOr(bits, b.getInt32(0x400000));
  llvm::Value *rounded = b.CreateSelect(b.CreateFCmpUNO(x, x), quiet, b.CreateAdd(bits, half));
  b.CreateRet(b.CreateBitCast(b.CreateTrunc(b.CreateLShr(rounded, 16), b.getInt16Ty()), b.getBFloatTy()));
}

static bool usesBf16(llvm::Module &m) {
  return llvm::any_of(m, [](llvm::Function &f) {
    return llvm::any_of(llvm::instructions(f), [](llvm::Instruction &i) { return i.getType()->getScalarType()->isBFloatTy(); });
  });
}

static void optimize(llvm::Module &m, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager lam;
  llvm::FunctionAnalysisManager fam;
  llvm::CGSCCAnalysisManager cgam;
  llvm::ModuleAnalysisManager mam;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(m, mam);
}

static bool callsOut(const llvm::Module &m) {
  return llvm::any_of(m, [](const llvm::Function &f) { return f.isDeclaration() && !f.isIntrinsic() && !f.use_empty(); });
}

// For outputs that stand alone. The kernels come optimised; only what is called is read and stays.
static LogicalResult linkKernels(llvm::Module &m, StringRef isa, std::string &error) {
  if (!callsOut(m))
    return success();
  std::string_view bitcode = ::ds::kernelBitcode({isa.data(), isa.size()});
  if (bitcode.empty()) {
    error = ("no kernels for " + isa).str();
    return failure();
  }
  auto kernels = llvm::getLazyBitcodeModule(llvm::MemoryBufferRef(StringRef(bitcode.data(), bitcode.size()), "kernels"), m.getContext());
  if (!kernels) {
    error = llvm::toString(kernels.takeError());
    return failure();
  }
  (*kernels)->setTargetTriple(m.getTargetTriple());
  (*kernels)->setDataLayout(m.getDataLayout());
  if (llvm::Linker::linkModules(m, std::move(*kernels), llvm::Linker::Flags::LinkOnlyNeeded)) {
    error = "linking the kernels failed";
    return failure();
  }
  llvm::internalizeModule(m, [](const llvm::GlobalValue &v) { return v.getName() == "ds_model" || v.getName() == "__truncsfbf2"; });
  llvm::ModuleAnalysisManager mam;
  llvm::GlobalDCEPass().run(m, mam);
  return success();
}

static LogicalResult emitMachineCode(llvm::Module &m, llvm::TargetMachine &machine, llvm::CodeGenFileType type, SmallVectorImpl<char> &out) {
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return failure();
  passes.run(m);
  return success();
}

namespace {
// A file in the system's folder for such, removed at the end.
struct TemporaryFile {
  TemporaryFile(StringRef suffix, StringRef contents) {
    int fd;
    failed = static_cast<bool>(llvm::sys::fs::createTemporaryFile("ds", suffix, fd, path));
    if (failed)
      return;
    llvm::raw_fd_ostream file(fd, /*shouldClose=*/true);
    file << contents;
    file.flush();
    failed = file.has_error();
    file.clear_error();
  }
  ~TemporaryFile() {
    if (!path.empty())
      llvm::sys::fs::remove(path);
  }
  SmallString<128> path;
  bool failed;
};
} // namespace

// Of the kernels only sections that are reached from ds_model, the one symbol that is exported, stay.
static LogicalResult linkImage(StringRef object, StringRef kernels, SmallVectorImpl<char> &out, std::string &error) {
  TemporaryFile in("o", object), library("o", kernels), exports("map", "{ global: ds_model; local: *; };"), so("so", "");
  if (in.failed || library.failed || exports.failed || so.failed) {
    error = "no temporary file could be made";
    return failure();
  }
  std::string messages;
  llvm::raw_string_ostream log(messages);
  SmallVector<const char *> args = {"ld.lld", "-shared", "--gc-sections", "--hash-style=gnu", "-O1", "--build-id=none", "-s", "-z",
                                    "noexecstack", "--version-script", exports.path.c_str(), "-o", so.path.c_str(), in.path.c_str()};
  if (!kernels.empty())
    args.push_back(library.path.c_str());
  lld::Result result = lld::lldMain(args, log, log, {{lld::Gnu, &lld::elf::link}});
  auto buffer = llvm::MemoryBuffer::getFile(so.path);
  if (result.retCode || !buffer) {
    error = "linking the code image failed: " + messages;
    return failure();
  }
  out.assign((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
  return success();
}

FailureOr<SmallVector<char, 0>> mlir::ds::generateCode(ModuleOp module, const ImageInfo &info, StringRef isaName, CpuEmit emit) {
  auto fail = [&](const Twine &why) { return FailureOr<SmallVector<char, 0>>(module.emitError("code generation: ") << why); };
  const Isa *isa = llvm::find_if(kIsas, [&](const Isa &i) { return i.name == isaName; });
  if (isa == std::end(kIsas))
    return fail("unknown CPU '" + isaName + "'");
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(*isa, error);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> m = machine ? translateModuleToLLVMIR(module, context, "ds") : nullptr;
  if (!m)
    return fail(error.empty() ? "translation to LLVM IR failed" : error);
  m->setTargetTriple(machine->getTargetTriple());
  m->setDataLayout(machine->createDataLayout());
  for (llvm::Function &f : *m) {
    f.addFnAttr("target-cpu", isa->cpu);
    f.addFnAttr("prefer-vector-width", isa->vectorWidth);
    f.addFnAttr(llvm::Attribute::NoUnwind);
  }
  addModelTable(*m, info);
  if (usesBf16(*m))
    addBf16Rounding(*m);
  optimize(*m, *machine);
  SmallVector<char, 0> out, object;
  if (emit == CpuEmit::Llvm) {
    llvm::raw_svector_ostream stream(out);
    m->print(stream, nullptr);
    return out;
  }
  // An image links the kernels' machine code.
  bool needsKernels = callsOut(*m);
  if (emit != CpuEmit::Image && failed(linkKernels(*m, isaName, error)))
    return fail(error);
  auto type = emit == CpuEmit::Assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (failed(emitMachineCode(*m, *machine, type, object)))
    return fail("LLVM cannot emit this file type");
  if (emit != CpuEmit::Image)
    return object;
  std::string_view kernels = needsKernels ? ::ds::kernelObject({isaName.data(), isaName.size()}) : std::string_view();
  if (failed(linkImage(StringRef(object.data(), object.size()), StringRef(kernels.data(), kernels.size()), out, error)))
    return fail(error);
  return out;
}
