"""Where things are."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DS_BUILD", ROOT / "build"))
DEPS = pathlib.Path(os.environ.get("DS_DEPS", pathlib.Path.home() / ".cache/ds"))
MODELS = DEPS / "models"
SENTENCES = pathlib.Path(__file__).with_name("sentences.txt")
