"""The whole set."""

from __future__ import annotations

from tests.hostile import active, encryption, names, pages, streams, structure
from tests.hostile.case import Hostile

ALL: tuple[Hostile, ...] = (
    *streams.CASES,
    *pages.CASES,
    *structure.CASES,
    *encryption.CASES,
    *active.CASES,
    *names.CASES,
)
