"""A measure that ends its worker on the second page of a document."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from assets.evals.alone_work import measure as real


def measure(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    """As the real one, but for that page."""
    for item in payload["items"]:
        progress(item["unit"])
        if item["page_number"] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from real({"items": [item]}, progress)
