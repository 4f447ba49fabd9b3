"""From the settings to the summariser that works without a model.

Here: the one place that knows such summarisers by name. Not here: any of them, or engines of
models (`resources/llm/make.py`).
"""

from __future__ import annotations

from resources.errors import SettingError
from resources.settings import Settings
from resources.summariser.base import Summariser


def make_summariser(settings: Settings) -> Summariser:
    """The summariser of these settings; importing it is left until it is wanted.

    Raises:
        SettingError: The name is of a model's engine, or of none.
    """
    if settings.summariser == "extractive":
        from resources.summariser.extractive import ExtractiveSummariser

        return ExtractiveSummariser()
    raise SettingError(
        f"QUIRE_SUMMARISER={settings.summariser} does not summarise without a model: set it to "
        "extractive"
    )
