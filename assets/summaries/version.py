"""What the output of this stage depends on besides its input.

Raise REVISION whenever a module of this folder changes what a summariser is given; the summariser
adds its own inputs (its revision, model, prompt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resources.summariser.base import Summariser

REVISION: Final = 3


def version_inputs(summariser: Summariser) -> dict[str, str]:
    """Everything that changes a summary besides the document: this stage and the summariser."""
    return {"stage": "summaries", "revision": str(REVISION), **summariser.version_inputs()}
