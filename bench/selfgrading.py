"""Does self-grading tell what a true text would? Ranks of both error rates, over the same pages.

    python -m bench.selfgrading texts --corpus FOLDER [--pages 2] [--json OUT]
    python -m bench.selfgrading scans --corpus FOLDER [--pages 10] [--json OUT]

`texts`: pages of born-digital documents that have a true text besides their text layer are made
pictures, clean and worn, and read by OCR as every page is. Each reading has two error rates:
against the page's own text layer (self-grading, which needs no label) and against the true text.
The true texts are builds of the same source with other line breaks, without headers and page
numbers, and in places with other words; so a page is looked for in its true text, white space and
what stands before and after the part that both have do not count, and how far the text layer itself
is from the true text is said, for no engine can be closer.

`scans`: scans that somebody made of born-digital pages have one error rate, against their true
text; the same pages of the born-digital document, made pictures here, have the other.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
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
DIGITAL: Final = {"ordinary_en", "multi_column"}
LOOKED_AT: Final = 4
"""Pages read for each that is wanted: some have too little text."""
ANCHOR: Final = 12
"""Characters in a row that both have, from which on a page is compared with its true text."""
SAME: Final = 0.01
"""Share of characters in which a page's text layer may differ from what is called its true text."""
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
    layer: float
    """Of the page's own text against the true one."""


def main(words: Sequence[str] | None = None) -> int:
    """Read, grade, and print the correlations."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.selfgrading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=("texts", "scans"))
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=2, help="of each document (2)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every reading there")
    arguments = parser.parse_args(words)
    grade = by_texts if arguments.kind == "texts" else by_scans
    graded = list(grade(arguments.corpus, arguments.pages, arguments.workers))
    for item in graded:
        say(
            f"{item.document[-44:]:44} p. {item.page_number:3} {item.language:7} "
            f"{item.degradation:8} own {item.own:7.2%} true {item.true:7.2%} "
            f"layer {item.layer:6.2%}"
        )
    report(graded)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in graded], indent=1))
    return 0


def by_texts(corpus: Path, n_pages: int, n_workers: int) -> Iterator[Graded]:
    """Both error rates of each picture of each page that has a true text besides."""
    sources = [s for s in corpus_sources(corpus) if s.truth and s.category not in SCANS]
    pages = {page.name: (source, page) for source, page in _pages(sources, n_pages)}
    texts: dict[Path, str] = {}
    for picture, page in read_pictures([page for _, page in pages.values()], n_workers):
        source = pages[picture.page.name][0]
        assert source.truth is not None
        if source.truth not in texts:
            texts[source.truth] = source.truth.read_text(encoding="utf-8", errors="replace")
        truth = texts[source.truth]
        yield Graded(
            source.name,
            picture.page_number,
            picture.page.language,
            picture.degradation,
            cer(picture.truth, page.text),
            true_errors(picture.truth, page.text, truth),
            true_errors(picture.truth, picture.truth, truth),
        )


def by_scans(corpus: Path, n_pages: int, n_workers: int) -> Iterator[Graded]:
    """The error rate of each scan, beside that of a picture of the page that it was made of."""
    sources = corpus_sources(corpus)
    places = _places([s for s in sources if s.category in DIGITAL])
    found: list[tuple[Source, int, str, tuple[Source, int]]] = []
    for scan in (s for s in sources if s.category == "derived_scan" and s.truth):
        assert scan.truth is not None
        parts = scan.truth.read_text(encoding="utf-8", errors="replace").split("\f")
        placed = [(n, p, places.get(_start(p))) for n, p in enumerate(parts, 1) if _start(p)]
        found += [(scan, n, part, place) for n, part, place in placed if place][:n_pages]
    scans = list({scan.name: scan for scan, *_ in found}.values())
    wanted: dict[str, Sequence[int]] = {
        s.name: tuple(n for scan, n, *_ in found if scan is s) for s in scans
    }
    readings = read_documents(scans, wanted, layout=False)
    read = {(name, row["page_number"]): row for name, r in readings.items() for row in r.pages}
    layers = _layers([place for *_, place in found])
    pages = {}
    for scan, number, part, (source, page) in found:
        row = layers[source.name, page]
        if _may_grade(row):
            sampled = _sampled(source, row)
            pages[sampled.name] = (sampled, scan, number, part)
    for picture, page_read in read_pictures([p for p, *_ in pages.values()], n_workers):
        _, scan, number, part = pages[picture.page.name]
        yield Graded(
            scan.name,
            number,
            picture.page.language,
            picture.degradation,
            cer(picture.truth, page_read.text),
            cer(part, read[scan.name, number]["text"] or ""),
            cer(part, picture.truth),
        )


def cer(truth: str, read: str) -> float:
    """Character errors as the asset has them."""
    (value,) = [m.value for m in against_truth(truth, read) if m.metric == "cer"]
    return value


def _places(sources: Sequence[Source]) -> dict[str, tuple[Source, int]]:
    """Pages of born-digital documents by how their text layer begins."""
    import pymupdf

    places: dict[str, tuple[Source, int]] = {}
    for source in sources:
        with suppress(
            RuntimeError, pymupdf.mupdf.FzErrorBase
        ):  # hostile and broken ones are in a corpus too
            document = pymupdf.open(source.path)
            if not document.needs_pass and document.is_pdf:
                places |= {_start(p.get_text()): (source, p.number + 1) for p in document}
    return places


def _start(text: str) -> str:
    return "".join(text.split())[:200]


def _layers(places: Sequence[tuple[Source, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    sources = list({source.name: source for source, _ in places}.values())
    wanted: dict[str, Sequence[int]] = {
        s.name: tuple(n for source, n in places if source is s) for s in sources
    }
    readings = read_documents(sources, wanted)
    return {(name, r["page_number"]): r for name, found in readings.items() for r in found.pages}


def read_pictures(
    pages: Sequence[SampledPage], n_workers: int
) -> Iterator[tuple[Picture, PageReading]]:
    """Pictures of pages as the pages stage reads them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = load_settings({}, folder, {"landing": str(folder), "lake": str(folder / "l")})
        workers = WorkerPool(n_workers, 4096, 60, 1800)
        try:
            made = make_pictures(pages, folder, settings, workers)
            for name, why in made.left_out.items():
                say(f"left out {name}: {why}")
            readings = read_folder(
                folder, settings, workers, lake=None, run_id="bench", stages=("files", "pages")
            )
        finally:
            workers.close()
    read = {document.file_name: document.pages[0] for document in readings.documents}
    for picture in made.pictures:
        yield picture, read[picture.path.name]


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


