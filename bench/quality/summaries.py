"""Whether extractive summaries say what a document is about, in whole sentences of its own.

Here: the summary of every corpus document that states an abstract, made of the document without
that abstract, against the abstract, and beside it the first three sentences of the same body; and
for all documents that the summary is the document's own sentences, from its body, under the cap,
ended at a sentence's end. Documents are read without layout and without OCR: what is judged comes
after them. Not here: the summariser.

ROUGE-1 is counted here (Lin 2004: words in lower case, no stemming, no stop words; the overlap of
the two bags of words, as F1 and as recall). An abstract is what stands under a heading, or after
the word, "Abstract", up to the next heading that is no part of a structured abstract, or keywords.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.summaries.body import body_paragraphs
from bench.quality.documents import Reading, corpus_sources, read_documents
from bench.quality.measured import Case, Measured, Part
from resources.summariser.base import SummaryInput
from resources.summariser.extractive import MAX_CHARS, ExtractiveSummariser
from resources.summariser.sentences import is_whole, split_sentences

CATEGORIES: Final = frozenset(
    {"ordinary_en", "multi_column", "other_scripts", "tables", "no_images", "misc", "very_long"}
)
MAX_PAGES: Final = 60
FIRST: Final = 3
MIN_WORDS, MAX_WORDS = 40, 600
"""A shorter abstract is a line about the document; a longer one is the document."""
MIN_RUN: Final = 4
_ABSTRACT: Final = re.compile(r"(?i)(#{1,6} )?[\W\d]*abstract\b[\W]*")
_HEADING: Final = re.compile(r"#{1,6} +[\d.]*(.*)")
_STRUCTURE: Final = re.compile(
    r"(?i)(background|aims?|objectives?|purpose|methods?|materials and methods|results|findings"
    r"|methodology/principal findings|conclusions?|conclusions?/significance|significance)\W*"
)
_STOP: Final = re.compile(r"(?i)\W*(key ?words?|index terms|(1\W+)?introduction)\b")
_WORD: Final = re.compile(r"\w+")
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True)
class Paper:
    """A document with an abstract: its markdown without it, and the abstract."""

    name: str
    abstract: str
    markdown: str


def measure(corpus: Path) -> list[Measured]:
    """ROUGE-1 on papers, and what must hold of every summary."""
    sources = [s for s in corpus_sources(corpus) if s.category in CATEGORIES]
    first = {s.name: range(1, MAX_PAGES + 1) for s in sources}
    pages = {s.name: _present(s.path, first[s.name], s.passwords) for s in sources}
    readings = list(read_documents(sources, pages, ocr="off", layout=False).values())
    return [*rouge_of(readings), *kept_promises(readings)]


def _present(path: Path, wanted: Sequence[int], passwords: tuple[str, ...]) -> Sequence[int]:
    from resources.workers.documents import open_pdf

    with open_pdf(str(path), passwords) as document:
        return range(1, min(len(wanted), document.page_count) + 1)


def rouge_of(readings: Sequence[Reading]) -> list[Measured]:
    """ROUGE-1 of the summary and of the first sentences, over documents with an abstract."""
    papers = [paper for reading in readings if (paper := cut_abstract(reading)) is not None]
    f1, recall, long = [], [], []
    for paper in papers:
        body = body_paragraphs(paper.markdown)
        ours = rouge_1(_summary(body), paper.abstract)
        sentences = split_sentences(body)
        lead = rouge_1(" ".join(sentences[:FIRST]), paper.abstract)
        equal = rouge_1(" ".join(sentences)[: len(_summary(body))], paper.abstract)
        f1.append((paper.name, ours[0], lead[0]))
        recall.append((paper.name, ours[1], lead[1]))
        long.append((paper.name, ours[0], equal[0]))
    return [
        _against_lead("rouge-1 F1", f1, f"the first {FIRST} sentences"),
        _against_lead("rouge-1 recall", recall, f"the first {FIRST} sentences"),
        _against_lead("rouge-1 F1, as long", long, "the body's beginning, as long as the summary"),
    ]


def _against_lead(name: str, values: Sequence[tuple[str, float, float]], lead: str) -> Measured:
    ours = statistics.fmean(value for _, value, _ in values) if values else 0.0
    target = statistics.fmean(value for _, _, value in values) if values else 0.0
    cases = [Case(name, own - led, f"{own:.3f} against {led:.3f}") for name, own, led in values]
    note = f"mean of {len(values)} papers; the target is that of {lead}"
    parts = [Part(name, own, target=led) for name, own, led in values]
    return Measured(f"summaries: {name}", ours, target, "higher", cases, note, parts)


def cut_abstract(reading: Reading) -> Paper | None:
    """The document without its abstract; None when it states none."""
    parts = reading.markdown.split("\n\n")
    start = next((i for i, p in enumerate(parts) if _ABSTRACT.match(p)), None)
    if start is None:
        return None
    end = start + 1
    while end < len(parts) and not _ends_abstract(parts[end]):
        end += 1
    told = [_ABSTRACT.sub("", parts[start], count=1), *parts[start + 1 : end]]
    abstract = " ".join(part for part in told if not part.startswith(("#", "|", ">", "!")))
    if not MIN_WORDS <= len(_WORD.findall(abstract)) <= MAX_WORDS:
        return None
    return Paper(reading.source.name, abstract, "\n\n".join(parts[:start] + parts[end:]))


def _ends_abstract(part: str) -> bool:
    heading = _HEADING.match(part)
    if heading:
        return _STRUCTURE.fullmatch(heading.group(1)) is None
    return _STOP.match(part) is not None


def rouge_1(summary: str, reference: str) -> tuple[float, float]:
    """F1 and recall of a summary's words against a reference's."""
    said, wanted = (Counter(_WORD.findall(text.casefold())) for text in (summary, reference))
    overlap = (said & wanted).total()
    if not overlap:
        return 0.0, 0.0
    precision, recall = overlap / said.total(), overlap / wanted.total()
    return 2 * precision * recall / (precision + recall), recall


def kept_promises(readings: Sequence[Reading]) -> list[Measured]:
    """The share of documents whose summary breaks no promise."""
    cases = []
    for reading in readings:
        body = body_paragraphs(reading.markdown)
        summary = _summary(body)
        broken = list(_broken(summary, body, reading.markdown))
        cases.append(Case(reading.source.name, float(not broken), "; ".join(broken)))
    kept = statistics.fmean(case.value for case in cases) if cases else 0.0
    note = f"of {len(cases)} documents: verbatim from the body, under the cap, whole at its end"
    return [Measured("summaries: promises kept", kept, 1.0, "higher", cases, note)]


def _broken(summary: str, body: Sequence[str], markdown: str) -> Iterator[str]:
    if not summary:
        if any(map(str.isalpha, "".join(body))):
            yield "empty"
        return
    if len(summary) > MAX_CHARS:
        yield f"{len(summary)} characters"
    # A form or a table has no sentence to end with; it is given as it stands.
    if not is_whole(summary) and any(map(is_whole, split_sentences(body))):
        yield f"ends with {summary[-30:]!r}"
    odd = _not_of(_SPACES.sub("", summary), _SPACES.sub("", "".join(body)))
    if odd:
        yield f"not of the body: {odd[:40]!r}"
    headings = {m.group(1).strip() for p in markdown.split("\n\n") if (m := _HEADING.match(p))}
    for sentence in split_sentences([summary]):
        if sentence in headings:
            yield f"a heading: {sentence[:60]!r}"


def _not_of(summary: str, text: str) -> str:
    """What is left of a summary when runs of MIN_RUN characters and more of the text are taken."""
    while summary:
        run = min(MIN_RUN, len(summary))
        if summary[:run] not in text:
            return summary
        while run < len(summary) and summary[: run + 1] in text:
            run += 1
        summary = summary[run:]
    return ""


def _summary(body: Sequence[str]) -> str:
    document = SummaryInput("0" * 64, None, "", "ok", body)
    (record,) = ExtractiveSummariser().summarise([document])
    return record.summary or ""
