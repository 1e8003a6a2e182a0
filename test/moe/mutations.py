"""Changes of small mixture-of-experts layers in ONNX, for `mutants`: each of MUTATIONS makes one of them into another model."""
import collections

import numpy
import onnx
from onnx import helper, numpy_helper

MUTATIONS = {}


def mutation(reason, weight=4):
    """A function that changes a model in place and says what it did; `reason` is why it may be raised."""
    def register(function):
        MUTATIONS[function.__name__] = function, reason, weight
        return function
    return register


class Impossible(Exception):
    """There is nothing in the model to change so."""


def pick(rng, options):
    if not options:
        raise Impossible
    return rng.choice(options)


class Model:
    """An ONNX model to be changed: nodes, initializers by name, shapes by name."""

    def __init__(self, proto, rng):
        self.proto, self.graph = proto, proto.graph
        # Mostly what comes behind the router: it has parameters, and so changes that another right layer is made of.
        behind = max(i for i, node in enumerate(proto.graph.node) if node.name in ("mixing", "choice")) + 1
        self.first = behind if rng.random() < 0.85 else 0
        self.data = {tensor.name: tensor for tensor in proto.graph.initializer}
        inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
        self.types = {}
        for value in [*inferred.value_info, *inferred.input, *inferred.output]:
            type = value.type.tensor_type
            self.types[value.name] = type.elem_type, tuple(d.dim_value or d.dim_param or "?" for d in type.shape.dim)
        for tensor in self.data.values():
            self.types[tensor.name] = tensor.data_type, tuple(tensor.dims)

    def nodes(self, *kinds):
        return [node for node in self.graph.node[self.first:-1] if not kinds or node.op_type in kinds]

    def values(self):
        """Results of nodes, but for the layer's own."""
        return [output for node in self.graph.node[self.first:-1] for output in node.output if output in self.types and output != "sum"]

    def set(self, name, array):
        self.data[name].CopyFrom(numpy_helper.from_array(array, name))

    def array(self, name):
        return numpy_helper.to_array(self.data[name]).copy()

    def private(self, node, at):
        """Gives operand `at` of the node, an initializer, a name that no other node uses."""
        copy = onnx.TensorProto()
        copy.CopyFrom(self.data[node.input[at]])
        copy.name = f"{copy.name}.{node.name}.{at}"
        self.graph.initializer.append(copy)
        self.data[copy.name] = self.graph.initializer[-1]
        self.types[copy.name] = copy.data_type, tuple(copy.dims)
        node.input[at] = copy.name
        return copy.name

    def insert(self, before, node):
        self.graph.node.insert(list(self.graph.node).index(before), node)


def attribute(node, name):
    return next((a for a in node.attribute if a.name == name), None)


@mutation("the constant is a parameter of ds.route, or makes no difference", 8)
def constant(model, rng):
    uses = [(node, at) for node in model.nodes() for at, name in enumerate(node.input)
            if node.op_type != "TopK" and name in model.data and 1 <= numpy.prod(model.data[name].dims) <= 4 and model.data[name].data_type in (1, 6, 7, 9)]
    node, at = pick(rng, uses)
    array = model.array(name := model.private(node, at))
    where = rng.randrange(array.size)
    old = array.flat[where]
    array.flat[where] = not old if array.dtype == bool else old + rng.choice((-1, 1, 2)) if array.dtype != numpy.float32 else rng.choice(
        (0.0, 1.0, -old, old * 0.5, old + 1))
    if array.flat[where] == old:
        raise Impossible
    model.set(name, array)
    return f"operand {at} of {node.name}: {old} becomes {array.flat[where]}"


@mutation("the output is a value of the router, which stays", 2)
def extra_output(model, rng):
    name = pick(rng, [name for name in model.values() if model.types[name][0] == 1])
    type, shape = model.types[name]
    model.graph.output.append(helper.make_tensor_value_info(name, type, [s if s != "?" else None for s in shape]))
    return f"{name} becomes an output"


