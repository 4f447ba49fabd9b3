"""The samples, ingested once for all tests that only look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resources.samples.make import PASSWORDS, Sample, make_samples
from tests.end_to_end.running import Place, make_place


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[Sample], Any]:
    """The samples after `quire ingest`: the place, the samples, and what ingest reported."""
    import json

    root: Path = tmp_path_factory.mktemp("samples") / "place"
    place = make_place(root, passwords=json.dumps(PASSWORDS))
    samples = make_samples(place.landing)
    code, report = place.ingest()
    assert code == 3, report
    return place, samples, report
