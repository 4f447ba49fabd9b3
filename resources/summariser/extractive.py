"""The extractive summariser: the document's own best sentences; no model, no network, no cost.

Here: weighing sentences (TF-IDF, PageRank with a position prior) and choosing those that say
different things (MMR). Not here: what counts as body (`assets/summaries/body.py`), where sentences
end (`sentences.py`).

Deterministic: scores are rounded before they are compared, ties go to the earlier sentence.
"""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from assets.docs.tokens import estimate_tokens
from resources.errors import ErrorClass
from resources.summariser.base import SummaryInput, SummaryRecord, without_summary
from resources.summariser.language import guess_language
from resources.summariser.sentences import cut, is_whole, split_sentences

if TYPE_CHECKING:
    from resources.summariser.vectors import SparseRows, Vector

REVISION: Final = 3
MAX_CHARS: Final = 1_200
SHORT: Final = 5
"""Documents with fewer sentences are their own summary."""
MAX_CHOSEN: Final = 8
"""More sentences that do not belong together read as a list of remarks."""
MAX_SENTENCES: Final = 2_000
"""Sentences weighed at most: a book of 20,000 pages costs no more than one of 80."""
HEAD: Final = 400
"""Of more, so many from the start, the rest evenly from what follows."""

_DAMPING: Final = 0.85
_ITERATIONS: Final = 50
_TOLERANCE: Final = 1e-6
_DIVERSITY: Final = 0.65
"""Weight of a sentence's own score against its likeness to those chosen (MMR's lambda)."""
_TWIN: Final = 0.9
"""Sentences this much alike (cosine) are one sentence that the document repeats."""
_MAX_SHARE: Final = 0.6
"""A term of more sentences tells none of them from the others."""
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_WIDE_SPACE: Final = re.compile(r"\s\s+")
_MIN_LETTERS: Final = 36
_LONGEST: Final = 400
_NO_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalpha())
_NO_CAPITALS: Final = bytes(code for code in range(128) if not chr(code).isupper())
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_NO_SPACE_AFTER: Final = re.compile("[\u3002\uff01\uff1f\uff0e\u300d\u300f\uff09]$")
# Sentences that lean on the one before them read badly alone.
_LEANING: Final = re.compile(
    r"(?i)(?:these|those|this|that|such|similarly|however|therefore|thus|hence|moreover"
    r"|furthermore|but|and|also|he|she|it|they|for example|for instance|in addition"
    r"|on the other hand|as a result|for (?:more|further) information|please|see|note|figs?\."
    r"|figure|table|doi|https?:"
    r"|однако|также|поэтому|кроме того)\b"
    r"|しかし|また|この|これ|그러나|또한|但是|此外|因此"
)
# Notices that stand at the start of a document and say nothing of what it is about. Plain words
# looked up in casefolded text: one expression of them all took a third of the whole summary's time.
_NOTICES: Final = (
    *("copyright", "©", "permission is granted", "permission is hereby granted"),
    *("right reserved", "rights reserved", "license", "licence", "licensing", "trademark"),
    *("free of charge", "contributed equally", "conflict of interest", "conflicts of interest"),
    *("competing interest", "isbn", "issn", "open access article", "intended to imply"),
    *("warranty", "warranties", "this document may be", "публичной лицензи", "著作権"),
    *("使用許諾", "版权", "许可证", "://", "@"),
)
_NOTICE_START: Final = re.compile(
    r"(?i)(?:funding|citation|received|accepted|published|data availability|keywords?"
    r"|correspondence)\b"
    # The captions that 1 CFR 18.12 prescribes for the Federal Register; SUMMARY says something.
    r"|(?:agency|action|dates|addresses|for further information contact):"
)
_NUMBERED: Final = re.compile(r"\d{1,3}(?:[.)]|\s+(?=[A-Z]))|\(?[A-Z](?:[-\u2013,] ?[A-Z])*[.)]\s")
"""The number of a footnote or of a list's item, or the letters of a figure's panels."""
_RUBBISH: Final = re.compile(r"(\w)\1{5}")
"""Filling that no word has."""
_MAX_CAPITALS: Final = 0.4
"""More capitals among the letters are a caption or names; prose full of acronyms has 0.25."""


