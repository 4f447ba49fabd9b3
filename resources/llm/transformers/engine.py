"""QUIRE_SUMMARISER=transformers: a language model in this process, on the GPU where there is one.

Here: requests to completions, and what to do when a batch fails. Not here: loading (`loading.py`),
generating (`continuous.py`, `padded.py`), memory (`sizing.py`, `room.py`), what is asked
(`assets/summaries`).

Greedy and deterministic: the same request has the same text whatever shares its batch (in float32;
in bfloat16 up to rounding). A batch that fails is halved and tried again; a request that fails
alone is its own completion, and the others go on. A request's schema is not held to: constrained
decoding would need a grammar engine beside transformers; the caller checks what it gets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, Literal

from resources.errors import EngineError, ErrorClass
from resources.llm.base import Completion, Message, Request
from resources.llm.transformers import continuous, padded
from resources.llm.transformers.faults import is_dead_device, is_out_of_memory, told
from resources.llm.transformers.loading import (
    Loaded,
    Reading,
    library_version,
    load,
    load_reading,
    quantisation_backend,
)
from resources.llm.transformers.rendering import Renderer
from resources.llm.transformers.room import Room
from resources.llm.transformers.sizing import (
    LEAST_STEP_TOKENS,
    Limits,
    free_memory,
    limits_for,
    shape_of,
)
from resources.llm.transformers.source import assistant_source, model_source
from resources.llm.transformers.window import Job, Window, padded_tokens
from resources.settings import Settings

REVISION: Final = 1
"""Raise it when this engine writes other text for the same request."""
LOOK_AHEAD: Final = 2
"""Requests pulled before they are begun, in full batches."""

Mode = Literal["auto", "continuous", "padded"]


class TransformersEngine:
    """An `Engine` around a causal language model of transformers."""

    name: Final = "transformers"

    def __init__(
        self,
        settings: Settings,
        *,
        mode: Mode = "auto",
        loader: Callable[[], Loaded] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Check the settings; nothing is loaded until the model is needed.

        Args:
            settings: QUIRE_MODEL and those beside it.
            mode: How requests share the model; `auto` is continuous batching where there is flash
                attention, else padded batches: without it every step attends to the whole cache,
                and padded batches were 2.9 times as fast (24 documents of 400 tokens, CPU).
            loader: What loads the model, when not the settings.
            limits: What may be at work at once, when not what free memory says.

        Raises:
            SettingError: A setting of the model is missing or cannot work.
        """
        self._source = model_source(settings.model, settings.model_revision)
        self._assistant = assistant_source(settings.assistant_model)
        self._quantisation = settings.model_quantisation
        self._backend = quantisation_backend(self._quantisation)
        self._context = settings.context_tokens
        self.mode: Mode = mode
        self._loader = loader
        self._limits = limits
        self._can_speculate = True

    @property
    def model(self) -> str:
        """The model's name, as the setting says it."""
        return self._source.name

    @property
    def context_tokens(self) -> int:
        """The model's context window, or QUIRE_CONTEXT_TOKENS where that is less."""
        return min(self._context or self._reading.context, self._reading.context)

    def version_inputs(self) -> dict[str, str]:
        """Everything that changes what it writes; computed without torch, the same on any device.

        Number formats follow the device (bfloat16 on a GPU) and are not told apart.
        """
        backend = "none"
        if self._backend is not None:
            backend = f"{self._quantisation}-{self._backend}-{library_version(self._backend)}"
        return {
            "engine": self.name,
            "engine_revision": str(REVISION),
            "model": self._source.identity(),
            "quantisation": backend,
            "assistant": "none" if self._assistant is None else self._assistant.identity(),
            "context_tokens": str(self._context or "model"),
            "generation": json.dumps({"do_sample": False, "num_beams": 1}, sort_keys=True),
            "torch": library_version("torch"),
            "transformers": library_version("transformers"),
        }

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of rendered messages, by the model's own tokenizer."""
        return len(self.prompt_tokens(messages))

    def prompt_tokens(self, messages: Sequence[Message]) -> list[int]:
        """Rendered messages as the model reads them."""
        return self._renderer.tokens(messages)

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """One completion per request, as they are done.

        Closing the iterator ends what is under way.

        Raises:
            EngineError: The model cannot be loaded, or the device is gone.
        """
        limits, room = self._limits_and_room
        refused: list[Completion] = []
        window = Window(self._jobs(iter(requests), limits, refused), LOOK_AHEAD * limits.rows)
        window.fill()
        if self.mode == "auto" and window.largest:
            self.mode = "continuous" if self._has_flash else "padded"
        while True:
            yield from _drained(refused)
            if not window.largest:
                return
            is_alone = window.is_last and self._can_speculate
            if self.mode == "continuous" and not is_alone:
                steps = self._continuous(window, room, limits)
            else:
                steps = self._padded(window, room, limits, speculate=is_alone)
            for completion in steps:
                yield completion
                yield from _drained(refused)
            window.fill()

    def close(self) -> None:
        """Let go of the model and its memory."""
        for name in ("_loaded", "_reading", "_renderer", "_limits_and_room"):
            self.__dict__.pop(name, None)
        import gc
        import sys

        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    @cached_property
    def _loaded(self) -> Loaded:
        if self._loader is not None:
            return self._loader()
        return load(self._source, self._assistant, self._quantisation)

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self._reading.tokenizer)

    @property
    def _has_flash(self) -> bool:
        return "flash" in str(self._loaded.model.config._attn_implementation)  # noqa: SLF001

    @cached_property
    def _reading(self) -> Loaded | Reading:
        return load_reading(self._source) if self._loader is None else self._loaded

    @cached_property
    def _limits_and_room(self) -> tuple[Limits, Room]:
        """What fits, as far as is known: what one call learnt holds for the next."""
        limits = self._limits or self._limits_now()
        return limits, Room(limits.tokens)

    def _limits_now(self) -> Limits:
        loaded = self._loaded
        is_flash = self._has_flash
        shape = shape_of(loaded.model.config, loaded.model.dtype.itemsize)
        free, is_cuda = free_memory(loaded.device), loaded.device == "cuda"
        context = self.context_tokens
        return limits_for(shape, free, context, is_cuda=is_cuda, is_flash=is_flash)

    def _jobs(
        self, requests: Iterator[Request], limits: Limits, refused: list[Completion]
    ) -> Iterator[Job]:
        """Requests as jobs; those that cannot be done are refused before any work."""
        for request in requests:
            job = Job(request, [])
            try:
                job.ids = self._renderer.tokens(request.messages)
            except ValueError as error:
                refused.append(self._failed(job, ErrorClass.SUMMARY_FAILED, str(error)))
                continue
            if job.need > self.context_tokens:
                reason = (
                    f"{len(job.ids)} tokens and {request.max_output_tokens} for the answer exceed "
                    f"the model's window of {self.context_tokens}: cut the text into smaller pieces"
                )
                refused.append(self._failed(job, ErrorClass.TOO_LARGE, reason))
            elif job.need > limits.tokens:
                reason = f"{job.need} tokens do not fit in memory beside the model"
                refused.append(self._failed(job, ErrorClass.MEMORY, reason))
            else:
                yield job

    def _padded(
        self, window: Window, room: Room, limits: Limits, *, speculate: bool
    ) -> Iterator[Completion]:
        """One padded batch; what is left of one that failed goes back into the window."""
        jobs = window.take(room.tokens, limits.rows)
        cost = padded_tokens(jobs)
        left = {id(job): job for job in jobs}
        try:
            for written in padded.run(self._loaded, jobs, speculate=speculate):
                del left[id(written.job)]
                yield self._completion(written)
            room.fitted(cost)
        except (RuntimeError, MemoryError, ValueError, TypeError, IndexError) as error:
            fault = error
        else:
            return
        if speculate and not is_dead_device(fault):
            self._can_speculate = False  # this kind of model cannot, or not in what memory is left
            window.put_back(list(left.values()))
            return
        yield from self._after(fault, list(left.values()), window, room, cost, len(jobs))

    def _continuous(self, window: Window, room: Room, limits: Limits) -> Iterator[Completion]:
        """One session; a smaller one than there could be ends sometimes, to grow."""
        quota = None if room.share == 1 else 2 * limits.rows
        try:
            for written in continuous.session(self._loaded, window, room, limits, quota):
                yield self._completion(written)
        except continuous.SessionFault as error:
            fault = error
        else:
            return
        if not is_out_of_memory(fault.cause):
            if is_dead_device(fault.cause):
                raise EngineError(_dead(fault.cause))
            self.mode = "padded"  # this kind of model cannot
            window.put_back(fault.jobs)
            return
        cost = sum(job.need for job in fault.jobs) or room.tokens
        is_least = continuous.step_tokens(room, limits) <= LEAST_STEP_TOKENS
        # Alone a request may still be read in smaller pieces.
        n_jobs = len(fault.jobs) if is_least or len(fault.jobs) != 1 else 2
        yield from self._after(fault.cause, fault.jobs, window, room, cost, n_jobs)

    def _after(
        self,
        fault: BaseException,
        left: list[Job],
        window: Window,
        room: Room,
        cost: int,
        n_jobs: int,
    ) -> Iterator[Completion]:
        """After a batch of `n_jobs` failed: half of it next time; alone, the job has failed."""
        if is_dead_device(fault):
            raise EngineError(_dead(fault))
        _empty_cache()
        if n_jobs > 1:
            room.crowded(cost)
            window.put_back(left)
            return
        for job in left:
            if is_out_of_memory(fault):
                reason = f"no memory for {job.need} tokens, alone: {told(fault)}"
                yield self._failed(job, ErrorClass.MEMORY, reason)
            else:
                yield self._failed(job, ErrorClass.SUMMARY_FAILED, told(fault))

    def _completion(self, written: padded.Written) -> Completion:
        job = written.job
        text = self._renderer.answer(written.tokens)
        error_class: ErrorClass | None = None
        error: str | None = None
        if not written.is_whole:
            error_class = ErrorClass.TRUNCATED_OUTPUT
            error = f"the answer was not finished after {job.request.max_output_tokens} tokens"
        elif not text:
            error_class, error = ErrorClass.INVALID_OUTPUT, "the model answered nothing"
        return Completion(
            key=job.request.key,
            text=text if error_class is None else None,
            finish_reason="stop" if written.is_whole else "length",
            input_tokens=len(job.ids),
            output_tokens=len(written.tokens),
            elapsed_ms=round(written.elapsed * 1000),
            model=self.model,
            attempts=job.attempts,
            error_class=error_class,
            error=error,
        )

    def _failed(self, job: Job, error_class: ErrorClass, error: str) -> Completion:
        """The completion of a request that has no answer; refused ones were never begun."""
        return Completion(
            key=job.request.key,
            text=None,
            finish_reason="error",
            input_tokens=len(job.ids) if job.attempts else 0,
            output_tokens=0,
            elapsed_ms=0,
            model=self.model,
            attempts=job.attempts,
            error_class=error_class,
            error=error,
        )


def _drained(refused: list[Completion]) -> Iterator[Completion]:
    while refused:
        yield refused.pop(0)


def _dead(fault: BaseException) -> str:
    return f"the GPU can do no more for this process ({told(fault)}): run again"


def _empty_cache() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
