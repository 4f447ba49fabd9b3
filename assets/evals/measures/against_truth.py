"""A page against its true text: six errors, each of which one kind of damage moves.

Here: `against_truth`. Not here: a page without a truth (`page.py`), or when an error is a
regression (`assets/evals/verdict.py`).

Characters that were misread move `cer` and `wer`; a lost line `words_missing`, a line that nobody
wrote `words_invented`, columns that changed places `order`, a paragraph that came twice
`repeated`. All but the first two are shares of words (0-1); each leaves out what another counts.

The empty truth: nothing is missing of it or out of order; whatever was read is wrong, so `cer`,
`wer` and `words_invented` are 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from assets.evals.base import Measure
from assets.evals.measures.aligned import WHOLE, anchors, longest_rise, pieces
from assets.evals.measures.matching import lines_missing, matched
from assets.evals.measures.words import plain, quoted, words_of_plain

RUN: Final = 4
"""Words in a row that are text which is repeated, rather than words that occur again."""
RUN_OF_SIGNS: Final = 10
"""The same in scripts whose words are counted by character."""
MIN_LOST: Final = 3
"""Words that are lost before lines are looked for that are."""
_SAID: Final = 8


def against_truth(truth: str, read: str) -> list[Measure]:
    """The errors of a reading: `cer wer words_missing words_invented order repeated`, all of them.

    Args:
        truth: The page's true text.
        read: Its text as it was read.
    """
    wanted, found = plain(truth), plain(read)
    true_words, words = words_of_plain(wanted), words_of_plain(found)
    again = repeated_places(words, true_words)
    bags = matched(true_words, words)
    invented = bags.invented
    if again:
        repeats = set(again)
        fresh = [word for i, word in enumerate(words) if i not in repeats]
        invented = matched(true_words, fresh).invented
    return [
        _characters(wanted, found),
        _words(true_words, words),
        _missing(truth, true_words, words, bags.missing),
        _invented(words, invented),
        _order(true_words, words),
        _repeated(words, again),
    ]


def _characters(wanted: str, found: str) -> Measure:
    from rapidfuzz.distance import Levenshtein

    if not wanted:
        return Measure("cer", float(bool(found)), _nothing_there(found))
    pairs = pieces(wanted.split(" "), found.split(" "))
    wrong = sum(Levenshtein.distance(" ".join(a), " ".join(b)) for a, b in pairs)
    said = f"{wrong} edits to {len(wanted)} characters" if wrong else ""
    return Measure("cer", wrong / len(wanted), said)


def _words(truth: Sequence[str], read: Sequence[str]) -> Measure:
    from rapidfuzz.distance import Levenshtein

    if not truth:
        return Measure("wer", float(bool(read)), _nothing_there(" ".join(read)))
    wrong = sum(Levenshtein.distance(a, b) for a, b in pieces(truth, read))
    return Measure("wer", wrong / len(truth), f"{wrong} edits to {len(truth)} words" * bool(wrong))


def _nothing_there(found: str) -> str:
    return f"the page has no text, and this was read: {quoted(found)}" if found else ""


def _missing(
    truth: str, true_words: Sequence[str], read: Sequence[str], missing: Counter[str]
) -> Measure:
    if not missing:
        return Measure("words_missing", 0.0)
    said = f"{missing.total()} of {len(true_words)} words are missing"
    few = missing.total() < MIN_LOST
    lines = [] if few else [words_of_plain(plain(line)) for line in truth.splitlines()]
    lost = [] if few else lines_missing(truth, lines, read)
    if lost:
        said += (
            f"; {len(lost)} of {sum(map(bool, lines))} lines of the truth are missing, "
            f"the first {quoted(lost[0])}"
        )
    else:
        said += f": {quoted(' '.join(list(missing)[:_SAID]))}"
    return Measure("words_missing", missing.total() / len(true_words), said)


def _invented(read: Sequence[str], invented: Counter[str]) -> Measure:
    if not invented:
        return Measure("words_invented", 0.0)
    said = (
        f"{invented.total()} of {len(read)} words that were read are not in the truth: "
        f"{quoted(' '.join(list(invented)[:_SAID]))}"
    )
    return Measure("words_invented", invented.total() / len(read), said)


def _order(truth: Sequence[str], read: Sequence[str]) -> Measure:
    """Of the words that both have, those outside the longest run that keeps the order."""
    from rapidfuzz.distance import LCSseq

    if max(len(truth), len(read)) <= WHOLE:
        common = (Counter(truth) & Counter(read)).total()
        kept = int(LCSseq.similarity(truth, read))
    else:
        places = anchors(truth, read)
        common, kept = len(places), len(longest_rise(places))
    if kept >= common:
        return Measure("order", 0.0)
    said = f"{common - kept} of {common} words that both have stand in another order"
    return Measure("order", 1 - kept / common, said)


def _repeated(read: Sequence[str], again: Sequence[int]) -> Measure:
    if not again:
        return Measure("repeated", 0.0)
    first = " ".join(read[again[0] : again[0] + _SAID])
    said = f"{len(again)} of {len(read)} words say again what was said, from {quoted(first)}"
    return Measure("repeated", len(again) / len(read), said)


def repeated_places(read: Sequence[str], truth: Sequence[str], run: int = RUN) -> list[int]:
    """Places of words in runs that stand more often than in the truth, and more than once."""
    signs = list(map(len, read)).count(1) > len(read) / 2
    size = max(run, RUN_OF_SIGNS) if signs else run
    if len(set(_runs(read, size))) == max(0, len(read) - size + 1):
        return []  # as of nearly every page: no run stands twice
    counts, allowed = Counter(_runs(read, size)), Counter(_runs(truth, size))
    over = {said for said, n in counts.items() if n > max(1, allowed.get(said, 0))}
    seen: Counter[tuple[str, ...]] = Counter()
    places: set[int] = set()
    for i, said in enumerate(_runs(read, size) if over else ()):
        if said in over:
            seen[said] += 1
            if seen[said] > max(1, allowed.get(said, 0)):
                places.update(range(i, i + size))
    return sorted(places)


def _runs(words: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(size)), strict=False)
