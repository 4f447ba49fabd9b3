"""Documents through a language model: requests out as the engine wants them, records as they end.

Here: the order of requests, looking for kept answers before every one, keeping every good answer
before it counts, and handing answers on to all documents that asked the same. Not here: what one
document asks (`documents.py`), the engine (`resources/llm`), the kept answers
(`io_managers/completions.py`).

An engine may take requests in a thread of its own while this one handles completions: what both
touch is behind one lock. Questions that follow from answers are asked before new documents are
begun, so that few documents are open at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, Protocol, cast

from assets.summaries.answer import Verdict
from assets.summaries.asking import Ask
from assets.summaries.documents import Document
from io_managers.completions import Completions, Kept
from resources.errors import ErrorClass
from resources.llm.base import Completion, Engine, FinishReason, Request
from resources.summariser.base import SummaryRecord

_LOST: Final = Verdict(
    None, ErrorClass.SUMMARY_FAILED, "the engine gave no answer to a question and no reason"
)


_THE_SAME_AGAIN: Final = frozenset(
    {ErrorClass.INVALID_OUTPUT, ErrorClass.TRUNCATED_OUTPUT, ErrorClass.REFUSED}
)
"""What a model says of a text it says of the same text again; the next run asks all the same."""


class InHand(Protocol):
    """Takes notes of the documents that are being worked on (`io_managers/intents.py`)."""

    def begin(self, documents: Iterable[str], *, alone: bool = False) -> None:
        """A question of theirs was handed out."""

    def end(self, documents: Iterable[str]) -> None:
        """It was answered."""


class Generating:
    """The documents of one batch, some of them open at a time."""

    def __init__(
        self,
        completions: Completions,
        windows: Iterable[Sequence[Document]],
        in_hand: InHand | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Take documents some at a time; the next ones are made when the engine wants more.

        Args:
            completions: The kept answers.
            windows: The documents.
            in_hand: Is told whose questions the engine has, for the day that it ends this process.
            alone: Whether there is one document only, because runs died with it in hand.
        """
        self._completions = completions
        self._in_hand = in_hand
        self._alone = alone
        self._windows = iter(windows)
        self._queue: deque[Ask] = deque()
        self._asked: dict[str, Ask] = {}
        """In the engine's hands."""
        self._wanted: dict[str, list[Document]] = {}
        """By key of a question that is queued or asked: who waits for its answer."""
        self._useless: dict[str, tuple[Verdict, str]] = {}
        """By key: answers of this run that were paid for and cannot be used, and who gave them."""
        self._ended: deque[SummaryRecord] = deque()
        self._lock = threading.Lock()

    def run(self, engine: Engine) -> Iterator[SummaryRecord]:
        """One record per document, in no fixed order.

        The engine is called again while answers led to more questions; it is not called at all when
        every answer was kept.

        Raises:
            EngineError: The engine cannot go on.
            LakeError: An answer cannot be kept.
        """
        while (first := self._take()) is not None:
            with closing(_closable(engine.generate(self._requests(first)))) as completions:
                for completion in completions:
                    self._handle(completion)
                    yield from self._records()
            with self._lock:
                for key in list(self._asked):
                    self._answer(key, _LOST, "")
            yield from self._records()
        yield from self._records()

    def _requests(self, first: Request) -> Iterator[Request]:
        yield first
        while (request := self._take()) is not None:
            yield request

    def _take(self) -> Request | None:
        """The next request; None when there is none until an answer comes."""
        with self._lock:
            while True:
                while self._queue:
                    ask = self._queue.popleft()
                    key = ask.request.key
                    open_ones = [d.doc_id for d in self._wanted[key] if d.awaits(key)]
                    if open_ones and self._completions.appeared(key):
                        self._ask([(d, [ask]) for d in self._wanted.pop(key)], first=True)
                        continue
                    if open_ones:
                        self._asked[key] = ask
                        if self._in_hand is not None:
                            self._in_hand.begin(open_ones, alone=self._alone)
                        return ask.request
                    # They failed or were cut anew meanwhile: this would be paid for nothing.
                    del self._wanted[key]
                window = next(self._windows, None)
                if window is None:
                    return None
                self._ask([(document, document.start()) for document in window])

    def _ask(self, asks: Sequence[tuple[Document, Sequence[Ask]]], *, first: bool = False) -> None:
        """Queue questions that no kept answer answers, with all that follows from those kept."""
        fresh: list[Ask] = []
        todo = list(asks)
        while todo:
            self._end(document for document, _ in todo)
            new: dict[str, tuple[Ask, list[Document]]] = {}
            for document, questions in todo:
                for ask in questions:
                    key = ask.request.key
                    if key in self._wanted:
                        waiting = self._wanted[key]
                        if all(one is not document for one in waiting):  # else it is cut anew
                            waiting.append(document)
                    else:
                        new.setdefault(key, (ask, []))[1].append(document)
            kept = self._completions.find([key for key in new if key not in self._useless])
            todo = []
            for key, (ask, documents) in new.items():
                if key in self._useless:
                    verdict, model = self._useless[key]
                    todo += [(d, d.take(ask, verdict, model)) for d in documents]
                elif key in kept:
                    verdict = ask.judge(_completion(kept[key]))
                    todo += [(d, d.take(ask, verdict, kept[key].model)) for d in documents]
                else:
                    self._wanted[key] = documents
                    fresh.append(ask)
        if first:
            self._queue.extendleft(reversed(fresh))
        else:
            self._queue.extend(fresh)

    def _handle(self, completion: Completion) -> None:
        with self._lock:
            ask = self._asked.get(completion.key)
            if ask is None:
                return  # answered before: an engine that answers twice is paid twice, once counts
            verdict = ask.judge(completion)
            if verdict.summary is not None:
                self._completions.put(_kept(ask, completion))
            elif verdict.error_class in _THE_SAME_AGAIN:
                self._useless[completion.key] = verdict, completion.model
            payer = next((d for d in self._wanted[completion.key] if d.record is None), None)
            if payer is not None:  # else its documents had failed meanwhile: `usage` has the call
                payer.spent.add(
                    completion.input_tokens,
                    completion.output_tokens,
                    completion.elapsed_ms,
                    completion.cost_usd,
                )
            self._answer(completion.key, verdict, completion.model)

    def _answer(self, key: str, verdict: Verdict, model: str) -> None:
        ask = self._asked.pop(key)
        documents = self._wanted.pop(key)
        if self._in_hand is not None:
            self._in_hand.end([document.doc_id for document in documents])
        self._ask([(d, d.take(ask, verdict, model)) for d in documents], first=True)

    def _end(self, documents: Iterable[Document]) -> None:
        for document in documents:
            if document.record is not None and not document.told:
                document.told = True
                self._ended.append(document.record)

    def _records(self) -> Iterator[SummaryRecord]:
        while self._ended:
            yield self._ended.popleft()


def _kept(ask: Ask, completion: Completion) -> Kept:
    return Kept(
        key=completion.key,
        kind=ask.kind,
        model=completion.model,
        prompt_version=ask.prompt_version,
        text=completion.text or "",
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        finish_reason=completion.finish_reason,
        cost_usd=completion.cost_usd,
    )


def _completion(kept: Kept) -> Completion:
    """A kept answer as if it came now, for nothing."""
    return Completion(
        key=kept.key,
        text=kept.text,
        finish_reason=cast("FinishReason", kept.finish_reason),
        input_tokens=0,
        output_tokens=0,
        elapsed_ms=0,
        model=kept.model,
    )


def _closable(completions: Iterator[Completion]) -> Generator[Completion]:
    """A generator around any iterator, so that closing it closes what is inside where it can."""
    try:
        yield from completions
    finally:
        close = getattr(completions, "close", None)
        if close is not None:
            close()
