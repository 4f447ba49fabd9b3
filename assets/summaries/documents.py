"""One document on its way to a summary by a model: what is asked next, and what has come of it.

Here: one question when the document fits the model's window; else one a part, and one about the
notes on them, in more rounds where the notes do not fit either; a second, stricter question after
an answer that cannot be used. Not here: who asks (`generate.py`), or what an answer is worth
(`answer.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from assets.docs.tokens import estimate_tokens
from assets.summaries.answer import Verdict
from assets.summaries.asking import HALVINGS, Ask, Asking
from assets.summaries.body import body_paragraphs
from assets.summaries.chunking import chunk_texts, cut, hash_of
from assets.summaries.visible import visible_blocks
from resources.errors import ErrorClass
from resources.summariser.base import SummaryRecord, SummaryStatus
from resources.summariser.language import guess_language

_JOINT: Final = "\n\n"


@dataclass
class Spent:
    """What the calls for a document cost; what was kept from before costs nothing."""

    input_tokens: int = 0
    output_tokens: int = 0
    elapsed_ms: int = 0
    cost_usd: float | None = 0.0

    def add(
        self, input_tokens: int, output_tokens: int, elapsed_ms: int, cost: float | None
    ) -> None:
        """Count one call."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.elapsed_ms += elapsed_ms
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost


