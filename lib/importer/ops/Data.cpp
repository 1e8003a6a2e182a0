// Constants and pass-through operators.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
LogicalResult importIdentity(Node &n) { return n.forward(0); }

LogicalResult importConstant(Node &n) {
  if (const onnx::TensorProto *tensor = n.tensor("value")) {
    Datum d;
    d.tensor = tensor;
    return n.result(d);
  }
  if (n.hasAttr("value_int"))
    return n.result(n.constant(DenseElementsAttr::get(RankedTensorType::get({}, n.i64()), n.i("value_int", 0))));
  if (n.hasAttr("value_ints"))
    return n.result(n.ints1d(n.ints("value_ints")));
  if (n.hasAttr("value_float"))
    return n.result(n.scalar(n.f32(), n.f("value_float", 0)));
  if (n.hasAttr("value_floats")) {
    SmallVector<double> values = n.floats("value_floats");
    SmallVector<float> narrow(values.begin(), values.end());
    return n.result(n.constant(DenseElementsAttr::get(RankedTensorType::get(narrow.size(), n.f32()), ArrayRef<float>(narrow))));
  }
  return n.unsupported("Constant of strings or of a sparse tensor");
}

// Identity at inference; the mask keeps everything.
LogicalResult importDropout(Node &n) {
  if (n.has(2)) {
    auto training = n.constInts(2);
    auto ratio = n.constFloats(1);
    bool keepsAll = (training && training->size() == 1 && training->front() == 0) || (ratio && ratio->size() == 1 && ratio->front() == 0);
    if (!keepsAll)
      return n.unsupported("Dropout in training mode");
  }
  if (n.wants(1)) {
    Type type = n.since < 10 ? n.elementType(0) : n.i1();
    if (failed(n.result(n.broadcast(n.scalar(type, 1), n.dims(n.in(0))), 1)))
      return failure();
  }
  return n.forward(0);
}

const OpEntry kOps[] = {
    {"Constant", 1, importConstant},
    {"Dropout", 1, importDropout},
    {"Identity", 1, importIdentity},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::dataOps() { return kOps; }
