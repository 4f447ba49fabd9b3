"""Pictures of the pages that a report shows, made in worker processes.

Here: asking the workers, and the words where there is no picture. Not here: drawing
(`assets/pages/thumbnail.py`). PDFs are hostile: this process never opens one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from assets.evals.report.content import PageKey, Pictures
from assets.evals.report.worst import PagePair
from resources.errors import ErrorClass, QuireError
from resources.lake.sources import sources_of
from resources.landing.copies import Wanted, local_copy
from resources.settings import Settings
from resources.workers.pool import WorkerPool
from resources.workers.tasks import Task

DPI: Final = 96
"""Body text can be read when the picture is enlarged; an A4 page is about 110 KB as JPEG."""
SIDE: Final = 1_150
"""Pixels of the longer side at most."""


def page_pictures(
    pairs: Iterable[PagePair],
    settings: Settings,
    workers: WorkerPool,
    sources: Mapping[str, str] | None = None,
) -> Pictures:
    """A JPEG of each page; of what cannot be drawn, why.

    Args:
        pairs: The pages (`worst_pages`); what is of no one page has no picture.
        settings: Passwords, and the options of the store.
        workers: Where pages are drawn.
        sources: Uris by doc_id, where a document does not lie any more where it was read.
    """
    wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for pair in pairs:
        doc_id, number = pair.key
        if number > 0:
            wanted[doc_id, (sources or {}).get(doc_id, pair.uri)].append(number)
    images: dict[PageKey, bytes] = {}
    reasons: dict[PageKey, str] = {}
    for (doc_id, uri), numbers in wanted.items():
        drawn, failed = pages_of(doc_id, uri, sorted(numbers), settings, workers)
        images |= {(doc_id, number): data for number, data in drawn.items()}
        reasons |= {(doc_id, number): reason for number, reason in failed.items()}
    return Pictures(images, reasons)


def pages_of(
    doc_id: str, uri: str, numbers: list[int], settings: Settings, workers: WorkerPool
) -> tuple[dict[int, bytes], dict[int, str]]:
    """Pages of one document, if a file with its very bytes is still there."""
    if not uri:
        return {}, dict.fromkeys(numbers, "nobody knows where its document lies")
    try:
        with local_copy(
            Wanted(uri, sha256=doc_id), settings.storage_options, sources_of(settings)
        ) as copy:
            payload = {
                "path": copy.path,
                "doc_id": doc_id,
                "passwords": list(settings.passwords),
                "page_numbers": numbers,
                "side": SIDE,
                "dpi": DPI,
            }
            return _drawn(doc_id, numbers, payload, workers)
    except QuireError as error:  # a document's class, or a store that cannot be used at all
        reason = f"{getattr(error, 'error_class', ErrorClass.UNREADABLE)}: {error}"
        return {}, dict.fromkeys(numbers, reason)


def _drawn(
    doc_id: str, numbers: list[int], payload: dict[str, Any], workers: WorkerPool
) -> tuple[dict[int, bytes], dict[int, str]]:
    images: dict[int, bytes] = {}
    reasons: dict[int, str] = {}
    task = Task(doc_id, "assets.pages.thumbnail:render_pages", payload, tuple(numbers))
    for result in workers.run([task]):
        for record, data in result.records():
            if data is not None:
                images[record["page_number"]] = data
        if result.failure is not None:
            reason = f"{result.failure.error_class}: {result.failure.error}"
            reasons |= dict.fromkeys(result.failure.units or result.task.units, reason)
    return images, reasons
