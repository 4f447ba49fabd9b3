"""However requests share the model, each gets the text that it would get alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from resources.errors import ErrorClass
from resources.llm.base import Message, Request
from resources.llm.transformers.engine import Mode, TransformersEngine
from resources.llm.transformers.loading import Loaded
from resources.llm.transformers.sizing import Limits
from resources.settings import REPOSITORY_ROOT, Settings
from tests.resources.llm.transformers.asking import (
    Answer,
    Counted,
    answers,
    load_tiny,
    make_requests,
    plainly,
)

pytestmark = pytest.mark.models
SMALL = Limits(tokens=2_048, rows=8, step_tokens=64)


@pytest.fixture
def loaded(tiny: Settings) -> Loaded:
    return load_tiny(tiny)


def engine_over(loaded: Loaded, tiny: Settings, mode: Mode) -> TransformersEngine:
    return TransformersEngine(tiny, mode=mode, loader=lambda: loaded, limits=SMALL)


@pytest.mark.parametrize("mode", ["padded", "continuous"])
def test_a_batch_gives_the_text_of_one_by_one(loaded: Loaded, tiny: Settings, mode: Mode) -> None:
    requests = make_requests(24)
    expected = plainly(loaded, requests)
    assert any(text for text, _, _ in expected.values())  # how many depends on what it learnt
    assert "length" in {reason for _, _, reason in expected.values()}
    assert answers(engine_over(loaded, tiny, mode).generate(requests)) == expected


def test_guessing_ahead_changes_no_text(loaded: Loaded, tiny: Settings) -> None:
    requests = make_requests(8, limit=40, seed=5)
    expected = plainly(loaded, requests)
    engine = engine_over(loaded, tiny, "padded")
    alone: dict[str, Answer] = {}
    for request in requests:  # the only request there is: a batch of one
        alone |= answers(engine.generate([request]))
    assert engine._can_speculate
    assert alone == expected
    guessed = plainly(loaded, requests, prompt_lookup_num_tokens=4)
    assert guessed == expected


def test_an_assistant_model_changes_no_text(loaded: Loaded, tiny: Settings) -> None:
    from dataclasses import replace

    requests = make_requests(4, seed=9)
    expected = plainly(loaded, requests)
    helped = replace(loaded, assistant=load_tiny(tiny).model)
    engine = engine_over(helped, tiny, "padded")
    alone: dict[str, Answer] = {}
    for request in requests:
        alone |= answers(engine.generate([request]))
    assert engine._can_speculate
    assert alone == expected


@pytest.mark.parametrize("mode", ["padded", "continuous"])
def test_an_unfinished_answer_is_a_failure(loaded: Loaded, tiny: Settings, mode: Mode) -> None:
    engine = engine_over(loaded, tiny, mode)
    found = list(engine.generate(make_requests(20, limit=2)))
    cut = [c for c in found if c.finish_reason == "length"]
    assert cut
    for completion in cut:
        assert completion.text is None
        assert completion.error_class is ErrorClass.TRUNCATED_OUTPUT
        assert completion.output_tokens == 2
        assert completion.input_tokens > 0


def test_what_exceeds_the_window_is_refused_before_any_work(loaded: Loaded, tiny: Settings) -> None:
    short = make_requests(2)
    long = Request("long", (Message("user", "water " * 3_000),), 24)
    found = {c.key: c for c in engine_over(loaded, tiny, "padded").generate([long, *short])}
    assert found["long"].error_class is ErrorClass.TOO_LARGE
    assert found["long"].attempts == 0
    assert "smaller pieces" in (found["long"].error or "")
    assert {found[request.key].finish_reason for request in short} <= {"stop", "length"}


def test_tokens_are_counted_as_they_are_read(loaded: Loaded, tiny: Settings) -> None:
    engine = engine_over(loaded, tiny, "padded")
    request = make_requests(1)[0]
    (completion,) = engine.generate([request])
    assert engine.count_tokens(request.messages) == completion.input_tokens


@pytest.mark.parametrize("mode", ["padded", "continuous"])
def test_requests_are_taken_a_window_at_a_time_and_given_at_their_end(
    loaded: Loaded, tiny: Settings, mode: Mode
) -> None:
    requests = Counted(make_requests(60))
    steps = engine_over(loaded, tiny, mode).generate(requests)
    assert requests.taken == 0
    next(steps)
    assert requests.taken <= 3 * SMALL.rows + 1
    steps.close()  # type: ignore[attr-defined]
    taken = requests.taken
    time.sleep(0.2)
    assert requests.taken == taken
    assert not [t for t in threading.enumerate() if t.name == "quire-generate" and t.is_alive()]


def test_a_row_is_given_before_its_batch_ends(loaded: Loaded, tiny: Settings) -> None:
    quick, slow = make_requests(2)
    quick = Request("quick", slow.messages, 1)
    slow = Request("slow", slow.messages, 900)
    steps = engine_over(loaded, tiny, "padded").generate([slow, quick])
    started = time.perf_counter()
    assert next(steps).key == "quick"
    first = time.perf_counter() - started
    steps.close()  # type: ignore[attr-defined]
    assert first < 5


def test_the_same_request_twice_is_answered_twice(loaded: Loaded, tiny: Settings) -> None:
    request = make_requests(1)[0]
    engine = engine_over(loaded, tiny, "continuous")
    first, second = engine.generate([request, request])
    assert (first.key, first.output_tokens) == (second.key, second.output_tokens)


def test_nothing_asked_nothing_given(tiny: Settings) -> None:
    assert list(TransformersEngine(tiny).generate([])) == []


def test_a_caller_that_dies_on_the_way_ends(tiny_model: Path) -> None:
    code = (
        "import sys; from dataclasses import replace\n"
        "from resources.settings import load_settings\n"
        "from resources.llm.transformers.engine import TransformersEngine\n"
        "from tests.resources.llm.transformers.asking import make_requests\n"
        f"s = load_settings({{}}, overrides={{'model': {str(tiny_model)!r}}})\n"
        "steps = TransformersEngine(s, mode='continuous').generate(make_requests(9, limit=900))\n"
        "next(steps)\n"
        "raise KeyError('of the caller')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode != 0
    assert "KeyError: 'of the caller'" in result.stderr
