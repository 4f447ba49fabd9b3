"""A batch through a language model: a row for every document, whatever the model does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from io_managers.completions import FOLDER
from resources.errors import EngineError, ErrorClass, SettingError
from resources.llm.base import Completion, Request
from tests.lakes import Pdf, rewrite
from tests.scripted_llm import Scripted, first_words, text_of
from tests.summary_stage import BATCH, Stage, long, short, stage_of


def calls(engine: Scripted) -> list[str]:
    """The kind of each call, by the first words of what was asked about."""
    return [" ".join(text_of(request.messages).split()[:3]) for request in engine.asked]


def stage(tmp_path: Path, *pdfs: Pdf, **more: str) -> Stage:
    return stage_of(tmp_path, pdfs, **more)


def test_documents_of_all_kinds_get_their_rows(tmp_path: Path) -> None:
    place = stage(
        tmp_path,
        short(1),
        long(),
        Pdf("broken.pdf", file_error="corrupt"),
        Pdf("blank.pdf", title="blank", body="", pages=1),
    )
    place.edit("blank", "# blank", "")
    engine = Scripted(context=2_000)
    counts = place.run(engine)
    assert counts["documents"] == 4
    assert (counts["summaries_ok"], counts["summaries_empty"]) == (2, 1)
    row = place.rows()["d1"]
    assert row["status"] == "ok"
    assert row["summary"].startswith("d1 The harbour office of town 1")
    assert (row["model"], row["summariser"]) == ("scripted-1", "transformers")
    assert row["prompt_version"].startswith("summary-v1-")
    assert (row["language"], row["cost_usd"]) == ("en", 0.001)
    assert row["elapsed_ms"] == 5
    whole = place.rows()["long"]
    assert whole["cost_usd"] == pytest.approx(0.001 * (len(engine.asked) - 1))
    assert whole["prompt_version"].split()[0].startswith("chunk-v1-")
    assert "reduce-v1-" in whole["prompt_version"]
    assert (place.rows()[""]["status"], place.rows()[""]["error_class"]) == ("failed", "corrupt")
    assert engine.closed >= 1


def test_answers_are_kept_in_the_table_and_no_object_is_left(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1), short(2), long())
    engine = Scripted(context=2_000)
    place.run(engine)
    kept = place.lake.read("completions")
    assert sorted(kept["key"]) == sorted(request.key for request in engine.asked)
    assert set(kept["kind"]) == {"summary", "chunk", "reduce"}
    assert place.lake.names(f"{FOLDER}/{BATCH}") == []


def test_nothing_is_asked_twice_when_rows_are_lost(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1), short(2), long())
    place.build(Scripted(context=2_000))  # and nobody publishes it
    again = Scripted(context=2_000)
    place.run(again)
    assert again.asked == []
    assert {row["status"] for row in place.rows().values()} == {"ok"}
    assert {row["cost_usd"] for row in place.rows().values()} == {0.0}
    assert {row["input_tokens"] for row in place.rows().values()} == {0}
    assert {row["model"] for row in place.rows().values()} == {"scripted-1"}


def test_current_rows_ask_nothing_of_the_engine(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1))
    place.run(Scripted())

    class Away(Scripted):
        @property
        def context_tokens(self) -> int:
            raise EngineError("the server is away")

    assert place.run(Away())["carried"] == 1


def test_the_same_text_is_paid_once(tmp_path: Path) -> None:
    same = [Pdf(f"copy{i}.pdf", title="copy", body=short(1).body, pages=1) for i in range(4)]
    place = stage(tmp_path, *same)
    engine = Scripted()
    place.run(engine)
    rows = place.lake.read("summaries", batch=BATCH)
    assert len(engine.asked) == 1
    assert rows["status"].to_list() == ["ok"] * 4
    assert sorted(rows["cost_usd"]) == [0.0, 0.0, 0.0, 0.001]


def test_documents_that_are_alike_are_asked_about_one_after_another(tmp_path: Path) -> None:
    letter = " ".join(f"Clause {i} says that the rent of month {i} is due." for i in range(60))
    pdfs = [short(i) for i in range(6)]
    pdfs[1] = Pdf("l1.pdf", title="l1", body=letter, pages=1)
    pdfs[4] = Pdf("l2.pdf", title="l2", body=letter + " In Bergen.", pages=1)
    engine = Scripted(at_once=1)
    stage(tmp_path, *pdfs).run(engine)
    places = [i for i, request in enumerate(engine.asked) if "Clause" in text_of(request.messages)]
    assert places[1] == places[0] + 1
    assert engine.asked[places[0]].group == engine.asked[places[1]].group != ""


@pytest.mark.parametrize(("threaded", "at_once"), [(False, 1), (True, 5), (True, 64)])
def test_order_and_threads_of_an_engine_do_not_matter(
    tmp_path: Path, at_once: int, *, threaded: bool
) -> None:
    place = stage(tmp_path, *(short(i) for i in range(12)), long(), long("other", 9))
    place.run(Scripted(at_once=at_once, threaded=threaded, context=2_000))
    assert {row["status"] for row in place.rows().values()} == {"ok"}
    assert len(place.rows()) == 14


@pytest.mark.parametrize("error_class", ["timeout", "refused"])
def test_a_failed_call_fails_its_document_alone(tmp_path: Path, error_class: str) -> None:
    place = stage(tmp_path, *(short(i) for i in range(5)))
    place.run(Scripted(faults={"town 3 ": ErrorClass(error_class)}))
    assert [n for n, row in place.rows().items() if row["status"] == "failed"] == ["d3"]
    assert place.rows()["d3"]["error_class"] == error_class
    assert place.failures() == {error_class: 1}
    engine = Scripted()
    place.run(engine)
    assert len(engine.asked) == 1
    assert place.failures() == {}


def test_a_bad_part_is_named_and_the_rest_is_not_paid_for(tmp_path: Path) -> None:
    place = stage(tmp_path, long(sections=30))
    engine = Scripted(context=2_000, at_once=1, faults={"Section 1 ": ErrorClass.TIMEOUT})
    place.run(engine)
    row = place.rows()["long"]
    assert row["status"] == "failed"
    assert row["error"].startswith("part 1 of ")
    assert engine.asked == []
    place.run(engine := Scripted(context=2_000))
    assert place.rows()["long"]["status"] == "ok"
    assert engine.asked


def test_an_answer_that_cannot_be_used_is_asked_for_once_more(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1), short(2))
    engine = Scripted(once={"town 1 ": "Sure! Here is a summary."})
    place.run(engine)
    row = place.rows()["d1"]
    assert row["status"] == "ok"
    assert len(engine.asked) == 3
    assert row["cost_usd"] == pytest.approx(0.002)
    assert "again-v1-" in row["prompt_version"]
    stricter = [r for r in engine.asked if "could not be used" in r.messages[-1].content]
    assert len(stricter) == 1


def test_an_answer_that_is_bad_twice_is_a_failure_and_never_kept(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1), short(2))

    def bad(request: Request) -> str:
        if "town 1 " in request.messages[-1].content:
            return json.dumps(
                {"language": "de", "summary": "Der Rat der Stadt und die Steuer " * 2}
            )
        return first_words(request)

    engine = Scripted(answer=bad)
    place.run(engine)
    row = place.rows()["d1"]
    assert (row["status"], row["summary"]) == ("failed", None)
    assert row["error_class"] == "invalid_output"
    assert "cannot be used" in row["error"]
    assert row["cost_usd"] == pytest.approx(0.002)
    assert len(engine.asked) == 3
    assert len(place.lake.read("completions")) == 1


def test_cut_answers_are_failures(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1))
    place.run(Scripted(finish="length"))
    assert place.rows()["d1"]["error_class"] == "truncated_output"
    assert place.lake.read("completions").is_empty()


def test_an_unknown_price_is_null(tmp_path: Path) -> None:
    place = stage(
        tmp_path, short(1), summariser="openai", base_url="http://127.0.0.1:1/v1", model="tiny"
    )
    place.run(Scripted(cost=None))
    assert place.rows()["d1"]["cost_usd"] is None


def test_what_the_budget_stops_is_blocked_and_done_later(tmp_path: Path) -> None:
    place = stage(tmp_path, *(short(i) for i in range(6)), long())
    engine = Scripted(budget=4, context=2_000, at_once=1)
    counts = place.run(engine)
    assert (len(engine.asked), counts["summaries_blocked"]) == (4, 3)
    blocked = [row for row in place.rows().values() if row["status"] == "blocked"]
    assert {row["error_class"] for row in blocked} == {"budget"}
    attempts = place.lake.read("failures", ["attempts", "quarantined"], batch=BATCH)
    assert set(attempts.iter_rows()) == {(0, False)}
    later = Scripted(context=2_000)
    place.run(later)
    assert {row["status"] for row in place.rows().values()} == {"ok"}
    assert not {r.key for r in engine.asked} & {r.key for r in later.asked}


def test_an_engine_that_forgets_is_told_so(tmp_path: Path) -> None:
    class Forgetful(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            for completion in super().generate(requests):
                if "town 2 " not in text_of(self.asked[-1].messages):
                    yield completion
                    yield completion  # and it says things twice

    place = stage(tmp_path, short(1), short(2))
    place.run(Forgetful())
    assert place.rows()["d1"]["status"] == "ok"
    assert place.rows()["d1"]["cost_usd"] == pytest.approx(0.001)
    assert place.rows()["d2"]["error_class"] == "summary_failed"


def test_an_engine_that_cannot_go_on_stops_the_stage_and_keeps_what_was_answered(
    tmp_path: Path,
) -> None:
    class Dying(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
            for n, completion in enumerate(super().generate(requests)):
                if n == 3:
                    raise EngineError("the server is away")
                yield completion

    place = stage(tmp_path, *(short(i) for i in range(8)))
    dying = Dying()
    with pytest.raises(EngineError, match="away"):
        place.run(dying)
    assert dying.closed
    engine = Scripted()
    place.run(engine)
    assert len(engine.asked) == 8 - 3


def test_a_window_too_narrow_for_the_prompt_is_a_setting_error(tmp_path: Path) -> None:
    place = stage(tmp_path, short(1))
    with pytest.raises(SettingError, match="QUIRE_CONTEXT_TOKENS"):
        place.run(Scripted(context=500))


def test_very_long_documents_are_joined_in_several_rounds(tmp_path: Path) -> None:
    place = stage(tmp_path, long(sections=60), summary_tokens="60")
    engine = Scripted(context=1_000)
    place.run(engine)
    assert place.rows()["long"]["status"] == "ok"
    kinds = place.lake.read("completions", ["kind"])["kind"].to_list()
    assert kinds.count("reduce") > 2
    assert all(r.n_input_tokens + r.max_output_tokens <= 1_000 for r in engine.asked)


@pytest.mark.parametrize("tells", [True, False])
def test_a_window_that_is_smaller_than_said_is_found_and_documents_are_cut_anew(
    tmp_path: Path, tells: bool
) -> None:
    place = stage(tmp_path, short(1), long(), long("other", 9))
    engine = Scripted(context=16_000, takes=2_000, tells=tells, at_once=1)
    place.run(engine)
    assert {row["status"] for row in place.rows().values()} == {"ok"}
    assert place.failures() == {}
    # Both were begun before the first refusal; without being told, each halves three times.
    assert 1 <= len(engine.refused) <= (2 if tells else 8)
    keys = [request.key for request in engine.asked]
    assert len(keys) == len(set(keys))
    # Another run with the same wrong setting cuts alike and finds its answers. A part or two of a
    # cut that is given up may be on its way to the engine when that comes to light.
    again = Scripted(context=16_000, takes=2_000, tells=tells, at_once=1)
    rewrite(place.lake, "summaries", lambda rows: rows.with_columns(version=pl.lit("old")))
    before = place.rows()
    place.run(again)
    assert len(again.asked) <= 2
    assert {r["summary"] for r in place.rows().values()} == {r["summary"] for r in before.values()}


def test_parts_that_nobody_waits_for_any_more_are_not_asked(tmp_path: Path) -> None:
    place = stage(tmp_path, long(sections=20))
    engine = Scripted(context=4_000, takes=2_000, at_once=1)
    place.run(engine)
    assert {row["status"] for row in place.rows().values()} == {"ok"}
    # The first part is refused; the others of its size stay in the queue and are never asked.
    assert len(engine.refused) <= 3


def test_a_text_that_is_always_too_large_is_tried_in_further_runs_and_names_the_mend(
    tmp_path: Path,
) -> None:
    place = stage(tmp_path, short(1), short(2))
    place.run(Scripted(context=16_000, faults={"town 1 ": ErrorClass.TOO_LARGE}))
    rows = place.rows()
    assert (rows["d1"]["status"], rows["d1"]["error_class"]) == ("failed", "summary_failed")
    assert "QUIRE_CONTEXT_TOKENS" in rows["d1"]["error"]
    assert rows["d2"]["status"] == "ok"
    assert not any(place.lake.read("failures", ["quarantined"])["quarantined"])


def test_a_server_that_takes_hardly_the_prompt_ends_the_run(tmp_path: Path) -> None:
    place = stage(tmp_path, long())
    with pytest.raises(SettingError, match="QUIRE_CONTEXT_TOKENS"):
        place.run(Scripted(context=16_000, takes=300, tells=True))
    assert place.rows() == {}