@dataclass
class Document:
    """A row of `docs` that is being summarised.

    Attributes:
        doc_id: The document.
        asking: Makes its questions.
        row: Its row of `docs`; let go of at its end.
        group: Of documents that are alike, "" for none.
        spent: What its calls cost so far.
        record: Its row of `summaries`; None while anything is open.
        told: Whether the record was handed on.
    """

    doc_id: str
    asking: Asking
    row: Mapping[str, Any]
    group: str = ""
    spent: Spent = field(default_factory=Spent)
    record: SummaryRecord | None = None
    told: bool = False
    _open: dict[str, list[int]] = field(default_factory=dict)
    _answers: list[str | None] = field(default_factory=list)
    _language: str | None = None
    _model: str | None = None
    _versions: dict[str, None] = field(default_factory=dict)

    def start(self) -> list[Ask]:
        """The first questions; none when the document ends without any.

        Raises:
            SettingError: The engine found that it takes too little for any text.
        """
        row = self.row
        self.asking.require_room()
        if row["status"] == "failed":
            text = "no page of the document could be read; `quire show` says why"
            return self._end("failed", ErrorClass.UNREADABLE, text)
        markdown = row["markdown"] or ""
        blocks = visible_blocks(markdown)
        if not blocks or not body_paragraphs(markdown):
            return self._end("empty")
        text = _JOINT.join(blocks)
        self._language = guess_language(text)
        whole = self._whole(text)
        if whole is not None:
            return self._round([whole])
        parts = self._parts(blocks)
        if parts is None:
            return self._too_large()
        return self._round(parts)

    def _whole(self, text: str) -> Ask | None:
        if not self.asking.may_fit(text):
            return None
        ask = self.asking.ask("summary", text, self._language, group=self.group)
        return ask if self.asking.fits(ask) else None

    def _parts(self, blocks: Sequence[str]) -> list[Ask] | None:
        """Questions about parts that all fit, with the parts as long as they can be."""
        for halving in range(HALVINGS + 1):
            texts = chunk_texts(blocks, self.asking.budget >> halving)
            asks = []
            for text in texts:
                asks.append(self.asking.ask("chunk", text))
                if not self.asking.fits(asks[-1]):
                    break
            else:
                return asks
        return None

    def awaits(self, key: str) -> bool:
        """Whether the answer to a question still counts."""
        return self.record is None and key in self._open

    def take(self, ask: Ask, verdict: Verdict, model: str) -> list[Ask]:
        """Take what came of a question; returns the questions that follow from it.

        Args:
            ask: One of those that this document asked.
            verdict: What its completion is worth.
            model: What answered, as it says itself.
        """
        places = self._open.pop(ask.request.key, [])
        if self.record is not None or not places:
            return []
        if verdict.error_class is ErrorClass.TOO_LARGE:
            # Cut anew: what was answered is kept, and counts where the new parts are the old ones.
            self.asking = self.asking.narrowed(ask)
            self.asking.require_room()
            return self.start() if self.asking.has_room else self._too_large()
        self._model = model or self._model
        self._versions[ask.prompt_version] = None
        if verdict.summary is None:
            if verdict.may_ask_again and not ask.again:
                again = self.asking.again(ask)
                if self.asking.fits(again):
                    self._open.setdefault(again.request.key, []).extend(places)
                    return [again]
            return self._failed(ask, verdict, places[0])
        for place in places:
            self._answers[place] = verdict.summary
        return [] if self._open else self._next()

    def _failed(self, ask: Ask, verdict: Verdict, place: int) -> list[Ask]:
        error_class = verdict.error_class or ErrorClass.SUMMARY_FAILED
        what = verdict.error or "the model gave no answer"
        if ask.kind == "chunk":
            what = f"part {place + 1} of {len(self._answers)}: {what}"
        blocked = error_class is ErrorClass.BUDGET
        return self._end("blocked" if blocked else "failed", error_class, what)

    def _next(self) -> list[Ask]:
        """All questions of this round are answered: the notes on the answers, or the end."""
        answers = [answer for answer in self._answers if answer is not None]
        if len(answers) == 1:
            return self._end("ok", summary=answers[0])
        asks = self._joined(answers)
        return self._too_large() if asks is None else self._round(asks)

    def _joined(self, answers: Sequence[str]) -> list[Ask] | None:
        """One question about all notes, or one each about as many as fit a question."""
        ask = self._about(answers)
        if self.asking.fits(ask):
            return [ask]
        sizes = [estimate_tokens(answer) + 3 for answer in answers]
        strengths = [(0, hash_of(answer)) for answer in answers]
        for halving in range(HALVINGS + 1):
            groups = cut(sizes, strengths, self.asking.budget >> halving)
            if len(groups) == len(answers):
                return None
            asks = [self._about(answers[start:end]) for start, end in groups]
            if all(self.asking.fits(ask) for ask in asks):
                return asks
        return None

    def _about(self, answers: Sequence[str]) -> Ask:
        return self.asking.ask("reduce", _JOINT.join(answers), self._language)

    def _round(self, asks: Sequence[Ask]) -> list[Ask]:
        """Ask these; the same question twice is one."""
        self._answers = [None] * len(asks)
        self._open = {}
        for place, ask in enumerate(asks):
            self._open.setdefault(ask.request.key, []).append(place)
        return list({ask.request.key: ask for ask in asks}.values())

    def _too_large(self) -> list[Ask]:
        text = (
            f"the document cannot be cut into parts that {self.asking.engine.model} takes: set "
            "QUIRE_CONTEXT_TOKENS to what it takes, or choose a QUIRE_MODEL with a wider window"
        )
        return self._end("failed", ErrorClass.SUMMARY_FAILED, text)

    def left(self, error_class: ErrorClass, error: str) -> SummaryRecord:
        """The record of a document that nothing is asked about."""
        self._end("failed", error_class, error)
        assert self.record is not None
        return self.record

    def _end(
        self,
        status: SummaryStatus,
        error_class: ErrorClass | None = None,
        error: str | None = None,
        *,
        summary: str | None = None,
    ) -> list[Ask]:
        asked = bool(self._versions)
        self._open, self._answers, self.row = {}, [], {}
        self.record = SummaryRecord(
            doc_id=self.doc_id,
            summary=summary,
            summariser=self.asking.engine.name,
            model=self._model or self.asking.engine.model,
            prompt_version=" ".join(self._versions) if asked else None,
            language=self._language,
            input_tokens=self.spent.input_tokens,
            output_tokens=self.spent.output_tokens,
            cost_usd=self.spent.cost_usd,
            elapsed_ms=self.spent.elapsed_ms,
            status=status,
            error_class=None if error_class is None else str(error_class),
            error=error,
        )
        return []
