"""Requests of many lengths, and the answers to them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from resources.llm.base import Completion, Message, Request
from resources.llm.transformers.loading import Loaded, load
from resources.llm.transformers.rendering import Renderer
from resources.llm.transformers.source import model_source
from resources.settings import Settings

WORDS = (
    *("paste", "paper", "page", "table", "quire", "sewing", "glue", "the", "of", "a", "and"),
    *("in", "measured", "water", "flour", "sheets"),
)
LIMIT = 24

Answer: TypeAlias = tuple[str | None, int, str]
"""Text, tokens written, why it ended."""


def make_requests(n: int, *, limit: int = LIMIT, words: int = 60, seed: int = 1) -> list[Request]:
    """`n` requests of 5 to `words` words, the same for the same seed."""
    rng = random.Random(seed)
    requests = []
    for number in range(n):
        text = " ".join(rng.choices(WORDS, k=rng.randint(5, words)))
        messages = (Message("system", "Summarise."), Message("user", text))
        requests.append(Request(f"request-{number}", messages, limit))
    return requests


def answers(completions: Iterable[Completion]) -> dict[str, Answer]:
    """What each request got; a key that comes twice is an error."""
    found: dict[str, Answer] = {}
    for completion in completions:
        assert completion.key not in found
        found[completion.key] = (
            completion.text, completion.output_tokens, completion.finish_reason
        )  # fmt: skip
    return found


def plainly(loaded: Loaded, requests: Iterable[Request], **how: Any) -> dict[str, Answer]:
    """What each request gets from transformers' own greedy `generate`, one at a time."""
    import torch

    render = Renderer(loaded.tokenizer)
    found: dict[str, Answer] = {}
    for request in requests:
        ids = torch.tensor([render.tokens(request.messages)])
        out = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=request.max_output_tokens,
            **how,
        )
        tokens = out[0, ids.shape[1] :].tolist()
        is_whole = tokens[-1] in loaded.stop_ids
        kept = tokens[:-1] if is_whole else tokens
        text = loaded.tokenizer.decode(kept, skip_special_tokens=True).strip()
        whole = text if is_whole and text else None
        found[request.key] = (whole, len(kept), "stop" if is_whole else "length")
    return found


def load_tiny(settings: Settings) -> Loaded:
    return load(model_source(settings.model, None), None, settings.model_quantisation)


def cramped(loaded: Loaded, rows: int, *, tokens: int = 10**9, largest: int = 10**9) -> Loaded:
    """The same model with less memory: its forward raises above so many rows or tokens.

    `largest` is the longest prompt that fits at all.
    """
    import torch

    kind = type(loaded.model)

    class Cramped(kind):  # type: ignore[misc, valid-type]
        def forward(self, input_ids: Any = None, *args: Any, **kwargs: Any) -> Any:
            n_rows, n_tokens = input_ids.shape
            if n_rows > rows or n_rows * n_tokens > tokens or n_tokens > largest:
                raise torch.OutOfMemoryError(f"CUDA out of memory. Tried {input_ids.shape}")
            return super().forward(input_ids, *args, **kwargs)

    loaded.model.__class__ = Cramped
    return replace(loaded)


class Counted:
    """An iterable of requests that knows how many were taken."""

    def __init__(self, requests: list[Request]) -> None:
        self.requests = requests
        self.taken = 0

    def __iter__(self) -> Iterator[Request]:
        for request in self.requests:
            self.taken += 1
            yield request
