"""Tesseract through its command, for those who have it: quicker than RapidOCR, Latin scripts.

Here: one call per image, its table of words as lines. The command rather than a binding: it needs
no wheel that matches the system's library, gives confidences (PyMuPDF's built-in Tesseract does
not), and a crash of it is an error code. It loses most lines of a page that falls to the right by
2° and more, without a word, so it is shown level pages (`level.py`). Not here: columns and
orientation (`assets/pages`).
"""

from __future__ import annotations

import csv
import ctypes
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from resources.errors import DocumentError, ErrorClass
from resources.ocr.base import OcrLine, OcrUnavailableError
from resources.ocr.level import levelled

if TYPE_CHECKING:
    from resources.ocr.base import Image, Quad

LANGUAGE: Final = "eng"
PAGE_SEGMENTATION: Final = "3"  # fully automatic, without orientation: that is decided by us
TIMEOUT_SECONDS: Final = 50
"""Below the default of QUIRE_PAGE_TIMEOUT: a page takes 1.3-1.7 s."""
PADDING: Final = 0.12
"""Of a line's height, on every side: Tesseract's boxes end with the ink, and `assets/pages/ocr`
expects those of detectors, 1.18 to 1.25 times as high. On made pages of 8-14 pt the sizes of
letters come out within a tenth."""
SAME_SIZE: Final = 0.7
"""Of the height of a block's lines: what lacks a descender has 0.8 of it."""
_LINE, _WORD = "4", "5"
_FOLDER: Final = re.compile(r'"(.+)"')
"""Of --list-langs: List of available languages in "/usr/share/tesseract-ocr/5/tessdata/" (2):"""
_TOLD_CHARS: Final = 300
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)
_MEND: Final = (
    "QUIRE_OCR=tesseract needs the tesseract command and its English data: "
    "`apt install tesseract-ocr tesseract-ocr-eng`, or set QUIRE_OCR=rapidocr"
)


class Tesseract:
    """The `OcrEngine` around the tesseract command."""

    name: Final = "tesseract"

    def __init__(self) -> None:
        """Look for the command and its language data."""
        self.version = installed_version()
        if self.version == "absent":
            raise OcrUnavailableError(_MEND)
        language_data()

    def find(self, image: Image, progress: Callable[[], None]) -> None:  # noqa: ARG002
        """Nothing: Tesseract finds and reads in one go."""
        return

    def read(
        self,
        image: Image,
        progress: Callable[[], None],
        where: Sequence[Quad] | None = None,  # noqa: ARG002
    ) -> list[OcrLine]:
        """Every line of the image, in Tesseract's order."""
        progress()
        level = levelled(image)
        height, width = level.image.shape[:2]
        ppm = b"P6 %d %d 255\n" % (width, height) + level.image.tobytes()
        arguments = ["stdin", "stdout", "-l", LANGUAGE, "--psm", PAGE_SEGMENTATION, "tsv"]
        try:
            found = _run(arguments, ppm)
        except (subprocess.SubprocessError, OSError) as error:
            raise DocumentError(
                ErrorClass.OCR_FAILED, f"tesseract failed: {_told(error)}"
            ) from error
        progress()
        lines = parse_tsv(found.decode("utf-8", "replace"))
        return [replace(line, box=level.quad_before(line.box)) for line in lines]


def parse_tsv(table: str) -> list[OcrLine]:
    """Lines from Tesseract's table; confidence is the mean over characters of the words.

    Boxes are those of its lines: boxes of short words are cells, half as high again as the line.
    """
    lines: dict[tuple[str, ...], _TableLine] = {}
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["level"] not in {_LINE, _WORD}:
            continue
        key = tuple(row[k] for k in ("block_num", "par_num", "line_num"))
        if row["level"] == _LINE:
            x0, y0 = float(row["left"]), float(row["top"])
            lines[key] = _TableLine(x0, y0, x0 + float(row["width"]), y0 + float(row["height"]))
        elif (row["text"] or "").strip():
            lines[key].words.append((row["text"], float(row["conf"]) / 100))
    blocks: dict[str, list[_TableLine]] = {}
    for key, line in lines.items():
        if line.words:
            blocks.setdefault(key[0], []).append(line)
    return [
        line.read(median(other.height for other in block))
        for block in blocks.values()
        for line in block
    ]


@dataclass
class _TableLine:
    """A line of the table: the box of its ink, its words with their confidences."""

    x0: float
    y0: float
    x1: float
    y1: float
    words: list[tuple[str, float]] = field(default_factory=list)

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def read(self, usual: float) -> OcrLine:
        """The line, its box as a detector makes it, in a block of lines of this usual height."""
        # Without a descender a line is lower than its neighbours, and not set smaller.
        height = usual if SAME_SIZE * usual <= self.height else self.height
        height = max(self.height, height)
        pad = PADDING * height
        x0, y0, x1, y1 = self.x0 - pad, self.y0 - pad, self.x1 + pad, self.y0 + height + pad
        n_chars = sum(len(word) for word, _ in self.words)
        confidence = sum(value * len(word) for word, value in self.words) / n_chars
        quad = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        return OcrLine(" ".join(word for word, _ in self.words), max(0.0, confidence), quad)


def version_inputs() -> dict[str, str]:
    """Version of the command, its language data and page segmentation."""
    found = installed_version()
    try:
        data = "absent" if found == "absent" else _hash_of(language_data())
    except OcrUnavailableError:  # the engine will say so when it is to read
        data = "absent"
    return {
        "tesseract": found,
        "tesseract_language": LANGUAGE,
        "tesseract_data": data,
        "tesseract_psm": PAGE_SEGMENTATION,
    }


def language_data() -> Path | None:
    """The file of the language, which the `fast` and `best` packages have under one name.

    None where the command does not say where it is.

    Raises:
        OcrUnavailableError: the command has no such language.
    """
    try:
        first, *languages = _run(["--list-langs"]).decode("utf-8", "replace").splitlines()
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise OcrUnavailableError(f"{_MEND} (it does not start: {_told(error)})") from error
    if LANGUAGE not in languages:
        raise OcrUnavailableError(_MEND)
    folder = _FOLDER.search(first)
    file = Path(folder.group(1)) / f"{LANGUAGE}.traineddata" if folder else None
    return file if file is not None and file.is_file() else None


def _hash_of(file: Path | None) -> str:
    return "unknown" if file is None else hashlib.sha256(file.read_bytes()).hexdigest()


def installed_version() -> str:
    """Version of the tesseract command, `absent` without one."""
    command = shutil.which("tesseract")
    return "absent" if command is None else _version_of(command)


@cache
def _version_of(command: str) -> str:
    try:
        first = _run(["--version"], command=command).decode().splitlines()[0]
    except (subprocess.SubprocessError, OSError, IndexError) as error:
        raise OcrUnavailableError(f"{_MEND} (it does not start: {_told(error)})") from error
    return first.split()[-1]


def _told(error: Exception) -> str:
    """What went wrong, in the words of the command where it has any."""
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error)
    words = (error.stderr or b"").decode("utf-8", "replace").split()
    return f"exit status {error.returncode}: {' '.join(words)[-_TOLD_CHARS:]}"


def _run(arguments: list[str], stdin: bytes = b"", command: str = "tesseract") -> bytes:
    done = subprocess.run(  # no shell, fixed arguments
        [command, *arguments],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=TIMEOUT_SECONDS,
        # Its own threads make it slower (10.5 s against 2.5 s a page) and fight over the cores.
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    return done.stdout


def _die_with_parent() -> None:
    """A worker that is killed in the middle of a page leaves no Tesseract behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
