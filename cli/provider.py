"""The part of `quire ingest` that goes through a provider's Batch API: one look, and what is ready.

Here: looking once, and running what can be published. Not here: what a look decides
(`sensors/exchanging.py`), or running a batch (`engine.py`).

A command does not wait for hours: it sends what is new, publishes what came back since the last
call, and says that the rest comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing

from assets.summaries.provider import Exchange
from cli.terminal import warn
from resources.errors import MAX_ATTEMPTS
from resources.lake.lake import Lake
from resources.settings import Settings
from sensors.exchanging import Exchanging


def go_through_provider(
    lake: Lake,
    settings: Settings,
    running: Callable[[], Collection[str]],
    publish: Callable[[str], bool],
) -> None:
    """Look at the provider once, and publish every batch that waits for nothing more.

    Args:
        lake: The lake.
        settings: The model and its provider.
        running: Batches that are in a run now.
        publish: Runs the summaries of a batch; whether that went well.

    Raises:
        QuireError: The lake or the settings cannot be used.
    """
    failed: set[str] = set()
    with closing(Exchange(lake, settings)) as exchange:
        exchanging = Exchanging(exchange)
        for _ in range(MAX_ATTEMPTS):  # what a batch's run failed of may be mended by one more
            looked = exchanging.look(running(), at_once=True)
            if looked.told.away is not None:
                warn(f"the provider cannot be worked with now: {looked.told.away}")
            for line in (*looked.told.notes, *looked.problems):
                warn(line)
            ready = [batch for batch in looked.ready if batch not in failed]
            if not ready:
                return
            failed.update(batch for batch in ready if not publish(batch))
