"""Planted downgrades, as functions on text: what a worse engine or summariser would have done.

Here: one function a fault, each deterministic for its arguments. Not here: what notices them
(`assets/evals/measures`), or what is decided (`assets/evals/verdict.py`).

The text of a page is its lines; one that is a single long line is cut as an engine would see it.
"""

from __future__ import annotations

import itertools
import random
import re
import textwrap
from collections.abc import Sequence
from typing import Final

LINE: Final = 80
"""Characters of a line, where a paragraph stands in one."""
_NUMBER: Final = re.compile(r"\d+")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def lines_of(text: str) -> list[str]:
    """A page's lines, with long ones cut at spaces; blank lines stay between paragraphs."""
    return [
        part
        for line in text.splitlines()
        for part in ([line] if len(line) <= LINE else textwrap.wrap(line, LINE))
    ]


def drop_lines(text: str, every: int = 20, start: int | None = None) -> str:
    """A page without every n-th line that says something; `start` is the first, from 0."""
    return drop_lines_of([text], every, start)[0]


def drop_lines_of(pages: Sequence[str], every: int = 20, start: int | None = None) -> list[str]:
    """Pages without every n-th line, counted on from page to page as an engine would meet them."""
    first = every - 1 if start is None else start
    n, damaged = 0, []
    for page in pages:
        kept = []
        for line in lines_of(page):
            if line.strip():
                n += 1
                if n > first and (n - 1 - first) % every == 0:
                    continue
            kept.append(line)
        damaged.append("\n".join(kept))
    return damaged


def drop_share(pages: Sequence[str], share: float, seed: int = 0) -> list[str]:
    """Pages without this share of their lines, drawn by chance over all of them."""
    places = [
        (i, j)
        for i, page in enumerate(pages)
        for j, line in enumerate(lines_of(page))
        if line.strip()
    ]
    gone = set(random.Random(seed).sample(places, round(share * len(places))))
    return [
        "\n".join(line for j, line in enumerate(lines_of(page)) if (i, j) not in gone)
        for i, page in enumerate(pages)
    ]


def swap_halves(text: str) -> str:
    """The second half of a page's lines before the first, as when columns change places."""
    lines = lines_of(text)
    middle = len(lines) // 2
    return "\n".join([*lines[middle:], *lines[:middle]])


def read_across(text: str) -> str:
    """The halves of a page read as two columns, line by line across both."""
    lines = lines_of(text)
    middle = (len(lines) + 1) // 2
    pairs = itertools.zip_longest(lines[:middle], lines[middle:], fillvalue="")
    return "\n".join(line for pair in pairs for line in pair)


def repeat_paragraph(text: str, seed: int = 0) -> str:
    """A page with one of its paragraphs twice; one of its tenths where it has a single one."""
    parts = [p for p in text.split("\n\n") if p.strip()]
    if len(parts) < 2:
        lines = [line for line in lines_of(text) if line.strip()]
        size = max(1, len(lines) // 10)
        parts = ["\n".join(lines[i : i + size]) for i in range(0, len(lines), size)]
    if not parts:
        return text
    # A heading is no paragraph: take one of the longer half.
    longest = sorted(range(len(parts)), key=lambda i: -len(parts[i]))[: max(1, len(parts) // 2)]
    which = random.Random(seed).choice(longest)
    return "\n\n".join([*parts[: which + 1], parts[which], *parts[which + 1 :]])


def invent_lines(text: str, share: float = 0.05, seed: int = 0) -> str:
    """A page with lines that nobody wrote among its own."""
    chance = random.Random(seed)
    lines = lines_of(text)
    for _ in range(max(1, round(share * len(lines)))):
        words = ["".join(chance.choices(_LETTERS, k=chance.randint(3, 9))) for _ in range(10)]
        lines.insert(chance.randint(0, len(lines)), " ".join(words))
    return "\n".join(lines)


def invent_numbers(summary: str, seed: int = 0) -> str:
    """A summary whose numbers are others, and that has one where it had none."""
    chance = random.Random(seed)

    def other(found: re.Match[str]) -> str:
        return "".join(chance.choices("123456789", k=len(found.group()) + 1))

    changed, n = _NUMBER.subn(other, summary)
    amount = chance.randint(10_000, 99_999)
    return changed if n or not summary else f"{summary} It cost {amount} pounds."


def noise(text: str, rate: float, seed: int = 0) -> str:
    """Letters and digits read wrongly at a rate: taken for others, left out, or read twice."""
    chance = random.Random(seed)
    read = []
    for char in text:
        if not char.isalnum() or chance.random() >= rate:
            read.append(char)
            continue
        kind = chance.random()
        if kind < 0.7:
            read.append(chance.choice("0123456789" if char.isdigit() else _LETTERS))
        elif kind < 0.85:
            read.append(char * 2)
    return "".join(read)
