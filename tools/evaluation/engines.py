"""Ways to run a model, all with `inputs` (names) and `run({name: array}) -> [array]`: ONNX Runtime, our packages. And how fast they are."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

from places import BUILD, ROOT


class Engine:
    def seconds(self, feeds):
        """Of one pass over some samples."""
        begin = time.perf_counter()
        for feed in feeds:
            self.run(feed)
        return time.perf_counter() - begin


def speed(engine, other, feeds, rounds=9):
    """Seconds per sample, and how many times faster than the other one; in turns, so that what else the machine does falls on both."""
    pairs = [(engine.seconds(feeds), other.seconds(feeds)) for _ in range(rounds + 1)][1:]
    return statistics.median(own for own, _ in pairs) / len(feeds), statistics.median(its / own for own, its in pairs)


class OnnxRuntime(Engine):
    def __init__(self, path, threads=1):
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        self.session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]

    def run(self, feeds):
        return self.session.run(None, feeds)


class Package(Engine):
    def __init__(self, path, threads=1):
        os.environ.setdefault("DS_RUNTIME_LIBRARY", str(BUILD / "lib/libds_runtime.so"))
        sys.path.insert(0, str(ROOT / "runtime/python"))
        import ds_runtime

        self.name = "ds"
        self.model = ds_runtime.Model(path)
        self.session = self.model.session(threads)
        self.inputs = [value.name for value in self.model.inputs]

    def run(self, feeds):
        return list(self.session.run(feeds).values())


def compile_model(path, out, *flags):
    command = [BUILD / "bin/ds-compile", path, "-o", out, *flags]
    result = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{result.stderr}eval: ds-compile ended with exit code {result.returncode}")
    return out


def open_engine(path, kind="auto", threads=1):
    """A .dsm runs as it is; an .onnx by ONNX Runtime, or compiled first if `kind` is "ds"."""
    if str(path).endswith(".dsm"):
        return Package(path, threads)
    if kind != "ds":
        return OnnxRuntime(path, threads)
    with tempfile.TemporaryDirectory() as work:  # an open package stays mapped
        return Package(compile_model(path, f"{work}/model.dsm"), threads)
