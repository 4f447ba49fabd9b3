"""Two long sequences, cut at places where both say the same, so that books cost what pages do.

Here: the cutting, and how much of what both have stands in one order. Not here: any measure.

An edit distance takes time in proportion to the product of both lengths: 1 ms for a page of 5,000
characters, half a minute for a million. Long sequences are therefore cut where three words in a row
occur once in each, in one order (patience diff). The sum over the pieces is at least the true
distance.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

WHOLE: Final = 3_000
"""Up to so many words, a few pages, nothing is cut: an edit distance then takes 10 ms."""
PIECE: Final = 1_000
"""Words that a piece has at least, so that its ends hardly matter."""
_RUN: Final = 3

Piece = tuple[Sequence[str], Sequence[str]]


def pieces(left: Sequence[str], right: Sequence[str]) -> Iterator[Piece]:
    """Parts of two sequences of words that belong together; both whole when they are short."""
    if max(len(left), len(right)) <= WHOLE:
        yield left, right
        return
    i = j = 0
    for x, y in [*longest_rise(anchors(left, right)), (len(left), len(right))]:
        if x - i >= PIECE or y - j >= PIECE or x == len(left):
            yield from _even(left[i:x], right[j:y])
            i, j = x, y


def _even(left: Sequence[str], right: Sequence[str]) -> Iterator[Piece]:
    """Parts of equal shares, where nothing better tells what belongs together."""
    n = -(-max(len(left), len(right)) // WHOLE) or 1
    for k in range(n):
        yield (
            left[k * len(left) // n : (k + 1) * len(left) // n],
            right[k * len(right) // n : (k + 1) * len(right) // n],
        )


def anchors(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Where runs of three words that both have once stand in both, in the order of the left."""
    here, there = _once(left), _once(right)
    return [(place, there[run]) for run, place in here.items() if run in there]


def _once(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    runs = [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]
    counts = Counter(runs)
    return {run: i for i, run in enumerate(runs) if counts[run] == 1}


def longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs, sorted by their first, whose second rises as well."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for index, (_, place) in enumerate(pairs):
        at = bisect.bisect_left(ends, place)
        before.append(tails[at - 1] if at else -1)
        if at == len(ends):
            ends.append(place)
            tails.append(index)
        else:
            ends[at], tails[at] = place, index
    risen: list[tuple[int, int]] = []
    index = tails[-1] if tails else -1
    while index >= 0:
        risen.append(pairs[index])
        index = before[index]
    return risen[::-1]
