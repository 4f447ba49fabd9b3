"""An answer that was paid for is kept: once, for good, and found again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from io_managers import completions as completions_module
from io_managers.completions import FOLDER, Completions, Kept, unfolded
from resources.lake.audit import audit
from resources.lake.compaction import MANY, compact_table
from resources.lake.lake import Lake
from resources.lake.maintenance import maintain
from resources.settings import REPOSITORY_ROOT
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore

BATCH = "b00000001"


def kept(name: str, text: str = "An answer.") -> Kept:
    key = hashlib.sha256(name.encode()).hexdigest()
    return Kept(key, "summary", "m-1", "p-1", text, 10, 5, "stop", None)


def keys(lake: Lake) -> list[str]:
    return sorted(lake.read("completions", ["key"])["key"])


def round_trip(lake: Lake) -> None:
    one, two, three = kept("one"), kept("two", "Zwei \u00e4 \u65e5"), kept("three")
    completions = Completions(lake, BATCH)
    assert completions.find([one.key]) == {}
    completions.put(one)
    completions.put(two)
    completions.put(two)
    assert completions.find([one.key, two.key, three.key]) == {one.key: one, two.key: two}
    assert Completions(lake, BATCH).find([two.key]) == {two.key: two}
    assert completions.fold() == 2
    assert lake.names(f"{FOLDER}/{BATCH}") == []
    assert completions.fold() == 0
    assert completions.find([one.key]) == {one.key: one}
    assert Completions(lake, "b00000002").find([one.key, two.key]) == {one.key: one, two.key: two}
    assert keys(lake) == sorted([one.key, two.key])
    assert lake.read("completions")["created_at"].null_count() == 0


def test_answers_are_found_before_and_after_they_are_folded(lake: Lake) -> None:
    round_trip(lake)


def test_the_same_in_a_bucket(s3: ObjectStore) -> None:
    round_trip(lake_in_bucket(s3))


def test_what_a_killed_fold_left_is_not_there_twice(lake: Lake) -> None:
    completions = Completions(lake, BATCH)
    completions.put(kept("one"))
    held = lake.get(f"{FOLDER}/{BATCH}/{kept('one').key}.json")
    completions.fold()
    assert held is not None
    lake.put(f"{FOLDER}/{BATCH}/{kept('one').key}.json", held)  # killed before it was removed
    again = Completions(lake, BATCH)
    again.put(kept("two"))
    assert again.fold() == 1
    assert keys(lake) == sorted([kept("one").key, kept("two").key])


def test_a_torn_object_is_no_answer(lake: Lake) -> None:
    one = kept("one")
    lake.put(f"{FOLDER}/{BATCH}/{one.key}.json", b'{"key": "cut of')
    completions = Completions(lake, BATCH)
    assert completions.find([one.key]) == {}
    assert completions.fold() == 0


def test_a_run_finds_what_another_run_of_its_batch_folded(lake: Lake) -> None:
    one = kept("one")
    Completions(lake, BATCH).put(one)
    late = Completions(lake, BATCH)
    Completions(lake, BATCH).fold()
    assert late.find([one.key]) == {one.key: one}
    assert late.find([one.key]) == {one.key: one}


FOLDER_CODE = """
import sys
from io_managers.completions import Completions
from resources.lake.lake import Lake
from tests.io_managers.test_completions import kept
lake, batch, names = sys.argv[1], sys.argv[2], sys.argv[3:]
completions = Completions(Lake(lake), batch)
for name in names:
    completions.put(kept(name))
