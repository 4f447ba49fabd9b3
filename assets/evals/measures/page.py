"""A page by itself, and two readings of one page: errors that need no true text.

Here: `page_alone` and `disagreement`. Not here: a page with a truth (`against_truth.py`), or a
summary (`summary.py`).

What has no meaning for a page is left out, never 0: a text layer has no confidence, a blank page no
characters that could be garbage.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from assets.evals.base import Measure
from assets.evals.measures.against_truth import repeated_places
from assets.evals.measures.matching import matched
from assets.evals.measures.plausible import judged_words
from assets.evals.measures.words import plain, quoted, words_of, words_of_plain
from assets.pages.routing.soundness import unsound_share
from resources.report.escaping import percent
from resources.summariser.language import guess_language

MIN_WORDS: Final = 10
"""Of fewer words a share says nothing: one odd name would be a tenth of them."""
RUN: Final = 6
"""Words in a row that a page does not say twice: of four, a manual repeats one in ten."""
PARTIAL: Final = 0.5
"""A page that was read in part is half a failure."""
_FAILED: Final = {"failed": 1.0, "partial": PARTIAL}
_SAID: Final = 6
_DIGIT: Final = re.compile("[0-9]")


def page_alone(
    text: str, *, confidence: float | None = None, source: str = "text_layer", status: str = "ok"
) -> list[Measure]:
    """The errors of a page that can be seen without its truth.

    Args:
        text: What was read; of a `failed` page nothing.
        confidence: Of OCR, 0-1; None for a text layer.
        source: `text_layer`, `ocr`, `mixed` or `none`.
        status: `ok`, `partial` or `failed`.

    Returns:
        `failed_page` always; `garbage` where there are characters, `unknown_words` and
        `repetition` from `MIN_WORDS` words, `doubt` for OCR with a confidence.
    """
    found = [Measure("failed_page", _FAILED.get(status, 0.0), status if status in _FAILED else "")]
    if text.strip():
        share = unsound_share(text)
        said = f"{percent(share)} of the characters are no text" if share else ""
        found.append(Measure("garbage", share, said))
    found += _unknown(text)
    found += _repetition(text)
    if source in ("ocr", "mixed") and confidence is not None:
        found.append(Measure("doubt", 1 - confidence, f"confidence {confidence:.3f}"))
    return found


def _unknown(text: str) -> list[Measure]:
    # Where the language cannot be told, too few of its words are: English that is not read well.
    english = guess_language(text) in ("en", None)
    judged = list(judged_words(plain(text), english=english))
    if len(judged) < MIN_WORDS:
        return []
    odd = [word for word, is_word in judged if not is_word]
    said = f"{len(odd)} of {len(judged)} words look like none: {quoted(' '.join(odd[:_SAID]))}"
    return [Measure("unknown_words", len(odd) / len(judged), said if odd else "")]


def _repetition(text: str) -> list[Measure]:
    """Runs of words that stand on the page before, but for rows of tables and of numbers."""
    words = words_of("\n".join(line for line in text.splitlines() if _is_prose(line)))
    if len(words) < MIN_WORDS:
        return []
    places = repeated_places(words, (), RUN)
    said = ""
    if places:
        first = " ".join(words[places[0] : places[0] + 2 * _SAID])
        said = f"{len(places)} of {len(words)} words repeat the page: {quoted(first)}"
    return [Measure("repetition", len(places) / len(words), said)]


def _is_prose(line: str) -> bool:
    """Whether a line is no row of a table: no tabs, and more letters than digits."""
    if "\t" in line:
        return False
    if line.isascii() and _DIGIT.search(line) is None:
        return any(map(str.isalpha, line))
    return sum(map(str.isalpha, line)) > sum(map(str.isdigit, line))


def disagreement(text_layer: str, ocr: str) -> list[Measure]:
    """How far two readings of one page say different words, wherever they stand.

    0 when each has the words of the other, misread ones taken for the same; 1 when they share none.
    Nothing when both have fewer than `MIN_WORDS` words.
    """
    one, other = words_of_plain(plain(text_layer)), words_of_plain(plain(ocr))
    if max(len(one), len(other)) < MIN_WORDS:
        return []
    bags = matched(one, other)
    apart = bags.missing.total() + bags.invented.total()
    said = ""
    if apart:
        said = (
            f"only in the text layer: {_some(bags.missing, one)}; "
            f"only in what OCR read: {_some(bags.invented, other)}"
        )
    return [Measure("disagreement", apart / (len(one) + len(other)), said)]


def _some(words: Counter[str], order: Sequence[str]) -> str:
    first = islice((word for word in dict.fromkeys(order) if words[word]), _SAID)
    return f"{words.total()} of {len(order)} words, {quoted(' '.join(first))}" if words else "none"
