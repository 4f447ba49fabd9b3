"""Parts of PyMuPDF's layout model done again in less time, with the same numbers as a result.

Here: stand-ins for a handful of functions of `pymupdf.layout`, and putting them in their places in
this process. Not here: what is asked of the model (`model.py`). What each saves, and how
sameness was shown, is in docs/decisions/layout.md; a test compares regions with and without them.

A release of the model that was not compared (`TESTED`) runs as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from assets.images.placements import hidden, image_blocks

TESTED: Final = ("260622",)
"""Releases of the layout model (`DocumentLayoutAnalyzer.__version__`) that these were made for."""

_TELL_VISIBLE: Final[frozenset[str]] = frozenset({"invisible", "num_numerals", "num_non_numerals"})

_Floats = npt.NDArray[np.float32]


def install(model: Any) -> bool:  # noqa: ANN401  # an untyped class
    """Put the stand-ins in place; False when this is no model that they were made for.

    Args:
        model: what `pymupdf.layout.DocumentLayoutAnalyzer.get_model()` returned.
    """
    if import_module("pymupdf.layout.DocumentLayoutAnalyzer").__version__ not in TESTED:
        return False
    settings = model._model.cfg["data"]  # noqa: SLF001
    keys = ("rf_names", "yf_names", "jf_names")
    wanted = _TELL_VISIBLE.union(*(settings.get(key, ()) for key in keys))
    for module, name, stand_in in (
        ("pymupdf_util_ext", "extract_rf_features", partial(_add_text_features, wanted)),
        ("onnx.BoxRFDGNN", "get_rf_features", _feature_row),
        ("onnx.ImageFeatureExtractorV1", "resize_image", _resized),
        ("onnx.TableGridExtractorV2", "resize_image", _resized),
        ("roi_pooling", "_path_naive", _pooled),
    ):
        setattr(import_module(f"pymupdf.layout.{module}"), name, stand_in)
    return True


def without_image_bytes(text_page: pymupdf.TextPage) -> list[dict[str, Any]]:
    """`extractDICT()["blocks"]`, but images have no bytes, which cost more than all of the text."""
    images = image_blocks(text_page)
    if not images:
        return list(text_page.extractDICT()["blocks"])
    is_image = [b.m_internal.type == mupdf.FZ_STEXT_BLOCK_IMAGE for b in text_page.this]
    with hidden(images):
        found: list[dict[str, Any]] = text_page.extractDICT()["blocks"]
    if len(found) != len(is_image):  # which of them were images cannot be told
        return list(text_page.extractDICT()["blocks"])
    for block, was_image in zip(found, is_image, strict=True):
        if was_image:
            block["type"] = 1
    return found


def _add_text_features(
    wanted: AbstractSet[str], data: dict[str, Any], text_page: pymupdf.TextPage
) -> None:
    """Add MuPDF's features of each box; drop boxes of invisible text where there is visible text.

    As `pymupdf_util_rf.extract_rf_features`, which looks up the names of the features box by box.
    """
    find = import_module("pymupdf.features").fz_features_for_region
    rows = data["custom_features"]
    names: list[str] = []
    visible = False
    for box, row in zip(data["bboxes"], rows, strict=True):
        found = find(text_page, mupdf.FzRect(*box[:4]), 0)
        names = names or [name for name in dir(found) if name in wanted]
        for name in names:
            row[name] = getattr(found, name)
        if row["num_numerals"] + row["num_non_numerals"] > 0 and row["invisible"] == 0:
            visible = True
    if visible:
        kept = [i for i, row in enumerate(rows) if row["invisible"] != 1]
        for name in ("custom_features", "bboxes", "text"):
            data[name][:] = [data[name][i] for i in kept]


_FLAGS_BY_TYPE: Final = {
    "is_text": "text",
    "is_image": "image",
    "is_vector": "vector",
    "is_hline_vector": "h-line-vector",
    "is_vline_vector": "v-line-vector",
}


def _feature_row(row: dict[str, Any], names: Sequence[str]) -> list[float]:
    """The model's inputs of a box by name; as `BoxRFDGNN.get_rf_features`, by look-up alone."""
    box_type = row.get("box_type", "text")
    own = {**row, **{name: box_type == value for name, value in _FLAGS_BY_TYPE.items()}}
    return [float(own[name]) for name in names]