class ExtractiveSummariser:
    """A `Summariser` that picks sentences and writes none."""

    name: Final = "extractive"
    model: Final[str | None] = None
    prompt_version: Final[str | None] = None

    def version_inputs(self) -> dict[str, str]:
        """Its revision and its limit; libraries only compute what the revision says."""
        return {"summariser": self.name, "revision": str(REVISION), "max_chars": str(MAX_CHARS)}

    def summarise(self, documents: Sequence[SummaryInput]) -> Iterator[SummaryRecord]:
        """One record per document, in the same order."""
        for document in documents:
            yield self._record(document)

    def _record(self, document: SummaryInput) -> SummaryRecord:
        start = time.perf_counter()
        try:
            summary, body = _summarise(document.body)
        except (ValueError, MemoryError, ArithmeticError) as error:
            # The boundary of one document: numpy raises these on odd input.
            reason = f"{type(error).__name__}: {error}"
            return without_summary(
                self, document.doc_id, "failed", ErrorClass.SUMMARY_FAILED, reason
            )
        if not summary:
            return without_summary(self, document.doc_id, "empty")
        return SummaryRecord(
            doc_id=document.doc_id,
            summary=summary,
            summariser=self.name,
            model=self.model,
            prompt_version=self.prompt_version,
            language=guess_language(body),
            input_tokens=estimate_tokens(body),
            output_tokens=estimate_tokens(summary),
            cost_usd=0.0,
            elapsed_ms=round((time.perf_counter() - start) * 1000),
            status="ok",
        )


def _summarise(body: Sequence[str]) -> tuple[str, str]:
    """The summary of paragraphs, and the text that it was made from."""
    sentences = _bounded(split_sentences(body))
    text = "\n".join(body)
    if len(sentences) < SHORT or sum(map(len, sentences)) <= MAX_CHARS // 2:
        return _joined(_up_to(sentences, MAX_CHARS)), text
    folded = text.casefold()
    notices = [notice for notice in _NOTICES if notice in folded]
    candidates = [i for i, sentence in enumerate(sentences) if _is_fit(sentence, notices)]
    own = _of_its_script(sentences, candidates)
    candidates = own if len(own) >= SHORT else candidates
    if len(candidates) < SHORT:
        candidates = [i for i, s in enumerate(sentences) if _is_readable(s)]
    if len(candidates) < SHORT:
        candidates = [i for i, s in enumerate(sentences) if len(s) <= _LONGEST]
    if len(candidates) < SHORT:
        return _joined(_up_to(sentences, MAX_CHARS)), text
    chosen = _choose([sentences[place] for place in candidates])
    return _joined([sentences[candidates[place]] for place in chosen]), text


