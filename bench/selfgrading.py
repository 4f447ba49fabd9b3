"""Does self-grading tell what a true text would? Ranks of both error rates, over the same pages.

    python -m bench.selfgrading scans --corpus FOLDER [--pages 10] [--json OUT]
    python -m bench.selfgrading texts --corpus FOLDER [--pages 2] [--json OUT]
    python -m bench.selfgrading OUT                    the numbers again of what was read before

`scans`: scans that somebody made of born-digital pages have one error rate, against their true
text; the same pages of the born-digital document, made pictures here, have the other, against their
own text layer: self-grading, which needs no label.

`texts`: pages of born-digital documents that have a true text besides their text layer are made
pictures. Each reading has both error rates. The true texts are builds of the same source with other
line breaks and words in places: a page is looked for in its true text, and what of its text layer
is not in there (headers, page numbers) is left out.

Error rates are of characters: as the asset `evals` has them, and with each line put where the truth
has it, since two texts of one page may differ in where they have its header.
"""

from __future__ import annotations

import argparse
import hashlib
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
import pymupdf
from rapidfuzz import fuzz

from assets.evals.base import PageReading
from assets.evals.measures.against_truth import against_truth
from assets.evals.pictures import Picture, make_pictures
from assets.evals.sampling import MAX_CHARS, MIN_CHARS, SampledPage, is_truth, seed_of
from assets.evals.scratch import read_folder
from bench.measure import say
from bench.quality.documents import Source, corpus_sources, read_documents
from bench.quality.scans import _errors_in_place, _plain
from resources.landing.uris import uri_of
from resources.settings import load_settings
from resources.summariser.language import guess_language
from resources.workers.pool import WorkerPool

SCANS: Final = {"scan", "derived_scan"}
DIGITAL: Final = {"ordinary_en", "multi_column"}
LOOKED_AT: Final = 4
"""Pages looked at for each that is wanted: some have too little text."""
ALIKE: Final = 70
"""Of 100: a line that is less like any place of a text is not part of it."""
READABLE: Final = {"en", "zh", "ja"}
"""Languages whose letters the default engine knows; of others it reads no line right."""


@dataclass(frozen=True)
class Graded:
    """One page, read as a picture made here, and beside a true text.

    Attributes:
        document: And `page_number`: the page.
        degradation: Of the picture.
        layer: Its own text.
        read: What OCR read of the picture.
        truth: Its true text.
        true_read: What is graded by that: the same reading, or that of a scan of the page.
    """

    document: str
    page_number: int
    language: str
    degradation: str
    layer: str
    read: str
    truth: str
    true_read: str


Errors = Callable[[str, str], float]


