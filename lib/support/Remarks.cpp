// See Remarks.h.
#include "lib/support/Remarks.h"
#include "lib/support/OnnxLoc.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

static remark::RemarkOpts options(StringRef pass, StringRef name) {
  return remark::RemarkOpts::name(name).category(pass).function("main");
}

void mlir::ds::remarkPassed(Location loc, StringRef pass, StringRef name, const Twine &what) {
  if (loc->getContext()->getRemarkEngine())
    remark::passed(loc, options(pass, name)) << (what + ": " + describe(loc)).str();
}

void mlir::ds::remarkMissed(Location loc, StringRef pass, StringRef name, const Twine &why) {
  if (loc->getContext()->getRemarkEngine())
    remark::missed(loc, options(pass, name)) << (why + ": " + describe(loc)).str();
}
