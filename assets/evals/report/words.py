"""Two readings of one page, word by word: what went, what came, what stands elsewhere.

Here: the comparison as pieces of both texts, for HTML (`pages.py`) and for a terminal
(`side_by_side.py`). Not here: how it is shown, or any measure (`assets/evals/measures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from rapidfuzz.distance import Indel, Prefix

Kind = Literal["same", "changed", "moved"]

LIMIT: Final = 20_000
"""Characters of each text that are compared: a dense page of a newspaper has 15,000. Comparing
20,000 one-letter words takes 0.1 s and 13 MB."""
_BEFORE: Final = 300
"""Characters that are shown before the first difference where a text is too long."""
_CUT: Final = 0.1
"""Of a text's words: so many that differ at its end are put down to where it was cut."""
_MOVED_WORDS: Final = 3
"""Fewer words stand elsewhere by chance."""

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_WORD: Final = re.compile(rf"[{_UNSPACED}|]|[^\s{_UNSPACED}|]+")
"""The lines between the cells of a table in markdown are words of their own."""


@dataclass(frozen=True)
class Piece:
    """A run of one text, white space after its words included."""

    text: str
    kind: Kind


@dataclass(frozen=True)
class PageDiff:
    """Two texts in pieces; the pieces of a side together are its text.

    Attributes:
        old: Pieces of the old text; what is not `same` is not in the new one, or elsewhere in it.
        new: Pieces of the new text.
        n_old: Words compared of the old text.
        n_new: Words compared of the new text.
        removed: Words of the old text alone.
        added: Words of the new text alone.
        moved: Words that both have, at another place.
        before: Characters at the beginning, the same in both, that are left out.
        rest_old: Characters at the end of the old text that are left out, and not compared.
        rest_new: The same of the new text.
    """

    old: tuple[Piece, ...]
    new: tuple[Piece, ...]
    n_old: int = 0
    n_new: int = 0
    removed: int = 0
    added: int = 0
    moved: int = 0
    before: int = 0
    rest_old: int = 0
    rest_new: int = 0

    @property
    def changed(self) -> float:
        """Share of all words that differ or moved, 0..1; 0 where there is no word."""
        words = self.n_old + self.n_new
        same = self.n_old - self.removed - self.moved
        return 1 - 2 * same / words if words else 0.0


_Block = tuple[int, int, int]
"""The first of words that are the same, in both texts, and how many they are."""


@dataclass
class _Run:
    """Words next to each other of one text; `kind` is known last."""

    first: int
    end: int
    kind: Kind


def compare_pages(old: str, new: str) -> PageDiff:
    """Compare two texts by words; white space alone is no difference."""
    n_chars = len(old), len(new)
    before, old, new = _windows(old, new)
    a, b = list(_WORD.finditer(old)), list(_WORD.finditer(new))
    words_a, words_b = [m[0] for m in a], [m[0] for m in b]
    blocks = _blocks(words_a, _line_ends(old, a), words_b, _line_ends(new, b))
    runs_a, runs_b = _runs(blocks, len(a), len(b))
    if (before + len(old), before + len(new)) != n_chars:
        old, new = _without_cut(old, a, runs_a), _without_cut(new, b, runs_b)
    moved = _mark_moved(words_a, runs_a, words_b, runs_b)
    _mark_moved(words_b, runs_b, words_a, runs_a)
    return PageDiff(
        old=tuple(_pieces(old, a, runs_a)),
        new=tuple(_pieces(new, b, runs_b)),
        n_old=runs_a[-1].end if runs_a else 0,
        n_new=runs_b[-1].end if runs_b else 0,
        removed=_count(runs_a, "changed"),
        added=_count(runs_b, "changed"),
        moved=moved,
        before=before,
        rest_old=n_chars[0] - before - len(old),
        rest_new=n_chars[1] - before - len(new),
    )


def count_words(text: str) -> int:
    """How many words `compare_pages` sees in a text."""
    return sum(1 for _ in _WORD.finditer(text))


def _windows(old: str, new: str) -> tuple[int, str, str]:
    """What is compared of both: all, or from shortly before the first difference."""
    before = 0
    if max(len(old), len(new)) > LIMIT:
        same = Prefix.similarity(old, new)
        before = max(0, same - _BEFORE)
        if same < len(old) or same < len(new):  # begin at a word, so that no half of one is shown
            space = re.compile(r"\s").search(old, before, same)
            before = space.end() if space and before else before
    return before, old[before : before + LIMIT], new[before : before + LIMIT]


def _line_ends(text: str, words: Sequence[re.Match[str]]) -> list[int]:
    """After how many words each line ends that has words."""
    return [
        place
        for place, (word, after) in enumerate(pairwise(words), 1)
        if "\n" in text[word.end() : after.start()]
    ] + ([len(words)] if words else [])