def true_errors(layer: str, read: str, truth: str) -> float:
    """Character errors of a reading against the part of a true text that its page is.

    The text layer only says where in the true text the page stands; no character of it counts.
    """
    wanted, found, placed = ("".join(plain(text).split()) for text in (truth, read, layer))
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
    same = [item for item in known if item.layer <= SAME]
    say(f"{len(graded)} readings, {len({(g.document, g.page_number) for g in graded})} pages")
    say(f"Spearman, all readings                   {spearman(graded):6.3f}  n={len(graded)}")
    say(f"Spearman, scripts that the engine reads  {spearman(known):6.3f}  n={len(known)}")
    say(f"Spearman, of these layer = true text     {spearman(same):6.3f}  n={len(same)}")
    for kind in ("clean", "degraded"):
        some = [item for item in known if item.degradation == kind]
        say(f"Spearman, of these {kind:22}{spearman(some):6.3f}  n={len(some)}")
    whole = defaultdict(list)
    for item in graded:
        whole[item.document].append(item)
    means = [
        Graded(name, 0, "", "", _mean(items, _own), _mean(items, _true), 0)
        for name, items in whole.items()
    ]
    say(f"Spearman, documents                      {spearman(means):6.3f}  n={len(means)}")


def _mean(items: Sequence[Graded], of: Callable[[Graded], float]) -> float:
    return float(np.mean([of(item) for item in items]))


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
