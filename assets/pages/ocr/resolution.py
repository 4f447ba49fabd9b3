"""The resolution at which pages are rendered for OCR.

Apart from `rendering.py`, so that the parent, which needs it for the version, loads no parser.
"""

from typing import Final

OCR_DPI: Final = 150
"""See docs/decisions/ocr-resolution.md for how it was chosen."""
