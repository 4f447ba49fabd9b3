"""`audit` proves that nothing is unaccounted for: silent on a sound lake; each damage is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from io_managers.schemas import STAGES
from resources.lake.audit import audit
from resources.lake.lake import Lake
from tests.lakes import (
    ALL_GOOD,
    MIXED,
    PNG,
    Pdf,
    add_manifest,
    make_lake,
    publish_batch,
    rewrite,
    set_where,
)

Damage = Callable[[Lake], None]
BATCH = "b00000001"
REPORT = ALL_GOOD[0].doc_id
SCAN = ALL_GOOD[1].doc_id


def _change(table: str, column: str, value: object, where: pl.Expr) -> Damage:
    return lambda lake: rewrite(lake, table, set_where(column, value, where))


def _drop(table: str, where: pl.Expr) -> Damage:
    return lambda lake: rewrite(lake, table, lambda rows: rows.filter(~where))


def _double(table: str) -> Damage:
    return lambda lake: rewrite(lake, table, lambda rows: pl.concat([rows, rows.head(1)]))


def _skip_a_stage(lake: Lake) -> None:
    publish_batch(lake, "b00000002", [Pdf("x.pdf")], ["files", "docs", "summaries"])


def _unpublished_rows(lake: Lake) -> None:
    add_manifest(lake, "b00000002", [Pdf("x.pdf")])
    rows = lake.read("files", batch=BATCH).head(1)
    rows = rows.with_columns(batch=pl.lit("b00000002"), uri=pl.lit(Pdf("x.pdf").uri))
    write_deltalake(lake.ensure("files"), rows, mode="append")


def _delete_a_data_file(lake: Lake) -> None:
    next(Path(lake.root, "pages").rglob("*.parquet")).unlink()


def _is(column: str, value: str) -> pl.Expr:
    return pl.col(column) == value


NAMED_SCAN = _is("file_name", "scan.pdf")
SCANNED = _is("doc_id", SCAN)
REPORTED = _is("doc_id", REPORT)
DAMAGES: list[tuple[str, Damage]] = [
    ("file_lost", _drop("files", _is("file_name", "copy of report.pdf"))),
    ("file_lost", _drop("files", pl.lit(value=True))),
    ("file_unknown", _drop("manifest", NAMED_SCAN)),
    ("file_twice", _double("manifest")),
    *[
        ("key_twice", _double(table))
        for table in (*STAGES, "image_data", "contents", "failures", "versions")
    ],
    ("word_unknown", _change("pages", "status", "fine", SCANNED)),
    ("word_unknown", _change("versions", "state", "maybe", _is("stage", "docs"))),
    ("class_unknown", _change("failures", "error_class", "gremlins", pl.lit(value=True))),
    ("class_on_ok", _change("pages", "error_class", "timeout", SCANNED)),
    ("class_missing", _change("files", "error_class", None, _is("status", "failed"))),
    ("version_unknown", _change("docs", "version", "docs-r9-x-1", SCANNED)),
    ("version_unknown", _change("image_data", "version", "x", pl.lit(value=True))),
    ("version_unknown", _change("failures", "version", "x", pl.lit(value=True))),
    ("version_not_accepted", _change("versions", "state", "rejected", _is("stage", "pages"))),
    ("stage_skipped", _skip_a_stage),
    ("not_published", _unpublished_rows),
    ("batch_unknown", _drop("manifest", pl.lit(value=True))),
    ("data_file_missing", _delete_a_data_file),
    ("pages_missing", _drop("pages", SCANNED & (pl.col("page_number") == 2))),
    ("pages_missing", _drop("pages", SCANNED)),
    ("pages_missing", _change("files", "n_pages", 2, NAMED_SCAN)),
    ("pages_missing", _change("pages", "page_number", 7, SCANNED & (pl.col("page_number") == 3))),
    ("doc_missing", _drop("docs", SCANNED)),
    ("summary_missing", _drop("summaries", SCANNED)),
    ("not_owned", _change("summaries", "doc_id", "a" * 64, SCANNED)),
    ("owner_lost", _change("contents", "owner_uri", "file:///elsewhere", SCANNED)),
    ("owner_missing", _drop("contents", SCANNED)),
    ("owners_two", _change("files", "status", "ok", _is("status", "duplicate"))),
    ("duplicate_lost", _drop("contents", REPORTED)),
    ("duplicate_lost", _change("files", "duplicate_of_batch", "b9", _is("status", "duplicate"))),
    ("doc_stale", _change("docs", "n_failed_pages", 1, SCANNED)),
    ("doc_status", _change("pages", "status", "partial", SCANNED)),
    ("doc_hash", _change("docs", "markdown", "something else", SCANNED)),
    ("doc_hash", _change("docs", "content_sha256", None, SCANNED)),
    ("doc_image_missing", _drop("image_data", pl.lit(value=True))),
    ("image_bytes_missing", _drop("image_data", pl.lit(value=True))),
    ("image_bytes_missing", _change("images", "sha256", None, REPORTED)),
    ("image_page_missing", _change("images", "page_number", 9, REPORTED)),
    ("failure_missing", _drop("failures", _is("error_class", "corrupt"))),
    ("failure_missing", _drop("failures", _is("error_class", "source_missing"))),
    ("failure_missing", _drop("failures", _is("stage", "pages"))),
    ("failure_unknown", _change("failures", "doc_id", "b" * 64, _is("stage", "pages"))),
    ("failure_contradicted", _change("pages", "status", "ok", _is("status", "failed"))),
    ("failure_contradicted", _change("files", "status", "ok", _is("error_class", "corrupt"))),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    publish_batch(make_lake(root), BATCH, MIXED)
    return root


@pytest.fixture
def lake(sound: Path, tmp_path: Path) -> Lake:
    import shutil

    shutil.copytree(sound, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def test_a_sound_lake_has_no_findings(sound: Path) -> None:
    assert audit(Lake(str(sound)), deep=True) == []


def test_an_empty_lake_has_no_findings(tmp_path: Path) -> None:
    assert audit(Lake(str(tmp_path))) == []
    assert audit(make_lake(tmp_path), deep=True) == []


@pytest.mark.parametrize(
    ("kind", "damage"), DAMAGES, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(DAMAGES)]
)
def test_each_damage_is_found(lake: Lake, kind: str, damage: Damage) -> None:
    damage(lake)
    found = audit(lake)
    assert kind in {finding.kind for finding in found}
    assert all(finding.subject and finding.message and finding.mend for finding in found)


def test_a_finding_names_the_document_and_the_mend(lake: Lake) -> None:
    _drop("docs", SCANNED)(lake)
    finding = audit(lake)[0]
    assert SCAN in finding.subject
    assert f"quire retry --batch {BATCH}" in finding.mend


def test_image_bytes_are_hashed_again_only_when_asked(lake: Lake) -> None:
    _change("image_data", "data", PNG + b"other", pl.lit(value=True))(lake)
    assert audit(lake) == []
    assert [finding.kind for finding in audit(lake, deep=True)] == ["image_hash"]


@pytest.mark.parametrize("stages", [STAGES[:count] for count in range(1, 5)])
def test_a_batch_that_is_half_done_is_no_finding(tmp_path: Path, stages: tuple[str, ...]) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, MIXED, stages)
    add_manifest(lake, "b00000002", [Pdf("next.pdf")])
    assert audit(lake) == []


def test_a_batch_in_a_run_is_not_compared_across_tables(lake: Lake) -> None:
    _drop("docs", SCANNED)(lake)
    assert audit(lake, {BATCH}) == []


def test_hostile_names_are_data(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "pages" / "files" / "o'brien x")
    names = ["o'brien.pdf", "{doc_id}.pdf", "x' OR 'a'='a.pdf", "a\nb.pdf", "%2e%2e/a.pdf"]
    publish_batch(lake, BATCH, [Pdf(name) for name in names])
    assert audit(lake, deep=True) == []
    rewrite(lake, "files", lambda rows: rows.clear())
    lost = {finding.subject for finding in audit(lake) if finding.kind == "file_lost"}
    assert lost == {Pdf(name).uri for name in names}


def test_a_former_owner_whose_source_is_gone_is_no_rival(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, [Pdf("a.pdf", file_error="source_missing")])
    publish_batch(lake, "b00000002", [Pdf("b.pdf", content="a.pdf")])
    rewrite(lake, "contents", lambda rows: rows.clear())
    for table in ("docs", "summaries"):
        rewrite(lake, table, lambda rows: rows.clear())
    publish_batch(lake, "b00000003", [Pdf("c.pdf", content="a.pdf")])
    kinds = {finding.kind for finding in audit(lake)}
    assert "owners_two" not in kinds


def test_a_thousand_documents_take_seconds(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    for number in range(4):
        pdfs = [
            Pdf(f"{number}-{index}.pdf", pages=20, body="word " * 300, figure=PNG + b"%d" % index)
            for index in range(250)
        ]
        publish_batch(lake, f"b0000000{number + 1}", pdfs)
    started = time.monotonic()
    assert audit(lake, deep=True) == []
    assert time.monotonic() - started < 20