def _resized(image: npt.NDArray[np.uint8], new_size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Bilinear resizing, to the bit that of `common_util.resize_image`.

    Most of a page is one colour over four neighbours, in three equal channels. A sum of four
    weights is not always 1 in floating point, so such pixels are looked up by colour, not copied.
    """
    if image.ndim != 3:
        return _bilinear(image, new_size)
    first = image[:, :, 0]
    if all(np.array_equal(first, image[:, :, i]) for i in range(1, image.shape[2])):
        one = _bilinear(np.ascontiguousarray(first), new_size)
        return np.repeat(one[:, :, None], image.shape[2], axis=2)
    channels = [
        _bilinear(np.ascontiguousarray(image[:, :, i]), new_size) for i in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


def _bilinear(image: npt.NDArray[np.uint8], new_size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    height, width = image.shape
    x0, x1, dx = _steps(width, new_size[0])
    y0, y1, dy = _steps(height, new_size[1])
    dx, dy = dx[None, :], dy[:, None]
    upper, lower = image[y0], image[y1]
    total = ((1 - dx) * (1 - dy)) * upper[:, x0]
    total += (dx * (1 - dy)) * upper[:, x1]
    total += ((1 - dx) * dy) * lower[:, x0]
    total += (dx * dy) * lower[:, x1]
    return np.clip(total, 0, 255, out=total).astype(image.dtype)


def _steps(
    old: int, new: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    at = (np.arange(new) + 0.5) * (old / new) - 0.5
    low = np.floor(at).astype(int)
    high = np.clip(low + 1, 0, old - 1)
    return np.clip(low, 0, old - 1), high, at - low


def _pooled(
    features: _Floats,
    probabilities: _Floats | None,
    x1: npt.NDArray[np.intp],
    y1: npt.NDArray[np.intp],
    x2: npt.NDArray[np.intp],
    y2: npt.NDArray[np.intp],
    operations: Sequence[str],
) -> _Floats:
    """Features and probabilities over each box; as `roi_pooling._path_naive`.

    Entropy and margin are worked out once for every pixel of the page, not per box.
    """
    n_channels = features.shape[0]
    regional = [op for op in operations if op in ("entropy", "margin")]
    channel = [op for op in operations if op in ("mean", "min", "max")]
    maps = [] if probabilities is None else [_PIXELS[op](probabilities) for op in regional]
    out = np.zeros((len(x1), n_channels * len(channel) + len(regional)), dtype=np.float32)
    for i in range(len(x1)):
        rows, columns = slice(y1[i], y2[i] + 1), slice(x1[i], x2[i] + 1)
        patch = np.ascontiguousarray(features[:, rows, columns]).reshape(n_channels, -1)
        for k, op in enumerate(channel):
            _REDUCE[op](patch, axis=1, out=out[i, k * n_channels : (k + 1) * n_channels])
        for k, pixels in enumerate(maps):
            out[i, n_channels * len(channel) + k] = pixels[rows, columns].mean()
    return out


def _entropy(probabilities: _Floats) -> _Floats:
    logs = np.log(probabilities + 1e-12)
    np.multiply(logs, probabilities, out=logs)
    found: _Floats = -logs.sum(axis=0)
    return found


def _margin(probabilities: _Floats) -> _Floats:
    """The largest probability less the second largest of each pixel."""
    first, second = np.maximum(*probabilities[:2]), np.minimum(*probabilities[:2])
    for channel in probabilities[2:]:
        np.maximum(second, np.minimum(first, channel), out=second)
        np.maximum(first, channel, out=first)
    found: _Floats = first - second
    return found


_PIXELS: Final = {"entropy": _entropy, "margin": _margin}
_REDUCE: Final[dict[str, Callable[..., Any]]] = {"mean": np.mean, "min": np.min, "max": np.max}