print(completions.fold())
"""


def test_batches_that_fold_at_once_keep_every_answer_once(lake: Lake) -> None:
    shared = [f"boilerplate {i}" for i in range(20)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FOLDER_CODE, lake.root, f"b0000000{n}", f"own {n}", *shared],
            cwd=REPOSITORY_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    new = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(new) == 24
    assert len(keys(lake)) == len(set(keys(lake))) == 24


def test_compaction_and_audit_are_content(lake: Lake) -> None:
    for n in range(MANY + 2):
        completions = Completions(lake, f"b{n:08d}")
        completions.put(kept(str(n)))
        completions.fold()
    before = lake.read("completions").sort("key")
    (swap,) = compact_table(lake, "completions", ())
    assert (swap.n_before, swap.n_after) == (MANY + 2, 1)
    assert lake.read("completions").sort("key").equals(before)
    one = kept("3")
    assert Completions(lake, BATCH).find([one.key]) == {one.key: one}
    assert [f for f in audit(lake) if "completions" in f.subject] == []


@pytest.mark.parametrize("n", [0, 1, 1_000])
def test_keys_are_looked_up_among_many(lake: Lake, n: int) -> None:
    completions = Completions(lake, BATCH)
    for i in range(n):
        completions.put(kept(str(i)))
    completions.fold()
    wanted = [kept(str(i)).key for i in range(0, n + 10, 7)]
    found = Completions(lake, BATCH).find(wanted)
    assert len(found) == len([i for i in range(0, n + 10, 7) if i < n])
    assert lake.read("completions").select(pl.col("key").n_unique()).item() == n


def test_nothing_is_written_where_nothing_was_answered(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    assert Completions(lake, BATCH).fold() == 0
    assert lake.open("completions") is None


def test_table_care_folds_what_killed_runs_left(lake: Lake) -> None:
    for batch, name in ((BATCH, "one"), ("b00000002", "two"), ("b00000003", "three")):
        Completions(lake, batch).put(kept(name))
    lake.put(f"{FOLDER}/{BATCH}/{kept('torn').key}.json", b'{"key": "cut of')
    care = maintain(lake, lambda: {"b00000003"})
    assert care.counts()["models_answers_moved_into_their_table"] == 2
    assert keys(lake) == sorted([kept("one").key, kept("two").key])
    assert unfolded(lake) == ["b00000003"]  # it is in a run
    assert Completions(lake, "b00000009").find([kept("one").key]) == {kept("one").key: kept("one")}
    assert maintain(lake, lambda: {"b00000003"}).n_answers == 0
    assert maintain(lake, set).n_answers == 1
    assert unfolded(lake) == []


def test_a_run_that_began_meanwhile_loses_no_answer_to_table_care(lake: Lake) -> None:
    run = Completions(lake, BATCH)
    run.put(kept("one"))
    assert maintain(lake, set).n_answers == 1
    assert run.find([kept("one").key]) == {kept("one").key: kept("one")}
    run.put(kept("two"))
    assert run.find([kept("two").key]) == {kept("two").key: kept("two")}
    assert run.fold() == 1
    assert keys(lake) == sorted([kept("one").key, kept("two").key])


def test_an_answer_that_another_batch_s_run_keeps_meanwhile_is_found(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(completions_module, "LOOK_COST", 0)
    one, two, torn = kept("one"), kept("two"), kept("torn")
    ours, theirs = Completions(lake, BATCH), Completions(lake, "b00000002")
    assert not ours.appeared(one.key)
    theirs.put(one)
    lake.put(f"{FOLDER}/b00000002/{torn.key}.json", b'{"key": "cut of')
    assert ours.appeared(one.key)
    assert ours.find([one.key, two.key, torn.key]) == {one.key: one}
    assert not ours.appeared(torn.key)  # it was looked at, and is none
    theirs.put(two)
    assert ours.appeared(two.key)
    theirs.fold()
    assert ours.find([one.key, two.key]) == {one.key: one, two.key: two}
    assert keys(lake) == sorted([one.key, two.key])


def test_others_are_looked_at_every_few_seconds_only(lake: Lake) -> None:
    ours = Completions(lake, BATCH)
    assert not ours.appeared(kept("one").key)
    Completions(lake, "b00000002").put(kept("one"))
    assert not ours.appeared(kept("one").key)
