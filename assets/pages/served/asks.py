"""What passes between a worker that shows a page and the run that has it read by a server.

Workers have no network and no keys, so a page goes through them twice: first to be shown, as bare
pixels that nothing has to decode; then, with the answers beside it, to become its row. Here: both
messages, and the checks on what a worker says. Not here: the asking (`stage.py`), and what a worker
does on either way (`reader.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Final, Self

from assets.pages.geometry import Box
from assets.pages.routing.route import MAX_REGIONS

ASKS: Final = "asks"
"""The key of a record that is no row yet."""
MAX_SIDE: Final = 100_000
"""Pixels: a strip of a page can be long."""


@dataclass(frozen=True)
class Ask:
    """A page, or a region of it, that is to be read.

    Attributes:
        region: in points of the page as shown.
        degrees: the clockwise turn that was made to read it.
        width: of the image in pixels, turned.
        height: of the image in pixels, turned.
        n_lines: lines of text that the embedded engine sees on it.
        has_letters: whether anything on it could be a letter.
        is_blank: there is no ink; nothing is asked.
    """

    region: Box
    degrees: int
    width: int
    height: int
    n_lines: int
    has_letters: bool
    is_blank: bool = False

    @property
    def n_bytes(self) -> int:
        """Of its pixels, RGB."""
        return 0 if self.is_blank else 3 * self.width * self.height

    def as_record(self) -> dict[str, Any]:
        """As it goes through the spool and in payloads."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """What `as_record` made.

        Raises:
            ValueError: It is something else.
        """
        try:
            x0, y0, x1, y1 = (float(value) for value in record["region"])
            whole = {name: record[name] for name in ("degrees", "width", "height", "n_lines")}
            flags = {name: record[name] for name in ("has_letters", "is_blank")}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("an ask that is none") from error
        if not all(isfinite(value) for value in (x0, y0, x1, y1)):
            raise ValueError("an ask with a box without numbers")
        if not all(type(value) is int and 0 <= value <= MAX_SIDE for value in whole.values()):
            raise ValueError("an ask with a size that is none")
        if not all(type(value) is bool for value in flags.values()):
            raise ValueError("an ask with a mark that is none")
        return cls((x0, y0, x1, y1), **whole, **flags)


def asks_of(record: Mapping[str, Any], blob: bytes | None) -> list[tuple[Ask, bytes]]:
    """The asks of a page with their pixels.

    Raises:
        ValueError: The worker says something else.
    """
    told = record[ASKS]
    if not isinstance(told, list) or not 0 < len(told) <= 2 * MAX_REGIONS:
        raise ValueError("asks that are none")
    asks = [Ask.of(item) if isinstance(item, dict) else _refuse() for item in told]
    if any(not ask.is_blank and ask.n_bytes == 0 for ask in asks):
        raise ValueError("an ask without pixels")
    if sum(ask.n_bytes for ask in asks) != len(blob or b""):
        raise ValueError("asks of another size than their pixels")
    return list(zip(asks, _cut(asks, blob or b""), strict=True))


def _refuse() -> Ask:
    raise ValueError("an ask that is none")


def _cut(asks: Sequence[Ask], blob: bytes) -> Iterator[bytes]:
    at = 0
    for ask in asks:
        yield blob[at : at + ask.n_bytes]
        at += ask.n_bytes
