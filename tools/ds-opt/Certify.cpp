// --certify and its options.
#include "Certify.h"
#include "lib/eval/Certify.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::OptionCategory category("Certifying passes");
static cl::opt<bool>
    certify("certify",
            cl::desc("Run @main before and after each pass and name the first pass that changes what it computes"),
            cl::cat(category));
static cl::opt<std::string> inputs("certify-inputs", cl::value_desc("folder"), cl::cat(category),
                                   cl::desc("Inputs, <name>.npy or input_<i>.npy; without it they are sampled"));
static cl::opt<uint64_t> seed("certify-seed", cl::desc("Seed of sampled inputs"), cl::init(1), cl::cat(category));
static cl::list<std::string> dims("certify-dim", cl::value_desc("name=size"), cl::cat(category),
                                  cl::desc("Size of a symbolic dimension in sampled inputs"));
static cl::opt<double>
    bound("certify-bound", cl::init(1e-4), cl::cat(category),
          cl::desc("Largest max|a - b| / max|b| of an output that a pass, and all together, may cause"));
static cl::list<std::string> boundOf("certify-bound-of", cl::value_desc("pass=bound"), cl::cat(category),
                                     cl::desc("Another bound for one pass"));
static cl::opt<std::string> weightsDir("certify-weights-dir", cl::value_desc("folder"), cl::cat(category),
                                       cl::desc("Folder of the weight files, if not the module's"));

static LogicalResult parseOptions(ds::CertifyOptions &options) {
  options.samples.inputsDir = inputs;
  options.samples.seed = seed;
  options.bound = bound;
  options.weightsDir = weightsDir;
  for (StringRef spec : dims)
    if (auto [name, size] = spec.split('='); size.getAsInteger(10, options.samples.dims[name.str()])) {
      llvm::errs() << "--certify-dim=" << spec << " is not name=size\n";
      return failure();
    }
  for (StringRef spec : boundOf)
    if (auto [name, value] = spec.split('='); value.getAsDouble(options.boundOf[name.str()])) {
      llvm::errs() << "--certify-bound-of=" << spec << " is not pass=bound\n";
      return failure();
    }
  return success();
}

void addCertify(MlirOptMainConfig &config) {
  if (!certify)
    return;
  config.setPassPipelineSetupFn([plain = config](PassManager &pm) {
    ds::CertifyOptions options;
    return success(succeeded(parseOptions(options)) && succeeded(plain.setupPassPipeline(pm)) &&
                   succeeded(ds::certify(pm, options)));
  });
}
