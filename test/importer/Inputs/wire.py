"""A protobuf writer of a few lines, so that tests can write models that no library would."""


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """A field: an int as varint, text and bytes (also nested messages) with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def tensor(name, dims, raw=None, external=None, data_type=1):
    out = message(*[(1, d) for d in dims], (2, data_type), (8, name))
    if raw is not None:
        out += field(9, raw)
    if external is not None:
        for key, value in external.items():
            out += field(13, message((1, key), (2, str(value))))
        out += field(14, 1)
    return out


def value_info(name, dims):
    shape = b"".join(field(1, message((1, d)) if isinstance(d, int) else message((2, d))) for d in dims)
    return message((1, name), (2, message((1, message((1, 1), (2, shape))))))


def node(op, inputs, outputs, name=""):
    return message(*[(1, i) for i in inputs], *[(2, o) for o in outputs], (3, name or op.lower()), (4, op))


def model(nodes, initializers=(), inputs=(("x", [4]),), outputs=(("y", [4]),), opset=17):
    graph = message(*[(1, n) for n in nodes], (2, "g"), *[(5, t) for t in initializers],
                    *[(11, value_info(*i)) for i in inputs], *[(12, value_info(*o)) for o in outputs])
    return message((1, 8), (7, graph), (8, message((1, ""), (2, opset))))
