"""`quire plan`: it tells what ingest then does, changes nothing, and counts what a model costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.plan import _duration, _size
from tests.cli.telling import one_line
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, make_place

PRICES = json.dumps({"m": {"input": 1.0, "output": 2.0}})
MODEL = {"summariser": "openai", "model": "m", "api_key": "x", "prices": PRICES}


def place_of(root: Path, **settings: str) -> Place:
    return make_place(root, layout="off", ocr="off", batch_linger="0", **settings)


def planned(place: Place) -> dict[str, Any]:
    code, out, err = place.run("plan", "--json")
    assert (code, err) == (0, "")
    told: dict[str, Any] = json.loads(out)
    return told


def everything(root: Path) -> dict[str, bytes | None]:
    found = sorted(root.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def test_ingest_does_what_was_planned_and_planning_changes_nothing(tmp_path: Path) -> None:
    place = place_of(tmp_path / "place", batch_max_docs="2")
    for name in ("a", "b", "c"):
        plain(place.landing / f"{name}.pdf", text=f"The document {name}")
    (place.landing / "d.pdf.part").write_bytes(b"%PDF-")
    before = everything(place.root)
    told = planned(place)
    assert everything(place.root) == before
    assert (told["seen"], told["known"], told["from_runs"]) == (3, 0, 0)
    assert (told["new"]["files"], told["new"]["batches"]) == (3, 2)
    assert told["new"]["n_bytes"] == sum(p.stat().st_size for p in place.landing.glob("*.pdf"))
    assert 0 < told["new"]["seconds"] < 60
    assert (told["summaries"], told["within_budget"]) == (None, True)

    code, report = place.ingest()
    assert (code, report["taken"], len(report["batches"])) == (0, 3, 2)
    plain(place.landing / "e.pdf", text="The document e")
    before = everything(place.root)
    told = planned(place)
    assert everything(place.root) == before
    assert (told["seen"], told["known"], told["new"]["files"]) == (4, 3, 1)
    assert told["from_runs"] == 2
    assert told["unfinished"]["files"] == 0

    (place.landing / "e.pdf").unlink()
    code, out, _ = place.run("plan")
    assert code == 0
    assert "3 PDFs seen: 0 new, 3 known already" in out
    assert "nothing to do" in out


def test_batches_that_wait_and_the_money_are_in_it(tmp_path: Path) -> None:
    place = place_of(tmp_path / "place", **MODEL, budget_usd="0.001")
    plain(place.landing / "a.pdf")
    assert place.run("ingest", "--detach")[0] == 0
    plain(place.landing / "b.pdf", text="Another document")
    told = planned(place)
    assert (told["new"]["files"], told["unfinished"]["files"]) == (1, 1)
    model = told["summaries"]
    assert (model["model"], model["calls"]) == ("m", 2)
    cost = (model["input_tokens"] * 1.0 + model["output_tokens"] * 2.0) / 1_000_000
    assert model["usd"] == pytest.approx(cost, rel=0.01)
    assert told["budget_left"] == {"usd": 0.001, "tokens": None}
    assert told["within_budget"] is (model["usd"] <= 0.001)
    code, out, _ = place.run("plan")
    assert code == 0
    assert "1 file not finished yet in 1 batch" in out
    assert "that is over what the budget has left: 0.0010 USD" in out


@pytest.mark.parametrize("kind", ["absent", "empty", "file"])
def test_what_cannot_be_planned_is_one_line(tmp_path: Path, kind: str) -> None:
    place = place_of(tmp_path / "place")
    where = tmp_path / "there"
    if kind == "empty":
        where.mkdir()
    elif kind == "file":
        where.write_text("no folder")
    code, _, err = place.run("plan", str(where))
    assert code == 2
    assert str(where) in one_line(err)


def test_a_lake_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    place = place_of(tmp_path / "place")
    (tmp_path / "lake").write_text("no lake")
    code, _, err = place.run("plan", "--lake", str(tmp_path / "lake"))
    assert code == 1
    assert "give --lake" in one_line(err)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (119, "119 s"), (150, "2 min"), (7200, "2.0 h")]
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert _duration(seconds) == said


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [(0, "0.0 bytes"), (999, "999 bytes"), (999_600, "1.0 MB"), (5e15, "5,000 TB")],
)
def test_sizes_are_short(n_bytes: float, said: str) -> None:
    assert _size(n_bytes) == said
