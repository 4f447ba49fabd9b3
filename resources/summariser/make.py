"""From the settings to the summariser that they name.

Here: the one place that knows every summariser by name. Not here: any of them.
"""

from __future__ import annotations

from resources.errors import SettingError
from resources.settings import Settings
from resources.summariser.base import Summariser


def make_summariser(settings: Settings) -> Summariser:
    """The summariser of these settings; importing it is left until it is wanted.

    Raises:
        SettingError: The name is of a summariser that this version does not have.
    """
    if settings.summariser == "extractive":
        from resources.summariser.extractive import ExtractiveSummariser

        return ExtractiveSummariser()
    raise SettingError(
        f"QUIRE_SUMMARISER={settings.summariser} is not in this version of Quire: "
        "use QUIRE_SUMMARISER=extractive"
    )
