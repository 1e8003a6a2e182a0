// ds-compile: a model file to a deployable one.
#include "lib/pipeline/Pipeline.h"
#include "lib/pipeline/Register.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::ds;
namespace cl = llvm::cl;

static cl::OptionCategory category("ds-compile options");
static cl::opt<std::string> input(cl::Positional, cl::desc("<model.onnx|.onnxtxt|.mlir|.mlirbc>"), cl::Required, cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Output file; - for standard output"), cl::init(""), cl::cat(category));
static cl::opt<std::string> target("target", cl::desc("Target: cpu"), cl::init("cpu"), cl::cat(category));
static cl::list<std::string> cpus("cpu", cl::desc("ISAs to make code for: host, avx2, avx512; several by commas (default: host)"),
                                  cl::CommaSeparated, cl::cat(category));
static cl::list<std::string> dims("dim", cl::desc("name=value freezes a symbolic dimension, name=lo..hi limits it"), cl::cat(category));
static cl::opt<std::string> weightsDir("weights-dir", cl::desc("Where the weights of a .mlir input are"), cl::cat(category));
static cl::opt<std::string> gates("gates", cl::desc("File of thresholds (ds-sparsity-calibrate) of gates that skip small activations"), cl::cat(category));
static cl::opt<double> gatesLevel("gates-level", cl::desc("Sparsity whose thresholds to take from that file"), cl::init(0.5), cl::cat(category));
static cl::opt<std::string> moeBalance("moe-balance", cl::value_desc("mode=bias rate=0.001"), cl::cat(category),
                                       cl::desc("Routers look at the load of their experts, a state that goes in and out (options of "
                                                "ds-moe-balance). Changes results"));
enum class Emit { Dsm, Obj, Llvm, Asm };
static cl::opt<Emit> emitKind("emit", cl::desc("What to write (default: dsm)"), cl::init(Emit::Dsm), cl::cat(category),
                              cl::values(clEnumValN(Emit::Dsm, "dsm", "a package for ds-run and the runtime"),
                                         clEnumValN(Emit::Obj, "obj", "an object file"), clEnumValN(Emit::Llvm, "llvm", "LLVM IR"),
                                         clEnumValN(Emit::Asm, "asm", "assembly")));
static cl::opt<Stop> stop("compile-to", cl::desc("Print the module at a stop"), cl::init(Stop::Package), cl::cat(category),
                          cl::values(clEnumValN(Stop::Import, "import", "ds as imported"), clEnumValN(Stop::Graph, "graph", "ds after graph passes"),
                                     clEnumValN(Stop::Groups, "groups", "groups and launch list"),
                                     clEnumValN(Stop::Cpu, "cpu", "the CPU target's loops on pointers")));
static cl::opt<bool> debugInfo("locations", cl::desc("Print locations with modules"), cl::cat(category));
static cl::opt<bool> quiet("quiet", cl::desc("No summary"), cl::cat(category));

// The options as given: lld, which links images in this process, resets every cl::opt.
struct Options {
  std::string output;
  Emit emit;
  Stop stop;
  bool locations, quiet;
};
static Options given;

static LogicalResult write(function_ref<void(llvm::raw_ostream &)> print) {
  std::string error;
  auto file = openOutputFile(given.output.empty() ? StringRef("-") : StringRef(given.output), &error);
  if (!file)
    return llvm::WithColor::error(llvm::errs(), "ds-compile") << error << "\n", failure();
  print(file->os());
  file->keep();
  return success();
}

static LogicalResult writeModule(ModuleOp module) {
  return write([&](llvm::raw_ostream &os) {
    OpPrintingFlags flags;
    flags.printNameLocAsPrefix();
    if (given.locations)
      flags.enableDebugInfo(true, /*prettyForm=*/false);
    module.print(os, flags);
    os << "\n";
  });
}

static void summarize(const PipelineReport &r) {
  llvm::raw_ostream &os = llvm::errs();
  if (llvm::sys::Process::StandardErrIsDisplayed())
    os << "\r\033[K";
  os << given.output << ": " << llvm::format("%.1f", r.fileBytes / 1e6) << " MB, weights " << llvm::format("%.1f", r.weightBytes / 1e6) << " MB";
  if (r.sharedBytes)
    os << " (" << llvm::format("%.1f", r.sharedBytes / 1e6) << " MB shared)";
  for (auto &[isa, bytes] : r.imageBytes)
    os << ", code " << isa << " " << bytes / 1024 << " KB";
  os << "\n  " << r.launches << " launches of " << r.groups << " different groups, " << r.kernelLaunches << " of them kernels; "
     << r.loops << " loops fused into them\n  seconds:";
  for (const auto &step : r.steps)
    os << " " << step.name << llvm::format(" %.2f", step.seconds);
  os << "\n";
  for (auto &[name, bytes] : r.copies)
    os << "  second copy of weight '" << name << "' in another layout: " << llvm::format("%.1f", bytes / 1e6) << " MB\n";
}

// Expands "host", checks names.
static LogicalResult chooseCpus(std::vector<std::string> &result) {
  for (StringRef cpu : cpus.empty() ? std::vector<std::string>{"host"} : std::vector<std::string>(cpus.begin(), cpus.end())) {
    if (cpu == "host")
      cpu = hostCpuIsa();
    if (!llvm::is_contained(cpuIsas(), cpu))
      return llvm::WithColor::error(llvm::errs(), "ds-compile") << "--cpu: no code for '" << cpu << "'; there is: " << llvm::join(cpuIsas(), ", ") << "\n",
             failure();
    result.push_back(cpu.str());
  }
  return success();
}

static LogicalResult compile(MLIRContext &context, PipelineOptions options) {
  std::string isa = options.cpus.front();
  Pipeline pipeline(&context, std::move(options));
  if (failed(pipeline.runTo(given.stop)))
    return failure();
  if (given.stop < Stop::Cpu)
    return writeModule(pipeline.module());
  if (given.stop == Stop::Cpu || given.emit != Emit::Dsm) {
    CpuEmit kind = given.stop == Stop::Cpu    ? CpuEmit::Mlir
                   : given.emit == Emit::Obj  ? CpuEmit::Object
                   : given.emit == Emit::Llvm ? CpuEmit::Llvm
                                              : CpuEmit::Assembly;
    FailureOr<CpuImage> image = pipeline.emit(isa, kind);
    if (failed(image))
      return failure();
    return write([&](llvm::raw_ostream &os) { os.write(image->bytes.data(), image->bytes.size()); });
  }
  if (given.output.empty() || given.output == "-")
    return llvm::WithColor::error(llvm::errs(), "ds-compile") << "-o FILE is needed for a package\n", failure();
  if (failed(pipeline.writeTo(given.output)))
    return failure();
  if (!given.quiet)
    summarize(pipeline.report);
  return success();
}

// "model.onnx: ", or "module.mlir:3:7: " where text has lines.
static std::string place(Location loc) {
  auto file = loc->findInstanceOf<FileLineColLoc>();
  if (!file)
    return "";
  std::string result = file.getFilename().str();
  if (file.getLine())
    result += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
  return result + ": ";
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  cl::HideUnrelatedOptions(category); // LLVM's and MLIR's; --help-hidden shows them
  cl::ParseCommandLineOptions(argc, argv, "ds: compile a neural network to a deployable file\n");
  if (target != "cpu")
    return llvm::WithColor::error(llvm::errs(), "ds-compile") << "--target: only cpu\n", 1;
  given = {output, emitKind, stop, debugInfo, quiet};
  PipelineOptions options{input, dims, weightsDir, {}, gates, gatesLevel, moeBalance, {}};
  if (!quiet && llvm::sys::Process::StandardErrIsDisplayed())
    options.progress = [](StringRef step) { llvm::errs() << "\r\033[K" << step << " ..."; };
  if (failed(chooseCpus(options.cpus)))
    return 1;
  DialectRegistry registry;
  registerPipelineDialects(registry);
  MLIRContext context(registry);
  bool unsupported = false;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    std::string text = d.str();
    if (d.getSeverity() == DiagnosticSeverity::Error) {
      unsupported |= StringRef(text).contains("not supported");
      llvm::WithColor::error(llvm::errs(), "ds-compile") << place(d.getLocation()) << text << "\n";
    } else {
      llvm::errs() << "ds-compile: " << text << "\n";
    }
    return success();
  });
  if (succeeded(compile(context, std::move(options))))
    return 0;
  return unsupported ? 3 : 1;
}
