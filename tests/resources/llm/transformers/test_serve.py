"""A real `transformers serve` reads the same prompt as the engine, and answers the same.

The engine that asks servers is tried against it too: other tests of it have a server that plays.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resources.budget.engine import budgeted
from resources.budget.ledger import Spender
from resources.errors import EngineError, ErrorClass
from resources.lake.lake import Lake
from resources.llm.openai.discovery import DEFAULT_CONTEXT
from resources.llm.openai.engine import make as make_openai
from resources.llm.transformers.engine import TransformersEngine
from resources.settings import REPOSITORY_ROOT, Settings
from tests.resources.llm.transformers.asking import make_requests

pytestmark = pytest.mark.models
WAIT = 90
TRUNCATED, INVALID = ErrorClass.TRUNCATED_OUTPUT, ErrorClass.INVALID_OUTPUT
# What the `transformers` command runs, with a broken torchvision out of its way.
SERVE = (
    "import sys; from resources.llm.torchvision_guard import import_transformers; "
    "import_transformers(); from transformers.cli.transformers import main; "
    "sys.argv[0] = 'transformers'; main()"
)


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the tiny model."""
    for name in ("fastapi", "uvicorn", "accelerate"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"no {name}: pip install fastapi uvicorn accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    arguments = ["serve", str(tiny_model), "--device", "cpu", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, *arguments],
            cwd=REPOSITORY_ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + WAIT
        while not is_up(address):
            assert process.poll() is None, log.read_text()[-2_000:]
            assert time.monotonic() < deadline, log.read_text()[-2_000:]
            time.sleep(0.3)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def ask(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def test_a_server_reads_and_answers_as_the_engine_does(
    server: str, tiny: Settings, tiny_model: Path
) -> None:
    requests = make_requests(4, words=20)
    engine = TransformersEngine(tiny)
    ours = {c.key: c for c in engine.generate(requests)}
    for request in requests:
        body = {
            "model": str(tiny_model),
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens": request.max_output_tokens,
            "temperature": 0.0,
            "stream": False,
        }
        reply = ask(server, body)
        completion = ours[request.key]
        assert reply["usage"]["prompt_tokens"] == completion.input_tokens
        text = reply["choices"][0]["message"]["content"]
        if completion.text:
            # The server leaves the word that ended the answer, a common one with this model.
            assert text.strip().startswith(completion.text)


def test_the_openai_engine_gets_from_it_what_the_local_engine_writes(
    server: str, tiny: Settings, tiny_model: Path
) -> None:
    requests = make_requests(6, words=20)
    ours = {c.key: c for c in TransformersEngine(tiny).generate(requests)}
    with closing(make_openai(served(tiny, server))) as engine:
        assert engine.context_tokens == DEFAULT_CONTEXT  # its list of models does not say
        found = {c.key: c for c in engine.generate(requests)}
        assert found.keys() == ours.keys()
        for request in requests:
            theirs, local = found[request.key], ours[request.key]
            assert theirs.attempts == 1
            assert theirs.input_tokens == local.input_tokens
            # The folder's tokenizer counts, and what the chat template adds is taken from above.
            assert theirs.input_tokens <= engine.count_tokens(request.messages)
            if theirs.error_class is None and local.text:
                assert (theirs.text or "").strip().startswith(local.text)
            else:
                assert theirs.error_class in (TRUNCATED, INVALID, None)
        assert engine.models_seen


def test_a_budget_of_the_openai_engine_holds_with_its_counts(
    server: str, tiny: Settings, lake: Lake
) -> None:
    requests = make_requests(6, words=20)
    spender = Spender("run", "summaries", "b00000001", "v")
    settings = replace(served(tiny, server), budget_tokens=250)
    with closing(budgeted(make_openai(settings), lake, settings, spender)) as engine:
        found = list(engine.generate(requests))
        standing = engine.ledger.standing()
    asked = [c for c in found if c.error_class is not ErrorClass.BUDGET]
    assert 0 < len(asked) < len(requests) == len(found)
    assert standing.spent.tokens == sum(c.input_tokens + c.output_tokens for c in asked) <= 250


def test_a_model_that_it_does_not_have_is_told(server: str, tiny: Settings) -> None:
    settings = replace(served(tiny, server), model="no-such/model")
    with closing(make_openai(settings)) as engine, pytest.raises(EngineError, match="QUIRE_"):
        list(engine.generate(make_requests(40, words=5)))


def served(tiny: Settings, server: str) -> Settings:
    """Settings that ask the server for its model."""
    return replace(tiny, summariser="openai", base_url=f"{server}/v1", call_timeout=30.0)
