"""A summary against the text that it is of, or against a reference.

Here: `summary_alone` and `rouge_l`. Not here: a summary that is thrown away for what it says
(`assets/summaries/answer.py`, with the same counts), or facts that a case asks for (`cases.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from assets.evals.base import Measure
from assets.evals.measures.words import plain, quoted, words_of_plain
from assets.summaries.grounding import (
    is_unspaced,
    other_language,
    repeated_share,
    supported_names,
    supported_numbers,
)
from resources.summariser.language import guess_language

MIN_LETTERS: Final = 20
"""A source with fewer has nothing to say a summary of."""
SHORTEST: Final = 120
"""Characters, or a quarter of a short source: less is a title, not a summary."""
LONGEST: Final = 1_200
"""Characters, as the extractive summariser has at most, or a fifth of a long source; never more
than the source."""
_SAID: Final = 6


def summary_alone(summary: str | None, source: str, *, status: str | None = "ok") -> list[Measure]:
    """The errors of a document's summary that can be seen without a reference.

    Args:
        summary: The summary; None when there is none.
        source: The document's markdown.
        status: `ok`, `empty`, `failed` or `blocked` of its row; None when it was not run.

    Returns:
        Nothing for what was not run or is blocked. Else `failed_summary` (an `empty` one has failed
        when the source has text), and of a summary `unsupported_numbers`, `unsupported_names`,
        `novelty`, `compression`, `repetition`, and `language` where both are sure. No number at all
        is no unsupported one: 0.
    """
    if status is None or status == "blocked":
        return []
    has_text = sum(map(str.isalpha, source)) >= MIN_LETTERS
    failed = status == "failed" or (has_text and not (summary or "").strip())
    found = [Measure("failed_summary", float(failed), f"it is {status}" if failed else "")]
    if failed or not summary or not summary.strip():
        return found
    found += [
        _unsupported("unsupported_numbers", "numbers", supported_numbers(summary, source)),
        _unsupported("unsupported_names", "names", supported_names(summary, source)),
        _novelty(summary, source),
        _compression(summary, source),
        Measure("repetition", repeated_share(summary)),
    ]
    return [*found, *_language(summary, source)]


def _unsupported(metric: str, what: str, held: Mapping[str, bool]) -> Measure:
    strange = [item for item, is_held in held.items() if not is_held]
    if not strange:
        return Measure(metric, 0.0)
    listed = ", ".join(strange[:_SAID])
    said = f"{len(strange)} of {len(held)} {what} are not in the source: {quoted(listed)}"
    return Measure(metric, len(strange) / len(held), said)


def _novelty(summary: str, source: str) -> Measure:
    """Share of a summary's distinct words (pairs of signs without spaces) not in the source."""
    said, known = (dict.fromkeys(_items(text)) for text in (summary, source))
    new = [item for item in said if item not in known]
    if not new:
        return Measure("novelty", 0.0)
    told = f"{len(new)} of {len(said)} words are not in the source: {quoted(' '.join(new[:_SAID]))}"
    return Measure("novelty", len(new) / len(said), told)


def _items(text: str) -> Sequence[str]:
    words = words_of_plain(plain(text).casefold())
    if not is_unspaced(text):
        return words
    return [word for word in words if len(word) > 1] + [
        "".join(pair) for pair in pairwise(words) if len(pair[0]) == len(pair[1]) == 1
    ]


def _compression(summary: str, source: str) -> Measure:
    """How far a summary's length is outside the band, as a share of the longer."""
    n, whole = len(summary.strip()), len(source.strip())
    low = min(SHORTEST, whole / 4)
    high = max(min(LONGEST, whole), whole / 5)
    if low <= n <= high:
        return Measure("compression", 0.0)
    value = (low - n) / low if n < low else (n - high) / n
    said = f"{n} characters of a source of {whole}; {low:.0f} to {high:.0f} fit it"
    return Measure("compression", value, said)


def _language(summary: str, source: str) -> list[Measure]:
    language = guess_language(source)
    if language is None or guess_language(summary) is None:
        return []
    written = other_language(summary, source, language)
    said = "" if written is None else f"it is in {written}, the source is in {language}"
    return [Measure("language", float(written is not None), said)]


def rouge_l(reference: str, text: str) -> Measure:
    """1 - ROUGE-L (F1 of the longest common run of words in order; Lin 2004), case aside.

    Without a reference, what is said is wrong; without both, nothing is.
    """
    from rapidfuzz.distance import LCSseq

    wanted, said = (
        words_of_plain(plain(reference).casefold()),
        words_of_plain(plain(text).casefold()),
    )
    if not wanted and not said:
        return Measure("rouge_l", 0.0)
    common = int(LCSseq.similarity(wanted, said))
    f1 = 2 * common / (len(wanted) + len(said))
    told = f"{common} of the reference's {len(wanted)} words, in {len(said)} of the summary's"
    return Measure("rouge_l", 1 - f1, told)
