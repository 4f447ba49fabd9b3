"""Many requests together: limits that nobody tells, outages, laziness, and how it ends."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from resources.errors import EngineError, ErrorClass
from resources.llm.base import Completion, Request
from resources.llm.openai.retries import Patience
from resources.settings import REPOSITORY_ROOT
from tests.fake_llm_server import FakeServer
from tests.resources.llm.openai.conftest import (
    QUICK,
    MakeEngine,
    by_document,
    numbered,
    requests,
)


def test_a_hidden_limit_is_found_and_nothing_is_lost(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.capacity, server.seconds = 8, 0.03
    found = by_document(make_engine().generate(numbered(300)))
    assert all(c.error_class is None for c in found.values())
    assert len(found) == 300
    assert set(server.paid.values()) == {1}
    later = server.calls[len(server.calls) // 2 :]
    refused = sum(call.behaviour == "over" for call in later)
    assert refused <= 0.15 * len(later)
    assert max(call.in_flight for call in later if call.behaviour == "ok") == 8


def test_silent_throttling_is_noticed(server: FakeServer, make_engine: MakeEngine) -> None:
    server.easy, server.seconds = 6, 0.02
    found = by_document(make_engine().generate(numbered(200)))
    assert len(found) == 200
    assert all(c.error_class is None for c in found.values())
    later = [call.in_flight for call in server.calls[100:]]
    assert sum(later) / len(later) <= 14  # of the 64 that were allowed


PASSING = ["status:500", "status:502", "status:503", "status:408", "busy:", "busy:0.05", "html",
           "inner:500", "hang_up", "reset", "broken", "never"]  # fmt: skip
LASTING = {
    "length": ErrorClass.TRUNCATED_OUTPUT, "refusal": ErrorClass.REFUSED,
    "null": ErrorClass.INVALID_OUTPUT, "choiceless": ErrorClass.INVALID_OUTPUT,
    "too_long": ErrorClass.TOO_LARGE, "status:422": ErrorClass.SUMMARY_FAILED,
}  # fmt: skip


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_in_any_mixture_of_faults_each_document_comes_to_its_own_end(
    server: FakeServer, make_engine: MakeEngine, seed: int
) -> None:
    chance = random.Random(seed)
    expected: dict[str, ErrorClass | None] = {}
    broken: dict[str, int] = {}
    for n in range(70):
        document = f"doc-{n}"
        faults = chance.sample(PASSING, chance.choice([0, 0, 0, 1, 1, 2]))
        last = chance.choice(["ok"] * 6 + list(LASTING))
        server.scripts[document] = [*faults, last]
        expected[document] = LASTING.get(last)
        broken[document] = faults.count("broken")
    server.capacity, server.seconds = 10, 0.01
    engine = make_engine(call_timeout=1.0)
    found = by_document(engine.generate(numbered(70)))
    assert {document: c.error_class for document, c in found.items()} == expected
    assert len(found) == 70
    answered = {d: server.paid[d] - broken[d] for d, c in found.items() if c.text is not None}
    assert set(answered.values()) == {1}


def test_a_wide_server_is_used_widely(server: FakeServer, make_engine: MakeEngine) -> None:
    server.seconds = 0.1
    found = by_document(make_engine(max_concurrency=16).generate(numbered(120)))
    assert len(found) == 120
    assert max(call.in_flight for call in server.calls) == 16


def test_requests_per_minute_are_kept_without_being_told(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    engine = make_engine(requests_per_minute=600)  # 30 at once, then 9.5 a second
    began = time.monotonic()
    assert len(list(engine.generate(numbered(45)))) == 45
    assert 1.2 <= time.monotonic() - began <= 8
    assert max(call.in_flight for call in server.calls) <= 30


def test_tokens_per_minute_are_corrected_by_what_was_used(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    # Predicted at 1,100 a request, it took 30: without correction this would take minutes.
    engine = make_engine(tokens_per_minute=20_000)
    many = requests(*(f"doc-{i}" for i in range(30)), n_input_tokens=1_000)
    began = time.monotonic()
    assert len(list(engine.generate(many))) == 30
    assert time.monotonic() - began < 8


def test_a_server_that_is_not_there_is_an_error_after_a_while(make_engine: MakeEngine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    began = time.monotonic()
    with pytest.raises(EngineError, match="start it, or check QUIRE_BASE_URL"):
        list(make_engine(url=url).generate(numbered(20)))
    assert QUICK.outage_seconds <= time.monotonic() - began < 6


def test_a_server_that_falls_over_under_way_ends_the_run_not_the_documents(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts = {f"doc-{i}": ["ok"] for i in range(10)}
    server.default = "status:500"
    found: list[Completion] = []
    with pytest.raises(EngineError, match="has not answered"):
        found.extend(make_engine(max_concurrency=4).generate(numbered(40)))
    assert set(server.paid) == {f"doc-{i}" for i in range(10)}


def test_a_short_outage_costs_no_document(server: FakeServer, make_engine: MakeEngine) -> None:
    patient = Patience(first_wait=0.05, longest_wait=0.2, outage_seconds=30)
    server.default = "status:502"

    def mend() -> None:
        server.default = "ok"

    timer = threading.Timer(1.2, mend)
    timer.start()
    found = by_document(make_engine(patience=patient).generate(numbered(40)))
    assert len(found) == 40
    assert all(c.error_class is None for c in found.values())
    assert set(server.paid.values()) == {1}


def test_documents_that_each_break_the_server_are_no_outage(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    """They come last and in a row: only a harmless question tells them from an outage."""
    server.scripts = {f"doc-bad{i}": ["status:500"] for i in range(6)}
    bad = [f"doc-bad{i}" for i in range(6)]
    good = [f"doc-{i}" for i in range(10)]
    found = by_document(make_engine().generate(requests(*good, *bad)))
    assert {found[d].error_class for d in bad} == {ErrorClass.SUMMARY_FAILED}
    assert {found[d].error_class for d in good} == {None}
    assert server.n_calls("none") >= 1  # the harmless question
    assert all(server.n_calls(d) <= 40 for d in bad)


def test_requests_are_pulled_as_slots_come_free(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    pulled: list[str] = []

    def endless() -> Iterator[Request]:
        for n in range(10_000):
            pulled.append(f"doc-{n}")
            yield requests(f"doc-{n}")[0]

    engine = make_engine(max_concurrency=4)
    completions = engine.generate(endless())
    assert pulled == []
    for _ in range(20):
        next(completions)
        time.sleep(0.005)  # the caller keeps each before the next
    assert len(pulled) <= 20 + 6
    completions.close()  # type: ignore[attr-defined]
    assert len(pulled) <= 20 + 6


def test_closing_ends_what_is_in_flight_at_once(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts = {f"doc-{i}": ["never"] for i in range(1, 10)}
    engine = make_engine(call_timeout=300.0)
    completions = engine.generate(numbered(10))
    assert next(completions).key == "key-doc-0"
    began = time.monotonic()
    completions.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 2
    assert [t for t in threading.enumerate() if t.name == "quire-llm-calls"] == []
    deadline = time.monotonic() + 3
    while server.in_flight and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.in_flight == 0  # the server saw them hang up
    (after,) = engine.generate(requests("doc-after"))
    assert after.text


def test_an_error_of_the_caller_s_requests_is_the_caller_s(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    def broken() -> Iterator[Request]:
        yield from numbered(3)
        raise ZeroDivisionError

    engine = make_engine()
    with pytest.raises(ZeroDivisionError):
        list(engine.generate(broken()))
    assert len(list(engine.generate(requests("doc-after")))) == 1


def test_nothing_asked_is_nothing_done(server: FakeServer, make_engine: MakeEngine) -> None:
    assert list(make_engine().generate([])) == []
    assert server.calls == []


def test_two_callers_at_once_are_refused(server: FakeServer, make_engine: MakeEngine) -> None:
    engine = make_engine()
    first = engine.generate(numbered(5))
    next(first)
    with pytest.raises(RuntimeError, match="one caller at a time"):
        next(engine.generate(numbered(5)))
    assert len(list(first)) == 4


def test_closing_the_engine_ends_a_caller_that_waits(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.default = "never"
    engine = make_engine(call_timeout=300.0)
    timer = threading.Timer(0.5, engine.close)
    timer.start()
    with pytest.raises(EngineError, match="closed"):
        list(engine.generate(numbered(3)))


def test_control_c_ends_it_soon(server: FakeServer) -> None:
    server.default = "never"
    code = (
        "import sys, threading\n"
        "from tests.resources.llm.openai.conftest import *\n"
        f"engine = OpenAIEngine(parse({server.url!r}), 'tiny', context_tokens=8192)\n"
        "try:\n"
        "    list(engine.generate(numbered(20)))\n"
        "except KeyboardInterrupt:\n"
        "    left = [t.name for t in threading.enumerate() if t.name.startswith('quire')]\n"
        "    print('interrupted', left)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while len(server.calls) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert out.strip() == "interrupted []"
    assert time.monotonic() - began < 4
