"""When memory runs out, batches are halved, the others go on, and one alone is its own failure."""

from __future__ import annotations

import pytest

from resources.errors import ErrorClass
from resources.llm.transformers.engine import Mode, TransformersEngine
from resources.llm.transformers.room import Room
from resources.llm.transformers.sizing import Limits, Shape, limits_for
from resources.settings import Settings
from tests.resources.llm.transformers.asking import (
    answers,
    cramped,
    load_tiny,
    make_requests,
    plainly,
)

SMALL = Limits(tokens=4_096, rows=16, step_tokens=256)


def make_engine(tiny: Settings, mode: Mode, **less: int) -> TransformersEngine:
    loaded = cramped(load_tiny(tiny), **less)
    return TransformersEngine(tiny, mode=mode, loader=lambda: loaded, limits=SMALL)


@pytest.mark.models
def test_a_batch_without_memory_is_halved(tiny: Settings) -> None:
    requests = make_requests(24)
    engine = make_engine(tiny, "padded", rows=3)
    found = list(engine.generate(requests))
    assert ErrorClass.MEMORY not in {c.error_class for c in found}
    assert answers(found) == plainly(load_tiny(tiny), requests)
    assert max(c.attempts for c in found) <= 4  # 16 rows, 8, 4, 2
    assert [c for c in found if c.attempts == 1]


@pytest.mark.models
def test_a_session_without_memory_is_halved(tiny: Settings) -> None:
    requests = make_requests(24)
    engine = make_engine(tiny, "continuous", rows=1, tokens=100)
    found = list(engine.generate(requests))
    assert answers(found) == plainly(load_tiny(tiny), requests)
    assert engine.mode == "continuous"
    assert max(c.attempts for c in found) >= 2


@pytest.mark.models
@pytest.mark.parametrize("mode", ["padded", pytest.param("continuous", marks=pytest.mark.slow)])
def test_a_request_that_does_not_fit_alone_is_its_own_failure(tiny: Settings, mode: Mode) -> None:
    small, big = make_requests(6, words=20), make_requests(2, words=400, seed=4)
    big = [r for r in big if len(r.messages[1].content.split()) > 100]
    requests = [*small, *[type(r)(f"big-{r.key}", r.messages, r.max_output_tokens) for r in big]]
    assert len(requests) > len(small)
    # In a session prompts are read in pieces of at least 16 tokens: none fits where 12 do not.
    less = {"largest": 120} if mode == "padded" else {"tokens": 12}
    found = {c.key: c for c in make_engine(tiny, mode, rows=9, **less).generate(requests)}
    assert len(found) == len(requests)
    if mode == "padded":
        for key, completion in found.items():
            assert (completion.error_class is ErrorClass.MEMORY) == key.startswith("big")
    else:
        assert {c.error_class for c in found.values()} == {ErrorClass.MEMORY}


def test_the_room_grows_back_slowly_and_never_over_what_it_was() -> None:
    room = Room(1_000)
    room.crowded(1_000)
    assert room.tokens == 500
    room.fitted(100)  # says nothing of whether 500 fit
    for _ in range(3):
        room.fitted(500)
    assert room.tokens == 500
    room.fitted(500)
    assert 600 < room.tokens < 700
    for _ in range(100):
        room.fitted(room.tokens)
    assert room.tokens == 1_000
    assert room.share == 1


def test_every_time_memory_runs_out_the_room_waits_longer() -> None:
    room = Room(1_000)
    waited = []
    for _ in range(4):
        room.crowded(room.tokens)
        limit, batches = room.tokens, 0
        while room.tokens == limit:
            room.fitted(limit)
            batches += 1
        waited.append(batches)
    assert waited == [4, 8, 16, 32]


QWEN3_8B = Shape(36, 32, 8, 128, 4096, 12288, 151_936, 2)


def test_an_8b_model_on_an_80_gb_gpu() -> None:
    assert QWEN3_8B.cache_bytes == 147_456
    free = 62 * 2**30
    limits = limits_for(QWEN3_8B, free, 32_768, is_cuda=True, is_flash=True)
    assert limits.tokens * QWEN3_8B.cache_bytes < free
    assert limits.tokens > 40 * 4_250  # 40 documents of 4,000 tokens at once


def test_no_memory_still_allows_something() -> None:
    assert limits_for(QWEN3_8B, 0, 32_768, is_cuda=False, is_flash=False).tokens > 0
