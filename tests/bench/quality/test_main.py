"""One kind from the command line to its table, on a corpus made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality import summaries, tables
from bench.quality.__main__ import KINDS, main
from bench.quality.measured import Case, Measured
from tests.bench.quality.corpora import make_corpus


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where what was read is kept
    folder = tmp_path / "corpus"
    folder.mkdir()
    make_corpus(folder, {f"{n}.pdf": "ordinary_en" for n in range(3)})
    return folder


def test_a_kind_is_measured_and_shown_with_its_halves(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["summaries", "--halves", "2", "--corpus", str(folder)]
    assert main(words) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    (kept,) = (line for line in lines if "of 3 documents" in line)
    assert kept.startswith("summaries: promises kept 1.0000 >= 1 met")
    assert (
        "summaries: promises kept 1.0000 1.0000 1.0000 4 of 4 met 1.0000 1.0000 1.0000 1.0000"
        in lines
    )


def test_all_goes_on_after_a_kind_that_fails(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(corpus: Path) -> list[Measured]:
        raise OSError("disk gone")

    def fine(corpus: Path) -> list[Measured]:
        return [Measured("tables: fine", 1.0, 0.9, "higher", [Case("a.pdf", 1.0)])]

    monkeypatch.setattr("bench.quality.__main__.KINDS", ("summaries", "tables"))
    monkeypatch.setattr(summaries, "measure", broken)
    monkeypatch.setattr(tables, "measure", fine)
    assert main(["all", "--corpus", str(folder)]) == 1
    said = capsys.readouterr()
    assert "NOT MET  could not be measured: OSError: disk gone" in said.out
    assert "tables: fine" in said.out
    assert "1 of 2 met" in said.out
    assert "Traceback" in said.err


@pytest.mark.parametrize(
    "words", [["poetry"], ["text", "--halves", "0"], ["text", "--pages", "-1"]]
)
def test_words_that_are_wrong_are_refused(words: list[str], folder: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*words, "--corpus", str(folder)])
    assert caught.value.code == 2


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["text", "--corpus", str(tmp_path)])


def test_every_kind_can_be_measured() -> None:
    for kind in KINDS:
        assert callable(__import__(f"bench.quality.{kind}", fromlist=["measure"]).measure)
