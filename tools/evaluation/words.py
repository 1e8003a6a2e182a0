"""Pictures of words for text recognition: several fonts and sizes, rotated, blurred, noisy, in perspective. All from one seed."""
import functools
import pathlib
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from places import SENTENCES

HEIGHT = 48  # what the recogniser wants
KINDS = ("plain", "rotated", "blurred", "noisy", "perspective", "all")
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral",
         "STIXGeneralBol", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10", "default")


def words_of(groups):
    return {w for group in groups for s in group for w in re.findall("[A-Za-z]{3,}", s.lower())}


def paragraphs():
    """The groups of sentences.txt: (those for calibration, those for evaluation)."""
    lines = [line for line in SENTENCES.read_text().splitlines() if not line.startswith("#")]
    groups = [block.split("\n") for block in "\n".join(lines).strip().split("\n\n")]
    return groups[0::2], groups[1::2]


def texts(split, count, rng):
    """Distinct words, in cases as they come in print, and numbers, prices, dates, codes. No text is in both splits."""
    ours, theirs = (words_of(groups) for groups in (paragraphs() if split == "calibration" else paragraphs()[::-1]))
    shared = sorted(ours & theirs)  # every second one of these is ours
    words = sorted(ours - theirs) + shared[split == "calibration"::2]
    words = [words[i] for i in rng.permutation(len(words))][:round(count * 0.8)]
    cases = (str.lower, str.lower, str.capitalize, str.upper)
    found = {cases[rng.integers(len(cases))](word) for word in words}
    parity = int(split == "calibration")  # last digit of numbers
    while len(found) < count:
        digit = 2 * int(rng.integers(5)) + parity
        number = int(rng.integers(10, 99999))
        found.add((f"{number}{digit}", f"${number % 1000}.{number % 10}{digit}", f"{1 + number % 28:02}/{1 + number % 12:02}/19{number % 10}{digit}",
                   f"{'ABCDEFGHJKLMNPRSTUVWXYZ'[number % 23]}{'ABCDEFGHJKLMNPRSTUVWXYZ'[number // 23 % 23]}-{number % 100:02}{digit}")[rng.integers(4)])
    return [sorted(found)[i] for i in rng.permutation(count)]


@functools.cache
def font(name, size):
    if name == "default":
        return ImageFont.load_default(size=size)
    import matplotlib

    return ImageFont.truetype(str(pathlib.Path(matplotlib.get_data_path()) / f"fonts/ttf/{name}.ttf"), size)


def _perspective(image, rng):
    """Moves each corner by up to 8% of the height."""
    w, h = image.size
    source = np.array([(0, 0), (w, 0), (w, h), (0, h)], float)
    target = source + rng.uniform(-0.08, 0.08, (4, 2)) * h
    rows, right = [], []
    for (x, y), (u, v) in zip(target, source):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return image.transform(image.size, Image.Transform.PERSPECTIVE, np.linalg.solve(rows, right), Image.Resampling.BICUBIC,
                           fillcolor=image.getpixel((0, 0)))


def draw(text, kind, rng):
    """uint8 [48, width, 3], the width a multiple of 32."""
    face = font(FONTS[rng.integers(len(FONTS))], int(rng.integers(22, 48)))
    left, top, right, bottom = face.getbbox(text)
    paper, ink = rng.integers(170, 256, 3), rng.integers(0, 90, 3)
    if rng.random() < 0.25:
        paper, ink = ink, paper
    margin = (bottom - top) // 4 + 2
    image = Image.new("RGB", (right - left + 4 * margin, bottom - top + 2 * margin), tuple(map(int, paper)))
    ImageDraw.Draw(image).text((2 * margin - left, margin - top), text, fill=tuple(map(int, ink)), font=face)
    if kind in ("rotated", "all"):
        image = image.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True, fillcolor=image.getpixel((0, 0)))
    if kind in ("perspective", "all"):
        image = _perspective(image, rng)
    if kind in ("blurred", "all"):
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.6)))
    width = max(32, round(image.width * HEIGHT / image.height / 32) * 32)
    pixels = np.asarray(image.resize((width, HEIGHT), Image.Resampling.BICUBIC), float)
    if kind in ("noisy", "all"):
        pixels = pixels + rng.normal(0, rng.uniform(8, 30), pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)
