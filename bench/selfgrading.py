"""Does self-grading tell what a true text would? Ranks of both error rates, over the same pages.

    python -m bench.selfgrading --corpus FOLDER [--pages 3] [--json OUT]

Pages of born-digital documents that have a true text besides their text layer are made pictures,
clean and worn, and read by OCR as every page is. Each reading has two error rates: against the
page's own text layer (self-grading, which needs no label) and against the true text. The rank
correlation of the two is what is reported. The true texts are builds of the same source with other
line breaks and no headers or page numbers, so a page is looked for in its true text, and what
stands before and after the part that both have does not count.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from assets.evals.base import PageReading
from assets.evals.measures.against_truth import against_truth
from assets.evals.pictures import Picture, make_pictures
from assets.evals.sampling import MAX_CHARS, MIN_CHARS, SampledPage, is_truth, seed_of
from assets.evals.scratch import read_folder
from bench.measure import say
from bench.quality.documents import Source, corpus_sources, read_documents
from bench.quality.scans import _plain as plain
from resources.landing.uris import uri_of
from resources.settings import load_settings
from resources.summariser.language import guess_language
from resources.workers.pool import WorkerPool

SCANS: Final = {"scan", "derived_scan"}
LOOKED_AT: Final = 4
"""Pages read for each that is wanted: some have too little text."""
ANCHOR: Final = 12
"""Characters in a row that both have, from which on a page is compared with its true text."""
READABLE: Final = {"en", "zh", "ja"}
"""Languages whose letters the default engine knows; of others it reads no line right."""


@dataclass(frozen=True)
class Graded:
    """One reading of one picture, with both error rates."""

    document: str
    page_number: int
    language: str
    degradation: str
    own: float
    true: float


def main(words: Sequence[str] | None = None) -> int:
    """Read, grade, and print the correlations."""
    parser = argparse.ArgumentParser(prog="python -m bench.selfgrading", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=3, help="of each document (3)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every reading there")
    arguments = parser.parse_args(words)
    graded = list(grade(arguments.corpus, arguments.pages, arguments.workers))
    for item in graded:
        say(
            f"{item.document[-44:]:44} p. {item.page_number:3} {item.language:7} "
            f"{item.degradation:8} own {item.own:7.2%} true {item.true:7.2%}"
        )
    report(graded)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in graded], indent=1))
    return 0


def grade(corpus: Path, n_pages: int, n_workers: int) -> Iterator[Graded]:
    """Both error rates of each picture of each page."""
    sources = [s for s in corpus_sources(corpus) if s.truth and s.category not in SCANS]
    pages = {page.name: (source, page) for source, page in _pages(sources, n_pages)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = load_settings({}, folder, {"landing": str(folder), "lake": str(folder / "l")})
        workers = WorkerPool(n_workers, 4096, 60, 1800)
        try:
            made = make_pictures([page for _, page in pages.values()], folder, settings, workers)
            for name, why in made.left_out.items():
                say(f"left out {pages[name][0].name} p. {name.partition('#')[2]}: {why}")
            readings = read_folder(
                folder, settings, workers, lake=None, run_id="bench", stages=("files", "pages")
            )
        finally:
            workers.close()
    read = {document.file_name: document.pages[0] for document in readings.documents}
    texts: dict[Path, str] = {}
    for picture in made.pictures:
        source = pages[picture.page.name][0]
        assert source.truth is not None
        if source.truth not in texts:
            texts[source.truth] = source.truth.read_text(encoding="utf-8", errors="replace")
        yield _graded(source, picture, read[picture.path.name], texts[source.truth])


def _pages(sources: Sequence[Source], n_pages: int) -> Iterator[tuple[Source, SampledPage]]:
    """A few pages of each document, by hash, whose text layer is sound."""
    wanted = {}
    for source in sources:
        numbers = sorted(range(1, _count(source) + 1), key=lambda n: seed_of(source.name, n))
        wanted[source.name] = numbers[: n_pages * LOOKED_AT]
    readings = read_documents(sources, {name: tuple(pages) for name, pages in wanted.items()})
    for source in sources:
        rows = {row["page_number"]: row for row in readings[source.name].pages}
        good = [n for n in wanted[source.name] if n in rows and _may_grade(rows[n])]
        for number in good[:n_pages]:
            yield source, _sampled(source, rows[number])


def _count(source: Source) -> int:
    import pymupdf

    with pymupdf.open(source.path) as document:
        return len(document)


def _may_grade(row: dict[str, Any]) -> bool:
    sound = row["status"] == "ok" and row["source"] == "text_layer"
    return sound and MIN_CHARS <= (row["n_chars"] or 0) <= MAX_CHARS and is_truth(row)


def _sampled(source: Source, row: dict[str, Any]) -> SampledPage:
    import hashlib

    doc_id = hashlib.sha256(source.path.read_bytes()).hexdigest()
    language = guess_language(row["text"]) or "unknown"
    uri = uri_of(str(source.path.resolve()))
    return SampledPage("b", doc_id, row["page_number"], uri, None, "", row["text"], language)


def _graded(source: Source, picture: Picture, page: PageReading, truth: str) -> Graded:
    (own,) = [m.value for m in against_truth(picture.truth, page.text) if m.metric == "cer"]
    return Graded(
        source.name,
        picture.page_number,
        picture.page.language,
        picture.degradation,
        own,
        true_errors(picture.truth, page.text, truth),
    )


def true_errors(layer: str, read: str, truth: str) -> float:
    """Character errors of a reading against the part of a true text that its page is.

    The text layer only says where in the true text the page stands; no character of it counts.
    """
    wanted, found, placed = plain(truth), plain(read), plain(layer)
    where = fuzz.partial_ratio_alignment(placed, wanted)
    if where is None:
        return float("nan")
    part = wanted[where.dest_start : where.dest_end] if len(placed) < len(wanted) else wanted
    a, b = _shared(placed, part)
    part = part[b.start : b.stop]
    a, b = _shared(found, part)
    if a.stop - a.start < len(part) / 2:  # hardly a line of it was read
        return float(Levenshtein.distance(found, part)) / max(1, len(part))
    missed = b.start + len(part) - b.stop
    wrong = Levenshtein.distance(found[a.start : a.stop], part[b.start : b.stop])
    return float(wrong + missed) / max(1, len(part))


def _shared(left: str, right: str) -> tuple[slice, slice]:
    """From the first to the last run of characters that both have, in each."""
    runs = [
        run
        for run in Levenshtein.opcodes(left, right)
        if run.tag == "equal" and run.src_end - run.src_start >= ANCHOR
    ]
    if not runs:
        return slice(0, len(left)), slice(0, len(right))
    return (
        slice(runs[0].src_start, runs[-1].src_end),
        slice(runs[0].dest_start, runs[-1].dest_end),
    )


def report(graded: Sequence[Graded]) -> None:
    """Rank correlations over all readings, and over those that the engine knows the letters of."""
    known = [item for item in graded if item.language in READABLE]
    say(f"{len(graded)} readings, {len({(g.document, g.page_number) for g in graded})} pages")
    say(f"Spearman, all readings                   {spearman(graded):6.3f}  n={len(graded)}")
    say(f"Spearman, scripts that the engine reads  {spearman(known):6.3f}  n={len(known)}")
    for kind in ("clean", "degraded"):
        some = [item for item in known if item.degradation == kind]
        say(f"Spearman, of these {kind:22}{spearman(some):6.3f}  n={len(some)}")
    whole = defaultdict(list)
    for item in graded:
        whole[item.document].append(item)
    means = [
        Graded(name, 0, "", "", *(float(np.mean([v(g) for g in items])) for v in (_own, _true)))
        for name, items in whole.items()
    ]
    say(f"Spearman, documents                      {spearman(means):6.3f}  n={len(means)}")


def _own(item: Graded) -> float:
    return item.own


def _true(item: Graded) -> float:
    return item.true


def spearman(graded: Sequence[Graded]) -> float:
    """Rank correlation of both error rates; ties have the mean of their ranks."""
    if len(graded) < 3:
        return float("nan")
    own, true = (_ranks([v(item) for item in graded]) for v in (_own, _true))
    return float(np.corrcoef(own, true)[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) - 1) / 2 for v in values]


if __name__ == "__main__":
    sys.exit(main())
