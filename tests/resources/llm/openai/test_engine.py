"""From settings to an engine, and what it asks a server about its model."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resources.errors import EngineError, ErrorClass, SettingError
from resources.llm.base import Engine, Message
from resources.llm.openai.address import parse
from resources.llm.openai.engine import make
from resources.settings import Settings, load_settings
from tests.fake_llm_server import KEY, FakeServer
from tests.resources.llm.openai.conftest import MakeEngine, requests

ASKED = (Message("system", "Summarise."), Message("user", "Four words of text"))


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("https://gateway.example/llm/v2/chat/completions", "https://gateway.example/llm/v2"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_addresses(given: str, base: str) -> None:
    assert parse(given).base == base


@pytest.mark.parametrize(
    "given",
    ["localhost:8000", "ftp://x/v1", "http://", "http://user:pass@host/v1", "https://h/v1?key=abc",
     "http://host:99999/v1"],
)  # fmt: skip
def test_addresses_that_cannot_work_or_hold_secrets(given: str) -> None:
    with pytest.raises(SettingError, match="QUIRE_BASE_URL") as raised:
        parse(given)
    assert "pass" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_settings_that_cannot_work_say_the_mend(settings: Settings) -> None:
    with pytest.raises(SettingError, match="QUIRE_MODEL"):
        make(settings)
    with pytest.raises(SettingError, match="QUIRE_BASE_URL"):
        make(replace(settings, model="tiny"))
    with pytest.raises(SettingError, match="QUIRE_BASE_URL"):
        make(replace(settings, model="tiny", base_url="nowhere"))


def test_the_settings_make_an_engine(server: FakeServer, tmp_path: Path) -> None:
    settings = load_settings(
        {}, tmp_path, {"model": "tiny", "base_url": server.url, "api_key": KEY}
    )
    engine: Engine = make(settings)
    assert (engine.name, engine.model) == ("openai", "tiny")
    assert KEY not in repr(engine)
    assert KEY not in repr(settings)
    assert server.calls == []
    assert not server.gets
    engine.close()


def test_the_version_names_the_model_and_opens_nothing(make_engine: MakeEngine) -> None:
    here = make_engine(url="http://127.0.0.1:9/v1").version_inputs()
    moved = make_engine(url="http://127.0.0.2:9/v1", api_key=None).version_inputs()
    assert here == moved
    assert here["model"] == "tiny"
    assert make_engine(revision="r2").version_inputs() != here


@pytest.mark.parametrize(
    ("models", "props", "window"),
    [
        ({"data": [{"id": "other"}, {"id": "tiny", "max_model_len": 4_096}]}, None, 4_096),
        ({"data": [{"id": "/models/tiny.gguf", "max_model_len": 2_048}]}, None, 2_048),
        ({"data": [{"id": "tiny", "context_length": 131_072}]}, None, 131_072),
        ({"data": [{"id": "tiny"}]}, {"default_generation_settings": {"n_ctx": 65_536}}, 65_536),
        ({"data": [{"id": "tiny"}]}, {"default_generation_settings": 3}, 8_192),
        ({"data": [{"id": "a", "max_model_len": 9_000}, {"id": "b"}]}, None, 8_192),
        ({"models": "rubbish"}, None, 8_192),
        ({"data": [{"id": "tiny", "max_model_len": "long"}]}, None, 8_192),
    ],
)
def test_the_window_is_the_server_s_or_an_assumption_that_is_told(
    server: FakeServer,
    make_engine: MakeEngine,
    caplog: pytest.LogCaptureFixture,
    models: dict[str, Any],
    props: dict[str, Any] | None,
    window: int,
) -> None:
    server.models, server.props = models, props
    engine = make_engine(context_tokens=None)
    with caplog.at_level(logging.WARNING):
        assert engine.context_tokens == window
        assert engine.context_tokens == window
    assert server.gets["/v1/models"] == 1
    assert ("QUIRE_CONTEXT_TOKENS" in caplog.text) == (window == 8_192)


def test_a_server_that_is_starting_is_waited_for(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.models = {"data": [{"id": "tiny", "max_model_len": 4_096}]}
    server.get_scripts = {"/v1/models": [503, 502, 429]}
    assert make_engine(context_tokens=None).context_tokens == 4_096


def test_a_list_of_models_that_does_not_work_is_done_without(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.get_scripts = {"/v1/models": [500]}
    assert make_engine(context_tokens=None).context_tokens == 8_192


@pytest.mark.parametrize("status", [401, 403, 307])
def test_a_key_that_is_refused_is_told_before_any_document(
    server: FakeServer, make_engine: MakeEngine, status: int
) -> None:
    server.get_scripts = {"/v1/models": [status]}
    engine = make_engine(context_tokens=None)
    if status == 403:  # some gateways forbid the list alone
        assert engine.context_tokens == 8_192
        return
    with pytest.raises(EngineError, match="QUIRE_"):
        _ = engine.context_tokens


def test_a_window_is_not_assumed_of_a_server_that_is_away(make_engine: MakeEngine) -> None:
    with pytest.raises(EngineError, match="QUIRE_BASE_URL"):
        _ = make_engine(url="http://127.0.0.1:9/v1", context_tokens=None).context_tokens


def vllm(body: dict[str, Any]) -> dict[str, Any] | None:
    if "messages" not in body:
        return None
    text = " ".join(message["content"] for message in body["messages"])
    return {"count": len(text.split()) + 10, "max_model_len": 4_096, "tokens": []}


def sglang(body: dict[str, Any]) -> dict[str, Any] | None:
    return {"count": len(body["prompt"].split())} if "prompt" in body else None


def llama(body: dict[str, Any]) -> dict[str, Any]:
    return {"tokens": body.get("content", "").split()}


def llama_template(body: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": " ".join(f"<s> {m['content']} </s>" for m in body["messages"])}


@pytest.mark.parametrize(
    ("tokenize", "template", "count"),
    [(vllm, None, 15), (sglang, None, 5 + 24), (llama, None, 5 + 24), (llama, llama_template, 9)],
    ids=["vllm", "sglang", "llama", "llama-template"],
)
def test_the_server_s_tokenizer_counts(
    server: FakeServer, make_engine: MakeEngine, tokenize: Any, template: Any, count: int
) -> None:
    asked: list[dict[str, Any]] = []

    def door(body: dict[str, Any]) -> dict[str, Any] | None:
        asked.append(body)
        return tokenize(body)  # type: ignore[no-any-return]

    server.tokenize, server.template = door, template
    engine = make_engine()
    assert engine.count_tokens(ASKED) == count
    n_asked = len(asked)
    assert engine.count_tokens(ASKED) == count
    assert len(asked) == n_asked  # the same text is not sent again
    # Which door counts was found without showing it a document.
    shapes = [set(body) for body in asked if "Four words" in str(body)]
    assert len({frozenset(shape) for shape in shapes}) == 1


def test_without_a_tokenizer_tokens_are_estimated_alike_all_run_long(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    before = engine.count_tokens(ASKED)
    assert before >= 20
    for _ in range(30):
        engine.calibration.observe(ASKED, 12)
    assert engine.count_tokens(ASKED) == before
    assert make_engine(calibration=engine.calibration).count_tokens(ASKED) < before


def test_a_tokenizer_that_goes_away_is_told_and_replaced_by_the_estimate(
    server: FakeServer, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.tokenize = vllm
    engine = make_engine()
    assert engine.count_tokens(ASKED) == 15
    server.tokenize = None
    with caplog.at_level(logging.WARNING):
        assert engine.count_tokens((Message("user", "other words"),)) > 8
    assert "tokenizer no longer answers" in caplog.text


@pytest.mark.models
def test_the_tokenizer_of_a_local_folder_counts(tmp_path: Path) -> None:
    from resources.llm.openai.discovery import Discovery
    from resources.llm.openai.retries import Patience

    tokenizers = pytest.importorskip("tokenizers")
    words = {"<unk>": 0, "four": 1, "words": 2}
    model = tokenizers.models.WordLevel(words, unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    found = Discovery(parse("http://127.0.0.1:9"), str(tmp_path), None, Patience()).tokenizer()
    assert found is not None
    assert found((Message("user", "four words and more"),)) == 4 + 16


@pytest.mark.parametrize(
    ("said", "window"),
    [
        ("This model's maximum context length is 512 tokens. However, you requested 900", 512),
        ("The decoder prompt (length 900) is longer than the maximum model length of 512.", 512),
        ("The input (900 tokens) is longer than the model's context length (512 tokens).", 512),
        ("the request exceeds the available context size (512 tokens), try increasing it", 512),
        ("the request exceeds the available context size. try increasing the context size", 1_024),
        ("prompt is too long", 1_024),
        ("the context length is 7", 1_024),
    ],
)
def test_a_server_that_says_what_it_takes_is_believed(
    server: FakeServer, make_engine: MakeEngine, said: str, window: int
) -> None:
    server.scripts["doc-1"] = [f"refuses:{said}"]
    engine = make_engine(context_tokens=1_024)
    long, short = requests("doc-1", "doc-2", n_input_tokens=500)
    (refused,) = engine.generate([long])
    assert refused.error_class is ErrorClass.TOO_LARGE
    assert engine.context_tokens == window
    (next_one,) = engine.generate([short])
    assert (next_one.error_class is ErrorClass.TOO_LARGE) == (window == 512)
    assert server.n_calls("doc-2") == (0 if window == 512 else 1)


def test_a_field_that_says_the_window_is_read_too(
    server: FakeServer, make_engine: MakeEngine
) -> None:
    server.scripts["doc-1"] = ["llama"]
    engine = make_engine(context_tokens=None)
    list(engine.generate(requests("doc-1")))
    assert engine.context_tokens == 4_096
