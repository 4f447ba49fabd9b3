"""Measures the ranges of the recogniser's activations and writes `eight_bit_ranges.py`.

    python -m bench.ocr_ranges resources/ocr/eight_bit_ranges.py

To be run when a wheel of rapidocr brings another model: until then that model is used in floats.
The lines are of the project's own samples, clean and worn, and of the Chinese and Japanese below;
the same lines and versions give the same ranges. Minutes of CPU, nothing is downloaded.
Here: lines, ranges, the file. Not here: what is made of them (`resources/ocr/eight_bit.py`).
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pymupdf

from assets.pages.ocr.rendering import render
from assets.pages.ocr.resolution import OCR_DPI
from resources.ocr.eight_bit import MICROSOFT, simplify, users_of
from resources.ocr.onnx_file import constants, output_of, parse_model
from resources.ocr.rapidocr import RapidOcr, narrowed, recogniser_path, session_of
from resources.samples.make import PASSWORDS, make_samples

Pixels = npt.NDArray[np.uint8]

PAGES_OF_EACH: Final = 3
LINES_OF_A_PAGE: Final = 6
SEED: Final = 1
OUTSIDE: Final = 0.001
"""Percent of a tensor's values that may lie outside its range, on either side. Worn pages: 0.20 %
of characters wrong with this, 0.21 with 0, 0.23 with 0.01, 0.42 with 0.05 (floats: 0.19)."""
SAMPLED: Final = 20_000
"""Values of a tensor that are kept of each line."""
CHINESE: Final = "春天的早晨小镇上的人们很早就起床了面包店的老板打开大门热气从窗口飘出来"
JAPANESE: Final = "朝早く町の人々は市場へ向かいます魚屋の主人は新しい魚を並べて客を呼びます"


def main(target: Path) -> None:
    """Write the ranges."""
    model = recogniser_path()
    if model is None:
        raise SystemExit("the installed rapidocr has no recogniser of this name")
    content = model.read_bytes()
    parsed = parse_model(content)
    simplify(parsed.graph)
    groups, last = _wanted(parsed.graph)
    names = sorted({name for group in groups for name in group})
    parsed.opset_import.add(domain=MICROSOFT, version=1)
    parsed.graph.output.extend(output_of(name) for name in names)
    session = session_of(parsed.SerializeToString())
    kept: dict[str, list[Any]] = {name: [] for name in names}
    rng = np.random.default_rng(SEED)
    n_lines = 0
    for line in _lines():
        n_lines += 1
        for name, found in zip(names, session.run(names, {"x": _input(line)}), strict=True):
            flat = found.reshape(-1)
            kept[name].append(rng.choice(flat, min(SAMPLED, len(flat)), replace=False))
    ranges: dict[str, tuple[float, float]] = {}
    for group in groups:
        values = np.concatenate([part for name in group for part in kept[name]])
        low, high = np.percentile(values, (OUTSIDE, 100 - OUTSIDE))
        for name in group:
            ranges[name] = (min(0.0, float(low)), max(0.0, float(high)))
    target.write_text(_module(hashlib.sha256(content).hexdigest(), last, ranges, n_lines))


def _wanted(graph: Any) -> tuple[list[set[str]], str]:
    """Tensors to measure, together where they need one range, and the last product's output.

    Every convolution up to the first AveragePool, but those that weigh channels: they see one
    pixel, cost nothing and decide much.
    """
    users = users_of(list(graph.node))
    floats = constants(graph.initializer)
    narrow: set[str] = set()
    integers: set[str] = set()
    groups: list[set[str]] = []
    last = [x.output[0] for x in graph.node if x.op_type == "MatMul"][-1]
    for each in graph.node:
        inputs = [name for name in each.input if name not in floats]
        output = each.output[0]
        if each.op_type == "AveragePool":
            break
        if each.op_type == "ReduceMean" or (each.op_type != "Mul" and set(inputs) & narrow):
            narrow.add(output)
        elif each.op_type == "Conv":
            after = users[output]
            if len(after) == 1 and after[0].op_type == "Relu":
                output = after[0].output[0]
            groups += [{inputs[0]}, {output}]
            integers |= {inputs[0], output}
        elif each.op_type in {"MaxPool", "Concat"}:
            groups.append({*inputs, output})
        elif each.op_type == "Add":
            groups.append({output})
    return _merged(groups), last


def _merged(groups: list[set[str]]) -> list[set[str]]:
    merged: list[set[str]] = []
    for group in groups:
        touching = [x for x in merged if x & group]
        merged = [x for x in merged if not x & group]
        merged.append(group.union(*touching))
    return merged


def _lines() -> Iterator[Pixels]:
    """Lines as detection finds them, in the pixels of a rendered page."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    engine = RapidOcr()
    rng = random.Random(SEED)
    for page in _pages():
        for look in (lambda image: image, _worn):
            image = np.ascontiguousarray(look(page)[:, :, ::-1])
            quads = [q for q in engine.find(page, lambda: None) if q[1][0] - q[0][0] > 16]
            for quad in rng.sample(quads, min(LINES_OF_A_PAGE, len(quads))):
                yield get_rotate_crop_image(image, np.array(quad, dtype=np.float32))


def _input(line: Pixels) -> Any:
    pixels: Any = narrowed(line).astype(np.float32).transpose(2, 0, 1)
    return (pixels / 127.5 - 1)[np.newaxis]


def _pages() -> Iterator[Pixels]:
    with tempfile.TemporaryDirectory() as folder:
        for sample in make_samples(Path(folder)):
            if sample.n_pages is None:
                continue
            with pymupdf.open(sample.path) as document:
                if document.needs_pass and not any(map(document.authenticate, PASSWORDS)):
                    continue
                for page in list(document)[:PAGES_OF_EACH]:
                    yield render(page, OCR_DPI)
    for text, font in ((CHINESE, "china-s"), (JAPANESE, "japan")):
        with pymupdf.open() as document:
            page = document.new_page()
            for i in range(12):
                shown = text[i:] + text[:i]
                page.insert_text((60, 80 + 40 * i), shown[: 20 + i], fontname=font, fontsize=9 + i)
            yield render(page, OCR_DPI)


def _worn(image: Pixels) -> Pixels:
    rng = np.random.default_rng(SEED)
    soft = cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.float32)
    noisy = np.clip((soft + rng.normal(0, 12, image.shape)) * 0.85 + 20, 0, 255)
    packed = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 55])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.uint8)


def _module(model: str, last: str, ranges: dict[str, tuple[float, float]], n_lines: int) -> str:
    rows = "".join(f'    "{k}": ({a:.5g}, {b:.5g}),\n' for k, (a, b) in sorted(ranges.items()))
    return (
        '"""Ranges of the recogniser\'s activations; written by `bench/ocr_ranges.py`.\n\n'
        f"Here: lowest and highest value of each tensor over {n_lines} lines, for one model.\n"
        'Not here: what is made of them (`eight_bit.py`).\n"""\n\n'
        "from typing import Final\n\n"
        f'MODEL_SHA256: Final = "{model}"\n'
        f'LAST_LAYER: Final = "{last}"\n'
        f"RANGES: Final[dict[str, tuple[float, float]]] = {{\n{rows}}}\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
