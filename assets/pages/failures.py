"""Which error class an exception on a page has.

Here: the parser's and the system's exceptions by what they mean. Not here: errors that Quire raises
itself (they carry their class, `resources/errors.py`).
"""

from __future__ import annotations

from resources.errors import ErrorClass

_MEMORY_WORDS = (
    "malloc",
    "calloc",
    "realloc",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "insufficient memory",
)
MAX_MESSAGE = 500


def classify(error: Exception) -> tuple[ErrorClass, str]:
    """Class and message of an exception that was raised while a page was read.

    MuPDF, OpenCV and onnxruntime report an allocation that failed by errors of their own.
    """
    message = f"{type(error).__name__}: {error}"[:MAX_MESSAGE]
    said = message.lower()
    if isinstance(error, MemoryError) or any(word in said for word in _MEMORY_WORDS):
        return ErrorClass.MEMORY, f"{message} (raise QUIRE_WORKER_MEMORY_MB)"
    return ErrorClass.UNREADABLE, message
