"""What every summariser is: documents in, one record per document out.

Here: the protocol and its two records. Not here: any summariser, or how documents are chosen and
their rows written (`assets/summaries`).

A summariser takes a batch because models and servers work best on one, and gives records as they
are done, so that a caller can checkpoint and stop between them. It raises only when it cannot go on
at all (no model, no server); what is wrong with one document is that document's record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from resources.errors import ErrorClass

SummaryStatus = Literal["ok", "empty", "failed", "blocked"]


@dataclass(frozen=True)
class SummaryInput:
    """A document to be summarised.

    Attributes:
        doc_id: sha256 of the document's bytes; the key of its record.
        title: the document's title.
        markdown: the whole document, for summarisers that read it all.
        status: status of the document: `ok` or `partial` (`failed` ones are never asked for).
        body: the paragraphs of its prose in order, as plain text.
    """

    doc_id: str
    title: str | None
    markdown: str
    status: str
    body: Sequence[str] = ()


@dataclass(frozen=True)
class SummaryRecord:
    """The columns of a row of `summaries` that come from the summariser.

    Tokens are what was read and written (an estimate where no tokenizer took part), `cost_usd` is 0
    when free and None when unknown, `error_class` is None unless `failed` or `blocked`.
    """

    doc_id: str
    summary: str | None
    summariser: str
    model: str | None
    prompt_version: str | None
    language: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    elapsed_ms: int
    status: SummaryStatus
    error_class: str | None = None
    error: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The record as a row, columns by name."""
        return asdict(self)


class Summariser(Protocol):
    """Makes summaries: the extractive one, a local model, a server."""

    @property
    def name(self) -> str:
        """The value of `QUIRE_SUMMARISER` that chose it."""
        ...

    @property
    def model(self) -> str | None:
        """The model's name, None when there is none."""
        ...

    @property
    def prompt_version(self) -> str | None:
        """The version of the prompt, None when there is none."""
        ...

    def version_inputs(self) -> Mapping[str, str]:
        """Everything that changes its summaries: revision, model, prompt, settings, libraries."""
        ...

    def summarise(self, documents: Sequence[SummaryInput]) -> Iterator[SummaryRecord]:
        """One record per document, in any order; keyed by `doc_id`."""
        ...


def without_summary(
    summariser: Summariser,
    doc_id: str,
    status: Literal["empty", "failed", "blocked"],
    error_class: ErrorClass | None = None,
    error: str | None = None,
) -> SummaryRecord:
    """The record of a document that has no summary, and why."""
    return SummaryRecord(
        doc_id=doc_id,
        summary=None,
        summariser=summariser.name,
        model=summariser.model,
        prompt_version=summariser.prompt_version,
        language=None,
        input_tokens=0,
        output_tokens=0,
        cost_usd=0.0,
        elapsed_ms=0,
        status=status,
        error_class=None if error_class is None else str(error_class),
        error=error,
    )
