"""Objects become files on this disk: whole, the ones that were seen, and gone when done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from resources.errors import DocumentError, EngineError, ErrorClass, SettingError
from resources.landing import copies as module
from resources.landing.copies import Copies, Copy, Wanted, local_copy
from resources.landing.listing import list_landing
from resources.settings import REPOSITORY_ROOT
from resources.workers.folders import sweep_spool_folders
from tests.object_store import ObjectStore
from tests.resources.landing.test_objects import ODD


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def seen(s3: ObjectStore, bucket: str) -> list[Wanted]:
    rows = list_landing(f"s3://{bucket}", s3.storage_options).sightings.to_dicts()
    return [Wanted(**row) for row in rows]


def why(wanted: Wanted, options: dict[str, str]) -> ErrorClass:
    with pytest.raises(DocumentError) as caught, local_copy(wanted, options):
        pass
    return caught.value.error_class


def test_every_odd_key_is_read(s3: ObjectStore) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {key: f"%PDF of {key}".encode() for key in ODD})
    contents = set()
    with Copies(s3.storage_options) as copies:
        for _, copy in copies.each((None, wanted) for wanted in seen(s3, bucket)):
            assert isinstance(copy, Copy)
            data = Path(copy.path).read_bytes()
            assert (copy.sha256, copy.n_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
            contents.add(data.decode())
            copies.release(copy.path)
            assert not Path(copy.path).exists()
    assert contents == {f"%PDF of {key}" for key in ODD}


def test_no_copy_outlives_its_use(s3: ObjectStore, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {f"{n}.pdf": bytes(100_000) for n in range(12)})
    with Copies(s3.storage_options) as copies:
        most = 0
        for _, copy in copies.each((None, wanted) for wanted in seen(s3, bucket)):
            assert isinstance(copy, Copy)
            assert os.stat(Path(copy.path).parent).st_mode & 0o077 == 0
            most = max(most, len(list(Path(copy.path).parent.glob("*.pdf"))))
            copies.release(copy.path)
        assert most <= module.AHEAD + 1
    with Copies(s3.storage_options) as copies:
        next(iter(copies.each((None, wanted) for wanted in seen(s3, bucket))))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_objects_that_are_not_what_was_seen(s3: ObjectStore) -> None:
    bucket, options = s3.bucket(), s3.storage_options
    s3.put(bucket, {"a.pdf": b"%PDF first", "gone.pdf": b"%PDF"})
    first, gone = seen(s3, bucket)
    s3.client.delete_object(Bucket=bucket, Key="gone.pdf")
    s3.put(bucket, {"a.pdf": b"%PDF other"})
    assert why(gone, options) is ErrorClass.SOURCE_MISSING
    assert why(first, options) is ErrorClass.SOURCE_CHANGED
    ingested = hashlib.sha256(b"%PDF first").hexdigest()
    assert why(Wanted(first.uri, sha256=ingested), options) is ErrorClass.SOURCE_CHANGED
    now = hashlib.sha256(b"%PDF other").hexdigest()
    with local_copy(Wanted(first.uri, sha256=now), options) as copy:
        assert copy.sha256 == now


def test_an_object_that_is_too_large_is_not_fetched(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {"a.pdf": bytes(2000)})
    monkeypatch.setattr(module, "MAX_OBJECT", 1999)
    assert why(seen(s3, bucket)[0], s3.storage_options) is ErrorClass.TOO_LARGE


def test_a_bucket_that_is_gone_blames_no_document(s3: ObjectStore) -> None:
    with (
        pytest.raises(SettingError, match="check the bucket"),
        local_copy(Wanted("s3://quire-no-such-bucket/a.pdf"), s3.storage_options),
    ):
        pass


def test_a_full_disk_is_said_in_one_line(s3: ObjectStore, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {"a.pdf": bytes(100)})
    (tmp_path / "temporary").rmdir()
    with (
        pytest.raises(EngineError, match=r"folder /.* cannot .*set TMPDIR to another folder"),
        local_copy(seen(s3, bucket)[0], s3.storage_options),
    ):
        pass


def test_copies_of_a_killed_run_go_at_the_next_start(s3: ObjectStore, tmp_path: Path) -> None:
    bucket = s3.bucket()
    s3.put(bucket, {"a.pdf": b"%PDF-1.4"})
    code = (
        "import json, os, sys; from resources.landing.copies import Copies, Wanted\n"
        "copies = Copies(json.loads(sys.argv[2])).__enter__()\n"
        "next(copies.each([(None, Wanted(sys.argv[1]))])); os._exit(9)"
    )
    temporary = tmp_path / "temporary"
    subprocess.run(
        [sys.executable, "-c", code, f"s3://{bucket}/a.pdf", json.dumps(s3.storage_options)],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        check=False,
    )
    assert len(list(temporary.rglob("*.pdf"))) == 1
    sweep_spool_folders()
    assert list(temporary.iterdir()) == []


class Flaky(BaseHTTPRequestHandler):
    """Answers as S3 does, but for the first `faults` times."""

    data = b"%PDF" + bytes(3_000_000)
    faults: list[str]
    asked: int

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked += 1
        fault = kind.faults.pop(0) if kind.faults else ""
        if fault == "500":
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.send_header("ETag", '"tag"')
        self.end_headers()
        self.wfile.write(self.data[: len(self.data) // 2] if fault == "cut" else self.data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Quiet."""


@pytest.fixture
def flaky() -> Iterator[tuple[type[Flaky], dict[str, str]]]:
    kind = type("Kind", (Flaky,), {"faults": [], "asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    options = {
        "aws_access_key_id": "x",
        "aws_secret_access_key": "y",
        "aws_region": "us-east-1",
        "aws_endpoint_url": f"http://127.0.0.1:{server.server_port}",
    }
    yield kind, options
    server.shutdown()
    server.server_close()


def test_a_connection_that_breaks_is_tried_again(
    flaky: tuple[type[Flaky], dict[str, str]],
) -> None:
    kind, options = flaky
    kind.faults = ["500", "cut"]
    with local_copy(Wanted("s3://bucket/a.pdf", len(kind.data), "tag"), options) as copy:
        assert Path(copy.path).read_bytes() == kind.data
        assert len(list(Path(copy.path).parent.glob("*.pdf"))) == 1
    assert kind.asked == 3


def test_a_store_that_keeps_failing_makes_the_document_unreadable(
    flaky: tuple[type[Flaky], dict[str, str]], tmp_path: Path
) -> None:
    kind, options = flaky
    kind.faults = ["cut"] * 9
    assert why(Wanted("s3://bucket/a.pdf"), options) is ErrorClass.UNREADABLE
    assert kind.asked == 4
    assert list((tmp_path / "temporary").iterdir()) == []