@mutation("the consumer reads a value of the router, which stays", 1)
def extra_consumer(model, rng):
    names = [name for name in model.values() if model.types[name][0] == 1]
    name = pick(rng, names)
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("ReduceMean", [name], ["mean"], "mean", keepdims=0))
    last = model.graph.node[-1]
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Add", [last.input[0], "mean"], ["more"], "more"))
    last.input[0] = "more"
    return f"the mean of {name} is added to y"


@mutation("k is a parameter of ds.route", 1)
def slots(model, rng):
    nodes = [node for node in model.nodes("TopK") if node.input[1] in model.data]
    node = pick(rng, nodes)
    old = model.array(name := model.private(node, 1))
    model.set(name, old + rng.choice((-1, 1)))
    return f"k of {node.name}: {old} becomes {model.array(name)}"


@mutation("it is no expert's")
def transposed_matrix(model, rng):
    """One expert's matrix, where it is square."""
    nodes = [n for n in model.nodes("MatMul", "Gemm") if len(shape := model.types[n.input[1]][1]) == 2 and shape[0] == shape[1]]
    node = pick(rng, nodes)
    if transb := attribute(node, "transB"):
        transb.i = 1 - transb.i
        return f"transB of {node.name} becomes {transb.i}"
    turned = f"{node.name}.turned"
    model.insert(node, helper.make_node("Transpose", [node.input[1]], [turned], turned, perm=[1, 0]))
    node.input[1] = turned
    return f"the matrix of {node.name} is transposed"


@mutation("each expert's matrix is found at its use: the stacks have them in the new order", 1)
def swapped_operands(model, rng):
    """Two nodes of one kind exchange an operand: two experts in one use."""
    kinds = collections.defaultdict(list)
    for node in model.nodes():
        for at, name in enumerate(node.input):
            if name in model.types:
                kinds[node.op_type, at, model.types[name]].append(node)
    pairs = [(a, b, at) for (_, at, _), nodes in kinds.items() for i, a in enumerate(nodes) for b in nodes[i + 1:] if a.input[at] != b.input[at]]
    a, b, at = pick(rng, pairs)
    a.input[at], b.input[at] = b.input[at], a.input[at]
    return f"{a.name} and {b.name} exchange operand {at}"


@mutation("the two operands mean the same there", 6)
def exchanged_inputs(model, rng):
    node = pick(rng, [n for n in model.nodes() if len(n.input) > 1 and n.op_type not in ("Add", "Mul", "And", "Or", "Equal")])
    i, j = rng.sample(range(len(node.input)), 2)
    node.input[i], node.input[j] = node.input[j], node.input[i]
    return f"{node.name} exchanges its operands {i} and {j}"


@mutation("the attribute makes no difference there", 6)
def changed_attribute(model, rng):
    choices = [(node, a) for node in model.nodes() for a in node.attribute if a.type in (onnx.AttributeProto.INT, onnx.AttributeProto.INTS)
               # What is not sorted may be in any order; an axis of size 1 before the result changes nothing.
               and a.name not in ("to", "num_outputs", "sorted") and (node.name, a.name) != ("sum", "keepdims")]
    node, a = pick(rng, choices)
    if a.type == onnx.AttributeProto.INTS:
        new = list(a.ints)
        rng.shuffle(new)
        if new == list(a.ints):
            raise Impossible
        del a.ints[:]
        a.ints.extend(new)
        return f"{a.name} of {node.name} becomes {new}"
    old = a.i
    a.i = 1 - old if a.name in ("largest", "sorted", "keepdims", "transB") else old + rng.choice((-1, 1))
    return f"{a.name} of {node.name}: {old} becomes {a.i}"


