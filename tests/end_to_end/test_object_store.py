"""PDFs in a bucket become the same tables as the same PDFs in a folder."""

from __future__ import annotations

import csv
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from resources.landing.listing import list_landing
from resources.landing.uris import key_of
from tests.end_to_end.buckets import make_bucket_place
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, contents, make_place
from tests.object_store import SECRET, ObjectStore

ODD = (
    "a//b.pdf", "./x.pdf", "/lead.pdf", "a b.pdf", "it's \"q\".pdf", "p%2Fq.pdf", "n\nl.pdf",
    "v?versionId=1.pdf", "h#1.pdf", "\u00e9.pdf", "e\u0301.pdf",
)  # fmt: skip
BY_PLACE = ("uri", "owner_uri", "etag", "mtime", "input_sha256")
"""What tells a bucket from a folder; `files` take their input's hash of uri, etag and time."""


def bucket_place(root: Path, s3: ObjectStore, location: str, **settings: str) -> Place:
    place = make_place(root, layout="off", batch_linger="0", **settings)
    place.settings.update(
        QUIRE_LANDING=location, QUIRE_STORAGE_OPTIONS=json.dumps(s3.storage_options)
    )
    return place


def table(place: Place, name: str) -> list[dict[str, Any]]:
    rows = contents(place.lake, name)
    dropped = BY_PLACE if name in ("manifest", "contents", "files", "failures") else ()
    rows = [{k: v for k, v in row.items() if k not in dropped} for row in rows]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def test_bucket_to_bucket_gives_the_same_tables_as_folder_to_folder(
    s3: ObjectStore, tmp_path: Path
) -> None:
    folder = make_place(tmp_path / "folder", layout="off", batch_linger="0")
    for number, name in enumerate(("a.pdf", "b c.pdf", "deep/d.pdf")):
        path = folder.landing / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        plain(path, n_pages=number + 1, text=f"Text of {name}")
    (folder.landing / "in" / "copy.pdf").write_bytes((folder.landing / "in/a.pdf").read_bytes())
    (folder.landing / "in" / "empty.pdf").write_bytes(b"")
    (folder.landing / "in" / "no.pdf").write_bytes(b"hello")
    bucket = s3.bucket()
    for path in sorted(folder.landing.rglob("*.pdf")):
        s3.put(bucket, {str(path.relative_to(folder.landing)): path.read_bytes()})
    s3.put(bucket, {"inbox/other.pdf": b"not below the prefix"})
    remote = make_bucket_place(tmp_path / "bucket", s3, layout="off", batch_linger="0")
    remote.settings.update(QUIRE_LANDING=f"s3://{bucket}/in")
    assert folder.ingest()[0] == remote.ingest()[0] == 3
    for name in ("manifest", "contents", "files", "pages", "images", "docs", "summaries"):
        assert table(remote, name) == table(folder, name), name
    failed = remote.lake.read("files").filter(pl.col("status") == "failed")
    assert sorted(failed["error_class"]) == ["empty", "not_pdf"]
    s3.put(bucket, {"in/late.pdf": b"%PDF"})
    code, out, err = remote.run("audit", "--json")
    assert code == 0, out + err
    report = json.loads(out)
    late = [n for n in report["notes"] if n["subject"] == f"s3://{bucket}/in/late.pdf"]
    assert len(late) == 1, report


