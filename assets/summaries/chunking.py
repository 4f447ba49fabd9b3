"""Where a long document is cut for a model: at headings, by the text around each cut alone.

Here: the cuts. Not here: what of the document is visible (`visible.py`), or how many tokens a part
may have (`asking.py`).

Every place between two pieces has a rank (a heading's level; weaker between paragraphs; weakest
inside a table, a code block or a huge paragraph) and, among equals, the hash of the piece after it.
A place is a cut when the text between the nearest stronger places to its left and right is longer
than a part may be. So

- no part is too long: the strongest place inside it would be a cut;
- what is changed in one place moves only cuts whose stretch holds that place. All other parts stay
  letter by letter what they were, and so do their answers, which were paid for. Cuts that are made
  from left to right ("fill a part, begin the next") all move when an early paragraph grows.

Parts are filled by half on average, the price of that (16 long documents: 38 to 60 %).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assets.docs.tokens import estimate_tokens
from resources.summariser.sentences import split_sentences

_HEADING: Final = re.compile(r"(#{1,6}) ")
_PARAGRAPH, _LINE, _STUCK = 3, 2, 1
"""Ranks below any heading's (4 to 9): before a paragraph, inside a block, after a heading."""
CRUMB: Final = 8
"""A part of an eighth of what it may hold is made one with its neighbour, for which that much is
left free."""
_HASHED: Final = 120
"""Characters of a piece that its place is hashed by."""


@dataclass(frozen=True)
class Piece:
    """Text that is not cut any further, what joins it to the piece before, and its tokens."""

    text: str
    joint: str
    rank: int
    size: int


def chunk_texts(blocks: Sequence[str], budget: int) -> list[str]:
    """The document in parts of at most `budget` estimated tokens, in order, nothing left out.

    Args:
        blocks: Its visible blocks (`visible.visible_blocks`).
        budget: Tokens by `estimate_tokens`, which is the same on every machine: the cuts must not
            move with a tokenizer's version.
    """
    pieces = list(_pieces(blocks, budget))
    strengths = [(piece.rank, hash_of(piece.text)) for piece in pieces]
    sizes = [piece.size for piece in pieces]
    parts = cut(sizes, strengths, budget - budget // CRUMB)
    parts = _without_crumbs(parts, sizes, strengths, budget)
    return [_joined(pieces[start:end]) for start, end in parts]


def cut(
    sizes: Sequence[int], strengths: Sequence[tuple[int, int]], budget: int
) -> list[tuple[int, int]]:
    """Half-open ranges that pieces fall into.

    Args:
        sizes: Of each piece.
        strengths: Of the place before each piece; of equals the earlier is the stronger.
        budget: What a range may hold; a piece that is larger is a range of its own.
    """
    n = len(sizes)
    if n == 0:
        return []
    starts = [0, *itertools.accumulate(sizes)]
    left, right = _stronger(strengths)
    cuts = [0, *(p for p in range(1, n) if starts[right[p]] - starts[left[p]] > budget), n]
    return list(itertools.pairwise(cuts))


def _without_crumbs(
    ranges: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    strengths: Sequence[tuple[int, int]],
    budget: int,
) -> list[tuple[int, int]]:
    """Small ranges made one with a neighbour, over the weakest places first.

    Of 16 long documents of the corpus 11 had a part of under 200 tokens without this, such as a
    heading's page number: a call for nothing.
    """
    starts = [0, *itertools.accumulate(sizes)]
    ends = dict(ranges)
    begins = {end: start for start, end in ranges}
    inner = [start for start, _ in ranges[1:]]
    for place in sorted(inner, key=lambda p: (strengths[p], -p)):
        first, last = begins[place], ends[place]
        left, right = starts[place] - starts[first], starts[last] - starts[place]
        if min(left, right) <= budget // CRUMB and left + right <= budget:
            del ends[place], begins[place]
            ends[first], begins[last] = last, first
    return sorted(ends.items())


def _stronger(strengths: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """For each place, the nearest stronger ones; the document's start and end are stronger yet."""
    n = len(strengths)
    left, right = [0] * n, [n] * n
    stack: list[int] = []
    for place in range(1, n):
        while stack and strengths[stack[-1]] < strengths[place]:
            right[stack.pop()] = place
        left[place] = stack[-1] if stack else 0
        stack.append(place)
    return left, right


def _size(text: str) -> int:
    """Tokens of a piece with what joins it to the next one; rounded up, since they are summed."""
    return estimate_tokens(text) + 3


def hash_of(text: str) -> int:
    """The strength of the place before a text, among places of one rank."""
    digest = hashlib.sha256(text[:_HASHED].encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def _joined(pieces: Sequence[Piece]) -> str:
    return pieces[0].text + "".join(piece.joint + piece.text for piece in pieces[1:])


def _pieces(blocks: Sequence[str], budget: int) -> Iterator[Piece]:
    after_heading = False
    for block in blocks:
        heading = _HEADING.match(block)
        rank = 10 - len(heading.group(1)) if heading else _STUCK if after_heading else _PARAGRAPH
        after_heading = heading is not None
        size = _size(block)
        if size <= budget:
            yield Piece(block, "\n\n", rank, size)
            continue
        for number, (text, joint) in enumerate(_cut_block(block, budget)):
            yield Piece(
                text,
                joint if number else "\n\n",
                _LINE if number else rank,
                _size(text),
            )


def _cut_block(block: str, budget: int) -> Iterator[tuple[str, str]]:
    """A block that is too long by itself: its lines, else its sentences, else whatever fits."""
    lines = block.split("\n")
    parts, joint = (lines, "\n") if len(lines) > 1 else (split_sentences([block]), " ")
    for part in parts:
        if _size(part) <= budget:
            yield part, joint
        elif len(lines) > 1:
            yield from _cut_block(part, budget)
        else:
            yield from ((text, "") for text in _fixed(part, budget))


def _fixed(text: str, budget: int) -> Iterator[str]:
    """Text without a sentence's end: no token is shorter than half a character on average."""
    step = max(1, budget // 2)
    for start in range(0, len(text), step):
        yield text[start : start + step]