def main(words: Sequence[str] | None = None) -> int:
    """Read, grade, and print the correlations."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.selfgrading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", help="scans, texts, or a file that --json wrote")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--pages", type=int, help="of each document (10 of scans, 2 of texts)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every reading there")
    arguments = parser.parse_args(words)
    if arguments.kind not in ("scans", "texts"):
        held = json.loads(Path(arguments.kind).read_text(encoding="utf-8"))
        report([Graded(**item) for item in held])
        return 0
    if arguments.corpus is None:
        parser.error("--corpus is needed")
    if arguments.kind == "scans":
        graded = list(by_scans(arguments.corpus, arguments.pages or 10, arguments.workers))
    else:
        graded = list(by_texts(arguments.corpus, arguments.pages or 2, arguments.workers))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(item) for item in graded], indent=1))
    report(graded)
    return 0


# What is read ------------------------------------------------------------------------------------


def by_scans(corpus: Path, n_pages: int, n_workers: int) -> Iterator[Graded]:
    """Each scan beside a picture, made here, of the page that it was made of."""
    sources = corpus_sources(corpus)
    places = _places([s for s in sources if s.category in DIGITAL])
    found: list[tuple[Source, int, str, tuple[Source, int]]] = []
    for scan in (s for s in sources if s.category == "derived_scan" and s.truth):
        assert scan.truth is not None
        parts = scan.truth.read_text(encoding="utf-8", errors="replace").split("\f")
        placed = [(n, p, places.get(_start(p))) for n, p in enumerate(parts, 1) if _start(p)]
        found += [(scan, n, part, place) for n, part, place in placed if place][:n_pages]
    read = _rows([(scan, n) for scan, n, *_ in found], layout=False)
    layers = _rows([place for *_, place in found], layout=True)
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
            picture.truth,
            page_read.text,
            part,
            read[scan.name, number]["text"] or "",
        )


def by_texts(corpus: Path, n_pages: int, n_workers: int) -> Iterator[Graded]:
    """Each picture of each page that has a true text besides its text layer."""
    sources = [s for s in corpus_sources(corpus) if s.truth and s.category not in SCANS]
    pages = {page.name: (source, page) for source, page in _pages(sources, n_pages)}
    for picture, page in read_pictures([page for _, page in pages.values()], n_workers):
        source = pages[picture.page.name][0]
        assert source.truth is not None
        whole = source.truth.read_text(encoding="utf-8", errors="replace")
        truth, read = _common(picture.truth, page.text, whole)
        yield Graded(
            source.name,
            picture.page_number,
            picture.page.language,
            picture.degradation,
            picture.truth,
            page.text,
            truth,
            read,
        )


def _common(layer: str, read: str, whole: str) -> tuple[str, str]:
    """The part of a true text that a page is, and of a reading what stands in both.

    The text layer only says where in the true text the page stands, and which of its lines are not
    in there; no character of it counts.
    """
    wanted, placed = _plain(whole), _plain(layer)
    where = fuzz.partial_ratio_alignment(placed, wanted)
    part = wanted
    if where is not None and len(placed) < len(wanted):
        part = wanted[where.dest_start : where.dest_end]
    strange = [line for line in map(_plain, layer.splitlines()) if not _is_in(line, part)]
    kept = [
        line
        for line in read.splitlines()
        if all(fuzz.ratio(_plain(line), other) < ALIKE for other in strange)
    ]
    return part, "\n".join(kept)


def _is_in(line: str, text: str) -> bool:
    found = fuzz.partial_ratio_alignment(line, text) if line else None
    return found is None or found.score >= ALIKE


def _places(sources: Sequence[Source]) -> dict[str, tuple[Source, int]]:
    """Pages of born-digital documents by how their text layer begins."""
    places: dict[str, tuple[Source, int]] = {}
    for source in sources:
        with suppress(RuntimeError, pymupdf.mupdf.FzErrorBase):  # a corpus has broken ones too
            document = pymupdf.open(source.path)
            if not document.needs_pass and document.is_pdf:
                places |= {_start(p.get_text()): (source, p.number + 1) for p in document}
    return places


def _start(text: str) -> str:
    return "".join(text.split())[:200]


def _rows(
    places: Sequence[tuple[Source, int]], *, layout: bool
) -> dict[tuple[str, int], dict[str, Any]]:
    sources = list({source.name: source for source, _ in places}.values())
    wanted: dict[str, Sequence[int]] = {
        s.name: tuple(n for source, n in places if source.name == s.name) for s in sources
    }
    readings = read_documents(sources, wanted, layout=layout)
    return {(name, r["page_number"]): r for name, found in readings.items() for r in found.pages}


def _pages(sources: Sequence[Source], n_pages: int) -> Iterator[tuple[Source, SampledPage]]:
    """A few pages of each document, by hash, whose text layer is sound."""
    wanted: dict[str, list[int]] = {}
    for source in sources:
        with pymupdf.open(source.path) as document:
            numbers = range(1, len(document) + 1)
        wanted[source.name] = sorted(numbers, key=lambda n: seed_of(source.name, n))
        del wanted[source.name][n_pages * LOOKED_AT :]
    rows = _rows([(source, n) for source in sources for n in wanted[source.name]], layout=True)
    for source in sources:
        good = [n for n in wanted[source.name] if _may_grade(rows.get((source.name, n)))]
        for number in good[:n_pages]:
            yield source, _sampled(source, rows[source.name, number])


def _may_grade(row: dict[str, Any] | None) -> bool:
    if row is None or row["status"] != "ok" or row["source"] != "text_layer":
        return False
    return MIN_CHARS <= (row["n_chars"] or 0) <= MAX_CHARS and is_truth(row)


def _sampled(source: Source, row: dict[str, Any]) -> SampledPage:
    doc_id = hashlib.sha256(source.path.read_bytes()).hexdigest()
    language = guess_language(row["text"]) or "unknown"
    uri = uri_of(str(source.path.resolve()))
    return SampledPage("b", doc_id, row["page_number"], uri, None, "", row["text"], language)


def read_pictures(
    pages: Sequence[SampledPage], n_workers: int
) -> Iterator[tuple[Picture, PageReading]]:
    """Pictures of pages, one each as the asset makes them, as the pages stage reads them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = load_settings({}, folder, {"landing": str(folder), "lake": str(folder / "l")})
        workers = WorkerPool(n_workers, 4096, 60, 1800)
        try:
            made = make_pictures(pages, folder, settings, workers, alternate=True)
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


# What comes of it --------------------------------------------------------------------------------


def cer(truth: str, read: str) -> float:
    """Character errors as the asset has them."""
    (value,) = [m.value for m in against_truth(truth, read) if m.metric == "cer"]
    return value


def in_place(truth: str, read: str) -> float:
    """Character errors with each line put where the truth has it."""
    return float(_errors_in_place([read.splitlines()], truth))


def report(graded: Sequence[Graded]) -> None:
    """Rank correlations over all pages, and over those that the engine knows the letters of."""
    known = [item for item in graded if item.language in READABLE]
    for name, errors in (("as the asset has them", cer), ("lines in place", in_place)):
        say(f"character errors, {name}")
        for item in graded:
            own, true = errors(item.layer, item.read), errors(item.truth, item.true_read)
            layer = errors(item.truth, item.layer)
            say(
                f"  {item.document[-40:]:40} p. {item.page_number:3} {item.language:7} "
                f"{item.degradation:8} own {own:7.2%} true {true:7.2%} layer {layer:6.2%}"
            )
        say(f"  Spearman, all pages                      {spearman(graded, errors):6.3f}")
        say(f"  Spearman, scripts that the engine reads  {spearman(known, errors):6.3f}")
        say(f"  Spearman, means of documents             {of_documents(graded, errors):6.3f}")
    say(f"{len(graded)} pages, {len(known)} of them in scripts that the engine reads")


def spearman(graded: Sequence[Graded], errors: Errors) -> float:
    """Rank correlation of both error rates; ties have the mean of their ranks."""
    own = [errors(item.layer, item.read) for item in graded]
    return _correlation(own, [errors(item.truth, item.true_read) for item in graded])


def of_documents(graded: Sequence[Graded], errors: Errors) -> float:
    """The same of the means of each document's pages."""
    whole: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for item in graded:
        pair = errors(item.layer, item.read), errors(item.truth, item.true_read)
        whole[item.document].append(pair)
    means = [np.mean(pairs, axis=0) for pairs in whole.values()]
    return _correlation([float(m[0]) for m in means], [float(m[1]) for m in means])


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) < 3:
        return float("nan")
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(v) + (ordered.count(v) - 1) / 2 for v in values]


if __name__ == "__main__":
    sys.exit(main())