def _bounded(sentences: list[str]) -> list[str]:
    if len(sentences) <= MAX_SENTENCES:
        return sentences
    rest = sentences[HEAD:]
    wanted = MAX_SENTENCES - HEAD
    return sentences[:HEAD] + [rest[i * len(rest) // wanted] for i in range(wanted)]


def _is_fit(sentence: str, notices: Sequence[str]) -> bool:
    """Whether a sentence can stand in a summary: whole, of a fair length, made of words.

    Args:
        sentence: the sentence.
        notices: those of `_NOTICES` that occur in its document at all.
    """
    if len(sentence) > _LONGEST or sentence[0].islower() or not is_whole(sentence):
        return False
    if _LEANING.match(sentence) or _NOTICE_START.match(sentence) or _NUMBERED.match(sentence):
        return False
    if abs(sentence.count("(") - sentence.count(")")) > 1:  # the caption of a court's paper
        return False
    if notices:
        folded = sentence.casefold()
        if any(notice in folded for notice in notices):
            return False
    letters = _count(sentence, str.isalpha, _NO_LETTERS)
    if letters < 0.6 * (len(sentence) - sentence.count(" ")):
        return False
    if letters < _MIN_LETTERS and not (letters >= _MIN_LETTERS // 3 and _UNSPACED.search(sentence)):
        return False
    is_capitals = _count(sentence, str.isupper, _NO_CAPITALS) > _MAX_CAPITALS * letters
    return not (is_capitals or sentence.endswith(" \u2026") or _RUBBISH.search(sentence))


def _count(text: str, is_one: Callable[[str], bool], others: bytes) -> int:
    """How many characters are of a kind; `others` are the ASCII ones that are not."""
    if text.isascii():  # ten times faster
        return len(text.encode().translate(None, others))
    return sum(map(is_one, text))


def _is_readable(sentence: str) -> bool:
    """What a document without fit sentences is left with: whole, and some words of it."""
    letters = sum(map(str.isalpha, sentence))
    return len(sentence) <= _LONGEST and letters >= _MIN_LETTERS // 3 and is_whole(sentence)


def _of_its_script(sentences: Sequence[str], places: Sequence[int]) -> list[int]:
    """The places of sentences in the document's own script: a translation quotes its original."""
    latin = {place: _is_latin(sentences[place]) for place in places}
    said: Counter[bool] = Counter()
    for place in places:
        said[latin[place]] += len(sentences[place])
    usual = said[True] >= said[False]
    return [place for place in places if latin[place] == usual]


def _is_latin(sentence: str) -> bool:
    """Whether most of it is Latin: half of its characters are in Latin-1, spaces included.

    Vietnamese, which has most letters beyond, has three quarters there; Russian has a fifth.
    """
    return 2 * len(sentence.encode("latin-1", "ignore")) >= len(sentence)


def _choose(sentences: Sequence[str]) -> list[int]:
    """Places of the sentences that go into the summary, in order."""
    import numpy as np

    vectors = _vectors(sentences)
    scores = _rank(vectors, len(sentences))
    redundancy = np.zeros(len(sentences))
    left = np.ones(len(sentences), dtype=bool)
    lengths = np.array([len(sentence) + 1 for sentence in sentences])
    chosen: list[int] = []
    room = MAX_CHARS + 1
    while len(chosen) < MAX_CHOSEN:
        left &= lengths <= room
        if not left.any():
            break
        value = np.round(_DIVERSITY * scores - (1 - _DIVERSITY) * redundancy, 9)
        value[~left] = -np.inf
        best = int(np.argmax(value))
        chosen.append(best)
        left[best] = False
        room -= int(lengths[best])
        if vectors is not None:
            redundancy = np.maximum(redundancy, vectors.times(vectors.row(best)))
            left &= redundancy < _TWIN
    return sorted(chosen)


def _vectors(sentences: Sequence[str]) -> SparseRows | None:
    """A TF-IDF row per sentence; None when no term is left to compare: position decides alone."""
    from resources.summariser.vectors import tf_idf

    joined = "".join(sentences[:200])
    if len(_UNSPACED.findall(joined)) > 0.2 * len(joined):
        terms = [_character_pairs(sentence.lower()) for sentence in sentences]
    else:
        terms = [_WORD.findall(sentence.lower()) for sentence in sentences]
    return tf_idf(terms, _MAX_SHARE)


def _character_pairs(text: str) -> list[str]:
    return [a + b for a, b in itertools.pairwise(_WIDE_SPACE.sub(" ", text))]


def _rank(vectors: SparseRows | None, n: int) -> Vector:
    """PageRank over the likeness of sentences, teleporting to early ones; the best is 1.

    Likeness (cosine, 0 with itself) is never written out: `X (X' s) - s` is its product with `s`,
    so time and memory are linear in the number of words.
    """
    import numpy as np

    prior: Vector = 1.0 / (2.0 + np.arange(n, dtype=np.float64)) + 1.0 / n
    prior /= prior.sum()
    scores = prior.copy()
    if vectors is not None:
        itself = vectors.squares()
        totals = vectors.times(vectors.transposed_times(np.ones(n))) - itself
        alone = totals < _TOLERANCE
        weights: Vector = np.divide(1.0, totals, out=np.zeros(n), where=~alone)
        for _ in range(_ITERATIONS):
            given: Vector = scores * weights
            spread = vectors.times(vectors.transposed_times(given)) - itself * given
            spread += scores[alone].sum() * prior
            new = (1 - _DAMPING) * prior + _DAMPING * spread
            done = np.abs(new - scores).sum() < _TOLERANCE
            scores = new
            if done:
                break
    # Position counts once more: what opens a document says what it is about.
    scores = scores * (1.0 + 1.5 / (1.0 + np.arange(n) / 4.0))
    best: Vector = scores / scores.max()
    return best


def _up_to(sentences: Sequence[str], limit: int) -> list[str]:
    """The first sentences that fit; of a single one that does not, its beginning."""
    kept: list[str] = []
    room = limit
    for sentence in sentences:
        if len(sentence) > room:
            break
        kept.append(sentence)
        room -= len(sentence) + 1
    if not kept and sentences:
        return [cut(sentences[0], limit)]
    whole = [place for place, sentence in enumerate(kept) if is_whole(sentence)]
    return kept[: whole[-1] + 1] if whole else kept


def _joined(sentences: Sequence[str]) -> str:
    parts: list[str] = []
    for sentence in sentences:
        if parts and not _NO_SPACE_AFTER.search(parts[-1]):
            parts.append(" ")
        parts.append(sentence)
    return "".join(parts).strip()
