"""Cells that a page draws, and those of the markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest

from bench.quality import tables
from bench.quality.documents import Reading, Source

CELLS = [["City", "People", "Since"], ["Ulm", "126,000", "1181"], ["Bonn", "331,000", "1244"]]


@pytest.fixture
def ruled(tmp_path: Path) -> Source:
    """A page with a table of three rows and columns between lines, and a line of prose."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 60), "Prose that stands above the table.")
        for row, cells in enumerate(CELLS):
            for column, text in enumerate(cells):
                x, y = 72 + 100 * column, 100 + 30 * row
                page.draw_rect((x, y, x + 100, y + 30))
                page.insert_text((x + 8, y + 18), text)
        document.save(tmp_path / "a.pdf")
    (tmp_path / "manifest.csv").write_text(
        "path,category,password,ground_truth\na.pdf,tables,,\n", encoding="utf-8"
    )
    return Source(tmp_path / "a.pdf", "a.pdf", "tables")


def recall(corpus: Path, markdown: str, monkeypatch: pytest.MonkeyPatch) -> tuple[float, str]:
    def read(sources: list[Source], pages: Any, *, ocr: str) -> dict[str, Reading]:
        page = {"page_number": 1, "source": "text_layer"}
        return {s.name: Reading(s, [page], markdown=markdown) for s in sources}

    monkeypatch.setattr(tables, "read_documents", read)
    measured = tables.measure(corpus)[0]
    return measured.value, measured.cases[0].note


def test_lines_make_a_true_table(ruled: Source) -> None:
    (table,) = tables.true_tables(ruled)
    assert (table.page, table.how) == (1, "ruled")
    assert table.cells == (
        "City",
        "People",
        "Since",
        "Ulm",
        "126000",
        "1181",
        "Bonn",
        "331000",
        "1244",
    )


def test_gaps_make_one_in_files_of_tables_only(tmp_path: Path) -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        for row, cells in enumerate(CELLS):
            for column, text in enumerate(cells):
                page.insert_text((72 + 100 * column, 100 + 20 * row), text)
        document.save(tmp_path / "a.pdf")
    (table,) = tables.true_tables(Source(tmp_path / "a.pdf", "a.pdf", "tables"))
    assert (len(table.cells), table.how) == (9, "set apart")
    assert tables.true_tables(Source(tmp_path / "a.pdf", "a.pdf", "ordinary_en")) == []


def test_cells_are_found_in_rows_of_the_markdown(
    ruled: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ruled.path.parent
    rows = ["|" + "|".join(cells) + "|" for cells in CELLS]
    perfect = "\n".join([rows[0], "|---|---|---|", *rows[1:]])
    assert recall(folder, perfect, monkeypatch) == (1.0, "")
    merged = perfect.replace("Ulm|126,000", "Ulm 126,000")
    value, lost = recall(folder, merged, monkeypatch)
    assert (round(9 * value, 6), lost) == (7, "Ulm 126000")
    assert recall(folder, perfect.replace("|", " "), monkeypatch)[0] == 0
    assert recall(folder, "", monkeypatch)[0] == 0
