"""Whatever happens to files, runs and processes, every file seen has one state, and a true one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from io_managers import checkpoints
from resources.crash_points import POINTS
from resources.lake.audit import audit
from resources.lake.batches import unfinished_batches
from resources.lake.lake import Lake
from resources.lake.release import quarantined, release
from resources.lake.states import LakeStates
from resources.samples.handwritten import pdf_of
from resources.settings import load_settings
from tests.crashes.in_process import InProcessWorkers, Killed, ingest, killed_at

NAMES = ("a.pdf", "o'brien.pdf", "x' OR 'a'='a.pdf", "new\nline.pdf", "sub/ü.pdf")
CONTENTS = (b"ebb", b"flood", b"slack")
IN_PROCESS = [p for p in POINTS if not p.startswith(("partitions.", "run."))]


def pdf(text: bytes) -> bytes:
    """Two pages that say one word."""
    stream = b"BT /F1 12 Tf 72 720 Td (Of the sea we say %s and no more today.) Tj ET" % text
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 800] /Contents 5 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
        b" >>"
    )
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
            page,
            page,
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    )


DOC_IDS = {text: hashlib.sha256(pdf(text)).hexdigest() for text in CONTENTS}
names = st.sampled_from(NAMES)
contents = st.sampled_from(CONTENTS)


class Lakes(RuleBasedStateMachine):
    """A landing zone, a lake, and what must be true of them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        for name in ("landing/sub", "spool"):
            (root / name).mkdir(parents=True)
        overrides = {"landing": str(root / "landing"), "lake": str(root / "lake"), "layout": "off"}
        overrides |= {"ocr": "off", "stable_seconds": "0", "batch_max_docs": "2", "workers": "2"}
        self.settings = load_settings({}, root, overrides)
        self.workers = InProcessWorkers(root / "spool")
        self.landing = root / "landing"
        self.stamp = 1_700_000_000
        self.present: dict[str, tuple[bytes, int]] = {}
        self.ever: set[tuple[str, int]] = set()
        self.due: set[tuple[str, int]] = set()  # seen by a run that came to its end
        self.tainted: set[bytes] = set()  # contents that failed, or of which a sighting vanished

    def _put(self, name: str, text: bytes, stamp: int) -> None:
        if name in self.present:
            self.tainted.add(self.present[name][0])
        (self.landing / name).write_bytes(pdf(text))
        os.utime(self.landing / name, (stamp, stamp))
        self.present[name] = (text, stamp)
        self.ever.add((name, stamp))

    @rule(name=names, text=contents)
    def add_or_replace(self, name: str, text: bytes) -> None:
        self.stamp += 1
        self._put(name, text, self.stamp)

    @precondition(lambda self: self.present)
    @rule(data=st.data(), to=names)
    def copy(self, data: st.DataObject, to: str) -> None:
        text, stamp = self.present[data.draw(st.sampled_from(sorted(self.present)))]
        self._put(to, text, stamp)

    @precondition(lambda self: self.present)
    @rule(data=st.data(), to=names)
    def rename(self, data: st.DataObject, to: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.present)))
        text, stamp = self.present[name]
        if name != to:
            self.delete_it(name)
            self._put(to, text, stamp)

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.delete_it(data.draw(st.sampled_from(sorted(self.present))))

    def delete_it(self, name: str) -> None:
        (self.landing / name).unlink()
        self.tainted.add(self.present.pop(name)[0])

    @rule(text=contents)
    def fail(self, text: bytes) -> None:
        self.workers.failing.add(DOC_IDS[text])
        self.tainted.add(text)

    @rule(text=contents)
    def mend(self, text: bytes) -> None:
        self.workers.failing.discard(DOC_IDS[text])

    @rule()
    def release_all(self) -> None:
        for row in quarantined(LakeStates(Lake(self.settings.lake))):
            release(Lake(self.settings.lake), row["batch"], row["doc_id"], row["uri"])

    @rule(point=st.sampled_from(IN_PROCESS), times=st.integers(1, 8))
    def kill(self, point: str, times: int) -> None:
        with killed_at(f"{point}:{times}"), suppress(Killed):
            ingest(self.settings, self.workers)

    @rule()
    def run(self) -> None:
        ingest(self.settings, self.workers)
        self.due |= {(name, stamp) for name, (_, stamp) in self.present.items()}
        self.check()

    def check(self) -> None:
        lake = Lake(self.settings.lake)
        states = LakeStates(lake)
        found = [
            (_name_of(row["uri"], self.landing), int(row["mtime"].timestamp()))
            for row in states.files.to_dicts()
        ]
        assert len(found) == len(set(found))
        assert self.due <= set(found) <= self.ever
        assert unfinished_batches(lake) == []
        assert audit(lake) == []
        texts = dict(lake.read("docs", ["doc_id", "markdown"]).iter_rows())
        by_id = {doc_id: text for text, doc_id in DOC_IDS.items()}
        for row in states.files.to_dicts():
            text = by_id.get(row["doc_id"])
            assert row["state"] in ("done", "quarantined", "partial")
            assert row["state"] == "done" or text is None or text in self.tainted
            if row["state"] == "done":
                assert text is not None
                assert f"say {text.decode()} and" in texts[row["doc_id"]]

    def teardown(self) -> None:
        ingest(self.settings, self.workers)
        self.check()
        self.folder.cleanup()


def _name_of(uri: str, landing: Path) -> str:
    return unquote(uri.removeprefix("file://")).removeprefix(f"{landing}/")


def run_sequences(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    run_state_machine_as_test(
        Lakes,
        settings=settings(
            max_examples=n,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_twenty_sequences_of_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    run_sequences(20, monkeypatch)


@pytest.mark.slow
def test_a_hundred_sequences_of_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    run_sequences(100, monkeypatch)
