"""The version of each stage, and the settings that a stage runs with while a newer version waits.

Here: joining a stage's own revision and inputs into its `StageVersion`; the settings that made an
accepted version, where this machine can make it again; what holds runs back. Not here: what the
inputs of a stage are (`assets/<stage>/version.py`), the record of versions
(`io_managers/versions.py`), or how a candidate is judged (`assets/evals`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from assets.docs import version as docs
from assets.files import version as files
from assets.images import version as images
from assets.pages import version as pages
from assets.summaries import version as summaries
from io_managers.schemas import STAGES
from io_managers.versions import (
    Accepted,
    StageVersion,
    State,
    accepted,
    accepted_version,
    not_accepted,
    register,
    require_accepted,
)
from resources.errors import EngineError, SettingError
from resources.lake.lake import Lake
from resources.llm.make import make_engine
from resources.settings import Settings
from resources.summariser.make import make_summariser

_OPEN_GATE: Final = ("warn", "off")
_SWITCHES: Final = ("layout", "keep_scans")
_NUMBERS: Final = ("context_tokens", "summary_tokens")
_OF_MODELS: Final = (
    "model",
    "model_revision",
    "model_quantisation",
    "assistant_model",
    "context_tokens",
    "summary_tokens",
)
_KEY: Final = "api_key"
"""Kept as `set` or none, never as it is: a version that needed a key is not asked of another server
than the one that this machine's key is for."""


def stage_version(stage: str, settings: Settings) -> StageVersion:
    """What a stage's output depends on besides its input, under these settings.

    Raises:
        SettingError: The settings name an engine that cannot be made of them.
        EngineError: A package that an engine needs is not installed.
    """
    made_by = settings_of(stage, settings)
    if stage == "files":
        return StageVersion(stage, files.REVISION, files.ENGINE, files.version_inputs(), made_by)
    if stage == "pages":
        inputs = pages.engine_version_inputs(settings.ocr, layout=settings.layout)
        return StageVersion(stage, pages.REVISION, settings.ocr, inputs, made_by)
    if stage == "images":
        inputs = images.version_inputs(keep_scans=settings.keep_scans)
        return StageVersion(stage, images.REVISION, images.ENGINE, inputs, made_by)
    if stage == "docs":
        return StageVersion(stage, docs.REVISION, "stitch", docs.version_inputs(), made_by)
    if stage == "summaries":
        inputs = _summaries(settings)
        return StageVersion(stage, summaries.REVISION, settings.summariser, inputs, made_by)
    raise ValueError(f"no stage is called {stage!r}")


def _summaries(settings: Settings) -> dict[str, str]:
    if settings.summariser == "extractive":
        return summaries.version_inputs(make_summariser(settings))
    with closing(make_engine(settings)) as engine:
        return summaries.model_version_inputs(engine, settings)


# Settings of a version ----------------------------------------------------------------------------


def settings_of(stage: str, settings: Settings) -> dict[str, str | None]:
    """The `QUIRE_*` values that the stage's version depends on, without any secret."""
    names: tuple[str, ...] = {
        "pages": ("ocr", "layout"),
        "images": ("keep_scans",),
        "summaries": ("summariser",),
    }.get(stage, ())
    if stage == "summaries" and settings.summariser != "extractive":
        names += _OF_MODELS
    told = {_variable(name): _written(name, settings) for name in names}
    if stage == "summaries" and settings.summariser not in ("extractive", "transformers"):
        told[_variable("base_url")] = _bare(settings.base_url)
        told[_variable(_KEY)] = "set" if settings.api_key else None
    return told


def _variable(name: str) -> str:
    return f"QUIRE_{name.upper()}"


def _written(name: str, settings: Settings) -> str | None:
    value = getattr(settings, name)
    if name in _SWITCHES:
        return "on" if value else "off"
    return None if value is None else str(value)


