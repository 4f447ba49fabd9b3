"""Extractive summaries as workers make them: several documents a task.

Here: the loop over a task's documents. Not here: how sentences are chosen
(`resources/summariser/extractive.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assets.summaries.inputs import summarise_rows
from resources.summariser.extractive import ExtractiveSummariser
from resources.workers.child import LOADING


def summarise(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Summarise each item's row of `docs`; a record is a row of `summaries` and its `unit`."""
    progress(LOADING)
    import resources.summariser.vectors  # noqa: F401 - numpy: not on a document's clock

    summariser = ExtractiveSummariser()
    for item in payload["items"]:
        progress(item["unit"])
        (record,) = summarise_rows([item["row"]], summariser)
        yield {"unit": item["unit"], **record.as_row()}, None
