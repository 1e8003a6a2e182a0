"""Small mixture-of-experts layers as exporters write them, one function per form; a model is x [T, H] -> y [T, H].

    moe_graphs.py FORM[,FORM..] OUTPUT.onnx [--router R] [--tokens T] [--hidden H] [--width I] [--experts E] [--chosen K] [--seed S]

With several forms a % in OUTPUT is the place of the form among them. All forms of one seed have the same weights and so the same
results. A form is a function of a Layer, in FORMS.
"""
import argparse
import dataclasses

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FORMS, ROUTERS = {}, {}


def form(name):
    return lambda function: FORMS.setdefault(name, function)


def router(name):
    return lambda function: ROUTERS.setdefault(name, function)


class Graph:
    """Nodes and initializers by name; `op` gives the name of its result (or the names of several)."""

    def __init__(self):
        self.nodes, self.initializers, self.names = [], [], {}

    def fresh(self, stem):
        self.names[stem] = self.names.get(stem, -1) + 1
        return f"{stem}_{self.names[stem]}" if self.names[stem] else stem

    def op(self, kind, *inputs, results=1, name=None, **attributes):
        name = self.fresh(name or kind)
        outputs = [name if results == 1 else f"{name}.{i}" for i in range(results)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name, **attributes))
        return outputs[0] if results == 1 else outputs

    def data(self, value, name="c", dtype=None):
        name = self.fresh(name)
        self.initializers.append(numpy_helper.from_array(numpy.array(value, dtype, order="C"), name))
        return name

    def ints(self, *values):
        return self.data(values, dtype=numpy.int64)

    def int(self, value):
        return self.data(value, dtype=numpy.int64)

    def float(self, value):
        return self.data(value, dtype=numpy.float32)


@dataclasses.dataclass
class Layer:
    tokens: int = 0  # 0: a symbolic size
    hidden: int = 8
    width: int = 6
    experts: int = 4
    chosen: int = 2
    router: str = "softmax"
    activation: str = "silu"
    shared: str = "none"  # or "plain", or "gated" by a sigmoid
    joined: int = 1  # gate and up of a stack in one tensor
    seed: int = 0

    def __post_init__(self):
        rng = numpy.random.default_rng(self.seed)
        e, h, i = self.experts, self.hidden, self.width
        random = lambda *shape: (rng.standard_normal(shape) * 0.5).astype(numpy.float32)
        self.router_weight, self.bias = random(h, e), random(e) * 0.2
        self.gate, self.up, self.down = random(e, i, h), random(e, i, h), random(e, h, i)  # as torch's Linear keeps them
        self.shared_gate, self.shared_up, self.shared_down, self.shared_switch = random(i, h), random(i, h), random(h, i), random(1, h)
        self.logits = None  # of the router, when it is made
        self.graph = Graph()

    def mlp(self, x, e, linear):
        """The gated MLP of expert e; `linear` multiplies by the transposed matrix."""
        g = self.graph
        gate, up = linear(x, self.gate[e], f"gate_{e}"), linear(x, self.up[e], f"up_{e}")
        return linear(self.gated(gate, up), self.down[e], f"down_{e}")

    def gated(self, gate, up):
        return self.graph.op("Mul", self.activated(gate), up)

    def activated(self, x):
        g = self.graph
        if self.activation == "silu":
            return g.op("Mul", x, g.op("Sigmoid", x))
        if self.activation == "gelu":
            return g.op("Mul", g.op("Mul", x, g.op("Add", g.op("Erf", g.op("Div", x, g.float(2 ** 0.5))), g.float(1))), g.float(0.5))
        return x if self.activation == "identity" else g.op("Relu", x)

    def gemm(self, x, weight, name):
        return self.graph.op("Gemm", x, self.graph.data(weight, name), transB=1)

    def matmul(self, x, weight, name):
        return self.graph.op("MatMul", x, self.graph.data(weight.T, name))

    def route(self, x):
        self.logits = self.graph.op("MatMul", x, self.graph.data(self.router_weight, "router"))
        return ROUTERS[self.router](self, self.logits)

    def shared_expert(self, x):
        g = self.graph
        gate, up = self.matmul(x, self.shared_gate, "shared_gate"), self.matmul(x, self.shared_up, "shared_up")
        y = self.matmul(self.gated(gate, up), self.shared_down, "shared_down")
        return g.op("Mul", g.op("Sigmoid", self.gemm(x, self.shared_switch, "shared_switch")), y) if self.shared == "gated" else y

    def joined_weights(self):
        """Gate and up of all experts, [E, 2I, H]."""
        return numpy.concatenate([self.gate, self.up], axis=1)


