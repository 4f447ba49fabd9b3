"""Every way a server can misbehave, and what must come of it.

In each test other documents go through the same engine at the same time: all of them are answered,
and none is paid for twice.
"""

from __future__ import annotations

import json
import logging

import pytest

from resources.errors import NOT_CHARGED, EngineError, ErrorClass
from resources.llm.base import Completion
from tests.fake_llm_server import KEY, FakeServer, serving
from tests.resources.llm.openai.conftest import (
    QUICK,
    MakeEngine,
    by_document,
    numbered,
    requests,
)

OTHERS = [f"doc-{i}" for i in range(12)]


def answer(n: str) -> str:
    return f'{{"summary": "about {n}"}}'


def others_are_well(server: FakeServer, found: dict[str, object]) -> None:
    assert set(OTHERS) <= set(found)
    for document in OTHERS:
        assert found[document].text == answer(document)  # type: ignore[attr-defined]
        assert server.paid[document] == 1


@pytest.mark.parametrize(
    ("script", "error_class", "calls", "finish"),
    [
        (["length"], ErrorClass.TRUNCATED_OUTPUT, 1, "length"),
        (["refusal"], ErrorClass.REFUSED, 1, "refused"),
        (["filtered"], ErrorClass.REFUSED, 1, "refused"),
        (["null"], ErrorClass.INVALID_OUTPUT, 1, "error"),
        (["blank"], ErrorClass.INVALID_OUTPUT, 1, "error"),
        (["choiceless"], ErrorClass.INVALID_OUTPUT, 1, "error"),
        (["tools"], ErrorClass.INVALID_OUTPUT, 1, "error"),
        (["huge"], ErrorClass.INVALID_OUTPUT, 1, "error"),
        (["html"], ErrorClass.INVALID_OUTPUT, 3, "error"),
        (["broken"], ErrorClass.INVALID_OUTPUT, 3, "error"),
        (["status:500"], ErrorClass.SUMMARY_FAILED, 6, "error"),
        (["inner:502"], ErrorClass.SUMMARY_FAILED, 6, "error"),
        (["status:503"], ErrorClass.RATE_LIMITED, 6, "error"),
        (["hang_up"], ErrorClass.SUMMARY_FAILED, 6, "error"),
        (["reset"], ErrorClass.SUMMARY_FAILED, 6, "error"),
        (["too_long"], ErrorClass.TOO_LARGE, 1, "error"),
        (["status:413"], ErrorClass.TOO_LARGE, 1, "error"),
        (["status:422"], ErrorClass.SUMMARY_FAILED, 1, "error"),
        (["busy:300"], ErrorClass.RATE_LIMITED, 1, "error"),
        (["busy_until:300"], ErrorClass.RATE_LIMITED, 1, "error"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else str(value),
)
def test_a_failure_has_a_class_and_no_text(
    server: FakeServer,
    make_engine: MakeEngine,
    script: list[str],
    error_class: ErrorClass,
    calls: int,
    finish: str,
) -> None:
    server.scripts["doc-x"] = script
    found = by_document(make_engine().generate(requests(*OTHERS[:6], "doc-x", *OTHERS[6:])))
    bad = found["doc-x"]
    assert (bad.text, bad.error_class, bad.finish_reason) == (None, error_class, finish)
    assert bad.error
    assert bad.attempts == calls == server.n_calls("doc-x")
    assert KEY not in repr(bad)
    others_are_well(server, dict(found))


@pytest.mark.parametrize(
    "script",
    [
        ["status:500", "ok"],
        ["status:502", "status:504", "ok"],
        ["status:503", "ok"],
        ["status:408", "status:409", "status:425", "ok"],
        ["busy:", "busy:", "ok"],
        ["busy:0.3", "ok"],
        ["busy:soon", "ok"],
        ["busy_until:1", "ok"],
        ["html", "ok"],
        ["inner:500", "ok"],
        ["hang_up", "ok"],
        ["reset", "ok"],
        ["broken", "ok"],
    ],
    ids="-".join,
)
def test_what_passes_is_tried_again(
    server: FakeServer, make_engine: MakeEngine, script: list[str]
) -> None:
    n_calls = len(script)
    server.scripts["doc-x"] = list(script)
    found = by_document(make_engine().generate(requests(*OTHERS[:6], "doc-x", *OTHERS[6:])))
    good = found["doc-x"]
    assert (good.text, good.error_class, good.attempts) == (answer("doc-x"), None, n_calls)
    assert server.n_calls("doc-x") == n_calls
    assert server.paid["doc-x"] == 1 + script.count("broken")
    others_are_well(server, dict(found))


@pytest.mark.parametrize("behaviour", ["never", "drip"])
def test_the_wall_clock_ends_a_call_that_drips_or_never_answers(
    server: FakeServer, make_engine: MakeEngine, behaviour: str
) -> None:
    server.scripts["doc-x"] = [behaviour]
    found = by_document(make_engine(call_timeout=0.6).generate(requests(*OTHERS, "doc-x")))
    bad = found["doc-x"]
    assert (bad.error_class, bad.text, bad.attempts) == (ErrorClass.TIMEOUT, None, 2)
    assert 1_100 <= bad.elapsed_ms < 4_000
    others_are_well(server, dict(found))


def test_a_slow_answer_is_waited_for(server: FakeServer, make_engine: MakeEngine) -> None:
    server.scripts["doc-x"] = ["slow:1"]
    found = by_document(make_engine().generate(requests(*OTHERS, "doc-x")))
    assert found["doc-x"].text == answer("doc-x")
    assert found["doc-x"].elapsed_ms >= 1_000
    others_are_well(server, dict(found))


def test_a_long_retry_after_is_obeyed_and_holds_no_slot(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts["doc-x"] = ["busy:300", "ok"]
    patient = make_engine(max_concurrency=1, patience=QUICK.__class__(seconds=3_600))
    completions = patient.generate([*requests("doc-x"), *numbered(12)])
    found = by_document(next(completions) for _ in range(12))
    assert set(found) == set(OTHERS)
    assert server.n_calls("doc-x") == 1
    completions.close()  # type: ignore[attr-defined]
    others_are_well(server, dict(found))


def test_when_all_are_told_to_wait_too_long_the_rest_is_not_asked(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.default = "busy:9999"
    found = by_document(make_engine().generate(numbered(50)))
    assert {c.error_class for c in found.values()} == {ErrorClass.RATE_LIMITED}
    assert len(found) == 50
    assert len(server.calls) <= 10


def test_a_spent_quota_stops_all_calls_and_charges_nobody(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts["doc-5"] = ["quota"]
    server.seconds = 0.05
    engine = make_engine(max_concurrency=2)
    found = by_document(engine.generate(numbered(60)))
    assert len(found) == 60
    assert {c.error_class for c in found.values()} == {None, ErrorClass.BUDGET}
    assert ErrorClass.BUDGET in NOT_CHARGED
    assert len(server.calls) <= 9
    assert sum(server.paid.values()) == sum(c.text is not None for c in found.values())
    again = by_document(engine.generate(requests("doc-later")))
    assert again["doc-later"].error_class is ErrorClass.BUDGET
    assert again["doc-later"].cost_usd == 0
    assert server.n_calls("doc-later") == 0


@pytest.mark.parametrize(
    ("behaviour", "mend"),
    [
        ("key", "QUIRE_API_KEY"),
        ("status:403", "QUIRE_API_KEY"),
        ("no_model", "QUIRE_MODEL"),
        ("status:404", "QUIRE_BASE_URL"),
        ("status:400", "QUIRE_MODEL"),
    ],
)
def test_what_no_request_can_pass_is_an_error_that_says_the_mend(
    server: FakeServer, make_engine: MakeEngine, behaviour: str, mend: str
) -> None:
    server.default = behaviour
    with pytest.raises(EngineError, match=mend) as raised:
        list(make_engine().generate(numbered(50)))
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(server.calls) <= 12


def test_answers_in_flight_come_before_the_error(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts |= {"doc-0": ["slow:0.5"], "doc-1": ["slow:0.1"], "doc-2": ["key"]}
    completions = make_engine().generate(numbered(3))
    found: list[Completion] = []
    with pytest.raises(EngineError):
        found.extend(completions)
    assert server.paid == {"doc-0": 1, "doc-1": 1}


def test_a_single_forbidden_document_is_its_own_failure(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts["doc-x"] = ["status:403"]  # a gateway that reads along
    engine = make_engine(max_concurrency=1)
    found = by_document(engine.generate(requests(*OTHERS[:6], "doc-x", *OTHERS[6:])))
    assert found["doc-x"].error_class is ErrorClass.REFUSED
    others_are_well(server, dict(found))


def test_a_redirect_is_not_followed(server: FakeServer, make_engine: MakeEngine) -> None:
    with serving() as other:
        server.elsewhere = f"{other.url}/chat/completions?token=hidden"
        server.default = "redirect"
        with pytest.raises(EngineError, match="redirects to") as raised:
            list(make_engine().generate(numbered(5)))
        assert other.calls == []
        assert "hidden" not in str(raised.value)


def test_a_server_without_json_schema_is_asked_without_it_from_then_on(
    server: FakeServer, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.default = "no_schema"
    documents = [f"doc-{i}" for i in range(30)]
    with caplog.at_level(logging.WARNING):
        found = by_document(make_engine().generate(requests(*documents, schema=True)))
    assert all(found[document].text == answer(document) for document in documents)
    assert sum("response_format" in call.body for call in server.calls) <= 6
    assert len([r for r in caplog.records if "response_format" in r.getMessage()]) == 1


def test_newer_names_of_parameters_are_learned(server: FakeServer, make_engine: MakeEngine) -> None:
    server.default = "new_names"
    found = by_document(make_engine().generate(numbered(20)))
    assert all(c.text == answer(document) for document, c in found.items())
    assert len(found) == 20
    assert server.calls[-1].body["max_completion_tokens"] == 100
    assert len(server.calls) <= 40


def test_the_schema_is_sent(server: FakeServer, make_engine: MakeEngine) -> None:
    list(make_engine().generate(requests("doc-1", schema=True)))
    sent = server.calls[0].body
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["summary"]
    assert (sent["temperature"], sent["model"], sent["max_tokens"]) == (0, "tiny", 100)
    assert server.calls[0].key == f"Bearer {KEY}"


def test_text_is_given_as_it_is(server: FakeServer, make_engine: MakeEngine) -> None:
    """Whether its language is right is for those who asked."""
    server.scripts |= {"doc-de": ["language"], "doc-parts": ["parts"]}
    found = by_document(make_engine().generate(requests("doc-de", "doc-parts")))
    assert found["doc-de"].text == "Ein Satz auf Deutsch."
    assert found["doc-parts"].text == "in parts"


def test_half_a_surrogate_pair_in_a_text_is_no_obstacle(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    found = by_document(make_engine().generate(requests("doc-\ud800")))
    assert [c.error_class for c in found.values()] == [None]


def test_another_model_under_way_is_recorded_and_told_once(
    server: FakeServer, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.scripts |= {f"doc-{i}": ["model:tiny-2"] for i in range(6, 12)}
    engine = make_engine(max_concurrency=1)
    with caplog.at_level(logging.WARNING):
        found = by_document(engine.generate(numbered(12)))
    assert [found[d].model for d in OTHERS] == ["tiny"] * 6 + ["tiny-2"] * 6
    assert engine.models_seen == ("tiny", "tiny-2")
    assert len([r for r in caplog.records if "changed under way" in r.getMessage()]) == 1


def test_tokens_are_the_servers_or_predicted(server: FakeServer, make_engine: MakeEngine) -> None:
    engine = make_engine()
    (counted,) = engine.generate(requests("doc-1", n_input_tokens=30))
    assert (counted.input_tokens, counted.output_tokens) == (21, 9)
    assert (engine.calibration.predicted, engine.calibration.actual) == (30, 21)
    server.usage = False
    (predicted,) = engine.generate(requests("doc-2", n_input_tokens=30))
    assert predicted.input_tokens == 30
    assert 3 <= predicted.output_tokens <= 20
    assert predicted.cost_usd is None


def test_what_does_not_fit_the_window_is_not_asked(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    found = by_document(
        make_engine(context_tokens=1_000).generate(
            requests("doc-long", n_input_tokens=950) + requests("doc-fits", n_input_tokens=900)
        )
    )
    assert found["doc-long"].error_class is ErrorClass.TOO_LARGE
    assert found["doc-fits"].text
    assert server.n_calls("doc-long") == 0


def test_the_key_is_nowhere(
    server: FakeServer, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.scripts["doc-1"] = ["echo"]
    engine = make_engine()
    with caplog.at_level(logging.DEBUG):
        found = list(engine.generate(numbered(3)))
    seen = [repr(engine), repr(found), caplog.text, json.dumps(dict(engine.version_inputs()))]
    for text in seen:
        assert "sk-very" not in text
