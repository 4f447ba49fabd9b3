"""A fake server, engines against it, and requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from resources.llm.base import Completion, Message, Request
from resources.llm.openai.address import parse
from resources.llm.openai.engine import OpenAIEngine
from resources.llm.openai.retries import Patience
from tests.fake_llm_server import KEY, FakeServer, serving

SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
QUICK = Patience(
    seconds=20, first_wait=0.02, longest_wait=0.1, outage_seconds=0.4, outage_failures=4, grace=2
)
MakeEngine = Callable[..., OpenAIEngine]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as state:
        yield state


@pytest.fixture
def make_engine(server: FakeServer) -> Iterator[MakeEngine]:
    """Engines against the server, quick to retry; after the test no thread of theirs is left."""
    made: list[OpenAIEngine] = []

    def make(**changes: Any) -> OpenAIEngine:
        settings: dict[str, Any] = {"api_key": KEY, "context_tokens": 8_192, "patience": QUICK}
        url = changes.pop("url", server.url)
        engine = OpenAIEngine(parse(url), "tiny", **{**settings, "call_timeout": 10.0, **changes})
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
    assert [t.name for t in threading.enumerate() if t.name.startswith("quire-llm")] == []


def requests(*documents: str, schema: bool = False, n_input_tokens: int = 0) -> list[Request]:
    return [
        Request(
            key=f"key-{document}",
            messages=(Message("system", "Summarise."), Message("user", f"Text of {document}.")),
            max_output_tokens=100,
            schema=SCHEMA if schema else None,
            n_input_tokens=n_input_tokens,
        )
        for document in documents
    ]


def numbered(n: int) -> list[Request]:
    return requests(*(f"doc-{i}" for i in range(n)))


def by_document(completions: Iterable[Completion]) -> dict[str, Completion]:
    """Completions by document; each exactly once."""
    found: dict[str, Completion] = {}
    for completion in completions:
        document = completion.key.removeprefix("key-")
        assert document not in found, "answered twice"
        found[document] = completion
    return found
