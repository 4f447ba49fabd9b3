"""Whether the words of sound text layers stand in `docs.markdown`, and no others.

Here: word recall and precision by document and page, with the pages that are worst. Not here: the
order of words (`order`), scans (`scans`), cells (`tables`).

The truth is `page.get_text("words")` of PyMuPDF for each page that was read from its text layer
(wholly, or in part: `mixed`) and whose characters and words say something (`words.is_sound`). Both
sides are cut into words alike (`words.py`) and compared as bags, one document at a time: recall is
the share of the truth's words that the markdown has, precision the share of the markdown's words
that the truth has. Put aside, and counted in the note:

- running headers and footers: one of a page's three topmost or three lowest lines whose text, its
  digits masked, is such a line on at least three of the pages. The rule is of this file's own, so
  that a body line which Quire takes for furniture counts as lost;
- repeats: a line among the 12 topmost of a page that stands word for word on the page before (the
  head of a table that goes on), and a word printed twice in one place (bold by overprinting);
- a word broken at the end of a line, where the markdown has it joined: both forms are right;
- the order of the letters in a word from right to left, which MuPDF turns round at ligatures and
  numbers (files with a true text are compared with that, letter by letter), and accents on words
  that the layer writes with an accent beside its letter (`Ste´phane`);
- in precision only: form fields (their names are not on the page), comments, and words that were
  read from images.

Words put aside are neither asked for nor held against the markdown. OCR is off: nothing here needs
it, and a page that would need it is no part of the truth.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pymupdf

from assets.evals.measures.words import words_of
from bench.quality.documents import Reading, Source, corpus_sources, read_documents
from bench.quality.measured import Case, Measured, Part
from bench.quality.words import is_sound, markdown_text
from resources.errors import DocumentError
from resources.workers.documents import open_pdf

PAGES_WITHOUT_LAYOUT: Final = 60
PAGES_WITH_LAYOUT: Final = 12
"""Pages of each document, from its first: layout costs a hundred times the text itself."""
EDGE_LINES: Final = 3
REPEAT_LINES: Final = 12
MIN_PAGES: Final = 3
MIN_WORDS: Final = 20
"""A page with fewer words is counted, but not listed among the worst."""
SAMPLE: Final = 6
NEAR: Final = (-2, -1, 0, 1, 2)
"""A word printed again within a point (the sum of both edges moves twice as far)."""

_DIGITS: Final = re.compile(r"\d+")
_ROMAN: Final = re.compile(r"\b[ivxlcdm]{1,8}\b", re.IGNORECASE)
_TURNED: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_ACCENTS: Final = "\u00a8\u00af\u00b4\u00b8\u02c6\u02c7\u02d8\u02d9\u02da\u02db\u02dc\u02dd"
_ACCENT: Final = re.compile(rf"(?<=[^\W\d_])[{_ACCENTS}]|(?!\u02da)[{_ACCENTS}](?=[^\W\d_])")
_HYPHENS: Final = ("-", "\u2010", "\u00ad")


@dataclass(frozen=True)
class TruePage:
    """The words of a page as its text layer has them, line by line, top to bottom of the file."""

    number: int
    lines: tuple[tuple[float, tuple[str, ...], bool], ...]
    aside: frozenset[int] = frozenset()
    loose: frozenset[str] = frozenset()
    """Words, without their accents, whose accents stand beside their letters."""

    @property
    def words(self) -> list[str]:
        """The words that are asked for."""
        return [w for n, (_, line, _) in enumerate(self.lines) if n not in self.aside for w in line]

    @property
    def broken(self) -> list[str]:
        """First halves of words that end a line with a hyphen."""
        return [line[-1] for _, line, is_broken in self.lines if is_broken and line]


@dataclass
class Compared:
    """A document's words beside those of its markdown."""

    name: str
    truth: Counter[str]
    missing: Counter[str]
    extra: Counter[str]
    n_aside: int
    n_written: int
    pages: list[tuple[int, int, list[str]]] = field(default_factory=list)


def measure(corpus: Path) -> list[Measured]:
    """Recall and precision with the layout model (the default) and without it."""
    sources = corpus_sources(corpus)
    return [
        *_measured(sources, PAGES_WITH_LAYOUT, layout=True),
        *_measured(sources, PAGES_WITHOUT_LAYOUT, layout=False),
        _against_true_texts(sources),
    ]


