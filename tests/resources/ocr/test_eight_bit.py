"""The recogniser in integers reads what it reads in floats, and reads it the same everywhere."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest

from assets.pages.ocr.rendering import render
from resources.ocr import rapidocr
from resources.ocr.base import version_inputs
from resources.ocr.eight_bit import MAX_WEIGHT, in_eight_bits, is_known, recipe
from resources.ocr.onnx_file import constants, parse_model
from resources.ocr.rapidocr import RapidOcr, narrowed, recogniser_path, session_of

SAID = [
    ("tiro", 7, "Seven points of print are read as well as twelve, 1,987.50 of them."),
    ("helv", 10, "Walnut ink fades slowly; the receipt says 34 litres & 12 cloves."),
    ("cour", 9, "for (i = 0; i < 10; i++) { total += row[i]; }"),
    ("tiit", 11, "Jörg prüft zuerst die großen Öfen, dann wäscht er die Kübel aus."),
    ("china-s", 11, "春天的早晨，小镇上的人们很早就起床了。"),
]


@cache
def floats() -> bytes:
    path = recogniser_path()
    assert path is not None
    return path.read_bytes()


@cache
def integers() -> bytes:
    return in_eight_bits(floats())


def page() -> Any:
    document = pymupdf.open()
    shown = document.new_page(width=420, height=260)
    for i, (font, size, text) in enumerate(SAID):
        shown.insert_text((20, 40 + 40 * i), text, fontname=font, fontsize=size)
    return render(shown, 150)


def columns(run: Callable[[Any], Any], image: Any) -> Any:
    """Chances of characters for each column of a line."""
    pixels = narrowed(image[:, :, ::-1]).astype(np.float32).transpose(2, 0, 1)
    return run((pixels / 127.5 - 1)[np.newaxis])[0]


def test_the_installed_recogniser_is_the_one_the_ranges_are_of() -> None:
    path = recogniser_path()
    assert path is not None
    assert is_known(path), "another rapidocr: run python -m bench.ocr_ranges"


def test_a_page_reads_as_it_is_written() -> None:
    lines = sorted(RapidOcr().read(page(), lambda: None), key=lambda line: line.box[0][1])
    found = [line.text.replace(" ", "") for line in lines]
    assert found == [text.replace(" ", "") for *_, text in SAID]
    assert min(line.confidence for line in lines) > 0.9


def test_integers_choose_the_characters_that_floats_choose() -> None:
    by_floats, by_integers = session_of(floats()), session_of(integers())
    image = page()
    same, apart = [], []
    for quad in RapidOcr().find(image, lambda: None):
        (left, top), (right, bottom) = np.min(quad, axis=0), np.max(quad, axis=0)
        line = image[int(top) : int(bottom), int(left) : int(right)]
        one = columns(lambda x: by_floats.run(None, {"x": x})[0], line)
        other = columns(lambda x: by_integers.run(None, {"x": x})[0], line)
        same.append(np.mean(one.argmax(1) == other.argmax(1)))
        apart.append(np.abs(one.max(1) - other.max(1)).mean())
    assert len(same) == len(SAID)
    assert np.mean(same) > 0.97
    assert np.mean(apart) < 0.03


def test_no_sum_of_two_products_leaves_sixteen_bits() -> None:
    weights = [
        np.frombuffer(tensor.raw, dtype=np.int8)
        for tensor in parse_model(integers()).graph.initializer
        if tensor.data_type == 3 and tensor.raw
    ]
    largest = max(int(np.abs(part.astype(int)).max()) for part in weights)
    assert largest == MAX_WEIGHT
    assert 2 * 255 * largest < 2**15


def test_the_same_bytes_every_time_and_a_third_of_the_size() -> None:
    assert in_eight_bits(floats()) == integers()
    assert len(integers()) < 0.4 * len(floats())
    before, after = session_of(floats()), session_of(integers())
    assert before.get_modelmeta().custom_metadata_map == after.get_modelmeta().custom_metadata_map
    assert [x.name for x in before.get_outputs()] == [x.name for x in after.get_outputs()]


def test_a_model_that_is_written_as_it_was_read_is_the_same_model() -> None:
    again = parse_model(floats()).SerializeToString()
    assert len(again) == len(floats())
    before = constants(parse_model(floats()).graph.initializer)
    after = constants(parse_model(again).graph.initializer)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_another_model_is_used_in_floats_and_the_version_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version_inputs("rapidocr")["recogniser"] == recipe()
    other = tmp_path / "other.onnx"
    other.write_bytes(floats()[:-1])
    for found in (other, None):
        monkeypatch.setattr(rapidocr, "recogniser_path", lambda found=found: found)
        assert version_inputs("rapidocr")["recogniser"] == "floats"
        (line, *_) = RapidOcr().read(page()[:150], lambda: None)
        assert line.text.startswith("Seven points")
