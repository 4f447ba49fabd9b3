"""What the images stage's output depends on besides its input.

Here: the revision, raised with every change of output, and the parts and settings that change it.
Not here: how a version gets its name (`io_managers/versions.py`).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

REVISION: Final = 3
"""Raise with every change of output; the golden test fails when it was forgotten."""

ENGINE: Final = "pymupdf"


def version_inputs(*, keep_scans: bool) -> dict[str, str]:
    """Parts and settings that the stored bytes, boxes and roles depend on."""
    return {
        "pymupdf": version("pymupdf"),
        "pillow": version("pillow"),
        "keep_scans": "on" if keep_scans else "off",
    }