def _blocks(
    a: Sequence[str], ends_a: Sequence[int], b: Sequence[str], ends_b: Sequence[int]
) -> list[_Block]:
    """Words that are the same in order: whole lines first, then words between those lines.

    Words alone would rather keep the common words of a line that went, wherever they stand.
    """
    lines_a, lines_b = _lines(a, ends_a, "a"), _lines(b, ends_b, "b")
    found: list[_Block] = []
    at_a = at_b = 0
    matches = [*Indel.opcodes(lines_a, lines_b).as_matching_blocks(), None]
    for match in matches:
        lines = (len(lines_a), len(lines_b), 0) if match is None else tuple(match)
        start_a, end_a = _words_of(ends_a, lines[0], lines[2])
        start_b, end_b = _words_of(ends_b, lines[1], lines[2])
        between = Indel.opcodes(a[at_a:start_a], b[at_b:start_b]).as_matching_blocks()
        found += [(at_a + i, at_b + j, n) for i, j, n in between if n]
        if end_a > start_a:
            found.append((start_a, start_b, end_a - start_a))
        at_a, at_b = end_a, end_b
    return found


def _lines(words: Sequence[str], ends: Sequence[int], side: str) -> list[str]:
    """Lines as one word each; a short one is like no other: it may stand anywhere."""
    lines = [words[first:end] for first, end in pairwise([0, *ends])]
    return [
        "\0".join(line) if len(line) >= _MOVED_WORDS else f"{side}\0{place}\0"
        for place, line in enumerate(lines)
    ]


def _words_of(ends: Sequence[int], first: int, count: int) -> tuple[int, int]:
    starts = [0, *ends]
    return starts[first], starts[first + count]


def _runs(blocks: Sequence[_Block], n_a: int, n_b: int) -> tuple[list[_Run], list[_Run]]:
    """Runs of words that are the same in order, and between them those that are not."""
    runs_a: list[_Run] = []
    runs_b: list[_Run] = []
    at_a = at_b = 0
    for i, j, n in [*_solid(blocks, n_a, n_b), (n_a, n_b, 0)]:
        for runs, at, start in ((runs_a, at_a, i), (runs_b, at_b, j)):
            if start > at:
                runs.append(_Run(at, start, "changed"))
            if n:
                runs.append(_Run(start, start + n, "same"))
        at_a, at_b = i + n, j + n
    return runs_a, runs_b


def _without_cut(text: str, words: Sequence[re.Match[str]], runs: list[_Run]) -> str:
    """A text that was cut, without its last words if only the cut makes them differ."""
    if not runs or runs[-1].kind == "same" or len(runs) == 1:
        return text
    if runs[-1].end - runs[-1].first > len(words) * _CUT:
        return text
    runs.pop()
    return text[: words[runs[-1].end - 1].end()]


def _solid(blocks: Sequence[_Block], n_a: int, n_b: int) -> Iterator[_Block]:
    """Blocks without a single word that only happens to stand in both of two long changes."""
    ends = (0, 0)
    for place, (i, j, n) in enumerate(blocks):
        after = blocks[place + 1] if place + 1 < len(blocks) else (n_a, n_b, 0)
        left = min(i - ends[0], j - ends[1])
        right = min(after[0] - i - n, after[1] - j - n)
        if n > 1 or left < 3 or right < 3:
            yield i, j, n
            ends = (i + n, j + n)


def _mark_moved(
    words: Sequence[str], runs: Sequence[_Run], others: Sequence[str], other_runs: Sequence[_Run]
) -> int:
    """Mark changed runs that stand, word by word, among the other side's; how many words."""
    changed = (others[run.first : run.end] for run in other_runs if run.kind != "same")
    heap = "\0".join(f" {' '.join(part)} " for part in changed)
    for run in runs:
        if run.kind == "changed" and run.end - run.first >= _MOVED_WORDS:
            needle = f" {' '.join(words[run.first : run.end])} "
            if needle in heap:
                run.kind = "moved"
    return _count(runs, "moved")


def _count(runs: Sequence[_Run], kind: Kind) -> int:
    return sum(run.end - run.first for run in runs if run.kind == kind)


def _pieces(text: str, words: Sequence[re.Match[str]], runs: Sequence[_Run]) -> Iterator[Piece]:
    """The runs as text; white space between two runs is nobody's change."""
    same = 0
    for run in (run for run in runs if run.kind != "same"):
        first, end = words[run.first].start(), words[run.end - 1].end()
        if first > same:
            yield Piece(text[same:first], "same")
        yield Piece(text[first:end], run.kind)
        same = end
    if same < len(text):
        yield Piece(text[same:], "same")
