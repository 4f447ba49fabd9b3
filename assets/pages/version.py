"""What the output of the stage `pages` depends on besides the document.

Here: REVISION and the inputs of the version's hash, cheap enough for the parent process (package
metadata only). Not here: how the hash is written (`io_managers`).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from assets.pages.ocr.resolution import OCR_DPI
from resources.ocr.base import version_inputs as ocr_version_inputs

REVISION: Final = 3
"""Raise it with every change of this folder or `resources/ocr` that changes a row."""


def engine_version_inputs(ocr: str, *, layout: bool) -> dict[str, str]:
    """Everything that changes what a page reads as: parser, layout, OCR engine and its settings.

    Args:
        ocr: QUIRE_OCR.
        layout: QUIRE_LAYOUT.
    """
    inputs = {"pymupdf": version("pymupdf"), "layout": "on" if layout else "off"}
    if layout:
        inputs["pymupdf4llm"] = version("pymupdf4llm")
        inputs["pymupdf_layout"] = version("pymupdf-layout")
        inputs["onnxruntime"] = version("onnxruntime")
    if ocr != "off":
        inputs["ocr_dpi"] = str(OCR_DPI)
    return {**inputs, **ocr_version_inputs(ocr)}
