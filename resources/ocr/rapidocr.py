"""RapidOCR, the default engine: its models ship inside the wheel.

Here: the settings that make it good and quick on pages (docs/decisions/ocr-resolution.md and
ocr-speed.md), and the loop over lines that tells the worker's clock of every one. Not here:
resolution, orientation and the order of lines (`assets/pages`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resources.ocr.base import OcrLine, OcrUnavailableError
from resources.ocr.eight_bit import in_eight_bits, is_known, recipe

if TYPE_CHECKING:
    from resources.ocr.base import Image, Quad

RECOGNISER: Final = "PP-OCRv6_rec_small.onnx"
"""Of the wheel; where it is the one that `eight_bit.py` knows, it runs in integers."""
LINE_HEIGHT: Final = 48
"""Pixels; the recogniser's input."""
LINE_WIDTH: Final = 0.85
"""Of a line's width at that height: recognition costs by width, and nothing is lost down to here
(docs/decisions/ocr-speed.md)."""
MIN_LINE_PIXELS: Final = 8
"""The recogniser's step; a narrower line has no column at all."""

PARAMS: Final[dict[str, Any]] = {
    # The angle classifier turns upright Latin lines over (20 % character errors, 1.6 × the time).
    "Global.use_cls": False,
    "Global.log_level": "critical",
    # Doubtful lines are wanted: they say that there is ink that could not be read.
    "Global.text_score": 0.0,
    "Rec.rec_batch_num": 1,  # lines padded to a common width cost more than the batch saves
    "Det.limit_type": "max",
    "Det.limit_side_len": 1280,
    # As wide as the line is: by default, short lines are padded to 320 pixels. A page of 120 table
    # cells took 3.3 s, and takes 1.9 s.
    "Rec.rec_img_shape": [3, LINE_HEIGHT, 32],
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,  # a fifth off detection
    # One worker process per core: threads of their own would fight over the cores.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class RapidOcr:
    """The `OcrEngine` around RapidOCR."""

    name: Final = "rapidocr"

    def __init__(self) -> None:
        """Load detection and recognition at once, so that a broken install shows at once."""
        try:
            self.version = version("rapidocr")
            self._engine = _load()
        except MemoryError:
            raise
        except Exception as error:  # rapidocr and onnxruntime raise anything from ImportError on
            raise OcrUnavailableError(
                "RapidOCR does not start: reinstall with `pip install --force-reinstall rapidocr "
                f"onnxruntime`, or set QUIRE_OCR=off ({type(error).__name__}: {error})"
            ) from error

    def find(self, image: Image, progress: Callable[[], None]) -> list[Quad]:
        """Where lines stand: detection alone, an eighth of the cost of reading a page."""
        result = self._engine(_bgr(image), use_rec=False)
        progress()
        return [] if result.boxes is None else [_quad(box) for box in result.boxes]

    def read(
        self, image: Image, progress: Callable[[], None], where: Sequence[Quad] | None = None
    ) -> list[OcrLine]:
        """Every line of the image that is not empty."""
        from rapidocr.utils.process_img import get_rotate_crop_image

        pixels = _bgr(image)
        quads = self.find(image, progress) if where is None else where
        lines = []
        for quad in quads:
            crop = get_rotate_crop_image(pixels, _corners(quad))
            found = self._engine.recognize_txt([narrowed(crop)])
            progress()
            text, score = found.txts[0], float(found.scores[0])
            if text.strip():
                lines.append(OcrLine(text, score, quad))
        return lines


def version_inputs() -> dict[str, str]:
    """Version, models (they ship inside the wheel, so the version names them) and settings.

    Raises:
        OcrUnavailableError: a package or the recogniser is missing or cannot be read.
    """
    try:
        found = {p: version(p) for p in ("rapidocr", "onnxruntime")}
        path = recogniser_path()
        found["recogniser"] = recipe() if path is not None and is_known(path) else "floats"
    except (PackageNotFoundError, OSError) as error:
        raise OcrUnavailableError(
            "QUIRE_OCR=rapidocr needs `pip install rapidocr onnxruntime`; or set QUIRE_OCR=off"
        ) from error
    settings = {**PARAMS, "line_width": LINE_WIDTH}
    return {**found, "rapidocr_params": json.dumps(settings, sort_keys=True)}


def recogniser_path() -> Path | None:
    """The wheel's recogniser; None where it has another. Loads nothing."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / RECOGNISER
    return path if path.is_file() else None


def session_of(content: bytes) -> Any:  # noqa: ANN401  # an untyped library
    """A session of one thread for a model, as RapidOCR would make it."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = True
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _load() -> Any:  # noqa: ANN401  # an untyped library
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    engine = RapidOCR(params=PARAMS)
    engine._load_det_model()  # noqa: SLF001  # models load at first use otherwise
    recogniser = engine._load_rec_model()  # noqa: SLF001
    path = recogniser_path()
    if path is not None and is_known(path):  # `version_inputs` asks the same
        recogniser.session.session = session_of(in_eight_bits(path.read_bytes()))
    return engine


def narrowed(crop: Any) -> Any:  # noqa: ANN401  # pixels of an untyped library
    """A line as the recogniser is to see it: its own resizing finds nothing left to do."""
    import cv2

    height, width = crop.shape[:2]
    wanted = math.ceil(LINE_HEIGHT * width / max(1, height) * LINE_WIDTH)
    return cv2.resize(crop, (max(MIN_LINE_PIXELS, wanted), LINE_HEIGHT))


def _bgr(image: Image) -> Image:
    import numpy as np

    return np.ascontiguousarray(image[:, :, ::-1])  # OpenCV's order


def _corners(quad: Quad) -> Any:  # noqa: ANN401
    import numpy as np

    return np.array(quad, dtype=np.float32)


def _quad(box: Iterable[Iterable[float]]) -> Quad:
    a, b, c, d = ((float(x), float(y)) for x, y in box)
    return (a, b, c, d)
