"""The text of the project's samples, as today's golden outputs have it: pages of real length."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).parents[2] / "golden"
_PAGE: Final = re.compile(r"^\[page \d+: \w+\]\n", re.MULTILINE)


def pages_of(name: str) -> list[str]:
    """The texts of a sample's pages, by the sample's file name."""
    text = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")
    return [_PAGE.sub("", part, count=1) for part in text.split("\n\f\n")]


def markdown_of(name: str) -> str:
    """A sample's stitched markdown."""
    return (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


def long_pages() -> list[str]:
    """Every page with enough text for a share of it to say something."""
    names = sorted(path.name.removesuffix(".txt") for path in GOLDEN.glob("*.txt"))
    return [page for name in names for page in pages_of(name) if len(page) > 600]
