"""Commands run where they are called, whatever QUIRE_EXECUTOR says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.exit_codes import ExitCode
from tests.crashes.place import make_counting_place
from tests.end_to_end.pdfs import plain

pytest.importorskip("dagster_k8s", reason="needs the extra k8s: pip install 'quire[k8s]'")


def test_an_ingest_makes_no_pod(tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    plain(tmp_path / "pdfs" / "a.pdf", 1, "a")
    shared = json.dumps({"shared_volume": {"claim": "c", "mount_path": str(tmp_path)}})
    place = make_counting_place(tmp_path / "place", tmp_path / "pdfs", EXECUTOR="k8s", K8S=shared)
    # The instance's run launcher is that of processes: the executor of pods would refuse it.
    code, told = place.ingest()
    assert (code, told["states"]) == (ExitCode.DONE, {"done": 1})
