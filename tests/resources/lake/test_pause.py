"""The pause of a lake: one note, which says since when, by whom and why."""

from __future__ import annotations

from resources.lake.lake import Lake
from resources.lake.pause import pause_lake, paused, resume_lake


def test_a_pause_lasts_until_it_is_taken_back(lake: Lake) -> None:
    assert paused(lake) is None
    assert resume_lake(lake) is None
    note = pause_lake(lake, "disk nearly full", by="ana@laptop")
    assert paused(lake) == note
    assert pause_lake(lake) == note  # a second pause without a reason changes nothing
    again = pause_lake(lake, "moving house", by="bo@laptop")
    assert (again.since, again.by, again.reason) == (note.since, "bo@laptop", "moving house")
    assert "quire resume" in again.message
    assert resume_lake(lake) == again
    assert paused(lake) is None


def test_a_note_that_nobody_can_read_pauses(lake: Lake) -> None:
    lake.put("_quire/paused.json", b"")
    note = paused(lake)
    assert note is not None
    assert "quire resume" in note.message
    resume_lake(lake)
    assert paused(lake) is None
