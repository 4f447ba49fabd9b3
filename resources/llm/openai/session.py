"""One call of `generate`: a thread with an event loop behind a plain iterator.

Here: the thread, what goes in and out of it, and its end. Not here: what it does with requests
(`dispatch.py`).

Requests are pulled on the caller's thread, a few ahead of the slots there are; completions wait in
a queue until the caller takes them. The thread ends with the iterator, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from resources.errors import EngineError
from resources.llm.base import Completion, Request
from resources.llm.openai.client import ChatClient
from resources.llm.openai.dispatch import Dispatcher
from resources.llm.openai.known import Job, Known

_JOIN_SECONDS: Final = 5.0


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class _More:
    """A fresh request was begun: there may be room for another."""


class Session:
    """A running dispatcher."""

    def __init__(
        self,
        client: ChatClient,
        known: Known,
        unasked: Callable[[Request], Completion | None],
    ) -> None:
        """Take what it works with; nothing runs yet.

        Args:
            client: Makes the calls.
            known: What is known of the server.
            unasked: The completion of a request that need not be asked.
        """
        self._client = client
        self._known = known
        self._unasked = unasked
        self._outbox: queue.SimpleQueue[Completion | _More | _End] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._dispatcher: Dispatcher | None = None
        self._thread = threading.Thread(target=self._main, name="quire-llm-calls", daemon=True)
        self._open = 0

    def completions(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, as they are done.

        Raises:
            EngineError: The server cannot be worked with; all that it answered came before.
        """
        source = iter(requests)
        exhausted = False
        try:
            self._thread.start()
            self._ready.wait()
            while True:
                while not exhausted and self._has_room():
                    try:
                        self._add(next(source))
                    except StopIteration:
                        exhausted = True
                        self._tell("close")
                item = self._outbox.get()
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                if isinstance(item, Completion):
                    self._open -= 1
                    yield item
        finally:
            self.stop()

    def stop(self) -> None:
        """End what is in flight and the thread; from any thread, more than once."""
        if self._loop is not None and self._task is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(_JOIN_SECONDS)

    def _has_room(self) -> bool:
        """Whether another request is worth having: pulled early it would only wait here."""
        if self._dispatcher is None or not self._thread.is_alive():
            return False
        limit = self._known.concurrency.limit
        return self._open - self._dispatcher.n_delayed < limit + max(2, limit // 2)

    def _add(self, request: Request) -> None:
        if self._dispatcher is None:
            raise RuntimeError("the session is not running")
        self._open += 1
        completion = self._unasked(request)
        if completion is not None:
            self._outbox.put(completion)
            return
        read = request.n_input_tokens
        if not read:
            read = self._known.calibration.predict_messages(request.messages)
        self._dispatcher.fresh.append(Job(request, read + request.max_output_tokens))
        self._tell("wake")

    def _tell(self, what: str) -> None:
        if self._loop is None or self._dispatcher is None:
            return
        with contextlib.suppress(RuntimeError):  # it ended: its reason is in the outbox
            self._loop.call_soon_threadsafe(getattr(self._dispatcher, what))

    def _main(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            error = EngineError("the engine was closed while requests were under way")
        except BaseException as raised:  # noqa: BLE001 - raised again on the caller's thread
            error = raised
        finally:
            self._outbox.put(_End(error))
            self._ready.set()

    async def _work(self) -> None:
        async with self._client as client:
            self._dispatcher = Dispatcher(
                client, self._known, self._outbox.put, lambda: self._outbox.put(_More())
            )
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.current_task()
            self._ready.set()
            await self._dispatcher.run()