def _bare(url: str | None) -> str | None:
    """An address without user, password, query and fragment, which may be secrets."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def accepted_settings(lake: Lake, stage: str, settings: Settings) -> Settings | None:
    """The settings with those values put in that made the accepted version of a stage.

    None where the lake has no accepted version, and where this machine cannot make it: another
    revision of the code, another release of a part, a model or key that is not here. Only what
    gives the very name of the accepted version counts.

    Args:
        lake: Whose versions.
        stage: The stage; only what it depends on is changed.
        settings: All that a version does not depend on is taken from here, keys too.
    """
    current = accepted(lake, stage)
    if current is None:
        return None
    made_by = _recorded(stage, current)
    if made_by is None:
        return settings if _makes(stage, settings, current.version) else None
    put_in = _with(settings, made_by)
    return put_in if put_in is not None and _makes(stage, put_in, current.version) else None


def _recorded(stage: str, current: Accepted) -> Mapping[str, str | None] | None:
    """What made a version; of one that an older Quire recorded, what its inputs tell."""
    if current.settings is not None:
        return current.settings
    inputs = current.inputs
    if stage == "pages" and {"ocr", "layout"} <= inputs.keys():
        return {"QUIRE_OCR": inputs["ocr"], "QUIRE_LAYOUT": inputs["layout"]}
    if stage == "images" and "keep_scans" in inputs:
        return {"QUIRE_KEEP_SCANS": inputs["keep_scans"]}
    if stage == "summaries" and "engine" not in inputs:
        return {"QUIRE_SUMMARISER": "extractive"}
    return None


def _with(settings: Settings, made_by: Mapping[str, str | None]) -> Settings | None:
    """The settings with these values; None where they would send a key to a server not meant.

    None too for a setting that this Quire does not have: a newer one recorded it.
    """
    values: dict[str, object] = {}
    known = {field.name for field in fields(settings)}
    for variable, value in made_by.items():
        name = variable.removeprefix("QUIRE_").lower()
        if name not in known:
            return None
        if name in _SWITCHES:
            values[name] = value == "on"
        elif name in _NUMBERS and value is not None:
            values[name] = int(value)
        elif name not in ("base_url", _KEY):
            values[name] = value
    url = made_by.get("QUIRE_BASE_URL")
    if "QUIRE_BASE_URL" in made_by and url != _bare(settings.base_url):
        if made_by.get("QUIRE_API_KEY") is not None:
            return None
        values |= {"base_url": url, _KEY: None}
    return replace(settings, **values)  # type: ignore[arg-type]


def _makes(stage: str, settings: Settings, version: str) -> bool:
    try:
        return stage_version(stage, settings).name == version
    except (SettingError, EngineError):
        return False


# What a run uses ----------------------------------------------------------------------------------


def _instead(lake: Lake, stage: str, settings: Settings) -> Settings | None:
    """The accepted settings, where a run can take them in place of these.

    Summaries through a Batch API have a job of their own, which a process either has or has not.
    """
    found = accepted_settings(lake, stage, settings)
    if found is None or found.summariser == settings.summariser:
        return found
    return None if "openai_batch" in (found.summariser, settings.summariser) else found


def settings_to_use(lake: Lake, stage: str, settings: Settings) -> Settings:
    """The settings that a stage runs with now: those given, or those of the accepted version.

    The version of the settings given is made known to the lake either way; while it is a candidate,
    or after it was rejected, documents are done by the accepted version where this machine has it.

    Raises:
        VersionNotAcceptedError: Neither may or can be used, with what to do about it.
        SettingError: The settings name an engine that cannot be made of them.
        EngineError: A package that an engine needs is not installed.
        LakeError: The lake cannot be read or written.
    """
    version = stage_version(stage, settings)
    if register(lake, version, settings.gate) == "accepted":
        return settings
    instead = _instead(lake, stage, settings)
    if instead is None:
        require_accepted(lake, stage, version.name)
        return settings  # accepted between two looks
    return instead


@dataclass(frozen=True)
class Waiting:
    """A version of the settings that is not accepted.

    Attributes:
        stage: Its stage.
        version: Its name.
        state: `candidate` or `rejected`.
        used: The accepted version that documents are done by meanwhile; None where this machine
            cannot make it, and every batch waits.
        words: All of that in a sentence, with the mend.
    """

    stage: str
    version: str
    state: State
    used: str | None
    words: str


def waiting_versions(
    lake: Lake, settings: Settings, stages: Iterable[str] = STAGES
) -> list[Waiting]:
    """Versions of these settings that wait to be judged, or were rejected; none at an open gate.

    Cheap enough for every tick, and nothing is written: what was never registered, and would be a
    candidate, counts as one.
    """
    if settings.gate in _OPEN_GATE:
        return []
    rows = lake.read("versions", ["stage", "version", "state"])
    states = {(stage, version): state for stage, version, state in rows.iter_rows()}
    known = set(rows["stage"])
    found = []
    for stage in stages:
        if stage not in known:
            continue  # a lake's first version is accepted
        try:
            name = stage_version(stage, settings).name
        except (SettingError, EngineError):
            continue  # the run says so, with its own mend
        state = states.get((stage, name), "candidate")
        if state != "accepted":
            found.append(_waiting(lake, stage, settings, name, state))
    return found


def _waiting(lake: Lake, stage: str, settings: Settings, name: str, state: State) -> Waiting:
    current = accepted_version(lake, stage)
    words = not_accepted(stage, name, state, current)
    if _instead(lake, stage, settings) is None:
        here = "" if current is None else f" (this machine cannot make {current})"
        return Waiting(stage, name, state, None, words + here)
    return Waiting(
        stage, name, state, current, f"{words}. Meanwhile documents are done by {current}"
    )


def held_back(lake: Lake, settings: Settings) -> dict[str, str]:
    """Stages that no run could do now, each with what it waits for.

    A run of a batch does every stage, so one that is held back holds every batch.
    """
    return {w.stage: w.words for w in waiting_versions(lake, settings) if w.used is None}