def _against_true_texts(sources: Sequence[Source]) -> Measured:
    """Recall against a true text beside the file, letter by letter: right-to-left documents."""
    sources = [s for s in sources if s.truth and _is_turned(s.truth.read_text("utf-8"))]
    wanted: dict[str, Sequence[int]] = {s.name: range(1, _page_count(s) + 1) for s in sources}
    readings = read_documents(sources, wanted, ocr="off", layout=True)
    cases, asked, lost = [], 0, 0
    for source in sources:
        truth = Counter(words_of(markdown_text((source.truth or source.path).read_text("utf-8"))))
        missing = truth - Counter(words_of(markdown_text(readings[source.name].markdown)))
        asked, lost = asked + truth.total(), lost + missing.total()
        value = 1 - missing.total() / max(truth.total(), 1)
        cases.append(Case(source.name, value, _sample(missing)))
    note = f"{len(sources)} documents, {asked} words"
    value = 1 - lost / max(asked, 1)
    return Measured("text: true words, right to left", value, 0.98, "higher", cases, note)


def _is_turned(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return sum(_TURNED.match(c) is not None for c in letters) * 2 > len(letters)


def _measured(sources: Sequence[Source], n_pages: int, *, layout: bool) -> list[Measured]:
    truths = {s.name: true_pages(s, n_pages) for s in sources}
    sources = [s for s in sources if truths[s.name]]
    counts = {s.name: _page_count(s) for s in sources}
    wanted: dict[str, Sequence[int]] = {
        name: range(1, min(n_pages, n) + 1) for name, n in counts.items()
    }
    readings = read_documents(sources, wanted, ocr="off", layout=layout)
    compared = [compare(readings[s.name], truths[s.name]) for s in sources]
    compared = [c for c in compared if c.truth]
    asked = sum(c.truth.total() for c in compared)
    written = sum(c.n_written for c in compared)
    missing = sum(c.missing.total() for c in compared)
    extra = sum(c.extra.total() for c in compared)
    aside = sum(c.n_aside for c in compared)
    which = "layout" if layout else "no layout"
    note = f"{len(compared)} documents, {asked} words, {aside} put aside"
    return [
        Measured(
            f"text: word recall, {which}",
            1 - missing / max(asked, 1),
            0.98,
            "higher",
            [case for c in compared for case in _recall_cases(c)],
            note,
            [
                Part(c.name, 1 - c.missing.total() / n, n)
                for c in compared
                if (n := c.truth.total())
            ],
        ),
        Measured(
            f"text: word precision, {which}",
            1 - extra / max(written, 1),
            0.97,
            "higher",
            [
                Case(c.name, 1 - c.extra.total() / max(c.n_written, 1), _sample(c.extra))
                for c in compared
            ],
            f"{written} words written",
            [Part(c.name, 1 - c.extra.total() / n, n) for c in compared if (n := c.n_written)],
        ),
    ]


def _recall_cases(compared: Compared) -> Iterable[Case]:
    for number, n_words, lost in compared.pages:
        if n_words >= MIN_WORDS:
            yield Case(
                f"{compared.name} page {number}", 1 - len(lost) / n_words, _sample(Counter(lost))
            )


def _sample(words: Counter[str]) -> str:
    return " ".join(f"{w}x{n}" if n > 1 else w for w, n in words.most_common(SAMPLE))


def compare(reading: Reading, truth: Sequence[TruePage]) -> Compared:
    """What of the truth is missing from the markdown, and what the markdown has besides."""
    rows = {row["page_number"]: row for row in reading.pages}
    pages = [
        page
        for page in truth
        if page.number in rows and rows[page.number]["source"] in ("text_layer", "mixed")
    ]
    loose = frozenset[str]().union(*(page.loose for page in pages))
    asked = Counter(_alike(w, loose) for page in pages for w in page.words)
    all_words = Counter(
        _alike(w, loose) for page in pages for _, line, _ in page.lines for w in line
    )
    in_order = [_alike(w, loose) for w in words_of(markdown_text(reading.markdown))]
    written = Counter(in_order)
    others = [row for number, row in rows.items() if number not in {p.number for p in pages}]
    besides = Counter(
        _alike(w, loose)
        for row in reading.pages
        for b in row["blocks"]
        if row in others or b["kind"] in ("annotation", "field") or b["source"] == "ocr"
        for w in words_of(b["text"])
    )
    missing, surplus = asked - written, written - asked
    _join_broken([left for page in pages for left in page.broken], missing, surplus)
    extra = surplus - (all_words - asked) - besides
    n_aside = all_words.total() - asked.total()
    n_written = (written - besides).total()
    result = Compared(reading.source.name, asked, missing, extra, n_aside, n_written)
    result.pages = _by_page(pages, missing, in_order, loose)
    return result


def _alike(word: str, loose: frozenset[str]) -> str:
    """A word without what the truth cannot say of it: order of letters, or accents."""
    if word.isascii():
        return word
    if _TURNED.search(word):
        return "".join(sorted(word))
    bare = _bare(word)
    return bare if bare in loose else word


def _bare(word: str) -> str:
    parts = unicodedata.normalize("NFD", word.replace("\u0131", "i"))
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


def _join_broken(lefts: Sequence[str], missing: Counter[str], surplus: Counter[str]) -> None:
    """Take broken words out of both counts where the markdown has them joined."""
    by_start: dict[str, list[str]] = defaultdict(list)
    for word in surplus:
        by_start[word[:1]].append(word)
    for left in lefts:
        for word in by_start.get(left[:1], ()):
            right = word[len(left) :]
            if word.startswith(left) and surplus[word] > 0 and missing[left] and missing[right]:
                for counter, gone in ((surplus, word), (missing, left), (missing, right)):
                    counter[gone] -= 1
                break
    for counter in (missing, surplus):
        for word in [w for w, n in counter.items() if n <= 0]:
            del counter[word]


def _by_page(
    pages: Sequence[TruePage],
    missing: Counter[str],
    written: Sequence[str],
    loose: frozenset[str],
) -> list[tuple[int, int, list[str]]]:
    """Each page with its words and those of them that are missing.

    Which of a word's occurrences is missing is told by its neighbours: the one whose pairs with the
    word before and after are not in the markdown.
    """
    pairs = set(itertools.pairwise(written))
    places: list[tuple[int, int, str]] = []
    for page in pages:
        words = [_alike(w, loose) for w in page.words]
        for n, word in enumerate(words):
            if word in missing:
                before = n > 0 and (words[n - 1], word) in pairs
                after = n + 1 < len(words) and (word, words[n + 1]) in pairs
                places.append((before + after, page.number, word))
    lost: dict[int, list[str]] = defaultdict(list)
    left = missing.copy()
    for _, number, word in sorted(places, key=lambda place: place[0]):
        if left[word] > 0:
            left[word] -= 1
            lost[number].append(word)
    return [(page.number, len(page.words), lost[page.number]) for page in pages]


def true_pages(source: Source, n_pages: int) -> list[TruePage]:
    """The first pages of a document that have a sound text layer."""
    try:
        with open_pdf(str(source.path), source.passwords) as document:
            last = min(n_pages, document.page_count)
            found = [_true_page(document[n], n + 1) for n in range(last)]
    except (DocumentError, RuntimeError, pymupdf.mupdf.FzErrorBase):
        return []
    pages = [page for page in found if page is not None]
    edges = [_edges(page) for page in pages]
    recurring = Counter(key for keys in edges for key in set(keys.values()))
    before: set[tuple[str, ...]] = set()
    result = []
    for page, keys in zip(pages, edges, strict=True):
        aside = {n for n, key in keys.items() if recurring[key] >= MIN_PAGES}
        top = sorted(range(len(page.lines)), key=lambda n: page.lines[n][0])
        kept = [n for n in top if n not in aside]
        aside |= {n for n in kept[:REPEAT_LINES] if page.lines[n][1] in before}
        result.append(TruePage(page.number, page.lines, frozenset(aside), page.loose))
        before = {line for _, line, _ in page.lines}
    return result


def _edges(page: TruePage) -> dict[int, str]:
    """The lines at a page's top and bottom, by index, digits and roman numerals masked."""
    rows = sorted({round(y) for y, _, _ in page.lines})
    outer = set(rows[:EDGE_LINES] + rows[-EDGE_LINES:])
    return {
        n: _ROMAN.sub("#", _DIGITS.sub("#", " ".join(line).casefold()))
        for n, (y, line, _) in enumerate(page.lines)
        if round(y) in outer
    }


def _true_page(page: pymupdf.Page, number: int) -> TruePage | None:
    """The lines of a page's text layer; None where it says nothing or is not sound."""
    found = page.get_text("words")
    if not is_sound(" ".join(str(w[4]) for w in found)):
        return None
    seen: set[tuple[str, int, int]] = set()
    lines: dict[tuple[int, int], list[tuple[float, str]]] = defaultdict(list)
    for x0, y0, x1, y1, word, block, line, _ in found:
        place = (word, round(x0 + x1), round(y0 + y1))
        if any((word, place[1] + dx, place[2] + dy) in seen for dx in NEAR for dy in NEAR):
            continue
        seen.add(place)
        lines[(block, line)].append((y1, word))
    made = []
    loose: set[str] = set()
    for parts in lines.values():
        text = " ".join(word for _, word in parts)
        if _ACCENT.search(text):
            accented = [_ACCENT.sub("", word) for _, word in parts if _ACCENT.search(word)]
            loose.update(_bare(w) for word in accented for w in words_of(word))
            text = " ".join(
                _bare(w) if _bare(w) in loose else w for w in _ACCENT.sub("", text).split(" ")
            )
        made.append((parts[0][0], tuple(words_of(text)), text.endswith(_HYPHENS)))
    kept = tuple(line for line in made if line[1])
    return TruePage(number, kept, loose=frozenset(loose)) if made else None


def _page_count(source: Source) -> int:
    with open_pdf(str(source.path), source.passwords) as document:
        return int(document.page_count)
