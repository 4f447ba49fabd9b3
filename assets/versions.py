"""The version of each stage, from the settings and the parts installed.

Here: joining a stage's own revision and inputs into its `StageVersion`. Not here: what the inputs
of a stage are (`assets/<stage>/version.py`).
"""

from __future__ import annotations

from contextlib import closing

from assets.docs import version as docs
from assets.files import version as files
from assets.images import version as images
from assets.pages import version as pages
from assets.summaries import version as summaries
from io_managers.versions import StageVersion
from resources.llm.make import make_engine
from resources.settings import Settings
from resources.summariser.make import make_summariser


def stage_version(stage: str, settings: Settings) -> StageVersion:
    """What a stage's output depends on besides its input, under these settings."""
    if stage == "files":
        return StageVersion(stage, files.REVISION, files.ENGINE, files.version_inputs())
    if stage == "pages":
        inputs = pages.engine_version_inputs(settings.ocr, layout=settings.layout)
        return StageVersion(stage, pages.REVISION, settings.ocr, inputs)
    if stage == "images":
        inputs = images.version_inputs(keep_scans=settings.keep_scans)
        return StageVersion(stage, images.REVISION, images.ENGINE, inputs)
    if stage == "docs":
        return StageVersion(stage, docs.REVISION, "stitch", docs.version_inputs())
    if stage == "summaries":
        inputs = _summaries(settings)
        return StageVersion(stage, summaries.REVISION, settings.summariser, inputs)
    raise ValueError(f"no stage is called {stage!r}")


def _summaries(settings: Settings) -> dict[str, str]:
    if settings.summariser == "extractive":
        return summaries.version_inputs(make_summariser(settings))
    with closing(make_engine(settings)) as engine:
        return summaries.model_version_inputs(engine, settings)
