"""What a pod's end means for the documents that it had in hand, and for the pod after it."""

from __future__ import annotations

import pytest

from io_managers.ends import OUT_OF_MEMORY, TOO_LARGE, End, memory_class, note_end
from io_managers.intents import Intents
from io_managers.publish import claim_epoch
from resources.errors import ErrorClass
from resources.kubernetes.endings import Cause
from resources.lake.lake import Lake


def pod(
    lake: Lake, cause: Cause | None, *documents: str, largest: bool = False, alone: bool = False
) -> Intents:
    """A pod that has these in hand and dies; whoever watches it keeps why, or nobody does."""
    epoch = claim_epoch(lake, "pages", "b1")
    intents = Intents(lake, "pages", "b1", 0, epoch)
    intents.begin(documents, alone=alone)
    if cause is not None:
        note_end(lake, "pages", "b1", End(cause, f"dagster-step-{epoch}", largest))
    return intents


def found(lake: Lake) -> Intents:
    return Intents(lake, "pages", "b1", 0, claim_epoch(lake, "pages", "b1"))


@pytest.mark.parametrize(
    "cause", [Cause.PREEMPTED, Cause.EVICTED, Cause.NODE_LOST, Cause.GONE, Cause.PENDING]
)
def test_a_pod_that_was_taken_away_blames_no_document(lake: Lake, cause: Cause) -> None:
    for _ in range(5):
        pod(lake, cause, "a")
    after = found(lake)
    assert not after.has_suspects
    assert after.interruptions("a") == 0
    assert memory_class(lake, "pages", "b1") == 0


@pytest.mark.parametrize("cause", [Cause.CRASHED, Cause.DEADLINE, Cause.DISK, None])
def test_any_other_death_counts(lake: Lake, cause: Cause | None) -> None:
    for _ in range(2):
        pod(lake, cause, "a", "b")
    after = found(lake)
    assert after.runs_alone("a")
    assert not after.is_too_large("a")


def test_the_pod_after_one_that_was_too_small_is_larger(lake: Lake) -> None:
    assert memory_class(lake, "pages", "b1") == 0
    pod(lake, Cause.OOM, "a", "b")
    assert memory_class(lake, "pages", "b1") == 1
    assert not found(lake).has_suspects
    assert memory_class(lake, "docs", "b1") == memory_class(lake, "pages", "b2") == 0


def test_what_was_in_hand_when_the_largest_was_too_small_runs_alone(lake: Lake) -> None:
    pod(lake, Cause.OOM, "a", "b", "c")
    pod(lake, Cause.OOM, "b", "c", largest=True)
    after = found(lake)
    assert [name for name in "abc" if after.runs_alone(name)] == ["b", "c"]
    assert not any(after.is_too_large(name) for name in "abc")
    pod(lake, Cause.OOM, "c", largest=True, alone=True)
    after = found(lake)
    assert [name for name in "abc" if after.is_too_large(name)] == ["c"]


def test_an_end_before_an_epoch_was_claimed_blames_the_pod_before_for_nothing_new(
    lake: Lake,
) -> None:
    pod(lake, Cause.PREEMPTED, "a", alone=True)
    note_end(lake, "pages", "b1", End(Cause.OOM, "dagster-step-next", largest=True))
    after = found(lake)
    assert not after.is_too_large("a")
    assert memory_class(lake, "pages", "b1") == 1


def test_ends_go_with_the_notes(lake: Lake) -> None:
    pod(lake, Cause.OOM, "a")
    folder = "_quire/intents/pages/b1"
    assert len(lake.names(folder)) == 2
    Intents(lake, "pages", "b1", 1, 2)
    assert lake.names(folder) == []


def test_a_torn_record_is_an_end_that_nobody_knows_of(lake: Lake) -> None:
    pod(lake, None, "a")
    lake.put("_quire/intents/pages/b1/00000001.dagster-step-x.json", b'{"cause": ')
    assert found(lake).interruptions("a") == 1


def test_nothing_is_kept_of_a_stage_that_never_began(lake: Lake) -> None:
    note_end(lake, "pages", "b1", End(Cause.OOM, "dagster-step-x"))
    assert lake.names("_quire/intents/pages/b1") == []


def test_the_words_of_a_failure_are_those_that_the_next_run_looks_for() -> None:
    from io_managers.ends import is_out_of_memory

    row = {"error_class": ErrorClass.MEMORY.value, "quarantined": False, "error": TOO_LARGE}
    assert TOO_LARGE.startswith(OUT_OF_MEMORY)
    assert is_out_of_memory(row)
    assert is_out_of_memory({**row, "error": f"{TOO_LARGE}; the rows that x made of it stay"})
    assert not is_out_of_memory({**row, "quarantined": True})
    assert not is_out_of_memory({**row, "error": "the worker ran out of memory"})
