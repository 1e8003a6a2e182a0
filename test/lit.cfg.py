# How lit runs the tests of this folder; README.md teaches to write one.
import os

import lit.formats

config.name = "ds"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".onnxtxt", ".test"]
config.excludes = ["Inputs", "unit", "suites"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.ds_build, "test")

# Tools of the build, then FileCheck, not, count, split-file.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.ds_build, "bin"), config.llvm_tools, os.environ["PATH"]])
for name in ("HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

models = os.path.join(config.ds_deps, "models")
config.substitutions += [
    ("%python", config.python),
    ("%models", models),
    ("%root", config.ds_source),
]

# What a test may ask for with REQUIRES: or UNSUPPORTED:.
ISA = {
    "avx2": ["avx2", "fma"],
    "avx512": ["avx512f", "avx512bw", "avx512dq", "avx512vl"],
    "vnni": ["avx512_vnni"],
    "bf16": ["avx512_bf16"],
    "amx": ["amx_tile", "amx_int8", "amx_bf16"],
}
with open("/proc/cpuinfo") as cpuinfo:
    flags = set(next((line for line in cpuinfo if line.startswith("flags")), "").split())
config.available_features.update(name for name, needs in ISA.items() if flags.issuperset(needs))
if os.path.exists(os.path.join(models, "minilm.onnx")):
    config.available_features.add("real-models")
if "address" in config.ds_sanitize:
    config.available_features.add("asan")
