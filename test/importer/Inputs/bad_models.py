"""Writes the broken models of bad-models.test into a folder."""
import os
import struct
import sys

from wire import field, message, model, node, tensor

out = sys.argv[1]
os.makedirs(os.path.join(out, "sub"), exist_ok=True)


def write(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def add(weight):
    return model([node("Add", ["x", "w"], ["y"])], [weight], [("x", [512])], [("y", [512])])


good = bytes(2048)
write("good.onnx", add(tensor("w", [512], good)))
write("truncated.onnx", add(tensor("w", [512], good))[:1500])
write("empty.onnx", b"")
write("text.onnx", b"this is not a model at all, sorry")
write("long-length.onnx", field(7, field(5, tensor("w", [512], good)))[:-2040] + b"\xff" * 9 + b"\x01")
write("lying-size.onnx", add(tensor("w", [513], good)))
write("huge-dims.onnx", add(tensor("w", [1 << 40, 1 << 40], good)))
write("negative-dim.onnx", add(tensor("w", [-512], good)))
write("data-twice.onnx", add(tensor("w", [512], good) + field(9, good)))
write("cyclic.onnx", model([node("Add", ["x", "b"], ["a"], "first"), node("Relu", ["a"], ["b"], "second"),
                            node("Relu", ["b"], ["y"], "third")]))
write("unsorted.onnx", model([node("Relu", ["a"], ["y"]), node("Abs", ["x"], ["a"])]))
write("unknown-op.onnx", model([node("Frobnicate", ["x"], ["y"], "odd")]))
write("future-opset.onnx", model([node("Relu", ["x"], ["y"])], opset=999))
write("missing-input.onnx", model([node("Add", ["x", "nowhere"], ["y"])]))

os.makedirs(os.path.join(out, "sub", "deep"), exist_ok=True)
write("weights.bin", good)
write("sub/weights.bin", good)
if not os.path.islink(os.path.join(out, "link.bin")):
    os.symlink("weights.bin", os.path.join(out, "link.bin"))
    os.symlink("..", os.path.join(out, "sub", "up"))
for name, location, more in [
    ("ext-good", "weights.bin", {}),
    ("ext-folder", "sub/weights.bin", {"offset": 0, "length": 2048}),
    ("ext-absolute", os.path.join(os.path.abspath(out), "weights.bin"), {}),
    ("ext-parent", "../weights.bin", {}),
    ("ext-inner-parent", "sub/../weights.bin", {}),
    ("ext-link", "link.bin", {}),
    ("ext-link-folder", "sub/up/weights.bin", {}),
    ("ext-is-folder", "sub", {}),
    ("ext-missing", "nothing.bin", {}),
    ("ext-beyond", "weights.bin", {"offset": 8}),
    ("ext-overflow", "weights.bin", {"offset": (1 << 64) - 8}),
    ("ext-length", "weights.bin", {"length": 2044}),
    ("ext-words", "weights.bin", {"offset": "many"}),
]:
    write(name + ".onnx", add(tensor("w", [512], external={"location": location, **more})))
