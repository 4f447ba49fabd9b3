"""The main job with a lake in a bucket: the same tables as in a folder, for every command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from io_managers.schemas import TABLES
from resources.lake.maintenance import maintain
from resources.samples.make import PASSWORDS, make_samples
from tests.end_to_end.buckets import BucketPlace, make_bucket_place
from tests.end_to_end.running import Place, contents, make_place
from tests.object_store import ObjectStore

pytestmark = pytest.mark.xdist_group("lake in a bucket")
CHOSEN = (
    "observatory-report.pdf",
    "observatory-report_final.pdf",
    "paste-paper-two-columns.pdf",
    "encrypted-known-password.pdf",
    "truncated.pdf",
    "not-a-pdf.pdf",
    "with-attachment.pdf",
)
FAST = {"layout": "off", "ocr": "off", "passwords": json.dumps(PASSWORDS)}


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory, s3: ObjectStore) -> tuple[Place, BucketPlace]:
    """The same landing zone, ingested into a folder and into a bucket."""
    root = tmp_path_factory.mktemp("lakes")
    folder = make_place(root / "folder", **FAST)
    for sample in make_samples(root / "samples"):
        if sample.name in CHOSEN:
            sample.path.rename(folder.landing / sample.name)
    bucket = make_bucket_place(root / "bucket", s3, **FAST)
    shared = {**bucket.settings, "QUIRE_LANDING": str(folder.landing)}
    bucket = replace(bucket, settings=shared)
    for place in (folder, bucket):
        code, report = place.ingest()
        assert code == 3, report
    return folder, bucket


@pytest.mark.parametrize(
    "table", sorted(set(TABLES) - {"api_jobs", "completions", "evals", "usage"})
)
def test_the_tables_are_the_same(places: tuple[Place, BucketPlace], table: str) -> None:
    folder, bucket = places
    ours, theirs = (_settled(contents(place.lake, table)) for place in (folder, bucket))
    assert ours == theirs
    assert ours


def _settled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "decided_at"} for row in rows]


def test_every_command_reads_it(places: tuple[Place, BucketPlace], tmp_path: Path) -> None:
    _, place = places
    name = "observatory-report.pdf"
    commands: list[tuple[str, ...]] = [
        ("status",),
        ("show", name),
        ("export", name, "--to", str(tmp_path / "out")),
        ("report", name, "--out", str(tmp_path / "report.html")),
        ("quarantine", "list"),
    ]
    for command in commands:
        code, out, err = place.run(*command, "--lake", place.url)
        assert code in (0, 3), (command, err)
        assert "Traceback" not in err
        assert out
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".md", ".json", ".jpg"}
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_audit_finds_nothing_before_and_after_table_care(
    places: tuple[Place, BucketPlace],
) -> None:
    _, place = places
    code, out, err = place.run("audit", "--deep", "--json")
    assert (code, json.loads(out)["findings"]) == (0, []), err
    before = {table: contents(place.lake, table) for table in TABLES}
    care = maintain(place.lake, tuple)
    assert care.left == []
    assert {table: contents(place.lake, table) for table in TABLES} == before
    code, out, err = place.run("audit", "--deep", "--json")
    assert (code, json.loads(out)["findings"]) == (0, []), err


def test_the_aws_variables_alone_are_enough(places: tuple[Place, BucketPlace]) -> None:
    _, place = places
    options = place.storage_options
    environment = {
        name.upper(): value for name, value in options.items() if name != "aws_allow_http"
    }
    alone = replace(place, storage_options={}, settings={**place.settings, **environment})
    code, out, err = alone.run("status", "--json")
    assert code == 0, err
    assert "quarantined" in out


@pytest.mark.slow
def test_a_document_that_is_released_is_tried_again(places: tuple[Place, BucketPlace]) -> None:
    _, place = places
    code, _, err = place.run("quarantine", "release", "truncated.pdf")
    assert code == 0, err
    code, out, err = place.run("retry", "truncated.pdf", "--json")
    assert code == 0, (out, err)
    assert place.ingest()[0] == 3
    assert place.files()["truncated.pdf"]["error_class"] == "corrupt"


@pytest.mark.parametrize(
    ("command", "url", "options", "mend"),
    [
        ("status", "s3://no-such-bucket-here/lake", {}, "there is no such bucket"),
        ("ingest", "s3://no-such-bucket-here/lake", {}, "there is no such bucket"),
        pytest.param(  # a quarter of a minute of patience
            *("ingest", None, {"aws_endpoint_url": "http://127.0.0.1:9"}),
            "the store does not answer",
            marks=pytest.mark.slow,
        ),
        ("status", "s3://bucket/my lake", {}, "use letters, digits"),
    ],
)
def test_what_cannot_work_is_one_line_with_its_mend(
    places: tuple[Place, BucketPlace],
    command: str,
    url: str | None,
    options: dict[str, str],
    mend: str,
) -> None:
    _, place = places
    broken = replace(
        place, url=url or place.url, storage_options={**place.storage_options, **options}
    )
    code, _, err = broken.run(command, timeout=60)
    assert code == (2 if "digits" in mend else 1)
    assert mend in err
    assert len(err.strip().splitlines()) == 1, err
