#!/usr/bin/env python3
"""Byte-level mutants of models through `ds-opt`: every one must be read or refused with one line, never crash or hang.

    import_mutants.py DS_OPT SEED_MODEL... [--count N] [--seed S]
"""
import argparse
import random
import subprocess
import sys
import tempfile


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        kind, at = rng.randrange(5), rng.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at:at + rng.choice((1, 2, 8, 64))]
        elif kind == 3:
            data[at:at] = data[at:at + rng.choice((1, 2, 8, 64))]
        else:
            del data[at:]
        if not data:
            return b"\0"
    return bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ds_opt")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, seeds, codes = random.Random(args.seed), [open(m, "rb").read() for m in args.models], {}
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/mutant.onnx"
        for i in range(args.count):
            data = mutate(rng.choice(seeds), rng)
            with open(path, "wb") as f:
                f.write(data)
            try:
                run = subprocess.run([args.ds_opt, path, "-o", "/dev/null"], capture_output=True, timeout=20)
                code, lines = run.returncode, run.stderr.decode(errors="replace").strip().splitlines()
            except subprocess.TimeoutExpired:
                code, lines = "hang", []
            codes[code] = codes.get(code, 0) + 1
            if code not in (0, 1, 3) or (code and (len(lines) != 1 or "error: " not in lines[0])):
                with open(f"mutant-{i}.onnx", "wb") as f:
                    f.write(data)
                print(f"mutant {i}, kept as mutant-{i}.onnx: {code}", *lines[:5], sep="\n  ")
                return 1
    print("exit codes:", codes)
    return 0


sys.exit(main())
