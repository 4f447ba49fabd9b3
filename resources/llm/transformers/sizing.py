"""How much of a model's work fits in memory, from its configuration and what is free.

Here: formulas, in bytes. Not here: what is done when they are wrong (`room.py`).

With L layers, H query heads and K key-value heads of size D, I wide inside, V tokens known, b bytes
a value:

- the cache holds 2 L K D b bytes a token;
- reading a padded prompt takes b (3 I + 6 hidden) more for each of its tokens: one layer's gate, up
  and product, and the states around them;
- continuous batching without flash attention copies one layer's keys and values for every query
  head, (2 H + K) D b a token of cache, and has a mask of M b a token of cache, where M tokens are
  read at once; with flash attention it has neither;
- scores are 4 V bytes a request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resources.llm.transformers.foreign import Config

CUDA_SHARE: Final = 0.85
"""Of free GPU memory after loading; the rest is for fragments and cuBLAS' work space."""
CPU_SHARE: Final = 0.25
"""Of free memory: workers of other stages may run on the same host."""
PAGE_TOKENS: Final = 32
"""Tokens of a page of the continuous cache: half of one is lost per request on average."""
CUDA_ROWS, CPU_ROWS = 256, 16
"""Requests at once at most. On a GPU about 300 rows hide the reading of bf16 weights (989 TFLOP/s
over 3.35 TB/s on an H100), on a CPU a dozen."""
CUDA_STEP_TOKENS, CPU_STEP_TOKENS = 4096, 512
"""Tokens of prompts that continuous batching reads in one step."""
LEAST_STEP_TOKENS: Final = 16
_CGROUP: Final = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that its memory follows from.

    Attributes:
        layers: Number of layers.
        heads: Query heads of a layer.
        key_value_heads: Key and value heads of a layer.
        head_size: Values of a head.
        hidden: Values of a token's state.
        inner: Width of the feed-forward part.
        vocabulary: Tokens known.
        value_bytes: Bytes of a value: 2 for bfloat16, 4 for float32.
    """

    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    hidden: int
    inner: int
    vocabulary: int
    value_bytes: int

    @property
    def cache_bytes(self) -> int:
        """Bytes of the cache a token."""
        return 2 * self.layers * self.key_value_heads * self.head_size * self.value_bytes

    @property
    def prompt_bytes(self) -> int:
        """Bytes that reading a prompt takes a token, beside the cache."""
        return self.value_bytes * (3 * self.inner + 6 * self.hidden)

    @property
    def copy_bytes(self) -> int:
        """Bytes of copies that attention without flash makes a token of cache."""
        return (2 * self.heads + self.key_value_heads) * self.head_size * self.value_bytes


@dataclass(frozen=True)
class Limits:
    """What may be at work at once.

    Attributes:
        tokens: Of prompts and answers together.
        rows: Requests.
        step_tokens: Tokens of prompts read in one step of continuous batching.
    """

    tokens: int
    rows: int
    step_tokens: int


def shape_of(config: Config, value_bytes: int) -> Shape:
    """The shape of a transformers configuration; mixtures of experts count all their width."""
    text = config.get_text_config()
    heads = int(text.num_attention_heads)
    hidden = int(text.hidden_size)
    return Shape(
        layers=int(text.num_hidden_layers),
        heads=heads,
        key_value_heads=int(getattr(text, "num_key_value_heads", None) or heads),
        head_size=int(getattr(text, "head_dim", None) or hidden // heads),
        hidden=hidden,
        inner=int(getattr(text, "intermediate_size", None) or 4 * hidden),
        vocabulary=int(text.vocab_size),
        value_bytes=value_bytes,
    )


def limits_for(shape: Shape, free: int, context: int, *, is_cuda: bool, is_flash: bool) -> Limits:
    """What fits into so many free bytes, and no more than full rows of the context window."""
    rows = CUDA_ROWS if is_cuda else CPU_ROWS
    step = CUDA_STEP_TOKENS if is_cuda else CPU_STEP_TOKENS
    usable = int(free * (CUDA_SHARE if is_cuda else CPU_SHARE))
    usable -= 4 * shape.vocabulary * rows
    a_token = shape.cache_bytes + shape.prompt_bytes
    if not is_flash:
        a_token = max(a_token, shape.cache_bytes + shape.copy_bytes + step * shape.value_bytes)
    tokens = max(1, usable) // a_token
    return Limits(max(PAGE_TOKENS, min(tokens, rows * context)), rows, step)


def pages_for(tokens: int, rows: int) -> int:
    """Pages of the continuous cache that hold so many tokens of so many requests."""
    return math.ceil(tokens / PAGE_TOKENS) + rows


def free_memory(device: str) -> int:
    """Bytes that are free: of the GPU, or of this machine and its control group."""
    if device == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info()
        cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(free + cached)
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, used in _CGROUP:
        if limit.is_file() and used.is_file():
            value = limit.read_text(encoding="ascii").strip()
            if value.isdigit():
                free = min(free, int(value) - int(used.read_text(encoding="ascii")))
    return max(0, free)
