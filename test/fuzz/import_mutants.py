#!/usr/bin/env python3
"""Byte-level mutants of models through `ds-opt` or `ds-compile`: every one must be taken or refused with one line, never
crash or hang.

    import_mutants.py TOOL SEED_MODEL... [--count N] [--seed S] [--keep FOLDER]
"""
import argparse
import collections
import pathlib
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


def run(tool, path, out):
    try:
        done = subprocess.run([tool, path, "-o", out], capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "hang", []
    return done.returncode, done.stderr.decode(errors="replace").strip().splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=".", help="where mutants that fail are kept")
    args = parser.parse_args()
    rng, seeds, codes, failed = random.Random(args.seed), [open(m, "rb").read() for m in args.models], collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "mutant.onnx")
        for i in range(args.count):
            path.write_bytes(mutate(rng.choice(seeds), rng))
            code, lines = run(args.tool, path, folder + "/out")
            codes[code] += 1
            if code in (0, 1, 3) and (not code or (len(lines) == 1 and "error: " in lines[0])):
                continue
            failed += 1
            kept = pathlib.Path(args.keep, f"mutant-{i}.onnx")
            kept.write_bytes(path.read_bytes())
            print(f"FAILED mutant {i}, kept as {kept}: {code}", *lines[:5], sep="\n  ")
    print("exit codes:", dict(codes))
    print(f"mutants: {args.count - failed} passed, {failed} failed, 0 skipped")
    return bool(failed)


sys.exit(main())
