"""From the settings to the language model that they name.

Here: the one place that knows every engine by name. Not here: any of them, or what they need
installed; importing this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.errors import SettingError

if TYPE_CHECKING:
    from resources.llm.base import Engine
    from resources.settings import Settings


def make_engine(settings: Settings) -> Engine:
    """The engine of these settings; its model is loaded, or its server asked, when first used.

    Raises:
        SettingError: No engine of this name, or a setting of it is missing or cannot work.
        EngineError: A package that it needs is not installed.
    """
    if settings.summariser == "transformers":
        from resources.llm.transformers.engine import TransformersEngine

        return TransformersEngine(settings)
    if settings.summariser == "openai":
        from resources.llm.openai.engine import make

        return make(settings)
    if settings.summariser == "openai_batch":
        from resources.llm.openai_batch.engine import make as make_batch

        return make_batch(settings)
    raise SettingError(
        f"QUIRE_SUMMARISER={settings.summariser} names no language model: "
        "use transformers, openai or openai_batch"
    )
