"""Writes a small model that goes through every stop of the compiler: an image to class probabilities."""
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = numpy.random.default_rng(0)


def weight(name, *shape):
    return numpy_helper.from_array(rng.standard_normal(shape, dtype=numpy.float32), name)


nodes = [
    helper.make_node("Conv", ["x", "filter"], ["conv"], "conv", pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["conv"], ["relu"], "relu"),
    helper.make_node("MaxPool", ["relu"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
    helper.make_node("Reshape", ["pool", "shape"], ["flat"], "flatten"),
    helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"], "classes", transB=1),
    helper.make_node("Softmax", ["logits"], ["y"], "softmax", axis=-1),
]
graph = helper.make_graph(
    nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 4, 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    [weight("filter", 2, 1, 3, 3), weight("matrix", 3, 8), weight("bias", 3),
     numpy_helper.from_array(numpy.array([-1, 8], numpy.int64), "shape")])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
