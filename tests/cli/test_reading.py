"""`status`, `show`, `audit`, `retry`, `quarantine list` over small lakes, as people type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cli.main import main
from resources.lake.batches import MAX_REQUESTS, read_requests, record_request
from resources.lake.lake import Lake
from tests.cli.telling import BATCH, Run, one_line
from tests.lakes import ALL_GOOD, MIXED, Pdf, add_manifest, make_lake, publish_batch, rewrite


def _json(result: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = result
    assert (code, err) == (0, "")
    value: dict[str, Any] = json.loads(out)
    return value


# status -----------------------------------------------------------------------------------------


def test_status_tells_every_state_and_the_lake(mixed: Path, quire: Run) -> None:
    code, out, err = quire(mixed, "status")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"lake: {mixed}"
    counts = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert counts["quarantined"] == ["3", "2"]
    assert counts["done"] == ["3", "2"]
    assert counts["total"] == ["9", "7"]
    assert "failures: timeout 2" in out
    assert "batches: 1 finished" in out


def test_status_as_json_is_one_object(mixed: Path, quire: Run) -> None:
    told = _json(quire(mixed, "status", "--json"))
    assert told["lake"] == str(mixed)
    assert told["files"]["quarantined"] == 3
    assert told["documents"]["waiting"] == 1
    assert told["unfinished_batches"] == []
    assert "listed" not in told


def test_status_lists_files_of_a_batch_and_of_a_state(mixed: Path, quire: Run) -> None:
    told = _json(quire(mixed, "status", "--batch", BATCH, "--json"))
    assert {row["file_name"] for row in told["listed"]} == {pdf.name for pdf in MIXED}
    told = _json(quire(mixed, "status", "--state", "partial", "--json"))
    assert [row["file_name"] for row in told["listed"]] == ["portfolio.pdf"]


def test_status_check_exits_with_the_state(tmp_path: Path, mixed: Path, quire: Run) -> None:
    publish_batch(make_lake(tmp_path / "good"), BATCH, ALL_GOOD)
    publish_batch(make_lake(tmp_path / "bad"), BATCH, [Pdf("x.pdf", file_error="empty")])
    publish_batch(make_lake(tmp_path / "dear"), BATCH, [Pdf("x.pdf", summary_status="blocked")])
    assert quire(tmp_path / "good", "status", "--check")[0] == 0
    assert quire(tmp_path / "bad", "status", "--check")[0] == 3
    assert quire(tmp_path / "dear", "status", "--check")[0] == 4
    assert quire(mixed, "status", "--check")[0] == 1
    assert quire(mixed, "status")[0] == 0


def test_status_names_stuck_batches_and_the_mend(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    add_manifest(lake, BATCH, ALL_GOOD)
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH, now=1_000_000_000)
    _, out, _ = quire(tmp_path, "status")
    assert "1 stuck" in out
    assert "quire retry --batch" in out


def test_status_stale_names_what_a_new_version_left_behind(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, ALL_GOOD)
    assert "nothing is stale" in quire(tmp_path, "status", "--stale")[1]
    rewrite(
        lake,
        "versions",
        lambda rows: pl.concat(
            [
                rows,
                rows.filter(pl.col("stage") == "docs").with_columns(
                    version=pl.lit("docs-r2-new"),
                    decided_at=pl.col("decided_at").dt.offset_by("1h"),
                ),
            ]
        ),
    )
    told = _json(quire(tmp_path, "status", "--stale", "--json"))
    assert [(row["stage"], row["rows"]) for row in told["stale"]] == [("docs", 2)]
    assert "docs-r2-new" in quire(tmp_path, "status", "--stale")[1]


# show -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["report.pdf", ALL_GOOD[0].uri, ALL_GOOD[0].doc_id, ALL_GOOD[0].doc_id[:6].upper()]
)
def test_show_finds_a_document_by_name_uri_or_digits(mixed: Path, quire: Run, name: str) -> None:
    code, out, err = quire(mixed, "show", name)
    assert (code, err) == (0, "")
    assert ALL_GOOD[0].doc_id in out
    for part in ("A report", "state    done", "text_layer", "figure", "What report.pdf says."):
        assert part in out
    assert "# A report" in out


def test_show_takes_a_plain_path(mixed: Path, quire: Run) -> None:
    assert quire(mixed, "show", "/landing/scan.pdf")[0] == 0


def test_show_tells_what_happened(mixed: Path, quire: Run) -> None:
    _, out, _ = quire(mixed, "show", "slow page.pdf")
    assert "state    quarantined (timeout in pages" in out
    assert "pages of slow page.pdf: timeout" in out


def test_show_tells_of_a_file_that_could_not_be_read(mixed: Path, quire: Run) -> None:
    _, out, _ = quire(mixed, "show", "gone.pdf")
    assert "doc_id   unknown" in out
    assert "source_missing" in out


def test_show_lists_the_sightings_of_a_duplicate(mixed: Path, quire: Run) -> None:
    told = _json(quire(mixed, "show", "copy of report.pdf", "--json"))
    assert told["doc_id"] == ALL_GOOD[0].doc_id
    assert {row["file_name"]: row["status"] for row in told["files"]} == {
        "report.pdf": "ok",
        "copy of report.pdf": "duplicate",
    }
    assert [row["page_number"] for row in told["pages"]] == [1, 2]
    assert told["docs"]["markdown"].startswith("# A report")


def test_show_of_a_name_that_two_documents_have_lists_them(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, [Pdf("a/same.pdf", content="one"), Pdf("b/same.pdf", content="two")])
    rewrite(lake, "manifest", lambda rows: rows.with_columns(file_name=pl.lit("same.pdf")))
    code, _, err = quire(tmp_path, "show", "same.pdf")
    assert code == 1
    line = one_line(err)
    assert "2 documents match" in line
    for content in ("one", "two"):
        assert Pdf("", content=content).doc_id[:12] in line


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("reprot.pdf", "did you mean 'report.pdf'"),
        ("abc", "at least 6 hex digits"),
        ("zzzzzzzzzzzzzzz", "quire status --files"),
        ("nul\0", "quire status --files"),
        ("\udcff\udcfe", "quire status --files"),
    ],
)
def test_show_of_nothing_says_the_mend(mixed: Path, quire: Run, name: str, hint: str) -> None:
    code, _, err = quire(mixed, "show", name)
    assert code == 1
    assert hint in one_line(err)


def test_hostile_text_cannot_steer_the_terminal(tmp_path: Path, quire: Run) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\nlake: /elsewhere"
    pdf = Pdf(f"a{evil}.pdf", title=f"[red]{evil}", body=evil, file_error=None)
    bad = Pdf(f"b{evil}.pdf", file_error="corrupt")
    publish_batch(make_lake(tmp_path), BATCH, [pdf, bad])
    for command in (
        ["status", "--files"],
        ["show", pdf.doc_id],
        ["show", bad.doc_id],
        ["quarantine", "list"],
    ):
        for more in ([], ["--json"]):
            code, out, _ = quire(tmp_path, *command, *more)
            assert code == 0
            assert not set("\x1b\x07\r\u202e\x9b") & set(out)
            assert "lake: /elsewhere" not in out.splitlines()
    assert "[red]\\x1b" in quire(tmp_path, "show", pdf.doc_id)[1]


# audit, retry, quarantine -----------------------------------------------------------------------


def test_audit_finds_nothing_in_a_sound_lake(mixed: Path, quire: Run) -> None:
    code, out, err = quire(mixed, "audit", "--deep")
    assert (code, err) == (0, "")
    assert "nothing found" in out
    assert _json(quire(mixed, "audit", "--json"))["findings"] == []


def test_audit_exits_5_and_names_the_mend(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, ALL_GOOD)
    rewrite(lake, "docs", lambda rows: rows.head(1))
    code, out, err = quire(tmp_path, "audit")
    assert (code, err) == (5, "")
    assert "doc_missing" in out
    code, out, _ = quire(tmp_path, "audit", "--json")
    assert code == 5
    assert json.loads(out)["findings"][0]["mend"]


def test_a_lake_with_a_file_missing_is_told_without_a_traceback(tmp_path: Path, quire: Run) -> None:
    publish_batch(make_lake(tmp_path), BATCH, ALL_GOOD)
    for file in (tmp_path / "pages").rglob("*.parquet"):
        file.unlink()
    code, out, _ = quire(tmp_path, "audit")
    assert code == 5
    assert "data_file_missing" in out
    code, _, err = quire(tmp_path, "status")
    assert code == 1
    assert "quire audit" in one_line(err)


def test_retry_forgets_how_often_a_batch_was_asked_for(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, ALL_GOOD, ["files"])
    record_request(lake, BATCH)
    told = _json(quire(tmp_path, "retry", "--batch", BATCH, "--json"))
    assert told["asked_again"] == [BATCH]
    assert read_requests(lake, BATCH).count == 0
    record_request(lake, BATCH)
    assert "asked for again" in quire(tmp_path, "retry", "scan.pdf")[1]
    assert read_requests(lake, BATCH).count == 0


def test_retry_says_when_there_is_nothing_to_retry(tmp_path: Path, quire: Run) -> None:
    publish_batch(make_lake(tmp_path), BATCH, ALL_GOOD)
    assert "nothing to retry" in quire(tmp_path, "retry", "report.pdf")[1]
    assert _json(quire(tmp_path, "retry", "report.pdf", "--json"))["nothing_to_retry"] == [BATCH]


def test_retry_of_a_quarantined_document_is_refused(mixed: Path, quire: Run) -> None:
    code, _, err = quire(mixed, "retry", "broken.pdf")
    assert code == 1
    assert "quarantined (corrupt)" in one_line(err)


def test_retry_of_a_document_that_failed_once_asks_for_its_batch(mixed: Path, quire: Run) -> None:
    assert _json(quire(mixed, "retry", "once slow.pdf", "--json"))["asked_again"] == [BATCH]


def test_quarantine_list_tells_why(mixed: Path, quire: Run) -> None:
    _, out, _ = quire(mixed, "quarantine", "list")
    assert "broken.pdf" in out
    assert "report.pdf" not in out
    told = _json(quire(mixed, "quarantine", "list", "--json"))
    assert {row["file_name"]: row["error_class"] for row in told["quarantined"]} == {
        "broken.pdf": "corrupt",
        "gone.pdf": "source_missing",
        "slow page.pdf": "timeout",
    }


def test_released_documents_wait_for_the_next_run(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, MIXED)
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH)
    assert "1 released" in quire(tmp_path, "quarantine", "release", "broken.pdf")[1]
    told = _json(quire(tmp_path, "status", "--state", "waiting", "--json"))
    assert {row["file_name"] for row in told["listed"]} == {"broken.pdf", "once slow.pdf"}
    failure = lake.read("failures").filter(pl.col("error_class") == "corrupt").to_dicts()[0]
    assert (failure["attempts"], failure["quarantined"]) == (0, False)
    assert read_requests(lake, BATCH).count == 0
    told = _json(quire(tmp_path, "quarantine", "release", "--class", "timeout", "--json"))
    assert [row["file_name"] for row in told["released"]] == ["slow page.pdf"]
    _json(quire(tmp_path, "quarantine", "release", "gone.pdf", "--json"))
    assert "nothing is in quarantine" in quire(tmp_path, "quarantine", "list")[1]
    assert quire(tmp_path, "audit")[0] == 0
    code, _, err = quire(tmp_path, "quarantine", "release", "broken.pdf")
    assert code == 1
    assert "not in quarantine" in one_line(err)


def test_hostile_file_names_are_found_as_they_are(tmp_path: Path, quire: Run) -> None:
    names = ["o'brien.pdf", "x' OR 'a'='a.pdf", "[bold]a.pdf", "-n.pdf", "{a}.pdf"]
    publish_batch(make_lake(tmp_path), BATCH, [Pdf(name) for name in names])
    for name in names:
        code = main(["show", "--lake", str(tmp_path), "--", name])
        assert code == 0


def test_default_lake_of_the_settings_is_used(
    mixed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIRE_LAKE", str(mixed))
    assert main(["status"]) == 0
    assert capsys.readouterr().out.startswith(f"lake: {mixed}\n")
    assert not Lake(str(mixed)).names("_quire/writable")
