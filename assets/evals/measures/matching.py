"""Which words of a truth a reading lacks, and which it has besides, wherever they stand.

Here: words matched as bags, misread ones with what they were read as. Not here: the order of words,
or shares (`against_truth.py`).

A word that was misread is neither missing nor invented: what the bags do not share is matched
again, first words that were joined or torn apart, then words that are alike.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assets.evals.measures.aligned import pieces

MIN_ALIKE: Final = 0.6
"""Likeness (1 - edits over the longer) from which a word is another, misread. Of pairs of different
words of the sample texts 0.3 % reach it; of words with one letter in ten wrong, 94 %."""
MIN_ALIKE_SHORT: Final = 0.5
BLOCK: Final = 600
"""Words that are held against each other at once: every second word of a dense page is wrong
before it has more, and 600 by 600 take 10 ms."""
SHORT: Final = 2
"""Letters of a word of which one may be wrong although that is half of them."""


@dataclass(frozen=True)
class Matched:
    """What two bags of words do not share.

    Attributes:
        missing: Words of the truth that the reading has neither right nor misread.
        invented: Words of the reading that no word of the truth was read as.
        n_misread: Words of the truth that were read as others, joined, or torn apart.
    """

    missing: Counter[str]
    invented: Counter[str]
    n_misread: int


def matched(truth: Sequence[str], read: Sequence[str]) -> Matched:
    """Match the words of a truth with those that were read."""
    wanted, found = Counter(truth), Counter(read)
    missing, surplus = wanted - found, found - wanted
    n_lost = missing.total()
    if missing and surplus:
        _join(truth, missing, surplus)
        _join(read, surplus, missing)
        _pair_alike(truth, read, missing, surplus)
    return Matched(+missing, +surplus, n_lost - (+missing).total())


def _join(parts: Sequence[str], lacking: Counter[str], whole: Counter[str]) -> None:
    """Take out words that stand apart on one side and are one word on the other."""
    starts = {word[:n] for word in whole for n in range(1, len(word) + 1)}
    for i, first in enumerate(parts):
        joined, end = first, i + 1
        while lacking.get(first, 0) > 0 and end < len(parts) and joined in starts:
            joined += parts[end]
            end += 1
            if whole.get(joined, 0) > 0 and Counter(parts[i:end]) <= lacking:
                whole[joined] -= 1
                lacking.subtract(parts[i:end])
                break


def _pair_alike(
    truth: Sequence[str], read: Sequence[str], missing: Counter[str], surplus: Counter[str]
) -> None:
    """Take out words that were misread: of a book, among those of the same part."""
    for here, there in pieces(truth, read):
        own, others = Counter(here), Counter(there)
        lost, taken = (own - others) & missing, (others - own) & surplus
        for word, other in _alike_by_blocks(list(lost.elements()), list(taken.elements())):
            missing[word] -= 1
            surplus[other] -= 1


def _alike_by_blocks(lost: Sequence[str], taken: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of words that are alike, of many words only those of the same share of both."""
    n = -(-max(len(lost), len(taken)) // BLOCK)
    for k in range(n):
        yield from _alike(
            lost[k * len(lost) // n : (k + 1) * len(lost) // n],
            taken[k * len(taken) // n : (k + 1) * len(taken) // n],
        )


def _alike(lost: Sequence[str], candidates: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of words that are alike, each word once, the nearest first."""
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    if not lost or not candidates:
        return
    likeness = cdist(
        lost,
        candidates,
        scorer=Levenshtein.normalized_similarity,
        processor=str.casefold,  # capitals for small letters are misread as well
        dtype=np.float32,
    )
    lengths = np.array([len(word) for word in lost])[:, None]
    single = (lengths == 1) & (np.array([len(word) for word in candidates])[None, :] == 1)
    least = np.where(lengths <= SHORT, MIN_ALIKE_SHORT, MIN_ALIKE)
    # One sign in the place of another is a misread sign, however little they are alike.
    rows, columns = np.nonzero((likeness >= least) | single)
    nearest = np.lexsort((columns, rows, -likeness[rows, columns]))
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for row, column in zip(rows[nearest].tolist(), columns[nearest].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            yield lost[row], candidates[column]


def lines_missing(truth: str, words: Sequence[Sequence[str]], read: Sequence[str]) -> list[str]:
    """The lines of a truth that a reading lacks: hardly two words of theirs stand side by side.

    Args:
        truth: The true text.
        words: The words of each of its lines.
        read: The words that were read.
    """
    pairs, single = set(itertools.pairwise(read)), set(read)
    lost = []
    for line, own in zip(truth.splitlines(), words, strict=True):
        runs = list(itertools.pairwise(own))
        held = sum(run in pairs for run in runs) if runs else sum(word in single for word in own)
        if own and held <= 0.2 * max(len(runs), 1):
            lost.append(line)
    return lost