@router("softmax")
def softmax(layer, logits, normalize=True):
    """Mixtral: softmax, the k best, divided by their sum."""
    g = layer.graph
    p = g.op("Softmax", logits, axis=-1, name="probabilities")
    w, i = g.op("TopK", p, g.ints(layer.chosen), results=2, axis=-1, largest=1, sorted=1, name="choice")
    return (g.op("Div", w, g.op("ReduceSum", w, g.ints(-1), keepdims=1), name="mixing") if normalize else w), i


@router("softmax_plain")
def softmax_plain(layer, logits):
    """Qwen2-MoE: without the division."""
    return softmax(layer, logits, normalize=False)


@router("softmax_chosen")
def softmax_chosen(layer, logits):
    """Mistral's own code, gpt-oss: the softmax of the k best logits."""
    g = layer.graph
    v, i = g.op("TopK", logits, g.ints(layer.chosen), results=2, axis=-1, largest=1, sorted=1, name="choice")
    return g.op("Softmax", v, axis=-1, name="mixing"), i


@router("sigmoid_chosen")
def sigmoid_chosen(layer, logits):
    """Llama 4: the sigmoid of the k best logits."""
    g = layer.graph
    v, i = g.op("TopK", logits, g.ints(layer.chosen), results=2, axis=-1, largest=1, sorted=1, name="choice")
    return g.op("Sigmoid", v, name="mixing"), i


