"""Are pages read the way that somebody who looks at them expects?

Here: a table of pages with the source that they should have (`routing_cases.csv`, written down from
looking at the pages), and the shares of errors of the cheap tests before OCR: pictures drawn here
(`drawn_pictures.py`), sound pages of the corpus, and layers spoilt here. Not here: how well the
text reads.
"""

from __future__ import annotations

import csv
import random
import string
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pymupdf

from assets.pages.routing.soundness import is_backwards, is_sound, oddness
from assets.pages.routing.spot_check import agrees
from assets.pages.routing.text_pictures import look_at
from assets.pages.text_layer import read_text_layer
from bench.quality.documents import Source, corpus_sources, limit_of, read_documents
from bench.quality.drawn_pictures import (
    TEXT,
    figure_pages,
    ornament_pages,
    prose_pages,
    strip_pages,
    text_pages,
)
from bench.quality.measured import Case, Measured, Part
from resources.errors import DocumentError
from resources.ocr.base import make_engine
from resources.workers.documents import open_pdf

CASES = Path(__file__).with_name("routing_cases.csv")
RENDERED = "rendered:"
SCAN_DPI = 150
N_DRAWN = 120
N_SPOT_CHECKED = 12
MAX_PAGES = 20
"""Of each corpus document whose layers are looked at."""
KNOWN_FAULTS = frozenset(
    {
        "image_codecs/OCRmyPDF__cmyk.pdf",
        "other_scripts/deb-fonts-hosny-amiri__Documentation-Arabic.pdf",
    }
)
"""Layers that are odd for a reason: whoever looks at them sees something else."""


def measure(corpus: Path) -> list[Measured]:
    """Pages routed as expected; errors and cost of what comes before OCR."""
    pymupdf.TOOLS.mupdf_display_errors(False)  # noqa: FBT003
    return [_routed(corpus), *_pictures(), *_layers(corpus), _spoilt(), _spot_checks()]


def _routed(corpus: Path) -> Measured:
    with CASES.open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    known = {s.name: s for s in corpus_sources(corpus)}
    cases = []
    with TemporaryDirectory() as folder:
        sources: dict[str, Source] = {}
        pages: dict[str, Sequence[int]] = {}
        for row in expected:
            name, number = row["path"], int(row["page"])
            if name.removeprefix(RENDERED) not in known:
                continue
            if name.startswith(RENDERED):
                source = known[name.removeprefix(RENDERED)]
                name = f"{name}:{number}"
                sources[name] = Source(_rendered(source, number, Path(folder)), name)
                pages[name] = [1]
            else:
                sources[name] = known[name]
                pages[name] = (*pages.get(name, ()), number)
        read = read_documents(list(sources.values()), pages)
        for row in expected:
            name, number = row["path"], int(row["page"])
            if name.startswith(RENDERED):
                name, number = f"{name}:{number}", 1
            if number not in pages.get(name, ())[: limit_of("PAGES")]:
                continue
            found = [p for p in read[name].pages if p["page_number"] == number]
            said = (found[0]["source"], found[0]["status"]) if found else ("-", "failed")
            note = f"{said[0]}, {said[1]}; expected {row['source']}, ok: {row['ok']}: {row['seen']}"
            cases.append(Case(f"{row['path']} {row['page']}", float(_fits(row, *said)), note))
    share = sum(case.value for case in cases) / len(cases) if cases else float("nan")
    return Measured("pages routed as expected", share, 1.0, "higher", cases, f"{len(cases)} pages")


def _fits(row: dict[str, str], source: str, status: str) -> bool:
    if source not in row["source"].split("|"):
        return False
    match row["ok"]:
        case "yes":
            return status == "ok"
        case "no":
            return status != "ok"
        case _:  # anything but a text layer that is believed
            return (source, status) != ("text_layer", "ok")


def _rendered(source: Source, number: int, folder: Path) -> Path:
    """A page as a scanner sees it."""
    path = folder / f"{len(list(folder.iterdir()))}.pdf"
    with open_pdf(str(source.path), list(source.passwords)) as document, pymupdf.open() as scan:
        page = document[number - 1]
        sheet = scan.new_page(width=page.rect.width, height=page.rect.height)
        pixmap = page.get_pixmap(dpi=SCAN_DPI, colorspace=pymupdf.csGRAY)
        sheet.insert_image(sheet.rect, pixmap=pixmap)
        # The same bytes in every run, so that what was read of it is found again.
        scan.save(path, no_new_id=True, deflate=True)
    return path


