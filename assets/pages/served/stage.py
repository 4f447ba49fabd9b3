"""The run's side of a served engine: what workers show goes to the server, answers go back to them.

Here: which pages are between their two ways through the workers, room for their images, and what
was spent. Workers render the next pages while these are read. Not here: requests
(`resources/ocr/surya`), and what a worker does (`reader.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from assets.pages.served.asks import Ask, asks_of
from io_managers.stage_run import StageRun
from io_managers.usage import SERVED
from resources.errors import ErrorClass
from resources.ocr.surya.asking import Asking, Pixels
from resources.ocr.surya.client import Client
from resources.ocr.surya.local import SecondLook, configured_folders
from resources.ocr.surya.records import ServedImage
from resources.ocr.surya.server import configured_server
from resources.settings import Settings
from resources.workers.pool import NOT_YET, Task

WAIT_SECONDS: Final = 0.05
"""For an answer, where there is nothing else to hand out: the pool looks after its workers then."""

Place = tuple[str, int]


@dataclass(frozen=True)
class _Between:
    """A page between its two ways: what it was part of, what it asks, what it took so far."""

    task: Task
    asks: tuple[Ask, ...]
    elapsed_ms: int


class Served:
    """The pages of one stage run that a server reads."""

    def __init__(self, run: StageRun, settings: Settings) -> None:
        """Nothing is asked, and no model library loaded, before the first page.

        Raises:
            SettingError: No server is named, or a model of surya's in a folder that has none.
        """
        client = Client(
            configured_server(),
            call_timeout=settings.call_timeout,
            most=settings.max_concurrency,
        )
        self._run = run
        self._asking = Asking(client, SecondLook(configured_folders()))
        self._pages: dict[Place, _Between] = {}
        self._ready: dict[str, dict[int, list[dict[str, Any]]]] = {}
        self._spent: dict[Place, tuple[int, int]] = {}

    def close(self) -> None:
        """Ask for nothing more."""
        self._asking.close()

    # Pages on their first way ------------------------------------------------------------------

    def ask(self, task: Task, record: Mapping[str, Any], blob: bytes | None) -> str | None:
        """Have a page read that a worker showed; returns what is wrong with what it said.

        Raises:
            EngineError: The server does not answer, or is gone.
        """
        try:
            page, elapsed_ms = int(record["page_number"]), int(record.get("elapsed_ms") or 0)
            asks = asks_of(record, blob)
        except (TypeError, ValueError, OverflowError) as error:
            return f"the worker's answer is no page to read: {error}"
        place = (task.document, page)
        if place in self._pages or place in self._spent:
            return "the worker asked twice"
        images = [Pixels(ask.width, ask.height, data) for ask, data in asks if not ask.is_blank]
        if not images:
            return "the worker asked nothing"
        self._asking.put(place, images)
        self._pages[place] = _Between(task, tuple(ask for ask, _ in asks), elapsed_ms)
        return None

    # Between the two ways ----------------------------------------------------------------------

    @property
    def n_waiting(self) -> int:
        """Pages that were asked and have not gone on to their second way."""
        return len(self._pages)

    def held(self, document: str) -> Collection[int]:
        """Pages of a document that will come once more."""
        return {page for owner, page in self._pages if owner == document}

    def among(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Tasks of second ways as soon as they are ready, else the next of these if there is room.

        Raises:
            EngineError: The server is gone.
        """
        left: Iterator[Task] | None = iter(tasks)
        while left is not None or self._pages:
            may_show = left is not None and self._asking.has_room
            self._take(0.0 if may_show else WAIT_SECONDS)
            if self._ready:
                yield self._second()
                continue
            task = next(left, None) if left is not None and may_show else NOT_YET
            if task is None:
                left = None
                # What runs may still ask: `read_in_slices` comes back for it.
            else:
                yield task

    def _take(self, timeout: float) -> None:
        for key, images in self._asking.take(timeout):
            place = self._place(key)
            between = self._pages[place]
            answers = _answers(between.asks, images)
            self._ready.setdefault(place[0], {})[place[1]] = answers
            waited = sum(image.elapsed_ms for image in images)
            self._spent[place] = (between.elapsed_ms, waited)
            work = self._run.work
            work.did(SERVED, waited)
            for image in images:
                work.paid(image.input_tokens, image.output_tokens, 0.0)
                self._run.counts["served_calls"] += image.n_calls

    def _place(self, key: Any) -> Place:  # noqa: ANN401 - our own, as it was put in
        document, page = key
        return str(document), int(page)

    def _second(self) -> Task:
        """All pages of one document whose answers are there."""
        document = next(iter(self._ready))
        answers = self._ready.pop(document)
        between = [self._pages.pop((document, page)) for page in answers]
        task = between[0].task.with_units(sorted(answers))
        return replace(task, payload={**task.payload, "answers": answers})

    # Pages on their second way -----------------------------------------------------------------

    def spent(self, document: str, page: int) -> tuple[int, int]:
        """Milliseconds that a page took before its second way: of a worker, and of the server."""
        return self._spent.get((document, page), (0, 0))


def _answers(asks: Collection[Ask], images: Iterable[ServedImage]) -> list[dict[str, Any]]:
    """What was asked, each with its answer, for the payload of a task."""
    left = iter(images)
    answers = []
    for ask in asks:
        image = ServedImage() if ask.is_blank else next(left)
        answers.append(
            {
                "ask": ask.as_record(),
                "is_empty": image.is_empty,
                "error_class": _class_of(image.error_class),
                "error": image.error,
                "n_lines": image.n_lines,
                "garbled": image.garbled,
                "blocks": [asdict(block) for block in image.blocks],
            }
        )
    return answers


def _class_of(error_class: ErrorClass | None) -> str | None:
    return None if error_class is None else str(error_class)
