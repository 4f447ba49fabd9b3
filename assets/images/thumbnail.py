"""Small pictures of stored images, made in a worker: their bytes came from somebody's PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assets.preview import shrink


def shrink_images(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each file of the payload as a small PNG."""
    for number, path in enumerate(payload["paths"], 1):
        progress(number)
        yield {"unit": number}, shrink(Path(path).read_bytes())
