"""Whether words come in the order in which a reader reads them.

Two truths. Where the corpus has the text that a PDF was made from, the words of `docs.markdown`
are held against it. Else, for typeset pages (and `docs.markdown` of those in columns), the order
in which the page's own content stream writes the words in the size of its body: type is set column
by column, and neither the layout model nor Quire's rules for its regions see that order (they go
by boxes). Notes, captions and running headers, mostly set smaller, are written before or after the
body as it suits the program, so they are left out; so are pages whose stream jumps upwards within a
column again and again.

The number is the longest common subsequence of words over the words that both sides have. What
stands beside the body (quotes: footnotes, words in pictures) is left out against a true text, which
has its notes at the end of the document: their words would be looked for chapters away. So are
numbers: those of pages in a table of contents, which a true text lacks, are found anywhere. The
note of each case says what the number is with both, and when runs of three words are compared.
Lost and added words are `text.py`'s. Not here: tables' cells (`tables.py`) and scans (`scans.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.quality.documents import Reading, Source, corpus_sources, read_documents
from bench.quality.measured import Case, Measured

TARGET: Final = 0.95
PAGES: Final = 12
TRUE_TEXT: Final = ("ordinary_en", "no_images", "many_small_pages", "very_long", "other_scripts")
STREAM: Final = ("multi_column", "ordinary_en")
LEAST_WORDS: Final = 60
"""A page of fewer words says nothing of order."""
RUN: Final = 3
COVER: Final = 0.99
"""Not all: a stray word far off must not stretch the truth."""
SIZE_SLACK: Final = 0.04
"""Notes set at 9 for a body of 9.5 points are told apart; rounding of sizes is not."""
_SIGNS: Final = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD: Final = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")
_QUOTE: Final = re.compile(r"(?m)^>.*$")
_MARKUP: Final = re.compile(r"<[^<>]{1,80}>|!?\[[^\]]*\]\([^)]*\)|\\(?=[^\w\s])")
_SOFT_HYPHEN: Final = "\u00ad"


def measure(corpus: Path) -> list[Measured]:
    """Order against true texts by document, and against content streams by page."""
    sources = corpus_sources(corpus)
    true = [s for s in sources if s.truth is not None and s.category in TRUE_TEXT]
    typeset = [s for s in sources if s.category in STREAM]
    pages: dict[str, Sequence[int]] = {
        s.name: range(1, _n_pages(s, PAGES) + 1) for s in {*true, *typeset}
    }
    read = read_documents(list({*true, *typeset}), pages, ocr="off")
    by_document = [_against_truth(read[s.name]) for s in true]
    by_page = {
        category: [
            case for s in typeset if s.category == category for case in _by_stream(read[s.name])
        ]
        for category in STREAM
    }
    columns = [_whole(read[s.name]) for s in typeset if s.category == "multi_column"]
    note = f"mean of documents, their first {PAGES} pages"
    return [
        _mean("order: true text", by_document, note),
        _mean("order: content stream, multi_column, stitched", columns, note),
        *(
            _mean(f"order: content stream, {category}", cases, "mean of pages")
            for category, cases in by_page.items()
        ),
    ]


def _mean(name: str, cases: Sequence[Case], note: str) -> Measured:
    value = sum(case.value for case in cases) / len(cases) if cases else float("nan")
    low = sum(case.value < TARGET for case in cases)
    return Measured(name, value, TARGET, "higher", cases, f"{note}; {low} of {len(cases)} below")


def words(text: str) -> list[str]:
    """Words in lower case without markup; every character of scripts without spaces."""
    plain = unicodedata.normalize("NFKC", _MARKUP.sub(" ", text).replace(_SOFT_HYPHEN, ""))
    return _WORD.findall(plain.lower().replace("*", "").replace("`", ""))


def _case(where: str, read: Sequence[str], true: Sequence[str]) -> Case:
    runs = agreement(_runs(read), _runs(true))
    return Case(where, agreement(read, true), f"{len(true)} words; {runs:.3f} by runs of three")


def _runs(found: Sequence[str]) -> list[str]:
    return [" ".join(found[i : i + RUN]) for i in range(len(found) - RUN + 1)]


def agreement(read: Sequence[str], true: Sequence[str]) -> float:
    """Longest common subsequence over the words that both have, 0-1; 1 when they share none.

    Of the truth only its beginning counts, up to where it has COVER of the words that both have:
    of a long document the first pages are read.
    """
    from rapidfuzz.distance import LCSseq

    left = Counter(read) & Counter(true)
    wanted = COVER * left.total()
    end = found = 0
    while end < len(true) and found < wanted:
        if left[true[end]]:
            left[true[end]] -= 1
            found += 1
        end += 1
    shared = (Counter(read) & Counter(true[:end])).total()
    return LCSseq.similarity(read, true[:end]) / shared if shared else 1.0


def _against_truth(reading: Reading) -> Case:
    truth = reading.source.truth
    text = truth.read_text(encoding="utf-8", errors="replace") if truth else ""
    whole = agreement(words(reading.markdown), words(text))
    read, true = _body(_QUOTE.sub("", reading.markdown)), _body(text)
    case = _case(reading.source.name, read, true)
    return replace(case, note=f"{case.note}; {whole:.3f} with notes and numbers")


def _body(text: str) -> list[str]:
    return [word for word in words(text) if not word.isdigit()]


def _by_stream(reading: Reading) -> list[Case]:
    import pymupdf

    cases: list[Case] = []
    with pymupdf.open(reading.source.path) as document:
        for row in reading.pages:
            true = body_words(document[row["page_number"] - 1])
            if row["source"] == "text_layer" and len(true) >= LEAST_WORDS:
                where = f"{reading.source.name} page {row['page_number']}"
                cases.append(_case(where, words(row["text"]), true))
    return cases


def _whole(reading: Reading) -> Case:
    """The stitched markdown of a document against the body of all its pages."""
    import pymupdf

    with pymupdf.open(reading.source.path) as document:
        pages = [document[row["page_number"] - 1] for row in reading.pages]
        true = [word for page in pages for word in body_words(page)]
    return _case(reading.source.name, words(reading.markdown), true)


def body_words(page: Any) -> list[str]:  # a page of an untyped library
    """Words of the size that most of the page has, as written; none when not written in order."""
    from assets.pages.layout.reading_order import is_plausible
    from assets.pages.records import body_size
    from assets.pages.text_layer import read_text_layer

    lines = read_text_layer(page).lines
    size = body_size(lines)
    body = [line for line in lines if abs(line.size - size) <= SIZE_SLACK * size]
    if not is_plausible([line.box for line in body]):
        return []
    return words("\n".join(line.text for line in body))


def _n_pages(source: Source, most: int) -> int:
    import pymupdf

    with pymupdf.open(source.path) as document:
        return min(most, int(document.page_count))
