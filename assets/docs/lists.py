"""Lists: what an item starts with, and how deep it stands under the items before it.

Here: markers, and nesting by where items start on the page. Not here: finding items on a page, and
the text of an item (`render.py`).

Layout knows items, not levels; a level is where the item starts. A list that goes on over a page
keeps its levels when an item starts where one of them does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from assets.docs.records import Block
from assets.pages.markdown import BULLETS

_BULLET: Final = re.compile(rf"\s*(?:[{BULLETS}\ue000-\uf8ff]|[-*+](?=\s))\s*")
# ASCII digits alone: markdown knows no others, so an item numbered in Thai is a bullet's text.
_NUMBER: Final = re.compile(r"\s*([0-9]{1,9}[.)])\s+")
MAX_DEPTH: Final = 4
SAME_PLACE_SHARE: Final = 0.8
"""Starts nearer than this share of the type's size are one level: numbers of a list are set to the
right, and a digit is half as wide as type is high."""
FIRST_LINE_INDENT: Final = 1.3
"""Ems by which the first line of an item is indented at most, as that of a paragraph (the Federal
Register: 1); a level of a list is at least 1.5."""
DEFAULT_SIZE: Final = 10.0
MAX_INDENT: Final = 90.0
"""Points; a step larger than any level's (LaTeX 25, Word 18 to 36, HTML 30) is another column."""


def split_marker(text: str) -> tuple[str, str]:
    """An item's marker in markdown, and its text without the one that it has on the page."""
    number = _NUMBER.match(text)
    bullet = None if number else _BULLET.match(text)
    found = number or bullet
    return (number.group(1) if number else "-"), (text[found.end() :] if found else text)


def split_items(text: str) -> list[str]:
    """The items of a block; layout sometimes puts several into one."""
    items: list[str] = []
    for line in text.split("\n"):
        if not items or (
            _BULLET.match(line) and not line.lstrip().startswith(("-", "*", "+", "–", "—"))
        ):
            items.append(line)
        else:
            items[-1] += "\n" + line
    return items


def _sign(block: Block) -> str:
    """The bullet that an item has on its page; empty when it has a number."""
    text = block.text.lstrip()
    return text[:1] if _BULLET.match(text) else ""


def _n_lines(block: Block) -> int:
    return block.text.strip().count("\n") + 1


@dataclass
class _Level:
    x0: float
    marker: str
    sign: str = ""
    n_lines: int = 1


@dataclass
class Outline:
    """The open levels of the list that is being written."""

    _levels: list[_Level] = field(default_factory=list)
    _page: int = 0

    def end(self) -> None:
        """The list is over."""
        self._levels.clear()

    def lead(self, block: Block, marker: str) -> str:
        """What stands before an item that starts with this marker.

        Spaces, so that it stands under the text of the item that it belongs to; and an empty line
        where a list starts at another number than 1, which cannot interrupt a paragraph in markdown
        (CommonMark 5.3) and would be read as more of the item before.
        """
        near = self._near(block)
        is_first = not self._levels
        if self._levels and (
            abs(block.x0 - self._levels[-1].x0) > MAX_INDENT
            or (block.page != self._page and not self._is_level(block.x0, near))
        ):
            self._levels.clear()
        while self._levels and block.x0 < self._levels[-1].x0 - near:
            self._levels.pop()
        top = self._levels[-1] if self._levels else None
        is_same = top is not None and (block.x0 <= top.x0 + near or len(self._levels) == MAX_DEPTH)
        goes_on = is_same and top is not None and top.marker[-1] == marker[-1]
        if is_same and top is not None:
            top.marker = marker
        else:
            self._levels.append(_Level(block.x0, marker))
        level = self._levels[-1]
        level.sign, level.n_lines = _sign(block), max(level.n_lines, _n_lines(block))
        self._page = block.page
        apart = not is_first and not goes_on and marker[:-1] not in ("", "1")
        spaces = " " * sum(len(level.marker) + 1 for level in self._levels[:-1])
        return ("\n" if apart else "") + spaces

    def _near(self, block: Block) -> float:
        """How near to a level's start an item must start to be of that level, in points.

        Where an item's first line is indented, its box starts at its second line: of two items
        with one sign, one of a single line seems to start further right.
        """
        size = block.font_size or DEFAULT_SIZE
        top = self._levels[-1] if self._levels else None
        alike = top is not None and top.sign == _sign(block) != ""
        differ = top is not None and (top.n_lines == 1) != (_n_lines(block) == 1)
        return (FIRST_LINE_INDENT if alike and differ else SAME_PLACE_SHARE) * size

    def _is_level(self, x0: float, near: float) -> bool:
        return any(abs(x0 - level.x0) <= near for level in self._levels)