@mutation("no row is named twice, or what it adds to is zero")
def changed_reduction(model, rng):
    node = pick(rng, model.nodes("ScatterND", "ScatterElements"))
    a = attribute(node, "reduction")
    old = a.s.decode() if a else "none"
    new = rng.choice([kind for kind in ("none", "add", "max", "mul") if kind != old])
    if a:
        node.attribute.remove(a)
    node.attribute.append(helper.make_attribute("reduction", new))
    return f"reduction of {node.name}: {old} becomes {new}"


OTHER_KINDS = {
    "Mul": ["Add", "Sub", "Div"], "Add": ["Sub", "Mul", "Max"], "Sub": ["Add"], "Div": ["Mul", "Mod"], "Sigmoid": ["Tanh", "HardSigmoid", "Relu"],
    "Softmax": ["Sigmoid", "LogSoftmax", "Identity"], "ReduceSum": ["ReduceMax", "ReduceMean", "ReduceProd"], "Less": ["LessOrEqual", "Greater"],
    "Equal": ["Less", "GreaterOrEqual"], "And": ["Or", "Xor"], "Mod": ["Div", "Sub"], "CumSum": ["Identity"], "Not": ["Identity"]}


@mutation("both kinds do the same there, or it is no part of the layer, or a parameter of ds.route", 6)
def changed_kind(model, rng):
    node = pick(rng, model.nodes(*OTHER_KINDS))
    old = node.op_type
    node.op_type = rng.choice(OTHER_KINDS[old])
    if (node.name, node.op_type) == ("sum", "ReduceMean"):
        raise Impossible  # the layer, times a constant
    if node.op_type in ("Sigmoid", "Identity", "Tanh", "HardSigmoid", "Relu"):
        del node.attribute[:]
        del node.input[1:]
    return f"{node.name}, a {old}, becomes a {node.op_type}"


@mutation("the value has the same elements", 6)
def rewired(model, rng):
    """An operand becomes another value of its type and rank that is there before."""
    node = pick(rng, model.nodes())
    at = rng.randrange(len(node.input))
    nodes = list(model.graph.node)
    small = [name for name, tensor in model.data.items() if numpy.prod(tensor.dims) <= 4]
    before = ["x", *(o for n in nodes[:nodes.index(node)] for o in n.output), *small]
    type = model.types.get(node.input[at])
    others = [name for name in before if name != node.input[at] and name in model.types and type and model.types[name][0] == type[0]
              and len(model.types[name][1]) == len(type[1])]
    old, node.input[at] = node.input[at], pick(rng, others)
    return f"operand {at} of {node.name}: {old} becomes {node.input[at]}"


@mutation("the node did nothing", 2)
def dropped(model, rng):
    """Not of the activation function: the layer without it is a layer."""
    nodes = [n for n in model.nodes() if len(n.output) == 1 and n.op_type not in ("Mul", "Sigmoid", "Softmax") and model.types.get(n.output[0]) and
             model.types.get(n.input[0]) == model.types[n.output[0]]]
    node = pick(rng, nodes)
    for user in model.graph.node:
        for at, name in enumerate(user.input):
            if name == node.output[0]:
                user.input[at] = node.input[0]
    model.graph.node.remove(node)
    return f"{node.name} is left out"


@mutation("nothing is added", 2)
def biased(model, rng):
    """A bias behind a product."""
    node = pick(rng, model.nodes("MatMul", "Gemm"))
    shape = model.types[node.output[0]][1]
    if not isinstance(shape[-1], int):
        raise Impossible
    array = numpy.linspace(-0.5, 0.5, shape[-1], dtype=numpy.float32)
    model.graph.initializer.append(numpy_helper.from_array(array, "more_bias"))
    inner = f"{node.output[0]}.plain"
    at = list(model.graph.node).index(node)
    model.graph.node.insert(at + 1, helper.make_node("Add", [inner, "more_bias"], [node.output[0]], f"{node.name}.bias"))
    model.graph.node[at].output[0] = inner
    return f"a bias is added to {node.name}"
