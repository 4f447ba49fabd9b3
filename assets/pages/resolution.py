"""The resolution at which pages are rendered for OCR; apart, so that the parent need not load a parser."""

from typing import Final

OCR_DPI: Final = 150
"""See docs/decisions/ocr-resolution.md for how it was chosen."""
