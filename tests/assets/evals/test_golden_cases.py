"""The default golden set says what the samples say, and today's outputs keep every case of it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

import assets.evals
from assets.evals.base import DocumentReading, PageReading
from assets.evals.cases import KINDS, Case, load_cases
from assets.evals.judging import judge_case
from assets.evals.measures.words import plain, words_of
from assets.summaries.body import body_paragraphs
from resources.samples import leaflet, mixed, newsletter, paste_paper, rotated, scans
from resources.samples.make import make_samples
from resources.summariser.base import SummaryInput
from resources.summariser.extractive import ExtractiveSummariser
from tests.assets.evals import damage
from tests.assets.evals.samples_text import markdown_of, pages_of

FOLDER: Final = Path(assets.evals.__file__).parent / "golden"
CASES: Final = load_cases(FOLDER)
VERSIONS: Final = dict.fromkeys(("pages", "images", "docs", "summaries"), "v")
SCANNED: Final = {("scan-clean.pdf", 1), ("scan-noisy.pdf", 1), ("rotated.pdf", 2)} | {
    ("mixed.pdf", 2),
    ("mixed.pdf", 3),
}
"""Pages of the samples that OCR has to read."""
TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "scan-clean-1": (scans.FIELD_GUIDE,),
    "scan-noisy-1": (scans.LETTER,),
    "rotated-2": (rotated.NOTICE,),
    "mixed-1": (mixed.FIRST,),
    "mixed-2": (mixed.SCANNED_NOTICE,),
    "mixed-3": (mixed.LAST, mixed.CLIPPING),
    "newsletter-logo-2": ("The Folded Sheet ", newsletter.PAGES[1], " 2"),
    "cmyk-leaflet-1": (leaflet.TEXT, leaflet.FIRST_CAPTION, leaflet.SECOND_CAPTION),
    "paste-paper-two-columns-1": (
        "Bench Notes from the Bindery School, number 31 ",
        paste_paper.HEAD,
        paste_paper.BODY.split("own workshop this habit", maxsplit=1)[0],
        " 1",
    ),
}


def document(name: str) -> DocumentReading:
    """A sample as the golden outputs have it; tables and images of pages are the document's."""
    markdown = markdown_of(name)
    pages = tuple(
        PageReading("d" * 64, n, "ok", text, markdown) for n, text in enumerate(pages_of(name), 1)
    )
    body = body_paragraphs(markdown)
    (record,) = ExtractiveSummariser().summarise(
        [SummaryInput("d" * 64, None, markdown, "ok", body)]
    )
    return DocumentReading(
        "d" * 64, name, "", "ok", None, markdown, pages, record.summary, record.status
    )


DOCUMENTS: Final = {name: document(name) for name in sorted({case.pdf for case in CASES})}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_true_text_is_the_sample_s_own(name: str) -> None:
    source = html.unescape(re.sub(r"<[^>]+>", "", "".join(TEXTS[name])))
    written = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert words_of(plain(written)) == words_of(plain(source))


def test_every_text_is_used() -> None:
    used = {line.split('"text_file": "')[1].split('"')[0] for line in _lines("text_file")}
    assert {path.name for path in FOLDER.glob("*.txt")} == used == {f"{n}.txt" for n in TEXTS}


def _lines(field: str) -> list[str]:
    lines = (FOLDER / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if f'"{field}"' in line]


def test_every_kind_has_cases_about_samples_that_open(tmp_path: Path) -> None:
    samples = {sample.name: sample for sample in make_samples(tmp_path)}
    assert {case.kind for case in CASES} == set(KINDS)
    for case in CASES:
        sample = samples[case.pdf]
        assert sample.expected_status == "ok"
        assert case.page is None or case.page <= (sample.n_pages or 0)
        assert case.pdf.isascii(), "file systems write other names in forms of their own"
    scanned = [place for place in SCANNED if place[0] in {case.pdf for case in CASES}]
    assert len(scanned) <= 12


@pytest.mark.parametrize("case", [c for c in CASES if c.kind != "image_count"], ids=lambda c: c.id)
def test_today_s_output_keeps_it(case: Case) -> None:
    found = judge_case(case, DOCUMENTS[case.pdf], VERSIONS)
    assert found[0].passed, found[0].explanation


def damaged(kind: str) -> int:
    """How many cases a damage to every page breaks."""
    broken = 0
    for name, whole in DOCUMENTS.items():
        texts = [page.text for page in whole.pages]
        changed = {
            "drop": lambda texts: damage.drop_lines_of(texts, 10),
            "swap": lambda texts: [damage.swap_halves(text) for text in texts],
            "repeat": lambda texts: [damage.repeat_paragraph(text) for text in texts],
        }[kind](texts)
        pages = tuple(
            PageReading("d" * 64, n, "ok", text, page.markdown)
            for n, (text, page) in enumerate(zip(changed, whole.pages, strict=True), 1)
        )
        reading = DocumentReading("d" * 64, name, "", "ok", None, whole.markdown, pages)
        cases = [c for c in CASES if c.pdf == name and c.page and c.kind != "image_count"]
        broken += sum(not judge_case(case, reading, VERSIONS)[0].passed for case in cases)
    return broken


@pytest.mark.parametrize("kind", ["drop", "swap", "repeat"])
def test_damage_breaks_cases(kind: str) -> None:
    assert damaged(kind) >= 8
