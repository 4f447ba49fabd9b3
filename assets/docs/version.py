"""What the output of this stage depends on besides its input.

Raise REVISION whenever any module of this folder changes what it writes; the golden test fails
otherwise.
"""

from __future__ import annotations

from typing import Final

REVISION: Final = 3


def version_inputs() -> dict[str, str]:
    """Everything that changes what `stitch` writes: nothing but the code, so far."""
    return {"stage": "docs", "revision": str(REVISION)}
