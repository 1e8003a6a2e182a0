"""Runs compiled models (.dsm) from Python, through libds_runtime.so (include/ds/runtime.h) and NumPy.

    import ds_runtime
    model = ds_runtime.Model("net.dsm")
    session = model.session(threads=2)
    outputs = session.run({"x": array})          # {name: array}

The library is found by $DS_RUNTIME_LIBRARY, else beside this file, else by the system's search path. bf16 tensors are
uint16 arrays of their bits. A session runs one request at a time; make one per thread to run several.
"""
import ctypes
import os
import pathlib

import numpy as np

_MAX_RANK = 16
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
          10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64, 16: np.uint16}


class Error(RuntimeError):
    """What ds_last_error says; `code` is the ds_result."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Dim(ctypes.Structure):
    _fields_ = [("size", ctypes.c_int64), ("lo", ctypes.c_int64), ("hi", ctypes.c_int64), ("symbol", ctypes.c_char_p)]


class _Value(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("rank", ctypes.c_uint32),
                ("dims", ctypes.POINTER(_Dim))]


class _Tensor(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("rank", ctypes.c_uint32), ("dims", ctypes.c_int64 * _MAX_RANK),
                ("data", ctypes.c_void_p), ("bytes", ctypes.c_uint64)]


class _ExpertCounters(ctypes.Structure):
    _fields_ = [("node", ctypes.c_char_p), ("experts", ctypes.c_uint32), ("runs", ctypes.c_uint64), ("tokens", ctypes.c_uint64),
                ("total_rows", ctypes.c_uint64), ("min_rows", ctypes.c_uint64), ("max_rows", ctypes.c_uint64), ("flops", ctypes.c_uint64),
                ("dense_flops", ctypes.c_uint64), ("balance", ctypes.c_double), ("max_violation", ctypes.c_double), ("entropy", ctypes.c_double)]


def _load():
    beside = pathlib.Path(__file__).with_name("libds_runtime.so")
    library = ctypes.CDLL(os.environ.get("DS_RUNTIME_LIBRARY") or (str(beside) if beside.exists() else "libds_runtime.so"))
    library.ds_last_error.restype = library.ds_model_name.restype = ctypes.c_char_p
    library.ds_session_isa.restype = ctypes.c_char_p
    for name in ("ds_model_input", "ds_model_output"):
        getattr(library, name).restype = ctypes.POINTER(_Value)
    for name in ("ds_model_close", "ds_session_destroy", "ds_session_reset_counters"):
        getattr(library, name).restype = None
    return library


_library = _load()


def _check(code):
    if code:
        raise Error(code, _library.ds_last_error().decode(errors="replace"))


class Value:
    """An input or output: `name`, `dtype`, `dims` (an int, or the name of a symbolic axis, per axis)."""

    def __init__(self, value):
        self.name, self.type, self.dtype = value.name.decode(), value.type, np.dtype(_TYPES[value.type])
        self.dims = [d.size if d.size >= 0 else d.symbol.decode() for d in value.dims[:value.rank]]

    def __repr__(self):
        return f"{self.name}: {self.dtype}{self.dims}"


class Model:
    """A package, mapped and checked. It stays open as long as it or one of its sessions is in use."""

    def __init__(self, path):
        self._handle = ctypes.c_void_p()
        _check(_library.ds_model_open(os.fsencode(path), ctypes.byref(self._handle)))
        self.name = _library.ds_model_name(self._handle).decode()
        self.inputs = [Value(_library.ds_model_input(self._handle, i).contents)
                       for i in range(_library.ds_model_input_count(self._handle))]
        self.outputs = [Value(_library.ds_model_output(self._handle, i).contents)
                        for i in range(_library.ds_model_output_count(self._handle))]

    def verify(self):
        """Compares the weights with their checksums."""
        _check(_library.ds_model_verify(self._handle))

    def session(self, threads=0):
        return Session(self, threads)

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.ds_model_close(self._handle)


class Session:
    """Runs a model with a number of threads; 0: all processors."""

    def __init__(self, model, threads=0):
        self.model = model
        self._handle = ctypes.c_void_p()
        _check(_library.ds_session_create(model._handle, threads, ctypes.byref(self._handle)))
        self.threads = _library.ds_session_threads(self._handle)
        self.isa = _library.ds_session_isa(self._handle).decode()

    def run(self, inputs):
        """`inputs` by name; returns the outputs by name. Arrays are copied only if they are not contiguous."""
        missing = [v.name for v in self.model.inputs if v.name not in inputs]
        if missing or len(inputs) != len(self.model.inputs):
            raise ValueError(f"inputs are {[v.name for v in self.model.inputs]}, given are {list(inputs)}")
        arrays = [np.ascontiguousarray(inputs[v.name]).reshape(np.shape(inputs[v.name])) for v in self.model.inputs]
        ins = (_Tensor * len(arrays))(*[_tensor(v, a) for v, a in zip(self.model.inputs, arrays)])
        outs = (_Tensor * len(self.model.outputs))()
        _check(_library.ds_session_run(self._handle, ins, len(ins), outs, len(outs)))
        return {v.name: _array(v, t) for v, t in zip(self.model.outputs, outs)}

    def experts(self):
        """How the experts of each mixture were used since reset_counters(): a dict of runtime.h's ds_expert_counters, and `rows` per expert."""
        sites = []
        for index in range(_library.ds_session_expert_sites(self._handle)):
            counters = _ExpertCounters()
            _check(_library.ds_session_expert_counters(self._handle, index, ctypes.byref(counters), None, 0))
            rows = np.zeros(counters.experts, np.uint64)
            _check(_library.ds_session_expert_counters(self._handle, index, ctypes.byref(counters), rows.ctypes.data_as(ctypes.c_void_p),
                                                       counters.experts))
            site = {name: getattr(counters, name) for name, _ in _ExpertCounters._fields_}
            sites.append({**site, "node": counters.node.decode(errors="replace"), "rows": rows})
        return sites

    def reset_counters(self):
        _library.ds_session_reset_counters(self._handle)

    def __del__(self):
        if getattr(self, "_handle", None):
            _library.ds_session_destroy(self._handle)


def _tensor(value, array):
    if array.dtype != value.dtype:
        raise TypeError(f"input '{value.name}' is {array.dtype}, the model expects {value.dtype}")
    if array.ndim > _MAX_RANK:
        raise ValueError(f"input '{value.name}' has more than {_MAX_RANK} axes")
    return _Tensor(value.type, array.ndim, (ctypes.c_int64 * _MAX_RANK)(*array.shape), array.ctypes.data, array.nbytes)


def _array(value, tensor):
    shape = tuple(tensor.dims[:tensor.rank])
    raw = ctypes.string_at(tensor.data, tensor.bytes) if tensor.bytes else b""
    return np.frombuffer(raw, value.dtype).reshape(shape).copy()
