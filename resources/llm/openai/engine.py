"""The engine of QUIRE_SUMMARISER=openai: any server that speaks OpenAI's chat completions.

Here: the engine that the settings name, put together. Not here: its parts (beside), prices and
budgets (`resources/budget`), what is asked (`assets/summaries`).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from resources.errors import ErrorClass, SettingError
from resources.llm.base import Completion, Message, Request
from resources.llm.openai.address import OPENAI, Address, parse
from resources.llm.openai.client import ChatClient
from resources.llm.openai.concurrency import Concurrency
from resources.llm.openai.discovery import Count, Discovery
from resources.llm.openai.known import Known
from resources.llm.openai.rates import Rates
from resources.llm.openai.retries import Patience
from resources.llm.openai.session import Session
from resources.llm.tokens import Calibration
from resources.settings import Settings

_PROTOCOL: Final = "chat-completions-1"
"""How it asks (greedy, one choice); raised when that changes what is written."""
_REMEMBERED: Final = 4_096
_LOG: Final = logging.getLogger(__name__)


def version_inputs(model: str, revision: str | None) -> dict[str, str]:
    """What changes the answers of a server's model, in whatever way it is asked there."""
    return {
        "engine": "openai",
        "protocol": _PROTOCOL,
        "model": model,
        "revision": revision or "",
    }


class OpenAIEngine:
    """A model behind a server. One `generate` at a time."""

    name = "openai"

    def __init__(
        self,
        address: Address,
        model: str,
        *,
        api_key: str | None = None,
        revision: str | None = None,
        context_tokens: int | None = None,
        call_timeout: float = 600.0,
        max_concurrency: int = 64,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        patience: Patience | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Take the settings; nothing is opened until the first question.

        Args:
            address: The server.
            model: The model's name there.
            api_key: Sent to this server only.
            revision: What the user says of the model's revision; part of the version.
            context_tokens: The window; None asks the server.
            call_timeout: Seconds of one call in all.
            max_concurrency: Calls in flight at most.
            requests_per_minute: What the provider allows.
            tokens_per_minute: Likewise, of prompts and answers together.
            patience: How long the server is waited for.
            calibration: What is known of the model's tokenizer; it goes on learning.
        """
        self._address = address
        self._model = model
        self._api_key = api_key
        self._revision = revision
        self._context_tokens = context_tokens
        self._call_timeout = call_timeout
        self._most = max_concurrency
        patience = patience or Patience()
        self.calibration = calibration or Calibration()
        self._steady = self.calibration.copy()
        self._known = Known(
            model=model,
            concurrency=Concurrency(max_concurrency),
            rates=Rates(requests_per_minute, tokens_per_minute),
            patience=patience,
            calibration=self.calibration,
        )
        self._discovery = Discovery(address, model, api_key, patience)
        self._tokenizer: Count | None = None
        self._looked_for_tokenizer = False
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._busy = threading.Lock()
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"OpenAIEngine({self._model!r}, {self._address.root!r})"

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return self._model

    @property
    def models_seen(self) -> tuple[str, ...]:
        """Names that the server answered with; more than one: it changed under way."""
        return tuple(self._known.models)

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together; asked of the server once.

        Less from the moment on that it refuses a request and says that it takes less.

        Raises:
            EngineError: The server must be asked and cannot be.
        """
        if self._context_tokens is None:
            self._context_tokens = self._discovery.context_tokens()
        told = self._known.window
        return self._context_tokens if told is None else min(told, self._context_tokens)

    def before_paying_again(self, ask: Callable[[Request], bool] | None) -> None:
        """Ask this, from any thread, before a request is sent again that may be billed twice."""
        self._known.may_pay_again = ask

    def version_inputs(self) -> Mapping[str, str]:
        """Model, revision and how it is asked. Not the address: the same model may move."""
        return version_inputs(self._model, self._revision)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of rendered messages: by the server's tokenizer, else estimated from above.

        The estimate uses what was known when the engine was made: documents that are cut by it are
        cut the same way from the run's first to its last.
        """
        if not self._looked_for_tokenizer:
            self._tokenizer = self._discovery.tokenizer()
            self._looked_for_tokenizer = True
        if self._tokenizer is not None:
            count = self._counted(messages, self._tokenizer)
            if count is not None:
                return count
            _LOG.warning("the server's tokenizer no longer answers: tokens are estimated")
            self._tokenizer = None
        return self._steady.predict_messages(messages)

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, as they are done.

        Raises:
            EngineError: No server, no such model, a refused key. What was answered came before.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("an OpenAIEngine generates for one caller at a time")
        client = ChatClient(
            self._address, self._model, self._api_key, self._call_timeout, self._most
        )
        self._session = Session(client, self._known, self._too_large)
        try:
            yield from self._session.completions(requests)
        finally:
            self._session = None
            self._busy.release()

    def close(self) -> None:
        """End what is in flight and close connections."""
        if self._session is not None:
            self._session.stop()
        self._discovery.close()

    def _too_large(self, request: Request) -> Completion | None:
        """The completion of a request that cannot fit, without a call."""
        if request.n_input_tokens <= 0:
            return None
        needed = request.n_input_tokens + request.max_output_tokens
        if needed <= self.context_tokens:
            return None
        return Completion(
            key=request.key,
            text=None,
            finish_reason="error",
            input_tokens=0,
            output_tokens=0,
            elapsed_ms=0,
            model=self._model,
            attempts=0,
            error_class=ErrorClass.TOO_LARGE,
            error=f"{needed} tokens do not fit the window of {self.context_tokens} "
            "(QUIRE_CONTEXT_TOKENS)",
        )

    def _counted(self, messages: Sequence[Message], tokenizer: Count) -> int | None:
        text = "\0".join(f"{m.role}\0{m.content}" for m in messages)
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if key not in self._counts:
            count = tokenizer(messages)
            if count is None:
                return None
            self._counts[key] = count
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return self._counts[key]


def make(settings: Settings) -> OpenAIEngine:
    """The engine of these settings; opens nothing.

    Raises:
        SettingError: No model, no address that can work, or no key where one is needed.
    """
    if settings.model is None:
        raise SettingError("QUIRE_SUMMARISER=openai needs QUIRE_MODEL: the model's name there")
    if settings.base_url is None and settings.api_key is None:
        raise SettingError(
            "QUIRE_SUMMARISER=openai needs QUIRE_BASE_URL (a server of yours, such as "
            "http://localhost:8000/v1) or QUIRE_API_KEY (OpenAI's own)"
        )
    return OpenAIEngine(
        parse(settings.base_url or OPENAI),
        settings.model,
        api_key=settings.api_key,
        revision=settings.model_revision,
        context_tokens=settings.context_tokens,
        call_timeout=settings.call_timeout,
        max_concurrency=settings.max_concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
    )
