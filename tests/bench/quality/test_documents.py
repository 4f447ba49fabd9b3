"""A corpus by its manifest, read as workers read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.documents import corpus_sources, limit_of, read_documents
from bench.quality.routing import CASES
from tests.bench.quality.corpora import make_corpus


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_the_manifest_says_what_there_is(tmp_path: Path) -> None:
    make_corpus(tmp_path, {"a.pdf": "ordinary_en", "b.pdf": "scan"}, truths=["b.pdf"])
    first, second = corpus_sources(tmp_path)
    assert (first.name, first.category, first.passwords, first.truth) == (
        "a.pdf",
        "ordinary_en",
        (),
        None,
    )
    assert second.truth == tmp_path / "b.txt"


def test_limits_take_the_same_documents_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_corpus(tmp_path, {f"{n}.pdf": "ordinary_en" for n in range(9)})
    assert len(corpus_sources(tmp_path)) == 9
    assert limit_of("PAGES") is None
    monkeypatch.setenv("QUIRE_QUALITY_DOCUMENTS", "4")
    taken = corpus_sources(tmp_path)
    assert len(taken) == 4
    assert taken == corpus_sources(tmp_path)


def test_pages_are_read_and_what_does_not_open_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_corpus(tmp_path, {"a.pdf": "ordinary_en", "b.pdf": "corrupt"})
    (tmp_path / "b.pdf").write_bytes(b"no PDF")
    monkeypatch.setenv("QUIRE_QUALITY_PAGES", "2")
    read = read_documents(corpus_sources(tmp_path), ocr="off", layout=False)
    assert [row["page_number"] for row in read["a.pdf"].pages] == [1, 2]
    assert "page 2 of a.pdf" in read["a.pdf"].markdown
    assert "page 3 of a.pdf" not in read["a.pdf"].markdown
    assert (read["b.pdf"].pages, read["b.pdf"].markdown) == ([], "")


def test_the_table_of_pages_has_only_words_that_are_understood() -> None:
    header, *rows = CASES.read_text(encoding="utf-8").splitlines()
    assert header.split(",")[:4] == ["path", "page", "source", "ok"]
    for row in rows:
        _, number, source, ok = row.split(",")[:4]
        assert int(number) >= 1
        assert set(source.split("|")) <= {"text_layer", "ocr", "mixed", "none"}
        assert ok in {"yes", "no", "no_layer"}
