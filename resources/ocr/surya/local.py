"""surya's small models, loaded from folders: where lines stand, and whether a text is garbled.

Here: surya's own variables `DETECTOR_MODEL_CHECKPOINT` and `OCR_ERROR_MODEL_CHECKPOINT`, loading by
`.local(folder)`, and a second look by either at what the served model read. They run in the run's
own process, which has torch for surya anyway; workers have none. Not here: what follows from a look
(`assets/pages/served/blocks.py`).

Built any other way, surya's predictors start a server that outlives the run and download weights.
Quire does neither: without a folder there is no second look.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resources.errors import EngineError, SettingError
from resources.llm.torchvision_guard import guard_torchvision
from resources.ocr.surya.records import ServedBlock
from resources.settings import REPOSITORY_ROOT, read_dotenv

if TYPE_CHECKING:
    from PIL import Image

DETECTOR: Final = "DETECTOR_MODEL_CHECKPOINT"
OCR_ERROR: Final = "OCR_ERROR_MODEL_CHECKPOINT"
FEW_LETTERS: Final = 400
"""Letters and digits from which on lines need no counting: the check wants two a line, and a page
of 200 lines is beyond any print."""
PIECE_CHARS: Final = 1_000
"""Of text that is judged at once; the model takes 512 tokens and cuts what is more."""
MAX_PIECES: Final = 8
LEAST_CHARS: Final = 80
"""A shorter piece is a number or a name, and no text that could be garbled."""
_PROSE: Final = frozenset({"Text", "ListGroup", "Footnote", "Caption"})
_TAG: Final = re.compile(r"<[^<>]*>")
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folders:
    """Where the models are; None where there is none."""

    detector: Path | None = None
    ocr_error: Path | None = None


def configured_folders() -> Folders:
    """The folders that the environment or `.env` names; nothing is loaded.

    Raises:
        SettingError: What is named is no folder of a model.
    """
    values = {**read_dotenv(REPOSITORY_ROOT / ".env"), **os.environ}
    return Folders(
        _folder(DETECTOR, values.get(DETECTOR)), _folder(OCR_ERROR, values.get(OCR_ERROR))
    )


def _folder(variable: str, value: str | None) -> Path | None:
    if not (value := (value or "").strip()):
        return None
    folder = REPOSITORY_ROOT / Path(value).expanduser()
    if not (folder / "config.json").is_file():
        raise SettingError(
            f"{variable}={value}: {folder} is no folder with a config.json. Quire downloads no "
            "weights: copy the model there, or leave the variable out"
        )
    return folder


class SecondLook:
    """What the small models say of a page that was read. Safe to use from several threads."""

    def __init__(self, folders: Folders) -> None:
        """Load nothing yet."""
        self._folders = folders
        self._lock = threading.Lock()
        self._detector: Any = None
        self._judge: Any = None

    def load(self) -> None:
        """Load the models that are named.

        Raises:
            EngineError: One does not load.
        """
        with self._lock:
            if self._folders.detector is not None and self._detector is None:
                self._detector = _loaded(DETECTOR, self._folders.detector, _make_detector)
            if self._folders.ocr_error is not None and self._judge is None:
                self._judge = _loaded(OCR_ERROR, self._folders.ocr_error, _make_judge)

    def n_lines(self, image: Image.Image, blocks: Sequence[ServedBlock]) -> int | None:
        """Lines of text that the detector sees; None without one, or where the text is long."""
        if self._detector is None or n_letters(blocks) >= FEW_LETTERS:
            return None
        # surya detects at 96 dpi, half of what it reads at.
        (found,) = self._ask(lambda: self._detector([image.reduce(2)])) or (None,)
        return None if found is None else len(found.bboxes)

    def garbled(self, blocks: Sequence[ServedBlock]) -> float | None:
        """Share (0-1) of pieces of prose that the OCR-error model calls bad; None without any."""
        if self._judge is None:
            return None
        pieces = _pieces(blocks)
        found = self._ask(lambda: self._judge(pieces)) if pieces else None
        if found is None:
            return None
        n_bad = sum(1 for label in found.labels if label == "bad")
        return n_bad / len(pieces)

    def _ask(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - an untyped library
        """What a model says; None when it fails: then the first look stands."""
        try:
            with self._lock:
                return ask()
        except Exception as error:  # noqa: BLE001 - of torch and cv2, on whatever image
            _LOG.warning("a second look by surya failed (%s: %s)", type(error).__name__, error)
            return None


def n_letters(blocks: Sequence[ServedBlock]) -> int:
    """Letters and digits of what was read."""
    return sum(c.isalnum() for block in blocks for c in _TAG.sub("", block.html))


def _pieces(blocks: Sequence[ServedBlock]) -> list[str]:
    """Pieces of prose from all over the page."""
    texts = [_TAG.sub(" ", block.html) for block in blocks if block.label in _PROSE]
    text = " ".join(" ".join(texts).split())
    cut = [text[i : i + PIECE_CHARS] for i in range(0, len(text), PIECE_CHARS)]
    pieces = [piece for piece in cut if len(piece) >= LEAST_CHARS]
    step = max(1, -(-len(pieces) // MAX_PIECES))
    return pieces[::step]


def _loaded(variable: str, folder: Path, make: Callable[[str], Any]) -> Any:  # noqa: ANN401
    guard_torchvision()
    try:
        predictor = make(str(folder))
    except Exception as error:  # of torch and its libraries, on whatever lies in the folder
        raise EngineError(
            f"{variable}: the model in {folder} does not load: is it surya's? "
            f"({type(error).__name__}: {str(error)[:300]})"
        ) from error
    predictor.disable_tqdm = True
    return predictor


def _make_detector(folder: str) -> Any:  # noqa: ANN401
    from surya.detection import DetectionPredictor

    return DetectionPredictor.local(folder)


def _make_judge(folder: str) -> Any:  # noqa: ANN401
    from surya.ocr_error import OCRErrorPredictor

    return OCRErrorPredictor.local(folder)
