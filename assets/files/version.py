"""What the files stage's output depends on besides its input.

Here: the revision, raised with every change of output, and the parts whose release may change it.
Not here: how a version gets its name (`io_managers/versions.py`).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

REVISION: Final = 2
"""Raise with every change of output; the golden test fails when it was forgotten."""

ENGINE: Final = "pymupdf"


def version_inputs() -> dict[str, str]:
    """Parts that the verdict on a file depends on.

    Passwords are left out: they are secrets, and a document that failed as `encrypted` is read
    again when it is released from quarantine.
    """
    return {"pymupdf": version("pymupdf")}
