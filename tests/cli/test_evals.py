"""`quire evals`: what people are told of a verdict, and their own word."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

import resources.workers.shared
from assets.evals.kept import all_runs
from io_managers.versions import accepted_version
from tests.assets.evals.damage import drop_lines
from tests.assets.evals.evaluating import Place, make_golden, make_place, revision_of_pages
from tests.cli.telling import Run
from tests.summary_stage import short


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(tmp_path / "place", make_golden(tmp_path / "golden"))
    (made.root / "lake").mkdir()
    for name, value in (("GOLDEN", str(made.golden)), ("LAYOUT", "off"), ("OCR", "off")):
        monkeypatch.setenv(f"QUIRE_{name}", value)
    monkeypatch.setattr(resources.workers.shared, "_pool", lambda *_: made.workers)
    return made


def test_a_rejected_version_is_told_shown_and_accepted_by_a_person(
    place: Place, quire: Run
) -> None:
    lake = place.root / "lake"
    code, out, _ = quire(lake, "evals", "list")
    assert (code, "no version is known yet" in out) == (0, True)
    code, _, err = quire(lake, "evals", "compare")
    assert (code, "quire evals run" in err) == (2, True)
    code, out, _ = quire(lake, "evals", "run")
    assert (code, "nothing to judge" in out) == (0, True)
    with revision_of_pages(lambda text: drop_lines(text, every=4)):
        code, out, _ = quire(lake, "evals", "run")
        assert code == 5
        assert "pages: REJECTED pages-r99-" in out
        assert "text is missing: words_missing" in out
        assert "report-0.pdf, page" in out
        assert f"report: {lake}/_quire/evals/e" in out
        assert f"quire evals accept pages --lake {lake}" in out
        code, out, _ = quire(lake, "evals", "run", "--json")
        told = json.loads(out)
        assert (code, told["rejected"], told["undecided"]) == (5, True, [])
        assert Path(told["report"]).is_file()
        code, out, _ = quire(lake, "evals", "compare", told["run_id"])
        assert code == 0
        assert "[-" in out
        assert "words_missing 0" in out
        code, out, _ = quire(lake, "evals", "accept", "pages")
        assert (code, "by your word" in out) == (0, True)
        assert accepted_version(place.lake, "pages") == told["versions"]["pages"]
        code, out, _ = quire(lake, "evals", "run")
        assert (code, "nothing to judge" in out) == (0, True)
    code, out, _ = quire(lake, "evals", "list", "--json")
    listed = json.loads(out)
    assert [run["rejected"] for run in listed["runs"]] == [False, True, True, False]
    assert [row["state"] for row in listed["versions"] if row["stage"] == "pages"] == [
        "accepted"
    ] * 2
    code, out, _ = quire(lake, "evals", "list")
    assert "rejected" in out


def test_an_upgrade_that_is_rejected_tells_all_reasons_line_by_line(
    place: Place, quire: Run
) -> None:
    lake = place.root / "lake"
    place.evaluate()
    place.publish([short(n) for n in range(3)])
    with revision_of_pages(lambda text: drop_lines(text, every=4)):
        code, out, _ = quire(lake, "upgrade")
        status = quire(lake, "status", "--stale")[1]
    assert code == 5
    told = out.splitlines()
    run_id = all_runs(place.lake)[0].run_id
    (message,) = [line for line in told if ": rejected: pages-r99-" in line]
    assert "text is missing: words_missing" in message
    assert f"(quire evals compare {run_id})" in message
    assert any(line.startswith("  more words are wrong: wer") for line in told)
    assert f"report: {lake}/_quire/evals/{run_id}/report.html" in told
    assert f"accept it all the same: quire evals accept pages --lake {lake}" in told
    assert message in status.splitlines()


def test_runs_are_compared_and_wrong_names_are_told(place: Place, quire: Run) -> None:
    lake = place.root / "lake"
    first, second = place.evaluate(), place.evaluate()
    code, out, _ = quire(lake, "evals", "compare", first.run_id, second.run_id, "--json")
    told = json.loads(out)
    assert (code, told["run"], told["against"]) == (0, second.run_id, first.run_id)
    assert told["pages"] == []
    for arguments, words in (
        (("compare", "e0"), "there is no run e0"),
        (("compare", "e2"), "2 runs begin with e2"),
        (("compare", first.run_id, first.run_id, first.run_id), "one run, or two"),
        (("accept", "pages-r1-none-0"), "no stage or version is called"),
    ):
        code, _, err = quire(lake, "evals", *arguments)
        assert code == 2, arguments
        assert words in err


def test_a_wrong_golden_set_is_one_line(place: Place, quire: Run) -> None:
    (place.golden / "cases.jsonl").write_text("no json")
    with mock.patch.dict("os.environ", {"QUIRE_GOLDEN": str(place.golden)}):
        code, out, err = quire(place.root / "lake", "evals", "run")
    assert (code, err.count("\n")) == (2, 1)
    assert "line 1" in err
    assert "REJECTED" not in out
