"""What a served model says of an image.

Here: the records that leave this folder. Not here: how they come about (`reading.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.errors import ErrorClass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ServedBlock:
    """A block of an image, as surya tells of it.

    Attributes:
        label: surya's canonical label: `Text`, `SectionHeader`, `Table` …
        html: What it says, as the model wrote it: not to be trusted. Empty for a picture.
        box: x0, y0, x1, y1 in shares (0-1) of the image's width and height.
        confidence: 0-1, the mean probability of the tokens; None where the server does not say.
    """

    label: str
    html: str
    box: Box
    confidence: float | None


@dataclass(frozen=True)
class ServedImage:
    """What came of an image.

    Attributes:
        blocks: In reading order; none when it failed.
        error_class: None when it was read.
        error: What happened, and what mends it.
        is_empty: The server answered that there is nothing to read.
        input_tokens: As the server counted them, over all calls for this image.
        output_tokens: Likewise.
        n_calls: Requests that were answered.
        elapsed_ms: From its first call to its last, waiting for a place included.
        n_lines: Lines of text that surya's own detector sees; None where it did not look.
        garbled: Share (0-1) of the prose that surya's OCR-error model calls bad; None likewise.
    """

    blocks: tuple[ServedBlock, ...] = ()
    error_class: ErrorClass | None = None
    error: str | None = None
    is_empty: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    n_calls: int = 0
    elapsed_ms: int = 0
    n_lines: int | None = None
    garbled: float | None = None