def test_keys_are_each_accounted_for_whatever_they_are_and_become(
    s3: ObjectStore, tmp_path: Path
) -> None:
    bucket, path = s3.bucket(), tmp_path / "x.pdf"
    for key in (*ODD, "gone.pdf", "changed.pdf"):
        plain(path, n_pages=100 if key == ODD[0] else 1, text=f"Text of {key!r}")
        s3.put(bucket, {key: path.read_bytes()})
    place = bucket_place(tmp_path / "place", s3, f"s3://{bucket}")
    (tmp_path / "temporary").mkdir()
    place.settings.update(TMPDIR=str(tmp_path / "temporary"), AWS_SECRET_ACCESS_KEY=SECRET)
    take_files(place, s3, f"s3://{bucket}")
    s3.client.delete_object(Bucket=bucket, Key="gone.pdf")
    plain(path, text="Other text")
    s3.put(bucket, {"changed.pdf": path.read_bytes()})

    process = place.start("ingest", "--json")
    assert no_worker_knows_the_secret(process) > 0
    out, err = process.communicate(timeout=300)
    assert process.returncode == 3, out + err
    assert SECRET not in out + err
    files = place.lake.read("files").to_dicts()
    found = sorted((key_of(row["uri"]), row["status"], row["error_class"]) for row in files)
    assert found == sorted(
        [
            *((key, "ok", None) for key in (*ODD, "changed.pdf")),
            ("changed.pdf", "failed", "source_changed"),
            ("gone.pdf", "failed", "source_missing"),
        ],
        key=lambda row: row[:2],
    )
    assert place.lake.read("docs").filter(pl.col("status") == "ok").height == len(ODD) + 1
    assert list((tmp_path / "temporary").rglob("*.pdf")) == []

    plain(path, text="Text that replaces")
    s3.put(bucket, {"a b.pdf": path.read_bytes()})
    (batch,) = place.ingest()[1]["batches"]
    (row,) = place.lake.read("files", batch=batch).to_dicts()
    before = {row["uri"]: row["doc_id"] for row in files}
    assert row["supersedes"] == before[f"s3://{bucket}/a%20b.pdf"] != row["doc_id"]
    assert row["supersedes"] in set(place.lake.read("docs")["doc_id"])


def take_files(place: Place, s3: ObjectStore, location: str) -> None:
    """What a sensor does that is killed before it asks for a run."""
    from resources.settings import load_settings
    from sensors.scan import tick

    settings = load_settings(place.environment)
    seen = tick(place.lake, settings, [location], linger=False)
    assert seen.n_taken == list_landing(location, s3.storage_options).sightings.height


def no_worker_knows_the_secret(process: subprocess.Popen[str]) -> int:
    """Look at every worker that has a PDF open while the process lives; returns how many did."""
    looked: set[int] = set()
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                reads = any(file.path.endswith(".pdf") for file in child.open_files())
                environment = Path(f"/proc/{child.pid}/environ").read_bytes()
            except (psutil.Error, OSError):
                continue
            if reads:
                assert SECRET.encode() not in environment
                looked.add(child.pid)
        time.sleep(0.02)
    return len(looked)


def test_a_store_that_is_not_there_is_one_line(s3: ObjectStore, tmp_path: Path) -> None:
    place = bucket_place(tmp_path / "place", s3, "s3://bucket/in")
    options = {**s3.storage_options, "aws_endpoint_url": "http://127.0.0.1:1"}
    place.settings.update(QUIRE_STORAGE_OPTIONS=json.dumps(options))
    code, out, err = place.run("ingest", "--json")
    assert code == 2, out + err
    assert out == ""
    assert "127.0.0.1:1" in err
    assert "check the endpoint" in err
    assert len(err.strip().splitlines()) == 1, err


@pytest.mark.corpus
@pytest.mark.slow
def test_real_documents_come_the_same_from_a_bucket(
    s3: ObjectStore, corpus: Path, tmp_path: Path
) -> None:
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        names = sorted(next(iter(row.values())) for row in csv.DictReader(file))
    paths = [corpus / name for name in names if (corpus / name).is_file()]
    small = [path for path in paths if 0 < path.stat().st_size < 60_000][:12]
    assert len(small) == 12
    folder = make_place(tmp_path / "folder", layout="off", ocr="off", batch_linger="0")
    bucket = s3.bucket()
    for number, path in enumerate(small):
        name = f"{number:02d} {path.name}"
        (folder.landing / name).write_bytes(path.read_bytes())
        s3.put(bucket, {name: path.read_bytes()})
    remote = bucket_place(tmp_path / "bucket", s3, f"s3://{bucket}", ocr="off")
    both = make_bucket_place(tmp_path / "both", s3, layout="off", ocr="off", batch_linger="0")
    both.settings.update(QUIRE_LANDING=f"s3://{bucket}")
    code = folder.ingest()[0]
    for place in (remote, both):
        assert place.ingest()[0] == code
        for name in ("files", "pages", "images", "image_data", "docs", "summaries"):
            assert table(place, name) == table(folder, name), name
        assert place.run("audit")[0] == 0
