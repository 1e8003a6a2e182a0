// Convolutions and pooling. One table says which input position each (kernel position, output position) reads.
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// An image operand as [N, C, spatial...].
FailureOr<Tensor> channelsFirst(const Tensor &image, bool channelsLast) {
  if (!channelsLast)
    return image;
  SmallVector<int64_t> order{0, image.rank() - 1};
  for (int64_t axis = 1; axis < image.rank() - 1; ++axis)
    order.push_back(axis);
  return permuted(image, order);
}
Shape channelsFirst(ArrayRef<int64_t> shape, bool channelsLast) {
  Shape result(shape);
  if (channelsLast)
    std::rotate(result.begin() + 1, result.end() - 1, result.end());
  return result;
}
// [N, C, spatial...] in the order that the op's result has.
template <typename T>
LogicalResult giveImage(Call &call, ArrayRef<int64_t> shape, const std::vector<T> &values, bool channelsLast) {
  FailureOr<Tensor> image = store<T>(call.elementType(), shape, values);
  if (failed(image) || !channelsLast)
    return call.give(image);
  SmallVector<int64_t> order{0};
  for (int64_t axis = 2; axis < image->rank(); ++axis)
    order.push_back(axis);
  order.push_back(1);
  return call.give(permuted(*image, order));
}

constexpr int64_t outside = -1, beyond = -2; // in the padding; past it (only with ceil_mode)

// sources[k * positions + p] is the offset in the image that window p reads at kernel position k.
struct Windows {
  Windows(ArrayRef<int64_t> image, ArrayRef<int64_t> windows, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
          ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads)
      : taps(product(kernel)), positions(product(windows)), sources(taps * positions, 0) {
    Shape scale = stridesOf(image), windowStrides = stridesOf(windows), kernelStrides = stridesOf(kernel);
    size_t rank = image.size();
    for (int64_t k = 0; k < taps; ++k)
      for (int64_t p = 0; p < positions; ++p) {
        int64_t &source = sources[k * positions + p];
        for (size_t axis = 0; axis < rank; ++axis) {
          int64_t at = p / windowStrides[axis] % windows[axis] * strides[axis] +
                       k / kernelStrides[axis] % kernel[axis] * dilations[axis] - pads[axis];
          if (at >= image[axis] + pads[rank + axis])
            source = beyond;
          else if ((at < 0 || at >= image[axis]) && source != beyond)
            source = outside;
          else if (source >= 0)
            source += at * scale[axis];
        }
      }
  }
  int64_t taps, positions;
  std::vector<int64_t> sources;
};

LogicalResult evalConv(ConvOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  return convolve(call, {call[op.getInput()], call[op.getFilter()], *shape, op.getStrides(), op.getPads(),
                         op.getDilations(), static_cast<int64_t>(op.getGroups()), op.getChannelsLast()});
}

// Runs a convolution backwards: what a window reads there, it adds to here.
LogicalResult evalConvTranspose(ConvTransposeOp op, Call &call) {
  FailureOr<Shape> stored = call.inferredShape();
  if (failed(stored))
    return failure();
  Shape shape = channelsFirst(*stored, op.getChannelsLast());
  FailureOr<Tensor> image = channelsFirst(call[op.getInput()], op.getChannelsLast());
  const Tensor &filter = call[op.getFilter()];
  if (failed(image) || !byteSize(call.elementType(), shape))
    return call.give(failure());
  Windows windows(ArrayRef<int64_t>(shape).drop_front(2), image->shape().drop_front(2), filter.shape().drop_front(2),
                  op.getStrides(), op.getDilations(), op.getPads());
  int64_t groups = op.getGroups(), filters = filter.shape()[1], channels = filter.shape()[0] / groups;
  int64_t pixels = product(ArrayRef<int64_t>(shape).drop_front(2)), taps = windows.taps, positions = windows.positions;
  FailureOr<Tensor> swapped = filter.reshaped({groups, channels, filters * taps});
  if (succeeded(swapped))
    swapped = permuted(*swapped, {0, 2, 1});
  if (failed(swapped))
    return call.give(failure());
  return dispatch(call.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> x = load<T>(*image), w = load<T>(*swapped), y(product(shape), T(0));
    for (int64_t n = 0; n < shape[0]; ++n)
      for (int64_t g = 0; g < groups; ++g) {
        std::vector<T> columns(filters * taps * positions, T(0));
        gemm(filters * taps, positions, channels, w.data() + g * filters * taps * channels,
             x.data() + (n * groups + g) * channels * positions, columns.data());
        T *to = y.data() + (n * groups + g) * filters * pixels;
        for (int64_t f = 0; f < filters; ++f)
          for (int64_t i = 0; i < taps * positions; ++i)
            if (windows.sources[i] >= 0)
              to[f * pixels + windows.sources[i]] += columns[f * taps * positions + i];
      }
    return giveImage(call, shape, y, op.getChannelsLast());
  });
}