@router("deepseek")
def deepseek(layer, logits, groups=2, top_groups=1, best=2):
    """DeepSeek-V3: sigmoid scores; the choice by score + bias among the best groups; the weights from the scores."""
    g, e = layer.graph, layer.experts
    s = g.op("Sigmoid", logits, name="scores")
    c = g.op("Add", s, g.data(layer.bias, "bias"))
    r = g.op("Reshape", c, g.ints(-1, groups, e // groups))
    sums = g.op("ReduceSum", g.op("TopK", r, g.ints(best), results=2, axis=-1)[0], g.ints(-1), keepdims=0)
    _, chosen = g.op("TopK", sums, g.ints(top_groups), results=2, axis=-1, sorted=0, name="groups")
    rows = g.op("Shape", sums)
    ones = g.op("Expand", g.float(1), g.op("Shape", chosen))
    mask = g.op("ScatterElements", g.op("Expand", g.float(0), rows), chosen, ones, axis=1)
    mask = g.op("Reshape", g.op("Expand", g.op("Unsqueeze", mask, g.ints(-1)), g.ints(1, groups, e // groups)), g.ints(-1, e))
    off = g.op("Not", g.op("Cast", mask, to=TensorProto.BOOL))
    _, i = g.op("TopK", g.op("Where", off, g.float(-numpy.inf), c), g.ints(layer.chosen), results=2, axis=-1, sorted=0, name="choice")
    w = g.op("GatherElements", s, i, axis=1)
    total = g.op("ReduceSum", w, g.ints(-1), keepdims=1)
    return g.op("Mul", g.op("Div", w, total), g.float(2.5), name="mixing"), i


@form("A")
def loop_dynamo(layer, x, w, i):
    """A loop over a list of experts, by torch.export: rows by NonZero of Equal, added by ScatterND."""
    g = layer.graph
    equal = g.op("Equal", g.op("Unsqueeze", i, g.ints(-1)), g.data(numpy.arange(layer.experts)))
    mask = g.op("Transpose", g.op("Cast", equal, to=TensorProto.INT64), perm=[2, 1, 0], name="mask")
    sum = g.op("Expand", g.float(0), g.op("Shape", x), name="zeros")
    for e in range(layer.experts):
        rows = g.op("Transpose", g.op("NonZero", g.op("Gather", mask, g.int(e), axis=0)), perm=[1, 0])
        slot, token = (g.op("Squeeze", g.op("Slice", rows, g.ints(at), g.ints(at + 1), g.ints(1)), g.ints(1)) for at in (0, 1))
        token = g.op("Unsqueeze", token, g.ints(-1), name="token")
        chosen = g.op("GatherND", g.op("Transpose", g.op("Unsqueeze", x, g.ints(0)), perm=[1, 0, 2]), token)
        chosen = g.op("Reshape", g.op("Transpose", chosen, perm=[1, 0, 2]), g.ints(-1, layer.hidden))
        y = layer.mlp(chosen, e, layer.gemm)
        weight = g.op("GatherND", g.op("Unsqueeze", w, g.ints(2)), g.op("Concat", token, g.op("Unsqueeze", slot, g.ints(-1)), axis=-1))
        sum = g.op("ScatterND", sum, token, g.op("Mul", y, weight), reduction="add", name="sum")
    return sum


@form("A'")
def loop_torchscript(layer, x, w, i):
    """The same loop, traced: rows by NonZero of OneHot, added by a scatter into zeros that replaces and an Add."""
    g, k = layer.graph, layer.chosen
    hot = g.op("OneHot", i, g.int(layer.experts), g.ints(0, 1), axis=-1)
    mask = g.op("Transpose", hot, perm=[2, 1, 0], name="mask")
    sum = g.op("ConstantOfShape", g.op("Shape", x), value=helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]), name="zeros")
    flat = g.op("Flatten", g.op("Unsqueeze", w, g.ints(2)), axis=2)
    flat = g.op("Reshape", flat, g.ints(-1, 1))
    for e in range(layer.experts):
        hit = g.op("Cast", g.op("Gather", mask, g.int(e), axis=0), to=TensorProto.BOOL)
        rows = g.op("Transpose", g.op("NonZero", hit), perm=[1, 0])
        slot, token = (g.op("Squeeze", part, g.ints(1)) for part in g.op("Split", rows, g.ints(1, 1), results=2, axis=1))
        chosen = g.op("Gather", g.op("Unsqueeze", x, g.ints(0)), token, axis=1)
        y = layer.mlp(g.op("Reshape", chosen, g.ints(-1, layer.hidden)), e, layer.matmul)
        y = g.op("Mul", y, g.op("Gather", flat, g.op("Add", g.op("Mul", token, g.int(k)), slot), axis=0))
        at = g.op("Expand", g.op("Unsqueeze", token, g.ints(1)), g.op("Shape", y))
        zeros = g.op("ConstantOfShape", g.op("Shape", sum))
        sum = g.op("Add", sum, g.op("ScatterElements", zeros, at, y, axis=0), name="sum")
    return sum


@form("C")
def grouped(layer, x, w, i):
    """Rows sorted by expert, a matmul per segment, the order restored, a sum over the slots."""
    g, k, e, h = layer.graph, layer.chosen, layer.experts, layer.hidden
    flat = g.op("Reshape", i, g.ints(-1))
    count = g.op("Shape", flat)
    sorted, perm = g.op("TopK", flat, count, results=2, axis=-1, largest=0, sorted=1, name="sort")
    differs = g.op("Equal", g.op("Less", perm, g.int(0)), g.data(True))
    below = g.op("Cast", g.op("And", differs, g.op("Cast", g.op("Mod", perm, g.int(k)), to=TensorProto.BOOL)), to=TensorProto.INT64)
    source = g.op("Sub", g.op("Div", perm, g.int(k)), below, name="source")
    row = g.op("Unsqueeze", perm, g.ints(-1))
    xs = g.op("GatherND", x, g.op("Unsqueeze", source, g.ints(-1)))
    ws = g.op("GatherND", g.op("Reshape", w, g.ints(-1)), row)
    bins = g.op("Cast", g.op("Div", g.op("Cast", sorted, to=TensorProto.FLOAT), g.float((e - 1) / e)), to=TensorProto.INT64)
    bins = g.op("Clip", bins, g.int(0), g.int(e - 1))
    histogram = g.op("ScatterElements", g.data(numpy.zeros(e, numpy.float32)), bins, g.op("Expand", g.float(1), count), axis=0,
                     reduction="add", name="histogram")
    ends = g.op("Cast", g.op("CumSum", g.op("Cast", histogram, to=TensorProto.INT32), g.int(0)), to=TensorProto.INT64)
    ends = [g.op("Squeeze", end) for end in g.op("Split", ends, results=e, axis=0, num_outputs=e)]
    ranges = [g.op("Range", begin, end, g.int(1), name="rows") for begin, end in zip([g.int(0)] + ends[:-1], ends)]

    def segments(rows, weights, name):
        parts = g.op("Split", g.data(weights, name), results=e, axis=0, num_outputs=e)
        products = [g.op("MatMul", g.op("Gather", rows, r, axis=0), g.op("Squeeze", part, g.ints(0)), name="segment")
                    for r, part in zip(ranges, parts)]
        return g.op("Concat", *products, axis=0)

    joined = numpy.concatenate([layer.gate, layer.up], axis=1).transpose(0, 2, 1)
    a = layer.gated(*g.op("Split", segments(xs, joined, "gate_up"), results=2, axis=1, num_outputs=2))
    y = g.op("Mul", segments(a, layer.down.transpose(0, 2, 1), "down"), g.op("Unsqueeze", ws, g.ints(-1)))
    index = g.op("Range", g.int(0), g.op("Squeeze", count), g.int(1))
    inverse = g.op("ScatterND", g.op("Expand", g.int(0), count), row, index, name="inverse")
    y = g.op("GatherND", y, g.op("Unsqueeze", inverse, g.ints(-1)))
    return g.op("ReduceSum", g.op("Reshape", y, g.ints(-1, k, h)), g.ints(1), keepdims=0, name="sum")


def slots(layer, x, repeat):
    """x once per slot of each token, [S, H]."""
    g, k, h = layer.graph, layer.chosen, layer.hidden
    wide = g.op("Unsqueeze", x, g.ints(1))
    wide = g.op("Tile", wide, g.ints(1, k, 1)) if repeat == "Tile" else g.op("Expand", wide, g.ints(1, k, 1))
    return g.op("Reshape", wide, g.ints(-1, h))


def sum_of_slots(layer, y, w):
    g = layer.graph
    weighted = g.op("Mul", y, g.op("Unsqueeze", g.op("Reshape", w, g.ints(-1)), g.ints(-1)))
    return g.op("ReduceSum", g.op("Reshape", weighted, g.ints(-1, layer.chosen, layer.hidden)), g.ints(1), keepdims=0, name="sum")


@form("B")
def batched(layer, x, w, i, repeat="Expand"):
    """batched_mm by torch.export: a copy of its expert's matrices for each routed row."""
    g = layer.graph
    ids = g.op("Unsqueeze", g.op("Reshape", i, g.ints(-1)), g.ints(-1), name="ids")
    rows = g.op("Unsqueeze", slots(layer, x, repeat), g.ints(-1))

    def product(weights, rows, name):
        return g.op("Squeeze", g.op("MatMul", g.op("GatherND", g.data(weights, name), ids), rows), g.ints(-1))

    if layer.joined:
        gate, up = g.op("Split", product(layer.joined_weights(), rows, "gate_up"), results=2, axis=1, num_outputs=2)
    else:
        gate, up = product(layer.gate, rows, "gate"), product(layer.up, rows, "up")
    return sum_of_slots(layer, product(layer.down, g.op("Unsqueeze", layer.gated(gate, up), g.ints(-1)), "down"), w)


@form("B'")
def batched_torchscript(layer, x, w, i):
    """batched_mm, traced: Gather and Tile, the halves as Slice with bounds from Shape."""
    g, k = layer.graph, layer.chosen
    ids = g.op("Reshape", i, g.ints(-1), name="ids")
    rows = g.op("Unsqueeze", slots(layer, x, "Tile"), g.ints(-1))

    def product(weights, rows, name):
        return g.op("Squeeze", g.op("MatMul", g.op("Gather", g.data(weights, name), ids, axis=0), rows), g.ints(-1))

    if layer.joined:
        both = product(layer.joined_weights(), rows, "gate_up")
        size = g.op("Gather", g.op("Shape", both), g.ints(1), axis=0)
        half = g.op("Div", g.op("Add", size, g.ints(1)), g.ints(2))
        gate = g.op("Slice", both, g.ints(0), half, g.ints(1))
        up = g.op("Slice", both, half, g.op("Mul", half, g.ints(2)), g.ints(1))
    else:
        gate, up = product(layer.gate, rows, "gate"), product(layer.up, rows, "up")
    y = product(layer.down, g.op("Unsqueeze", layer.gated(gate, up), g.ints(-1)), "down")
    weighted = g.op("Mul", y, g.op("Reshape", w, g.ints(-1, 1)))
    shape = g.op("Concat", g.op("Gather", g.op("Shape", x), g.ints(0), axis=0), g.ints(k), g.ints(layer.hidden), axis=0)
    return g.op("ReduceSum", g.op("Reshape", weighted, shape), g.ints(1), keepdims=0, name="sum")


@form("D")
def tiled(layer, x, w, i, traced=False):
    """Every expert on every token, and weights that are zero for most."""
    g, e, h = layer.graph, layer.experts, layer.hidden
    wide = g.op("Reshape", g.op("Tile", x, g.ints(e, 1)), g.ints(e, -1, h))

    def product(rows, weights, name):
        return g.op("MatMul", rows, g.data(weights.transpose(0, 2, 1), name))

    if layer.joined:
        both = product(wide, layer.joined_weights(), "gate_up")
        if traced:
            gate, up = (g.op("Slice", both, g.ints(at * layer.width), g.ints((at + 1) * layer.width), g.ints(2)) for at in (0, 1))
        else:
            gate, up = g.op("Split", both, results=2, axis=2, num_outputs=2)
    else:
        gate, up = product(wide, layer.gate, "gate"), product(wide, layer.up, "up")
    y = product(layer.gated(gate, up), layer.down, "down")
    shape = g.op("Concat", g.op("Gather", g.op("Shape", x), g.ints(0), axis=0), g.ints(e), axis=0)
    zeros = g.op("ConstantOfShape", shape) if traced else g.op("Expand", g.float(0), shape)
    mixed = g.op("Transpose", g.op("ScatterElements", zeros, i, w, axis=1), perm=[1, 0], name="mixed")
    return g.op("ReduceSum", g.op("Mul", y, g.op("Unsqueeze", mixed, g.ints(2))), g.ints(0), keepdims=0, name="sum")


@form("D'")
def tiled_torchscript(layer, x, w, i):
    """The same, traced."""
    return tiled(layer, x, w, i, traced=True)


@form("B einsum")
def gathered_einsum(layer, x, w, i):
    """Matrices gathered by [T, k] indices, products and the weighted sum as Einsum."""
    g = layer.graph
    chosen = lambda weights, name: g.op("Gather", g.data(weights, name), i, axis=0)
    product = lambda weights, name: g.op("Einsum", x, chosen(weights, name), equation="th,tkih->tki")
    if layer.joined:
        gate, up = g.op("Split", product(layer.joined_weights(), "gate_up"), results=2, axis=2, num_outputs=2)
    else:
        gate, up = product(layer.gate, "gate"), product(layer.up, "up")
    y = g.op("Einsum", layer.gated(gate, up), chosen(layer.down, "down"), equation="tki,tkhi->tkh")
    return g.op("Einsum", y, w, equation="tkh,tk->th", name="sum")


@form("B early")
def gathered_early(layer, x, w, i):
    """The weights multiplied before the second product."""
    g = layer.graph
    chosen = lambda weights, name: g.op("Gather", g.data(weights, name), i, axis=0)
    column = g.op("Unsqueeze", x, g.ints(1, 3))
    gate, up = g.op("MatMul", chosen(layer.gate, "gate"), column), g.op("MatMul", chosen(layer.up, "up"), column)
    a = g.op("Mul", g.op("Unsqueeze", w, g.ints(2, 3)), layer.gated(gate, up))
    y = g.op("ReduceSum", g.op("MatMul", chosen(layer.down, "down"), a), g.ints(1), keepdims=0, name="sum")
    return g.op("Squeeze", y, g.ints(2))


@form("D einsum")
def dense_einsum(layer, x, w, i):
    """Every expert on every token, products and the weighted sum as Einsum."""
    g, e = layer.graph, layer.experts
    gate, up = (g.op("Einsum", x, g.data(weights, "weights"), equation="th,eih->tei") for weights in (layer.gate, layer.up))
    y = g.op("Einsum", layer.gated(gate, up), g.data(layer.down, "down"), equation="tei,ehi->teh")
    shape = g.op("Concat", g.op("Gather", g.op("Shape", x), g.ints(0), axis=0), g.ints(e), axis=0)
    mixed = g.op("ScatterElements", g.op("Expand", g.float(0), shape), i, w, axis=1, name="mixed")
    return g.op("Einsum", y, mixed, equation="teh,te->th", name="sum")


@form("F")
def fused(layer, x, w, i):
    """ONNX Runtime's own operator, for softmax routers; what the router made beside the logits is not used."""
    g = layer.graph
    assert layer.router in ("softmax", "softmax_plain"), "com.microsoft::MoE has a softmax router"
    gate, up, down = (g.data(value, name) for value, name in ((layer.gate, "gate"), (layer.up, "up"), (layer.down, "down")))
    return g.op("MoE", x, layer.logits, gate, "", down, "", up, domain="com.microsoft", k=layer.chosen, activation_type=layer.activation,
                normalize_routing_weights=int(layer.router == "softmax"))


def model(name, **dims):
    """The form `name` with the dims of a Layer, checked."""
    layer = Layer(**dims)
    g = layer.graph
    y = FORMS[name](layer, "x", *layer.route("x"))
    if layer.shared != "none":
        y = g.op("Add", y, layer.shared_expert("x"))
    g.op("Identity", y, name="y")
    value = lambda value: helper.make_tensor_value_info(value, TensorProto.FLOAT, [layer.tokens or "tokens", layer.hidden])
    graph = helper.make_graph(g.nodes, "moe", [value("x")], [value("y")], g.initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)], ir_version=9)
    onnx.checker.check_model(made, full_check=name != "F")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forms", type=lambda text: text.split(","))
    parser.add_argument("output")
    for field in dataclasses.fields(Layer):
        parser.add_argument("--" + field.name, type=field.type, default=field.default)
    args = vars(parser.parse_args())
    forms, output = args.pop("forms"), args.pop("output")
    for place, form in enumerate(forms):
        onnx.save(model(form, **args), output.replace("%", str(place)))


if __name__ == "__main__":
    main()
