"""What the output of this stage depends on besides its input.

Raise REVISION whenever a module of this folder changes what a summariser is given; the summariser
adds its own inputs (its revision, model, prompt). MODEL_REVISION is that of what language models
are given and of what is taken for an answer; prompts are hashed by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resources.llm.base import Engine
    from resources.settings import Settings
    from resources.summariser.base import Summariser

REVISION: Final = 3
MODEL_REVISION: Final = 1


def version_inputs(summariser: Summariser) -> dict[str, str]:
    """Everything that changes a summary besides the document: this stage and the summariser."""
    return {"stage": "summaries", "revision": str(REVISION), **summariser.version_inputs()}


def model_version_inputs(engine: Engine, settings: Settings) -> dict[str, str]:
    """The same of a language model: the engine, the prompts, and how long an answer may be."""
    from assets.summaries.prompt import prompt_versions

    return {
        "stage": "summaries",
        "revision": str(REVISION),
        "model_revision": str(MODEL_REVISION),
        "summary_tokens": str(settings.summary_tokens),
        "context_tokens": str(settings.context_tokens or "of the model"),
        **prompt_versions(),
        **engine.version_inputs(),
    }
