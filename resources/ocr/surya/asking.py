"""Images on their way to the server and back, beside whatever else the run does.

Here: threads that read them, a bound on what is held, and answers as they come. A few threads begin
and more follow as the window of requests opens. Not here: reading one (`reading.py`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from resources.errors import EngineError, QuireError
from resources.ocr.surya.client import Client
from resources.ocr.surya.local import SecondLook
from resources.ocr.surya.reading import load_surya, read_image
from resources.ocr.surya.records import ServedImage

MAX_HELD: Final = 512 * 2**20
"""Bytes of pixels that wait or are being read: 48 pages of A4 at 192 dpi. A server's speed levels
off at some 50 to 100 requests in flight (surya's own cap is 96)."""


@dataclass(frozen=True)
class Pixels:
    """An image as bare pixels, which nothing needs to decode: a worker made them."""

    width: int
    height: int
    data: bytes


Answer = tuple[Hashable, tuple[ServedImage, ...]]


class Asking:
    """Reads images of one run. Nothing is loaded or asked before the first one."""

    def __init__(self, client: Client, look: SecondLook | None = None) -> None:
        """Ask through this client; `look` looks at what was read."""
        self._client = client
        self._look = look
        self._todo: queue.SimpleQueue[tuple[Hashable, Sequence[Pixels]] | None] = (
            queue.SimpleQueue()
        )
        self._done: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._held: dict[Hashable, int] = {}
        self._closed = threading.Event()

    @property
    def n_waiting(self) -> int:
        """Keys that were put in and have not come out."""
        return len(self._held)

    @property
    def has_room(self) -> bool:
        """Whether more images may come. Those that come all the same are held as well."""
        return sum(self._held.values()) < MAX_HELD

    def put(self, key: Hashable, images: Sequence[Pixels]) -> None:
        """Have these images read, one after the other.

        Raises:
            EngineError: The first time: surya is not installed, or the server does not answer.
        """
        if not self._threads:
            load_surya()
            if self._look is not None:
                self._look.load()
            self._client.attach()
        self._held[key] = sum(len(image.data) for image in images)
        self._todo.put((key, images))
        # A page may be between two requests, so there are more threads than requests.
        wanted = min(len(self._held), self._client.window.most)
        while len(self._threads) < wanted:
            # They are not waited for at the end: one may sit in a request for ten minutes.
            thread = threading.Thread(target=self._work, name="surya", daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self, timeout: float) -> list[Answer]:
        """The answers that are there; waits for the first one no longer than this.

        Raises:
            EngineError: The server is gone.
        """
        found: list[Answer] = []
        if not self._held:
            return found
        try:
            found.append(self._checked(self._done.get(timeout=timeout)))
            while True:
                found.append(self._checked(self._done.get_nowait()))
        except queue.Empty:
            return found

    def close(self) -> None:
        """Ask for nothing more; what is in flight is left to itself."""
        self._closed.set()
        for _ in self._threads:
            self._todo.put(None)
        self._client.close()

    def _checked(self, answer: Answer | Exception) -> Answer:
        if isinstance(answer, QuireError):
            raise answer
        if isinstance(answer, Exception):
            text = f"reading a page by surya failed: {type(answer).__name__}: {answer}"
            raise EngineError(text) from answer
        self._held.pop(answer[0], None)
        return answer

    def _work(self) -> None:
        while (job := self._todo.get()) is not None and not self._closed.is_set():
            key, images = job
            try:
                self._done.put((key, tuple(self._read(image) for image in images)))
            except Exception as error:  # noqa: BLE001 - a thread's boundary: the run raises it
                self._done.put(error)

    def _read(self, pixels: Pixels) -> ServedImage:
        from PIL import Image

        image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.data)
        return read_image(self._client, image, self._look)