def _pictures() -> Iterator[Measured]:
    started = time.process_time()
    texts = [look_at(page, tuple(page.rect)) for page in text_pages(N_DRAWN)]
    figures = [look_at(page, tuple(page.rect)) for page in figure_pages(N_DRAWN)]
    seconds = time.process_time() - started
    note = f"{N_DRAWN} drawn; {1000 * seconds / (2 * N_DRAWN):.0f} ms each with the drawing"
    missed = [Case(f"text {i}", 1.0, str(x)) for i, x in enumerate(texts) if not x.is_text]
    alarms = [Case(f"figure {i}", 1.0, str(x)) for i, x in enumerate(figures) if x.is_text]
    yield Measured("pictures of text missed", len(missed) / N_DRAWN, 0.1, "lower", missed, note)
    yield Measured("figures taken for text", len(alarms) / N_DRAWN, 0.02, "lower", alarms, note)
    strips = [look_at(page, tuple(page.rect)) for page in strip_pages(N_DRAWN)]
    ornaments = [look_at(page, tuple(page.rect)) for page in ornament_pages(N_DRAWN)]
    missed = [Case(f"line {i}", 1.0, str(x)) for i, x in enumerate(strips) if not x.is_text_strip]
    alarms = [Case(f"strip {i}", 1.0, str(x)) for i, x in enumerate(ornaments) if x.is_text_strip]
    note = f"{N_DRAWN} drawn"
    yield Measured("lines as pictures missed", len(missed) / N_DRAWN, 0.2, "lower", missed, note)
    yield Measured("ornaments taken for lines", len(alarms) / N_DRAWN, 0.05, "lower", alarms, note)


def _layers(corpus: Path) -> Iterator[Measured]:
    """Sound layers of the corpus that are doubted, and what asking costs."""
    cases: list[Case] = []
    parts: list[Part] = []
    seconds = 0.0
    for source in corpus_sources(corpus):
        if source.name in KNOWN_FAULTS:
            continue
        for number, text in _texts(source):
            if not is_sound(text):
                continue
            started = time.process_time()
            reason = "backwards" if is_backwards(text) else oddness(text)
            seconds += time.process_time() - started
            parts.append(Part(source.name, float(bool(reason))))
            if reason:
                cases.append(Case(f"{source.name} {number}", 1.0, reason))
    note = f"{len(parts)} pages"
    share = len(cases) / max(1, len(parts))
    yield Measured("sound layers that are doubted", share, 0.01, "lower", cases, note, parts)
    cost = 1000 * seconds / max(1, len(parts))
    yield Measured("CPU ms a page for doubting", cost, 0.2, "lower", (), note)


def _texts(source: Source) -> Iterator[tuple[int, str]]:
    try:
        with open_pdf(str(source.path), list(source.passwords)) as document:
            n_pages = document.page_count
            for index in range(0, n_pages, max(1, n_pages // MAX_PAGES)):
                text = read_text_layer(document[index]).text
                if text.strip():
                    yield index + 1, text
    except (DocumentError, RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase):
        return  # damaged files are another measurement's


def _spoilt() -> Measured:
    """Layers whose codes are wrong, of as few as 100 and as many as 900 letters."""
    rng = random.Random(3)
    letters = string.ascii_letters
    cases = []
    for name, spoil in _spoilers(rng, letters).items():
        for i in range(40):
            words = [rng.choice(TEXT.split()) for _ in range(rng.randint(20, 180))]
            text = spoil(" ".join(words).capitalize())
            if not is_sound(text) or oddness(text) or is_backwards(text):
                continue
            cases.append(Case(f"{name} {i}", 1.0, text[:60]))
    n_all = 40 * len(_spoilers(rng, letters))
    return Measured("spoilt layers not doubted", len(cases) / n_all, 0.1, "lower", cases)


def _spot_checks() -> Measured:
    """Drawn pages whose layer is taken for another text, or another text for their own."""
    engine = make_engine("rapidocr")
    assert engine is not None
    cases = []
    for number, page in enumerate(prose_pages(N_SPOT_CHECKED)):
        page.set_rotation(90 * (number % 4))
        layer = read_text_layer(page)
        own = layer.lines
        moved = [*own[len(own) // 2 :], *own[: len(own) // 2]]
        others = [a._replace(spans=b.spans) for a, b in zip(own, moved, strict=False)]
        if not agrees(engine, page, layer.turn, own, lambda: None):
            cases.append(Case(f"page {number}", 1.0, "its own text is not known again"))
        if agrees(engine, page, layer.turn, others, lambda: None):
            cases.append(Case(f"page {number}", 1.0, "another text passes"))
    share = len(cases) / (2 * N_SPOT_CHECKED)
    return Measured("spot checks that are wrong", share, 0.0, "lower", cases)


def _spoilers(rng: random.Random, letters: str) -> dict[str, Callable[[str], str]]:
    def shuffled(text: str) -> str:
        mixed = list(letters)
        rng.shuffle(mixed)
        return text.translate(str.maketrans(letters, "".join(mixed)))

    return {
        "shifted by 29": lambda text: "".join(chr(max(32, ord(c) - 29)) for c in text),
        "shuffled": shuffled,
        "by first use": lambda text: text.translate(
            {ord(c): letters[i % 52] for i, c in enumerate(dict.fromkeys(text)) if c in letters}
        ),
        "apart": lambda text: " ".join(text.replace(" ", "")),
        "byte-swapped": lambda text: text.encode("utf-16-le").decode("utf-16-be"),
        "UTF-8 as Latin-1": lambda text: (
            text.replace("e", "é").encode().decode("latin-1").replace("\xa9", "©")
        ),
        "Cyrillic as Latin-1": lambda text: "".join(
            chr(0xE0 + ord(c) % 32) if c.isalpha() else c for c in text
        ),
    }