// One window of one channel.
template <typename T> T pooled(const Pooling &pooling, Type type, const Windows &windows, int64_t p, const T *channel) {
  T best = extreme<T>(type, false);
  double sum = 0;
  int64_t count = 0;
  for (int64_t k = 0; k < windows.taps; ++k) {
    int64_t source = windows.sources[k * windows.positions + p];
    count += source >= 0 || (source == outside && pooling.countIncludePad);
    if (source < 0)
      continue;
    T value = channel[source];
    best = best != best || best > value ? best : value;
    sum += pooling.kind == PoolKind::lp ? std::pow(std::fabs(static_cast<double>(value)), pooling.p)
                                        : static_cast<double>(value);
  }
  if (pooling.kind == PoolKind::max)
    return best;
  double result = pooling.kind == PoolKind::lp ? std::pow(sum, 1.0 / pooling.p) : sum / count;
  if constexpr (std::is_same_v<T, double>)
    return result;
  else
    return static_cast<T>(saturate(type, result));
}

LogicalResult evalPool(PoolOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  return pool(call,
              {call[op.getInput()], *shape, op.getKind(), op.getKernel(), op.getStrides(), op.getPads(),
               op.getDilations(), op.getCountIncludePad(), static_cast<int64_t>(op.getP()), op.getChannelsLast()});
}
} // namespace

LogicalResult eval::convolve(Call &call, const Convolution &conv) {
  Shape shape = channelsFirst(conv.result, conv.channelsLast);
  FailureOr<Tensor> image = channelsFirst(conv.input, conv.channelsLast);
  const Tensor &filter = conv.filter;
  if (failed(image) || !byteSize(call.elementType(), shape))
    return call.give(failure());
  Windows windows(image->shape().drop_front(2), ArrayRef<int64_t>(shape).drop_front(2), filter.shape().drop_front(2),
                  conv.strides, conv.dilations, conv.pads);
  int64_t groups = conv.groups, channels = filter.shape()[1], filters = filter.shape()[0] / groups;
  int64_t pixels = product(image->shape().drop_front(2)), taps = windows.taps, positions = windows.positions;
  return dispatch(call.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> x = load<T>(*image), w = load<T>(filter), y(product(shape), T(0)),
                   columns(channels * taps * positions);
    for (int64_t n = 0; n < shape[0]; ++n)
      for (int64_t g = 0; g < groups; ++g) {
        const T *from = x.data() + (n * groups + g) * channels * pixels;
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t i = 0; i < taps * positions; ++i)
            columns[c * taps * positions + i] = windows.sources[i] < 0 ? T(0) : from[c * pixels + windows.sources[i]];
        gemm(filters, positions, channels * taps, w.data() + g * filters * channels * taps, columns.data(),
             y.data() + (n * groups + g) * filters * positions);
      }
    return giveImage(call, shape, y, conv.channelsLast);
  });
}

LogicalResult eval::pool(Call &call, const Pooling &pooling) {
  Shape shape = channelsFirst(pooling.result, pooling.channelsLast);
  FailureOr<Tensor> image = channelsFirst(pooling.input, pooling.channelsLast);
  if (failed(image) || !byteSize(call.elementType(), shape))
    return call.give(failure());
  Windows windows(image->shape().drop_front(2), ArrayRef<int64_t>(shape).drop_front(2), pooling.kernel, pooling.strides,
                  pooling.dilations, pooling.pads);
  int64_t pixels = product(image->shape().drop_front(2));
  return dispatch(call.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> x = load<T>(*image), y;
    y.reserve(product(shape));
    for (int64_t channel = 0; channel < shape[0] * shape[1]; ++channel)
      for (int64_t p = 0; p < windows.positions; ++p)
        y.push_back(pooled<T>(pooling, call.elementType(), windows, p, x.data() + channel * pixels));
    return giveImage(call, shape, y, pooling.channelsLast);
  });
}

void eval::addWindows(OpTable &table) {
  table.add<ConvOp>(evalConv);
  table.add<ConvTransposeOp>(evalConvTranspose);
  table.add<PoolOp>(evalPool);
}
