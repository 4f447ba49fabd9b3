"""An evaluation that is killed with -9: nothing of it is judged, and the next one ends well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.evals.kept import all_runs
from assets.evals.run import OPEN
from io_managers.evals import FOLDER
from resources.crash_points import EVAL_POINTS, VARIABLE
from resources.lake.lake import Lake
from tests.assets.evals.evaluating import DOCUMENTS, PAGES, make_golden, make_report
from tests.crashes.test_random_kills import kill_all
from tests.end_to_end.running import Place, make_place

CHANGED = {"QUIRE_OCR": "rapidocr"}
"""Another version of `pages`; only two of the lake's own pages, as pictures, need OCR here."""


def judged(lake: Lake) -> dict[str, str]:
    return dict(lake.read("versions", ["version", "state"]).iter_rows())


def settle(place: Place, changed: Place) -> dict[str, str]:
    """A lake with a batch whose accepted versions were measured, and the states of versions."""
    make_report(place.landing / "own.pdf", 7)
    assert place.ingest()[0] == 0
    code, out, err = place.run("evals", "run", "--json")
    assert code == 0, out + err
    assert json.loads(out)["verdicts"] == []
    return judged(changed.lake)


def scratch_folders(place: Place) -> list[str]:
    """What lies in the temporary folder but the locks of worker slots, which stay."""
    names = {path.name for path in (place.root / "tmp").iterdir()}
    return sorted(name for name in names if name.startswith("quire-") and "slots" not in name)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    golden = make_golden(tmp_path / "golden")
    made = make_place(
        tmp_path / "place", layout="off", ocr="off", golden=str(golden), eval_pages="2",
        eval_share="0",
    )  # fmt: skip
    (made.root / "tmp").mkdir()
    return replace(made, settings={**made.settings, "TMPDIR": str(made.root / "tmp")})


def while_it_reads(place: Place, process: subprocess.Popen[str]) -> None:
    """It is half-way through: its scratch lake has pages, and nothing of it is kept."""
    until = time.monotonic() + 90
    while not list((place.root / "tmp").glob("quire-spool-*/lake/pages/**/*.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def once_a_side_is_kept(place: Place, process: subprocess.Popen[str]) -> None:
    folder = place.root / "lake" / FOLDER
    until = time.monotonic() + 90
    while not any(name.startswith("e") for name in _unfinished(folder)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def _unfinished(folder: Path) -> list[str]:
    return [
        run.name
        for run in folder.iterdir()
        if run.name.startswith("e")
        and run.is_dir()
        and any(run.glob("readings-*"))
        and not (run / "run.json").exists()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [while_it_reads, once_a_side_is_kept])
def test_an_evaluation_killed_half_way_decides_nothing_and_the_next_one_ends(
    place: Place, moment: Callable[[Place, subprocess.Popen[str]], None]
) -> None:
    changed = replace(place, settings={**place.settings, **CHANGED})
    before = settle(place, changed)
    rows = place.lake.read("evals").height
    process = changed.start("evals", "run", "--json")
    moment(changed, process)
    kill_all(process)
    assert process.returncode == -signal.SIGKILL
    nothing_was_decided(changed.lake, before, rows)
    assert place.run("audit")[0] == 0
    the_next_one_ends(changed, before)


@pytest.mark.slow
@pytest.mark.parametrize("point", EVAL_POINTS)
def test_an_evaluation_that_dies_at_a_named_place_is_gone_on_with(place: Place, point: str) -> None:
    changed = replace(place, settings={**place.settings, **CHANGED})
    before = settle(place, changed)
    dying = replace(changed, settings={**changed.settings, VARIABLE: point})
    assert dying.run("evals", "run")[0] == -signal.SIGKILL
    (_, candidate) = told(changed.lake, before)
    assert candidate == "candidate"
    begun = json.loads(changed.lake.get(OPEN) or b"{}")
    assert place.run("audit")[0] == 0
    assert the_next_one_ends(changed, before)["run_id"] == begun["run_id"]


def told(lake: Lake, before: dict[str, str]) -> tuple[str, str]:
    """The one version that is new, and its state."""
    (found,) = [(name, state) for name, state in judged(lake).items() if name not in before]
    assert {name: state for name, state in judged(lake).items() if name in before} == before
    return found


def nothing_was_decided(lake: Lake, before: dict[str, str], rows: int) -> None:
    assert told(lake, before)[1] == "candidate"
    assert len(all_runs(lake)) == 1
    assert lake.read("evals").height == rows


def the_next_one_ends(changed: Place, before: dict[str, str]) -> dict[str, Any]:
    """Run it again: it judges, keeps its rows once, and leaves nothing behind."""
    code, out, err = changed.run("evals", "run", "--json")
    assert code == 0, out + err
    run: dict[str, Any] = json.loads(out)
    lake = changed.lake
    version, state = told(lake, before)
    assert state == "accepted"
    assert [verdict["version"] for verdict in run["verdicts"]] == [version]
    assert (run["n_cases"], run["n_pages"]) == (DOCUMENTS * (PAGES + 1), DOCUMENTS * PAGES + 2)
    assert len(all_runs(lake)) == 2
    assert lake.get(OPEN) is None
    found = lake.read("evals")
    own = found.filter(run_id=run["run_id"])
    assert not own.is_empty()
    key = ["suite", "case_id", "metric", "subject", "version"]
    assert own.height == own.select(key).n_unique()
    code, out, err = changed.run("audit", "--json")
    assert code == 0, out + err
    audit = json.loads(out)
    assert audit["findings"] == []
    assert scratch_folders(changed) == []
    assert os.path.isfile(run["report"])
    return run
