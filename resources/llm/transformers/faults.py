"""What a model raises while it generates, told apart.

Here: no memory, a dead device, anything else. Not here: what is done about it (`engine.py`).
"""

from __future__ import annotations

import traceback
from typing import Final

_NO_MEMORY: Final = (
    "not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory",
    "memory footprint", "bad_alloc",
)  # fmt: skip
_DEAD: Final = ("cuda error", "cublas_status", "device-side assert", "cudnn_status_internal")
_TOLD_CHARS: Final = 300


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory: of the GPU, or of the machine (torch's CPU allocator)."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)


def is_dead_device(error: BaseException) -> bool:
    """Whether the GPU can do nothing more for this process."""
    text = str(error).lower()
    return not is_out_of_memory(error) and any(words in text for words in _DEAD)


def told(error: BaseException) -> str:
    """The error in one line."""
    text = " ".join(str(error).split())[:_TOLD_CHARS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def let_go(error: BaseException) -> None:
    """Free what the frames of an error hold: tensors, else memory that ran out stays taken."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
