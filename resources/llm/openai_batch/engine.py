"""The engine of QUIRE_SUMMARISER=openai_batch: asks nobody, and answers from what jobs brought.

Here: the model as the stage sees it, with tokens counted without a server, and the answers that are
at hand. Not here: jobs (`work.py`), or which answers there are (`assets/summaries/provider.py`).

Nothing here depends on a server that may be away: documents are cut, and questions keyed, the same
way at every look, or answers that were paid for would not be found again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from resources.errors import EngineError, SettingError
from resources.llm.base import Completion, Message, Request
from resources.llm.openai.discovery import DEFAULT_CONTEXT, Count, local_tokenizer
from resources.llm.openai.engine import version_inputs
from resources.llm.tokens import Calibration
from resources.settings import Settings

_LOG: Final = logging.getLogger(__name__)


class OpenAIBatchEngine:
    """A model that answers hours later."""

    name = "openai_batch"

    def __init__(
        self, model: str, revision: str | None = None, context_tokens: int | None = None
    ) -> None:
        """Take the settings; there are no answers yet.

        Args:
            model: The model's name at the provider.
            revision: What the user says of its revision; part of the version.
            context_tokens: The window; 8,192 when not given, since no provider tells.
        """
        self._model = model
        self._revision = revision
        self._context_tokens = context_tokens or DEFAULT_CONTEXT
        self._tokenizer: Count | None = local_tokenizer(model)
        self._estimate = Calibration()
        self.answers: Mapping[str, Completion] = {}
        """By key: what `generate` answers with."""
        self.unanswered: dict[str, Request] | None = None
        """Where requests without an answer are put; None makes them an error."""

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together."""
        return self._context_tokens

    def version_inputs(self) -> Mapping[str, str]:
        """The same as of calls: a model writes the same, whichever way it is asked."""
        return version_inputs(self._model, self._revision)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens by the tokenizer of a model that is a folder here, else estimated from above."""
        if self._tokenizer is not None:
            count = self._tokenizer(messages)
            if count is not None:
                return count
        return self._estimate.predict_messages(messages)

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """The answers that are at hand.

        Raises:
            EngineError: One is not, and nobody collects such requests.
        """
        for request in requests:
            answer = self.answers.get(request.key)
            if answer is not None:
                yield answer
            elif self.unanswered is not None:
                self.unanswered[request.key] = request
            else:
                raise EngineError(
                    "an answer of the provider is not in the lake: run quire ingest again"
                )

    def close(self) -> None:
        """Nothing is open."""


def make(settings: Settings) -> OpenAIBatchEngine:
    """The engine of these settings.

    Raises:
        SettingError: No model, or no provider.
    """
    if settings.model is None:
        raise SettingError(
            "QUIRE_SUMMARISER=openai_batch needs QUIRE_MODEL: the model's name there"
        )
    if settings.base_url is None and settings.api_key is None:
        raise SettingError(
            "QUIRE_SUMMARISER=openai_batch needs QUIRE_API_KEY (OpenAI's own Batch API), or "
            "QUIRE_BASE_URL: another provider's address, or file:///folder for vllm run-batch"
        )
    return OpenAIBatchEngine(settings.model, settings.model_revision, settings.context_tokens)
