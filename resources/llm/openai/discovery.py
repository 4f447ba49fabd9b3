"""What a server tells about its model: the context window, and its tokenizer.

Here: vLLM's and SGLang's `max_model_len` and `/tokenize`, llama-server's `/props`, `/tokenize` and
`/apply-template`, a tokenizer in a local folder. Not here: estimates (`resources/llm/tokens.py`).

Which door counts tokens is found with a harmless text; documents go only where it answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from resources.errors import EngineError
from resources.llm.base import Message
from resources.llm.openai.address import Address
from resources.llm.openai.answers import judge
from resources.llm.openai.client import headers
from resources.llm.openai.known import LEAST_WINDOW
from resources.llm.openai.retries import Patience
from resources.llm.tokens import template_tokens

DEFAULT_CONTEXT: Final = 8_192
"""What is assumed of a server that does not say: the least that current models are served with."""
_WINDOWS: Final = ("max_model_len", "context_length", "context_window", "max_context_length")
_SECONDS: Final = 30.0
_STARTING: Final = frozenset({429, 502, 503, 504})
"""What gateways say of a server that is starting. A 500 is a list that does not work: transformers
serve (5.23) answers so without a network, and serves well."""
_GREETING: Final = (Message("user", "Hello"),)
_LOG: Final = logging.getLogger(__name__)
Count = Callable[[Sequence[Message]], int | None]


class Discovery:
    """Questions to one server about one model; asked when first needed."""

    def __init__(
        self, address: Address, model: str, api_key: str | None, patience: Patience
    ) -> None:
        """Take the address; nothing is opened."""
        self._address = address
        self._model = model
        self._api_key = api_key
        self._patience = patience
        self._http: httpx.Client | None = None

    def close(self) -> None:
        """Close connections; they open again when needed."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def context_tokens(self) -> int:
        """The model's window as the server tells it, else 8,192 with a warning.

        Raises:
            EngineError: The server cannot be reached or refuses the key: assuming a window would
                cut documents otherwise than when it answers, and pay for them again.
        """
        window = self._window_of_models() or self._window_of_props()
        if window is None:
            _LOG.warning(
                "the server does not tell the context window of %s: %d tokens are assumed; set "
                "QUIRE_CONTEXT_TOKENS",
                self._model,
                DEFAULT_CONTEXT,
            )
            return DEFAULT_CONTEXT
        return window

    def tokenizer(self) -> Count | None:
        """What counts tokens as the model does, None where nothing does; it gives None if lost."""
        local = local_tokenizer(self._model)
        if local is not None:
            return local
        for count in (self._count_messages, self._count_prompt, self._count_content):
            if count(_GREETING):
                return count
        return None

    def _window_of_models(self) -> int | None:
        answer = self._patiently(self._address.models)
        models = answer.get("data") if answer else None
        entries = [entry for entry in models or () if isinstance(entry, dict)]
        named = [entry for entry in entries if entry.get("id") == self._model]
        # llama-server and others with one model answer to any name.
        for entry in named or (entries if len(entries) == 1 else []):
            for name in _WINDOWS:
                window = entry.get(name)
                if isinstance(window, int) and window >= LEAST_WINDOW:
                    return window
        return None

    def _window_of_props(self) -> int | None:
        answer = self._ask("GET", self._address.root + "/props", None)
        settings = answer.get("default_generation_settings") if answer else None
        window = settings.get("n_ctx") if isinstance(settings, dict) else None
        return window if isinstance(window, int) and window >= LEAST_WINDOW else None

    def _count_messages(self, messages: Sequence[Message]) -> int | None:
        """VLLM renders the chat template and counts."""
        turns = [{"role": m.role, "content": m.content} for m in messages]
        return self._count({"model": self._model, "messages": turns, "add_generation_prompt": True})

    def _count_prompt(self, messages: Sequence[Message]) -> int | None:
        """SGLang counts a text."""
        return self._sum(messages, lambda text: {"model": self._model, "prompt": text})

    def _count_content(self, messages: Sequence[Message]) -> int | None:
        """The llama-server renders in one step and cuts in another, and gives the tokens."""
        turns = [{"role": m.role, "content": m.content} for m in messages]
        rendered = self._ask("POST", self._address.root + "/apply-template", {"messages": turns})
        prompt = rendered.get("prompt") if rendered else None
        if isinstance(prompt, str):
            return self._count({"content": prompt, "add_special": True}, "tokens")
        return self._sum(messages, lambda text: {"content": text}, "tokens")

    def _sum(
        self,
        messages: Sequence[Message],
        body: Callable[[str], dict[str, Any]],
        name: str = "count",
    ) -> int | None:
        total = template_tokens(messages)
        for message in messages:
            count = self._count(body(message.content), name) if message.content else 0
            if count is None:
                return None
            total += count
        return total

    def _count(self, body: dict[str, Any], name: str = "count") -> int | None:
        answer = self._ask("POST", self._address.root + "/tokenize", body)
        value = answer.get(name) if answer else None
        value = len(value) if isinstance(value, list) else value
        # A door that does not know a field answers with no tokens, and success.
        return value if isinstance(value, int) and value > 0 else None

    def _patiently(self, url: str) -> Mapping[str, Any] | None:
        """The answer to a GET, waiting for a server that is starting; None when there is none."""
        began = time.monotonic()
        for n_failed in range(1, 1_000):
            try:
                answer = self._client().get(url)
                if answer.status_code not in _STARTING:
                    return self._read(answer)
                why = f"status {answer.status_code}"
            except httpx.HTTPError as error:
                why = type(error).__name__
            if time.monotonic() - began > self._patience.outage_seconds:
                break
            time.sleep(self._patience.backoff(n_failed))
        raise EngineError(
            f"the model's server at {self._address.root} does not answer ({why}): start it, or "
            "check QUIRE_BASE_URL"
        )

    def _read(self, answer: httpx.Response) -> Mapping[str, Any] | None:
        if answer.status_code in (401, 403) or answer.is_redirect:
            verdict = judge(answer.status_code, answer.headers, b"", cut=False)
            if verdict.kind == "fatal":
                raise EngineError(verdict.message)
        return _object(answer)

    def _ask(self, method: str, url: str, body: dict[str, Any] | None) -> Mapping[str, Any] | None:
        """A JSON object, or None: these doors are not on every server."""
        try:
            return _object(self._client().request(method, url, json=body))
        except (httpx.HTTPError, UnicodeEncodeError):
            return None

    def _client(self) -> httpx.Client:
        if self._http is None:
            self._http = httpx.Client(
                headers=headers(self._api_key), follow_redirects=False, timeout=_SECONDS
            )
        return self._http


def _object(answer: httpx.Response) -> Mapping[str, Any] | None:
    if answer.status_code != 200:
        return None
    try:
        value = answer.json()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def local_tokenizer(model: str) -> Count | None:
    """The tokenizer of a model that is a folder on this machine, where `tokenizers` is there."""
    path = Path(model).expanduser() / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    tokenizer: Any = Tokenizer.from_file(str(path))

    def count(messages: Sequence[Message]) -> int:
        texts = sum(len(tokenizer.encode(message.content).ids) for message in messages)
        return texts + template_tokens(messages)

    return count
