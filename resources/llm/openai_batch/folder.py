"""A folder in place of a provider: files for `vllm run-batch`, which somebody runs beside.

Here: `QUIRE_BASE_URL=file:///folder`: requests are written as `NAME.in.jsonl`, and answers are read
from `NAME.out.jsonl` once they are whole. Not here: running vLLM, which a person or a scheduler
does: `vllm run-batch -i NAME.in.jsonl -o NAME.out.jsonl --model MODEL`.

What a job is here is its file: there is no list to look through and no acknowledgement to lose.
vLLM writes its answers in one go at the end but not at once for a reader, so a file counts when it
answers every request, or when it has not grown for ten minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from resources.llm.openai_batch.provider import ProviderAwayError, ProviderJob

SETTLED_SECONDS: Final = 600.0
"""An output file that lacks answers and has not changed for so long gets no more."""


class FolderProvider:
    """Jobs as files of a folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Take a folder; it is made when the first file is written."""
        self._folder = folder
        self._clock = clock

    def __repr__(self) -> str:
        return f"FolderProvider({str(self._folder)!r})"

    def upload(self, intent: str, content: bytes) -> str:
        """Write the requests, whole or not at all."""
        path = self._input(intent)
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            os.replace(part, path)
        except OSError as error:
            raise self._away(error) from None
        return path.name

    def create(self, intent: str, file_id: str) -> ProviderJob:
        """Nothing more is needed: the file is the job."""
        del file_id
        return self._job(intent)

    def find(self, intent: str, file_id: str | None, since: float) -> ProviderJob | None:
        """The job, when its file is there."""
        del file_id, since
        return self._job(intent) if self._input(intent).is_file() else None

    def find_file(self, intent: str) -> str | None:
        """The file, when it is there."""
        path = self._input(intent)
        return path.name if path.is_file() else None

    def job(self, job_id: str) -> ProviderJob | None:
        """How a job stands: over once its answers are whole, or its files are gone."""
        return self._job(job_id)

    def read(self, file_id: str) -> bytes | None:
        """A file's content."""
        try:
            return (self._folder / file_id).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._away(error) from None

    def cancel(self, job_id: str) -> None:
        """Take the requests away; a vLLM that has read them goes on."""
        self._input(job_id).unlink(missing_ok=True)

    def discard(self, file_id: str) -> None:
        """Remove a file; one that stays is no reason to stop."""
        try:
            (self._folder / file_id).unlink(missing_ok=True)
        except OSError:
            return

    def close(self) -> None:
        """Nothing is open."""

    def _input(self, intent: str) -> Path:
        return self._folder / f"quire-{intent}.in.jsonl"

    def _job(self, intent: str) -> ProviderJob:
        asked, answered = self._input(intent), self._folder / f"quire-{intent}.out.jsonl"
        try:
            if not self._folder.is_dir():
                raise ProviderAwayError(f"{self._folder} is gone: is it mounted?")
            n_asked = _lines(asked)
            n_answered = _lines(answered)
            over = n_answered is not None and (
                n_answered >= (n_asked or 0)
                or self._clock() - answered.stat().st_mtime >= SETTLED_SECONDS
            )
        except OSError as error:
            raise self._away(error) from None
        gone = n_asked is None and n_answered is None
        state = "completed" if over else "cancelled" if gone else "in_progress"
        return ProviderJob(
            job_id=intent,
            state=state,
            input_file=asked.name,
            output_file=answered.name if over else None,
            intent=intent,
        )

    def _away(self, error: OSError) -> ProviderAwayError:
        return ProviderAwayError(f"cannot use the folder {self._folder} ({error.strerror})")


def _lines(path: Path) -> int | None:
    """Whole lines of a file; None when it is not there."""
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if line.endswith(b"\n") or line.rstrip().endswith(b"}"))
    except FileNotFoundError:
        return None
