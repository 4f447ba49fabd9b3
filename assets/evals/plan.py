"""What an evaluation has to judge: which versions, against which, and with which settings.

Here: the versions of the current settings and of the accepted ones. Not here: reading with either
(`reading.py`), or what is decided (`run.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from assets.versions import accepted_settings, stage_version
from io_managers.schemas import STAGES
from io_managers.versions import StageVersion, accepted_version, register
from resources.lake.lake import Lake
from resources.settings import Settings


@dataclass(frozen=True)
class Side:
    """One set of versions, and the settings that make it.

    Attributes:
        versions: By stage, of all stages.
        settings: What makes them here.
        missing: Stages whose version cannot be made here: nothing is read with them, and only what
            an earlier run kept of them counts.
    """

    versions: Mapping[str, str]
    settings: Settings
    missing: frozenset[str] = frozenset()

    def makes(self, *stages: str) -> bool:
        """Whether this machine can run these stages as the side says."""
        return not self.missing.intersection(stages)

    def of(self, *stages: str) -> dict[str, str]:
        """The versions of some stages."""
        return {stage: self.versions[stage] for stage in stages}


@dataclass(frozen=True)
class Plan:
    """What is judged.

    Attributes:
        subjects: Stages whose version is not accepted, in the order that the data flows.
        stages: The version of every stage under the current settings.
        new: The current settings.
        old: The accepted ones; None when there is nothing to judge.
    """

    subjects: tuple[str, ...]
    stages: Mapping[str, StageVersion]
    new: Side
    old: Side | None

    @property
    def baselines(self) -> dict[str, str]:
        """The accepted version of every stage that is judged."""
        return {} if self.old is None else self.old.of(*self.subjects)

    def key(self, golden: str) -> str:
        """One name for this work: a run that was killed goes on when it is begun again."""
        parts = [sorted(self.new.versions.items()), golden]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def answering(self, stage: str) -> str | None:
        """The judged stage that answers for what another one's metric shows.

        What nothing upstream of a metric changed is the same on both sides; what changed is put
        down to the nearest judged stage, its own or one before it.
        """
        before = STAGES[: STAGES.index(stage) + 1]
        return next((name for name in reversed(before) if name in self.subjects), None)


def without(lake: Lake, plan: Plan, side: Side, stage: str) -> Side | None:
    """A side with the accepted version of a stage in place of its own; None if it cannot be made.

    Stages after one that was rejected are judged by what they make of accepted input.
    """
    if plan.old is None or not plan.old.makes(stage):
        return None
    settings = accepted_settings(lake, stage, side.settings)
    if settings is None:
        return None
    return Side({**side.versions, stage: plan.old.versions[stage]}, settings)


def make_plan(lake: Lake, settings: Settings) -> Plan:
    """Find out what has to be judged; candidates are made known to the lake.

    A lake's first version of a stage is accepted by that, as publishing would. The gate's setting
    does not matter here.

    Raises:
        SettingError: The settings name an engine that cannot be made of them.
        EngineError: A package that an engine needs is not installed.
        LakeError: The lake cannot be read or written.
    """
    stages = {stage: stage_version(stage, settings) for stage in STAGES}
    states = {stage: register(lake, version, "block") for stage, version in stages.items()}
    subjects = tuple(stage for stage in STAGES if states[stage] != "accepted")
    new = Side({stage: version.name for stage, version in stages.items()}, settings)
    return Plan(subjects, stages, new, _accepted(lake, subjects, new) if subjects else None)


def _accepted(lake: Lake, subjects: tuple[str, ...], new: Side) -> Side | None:
    versions = dict(new.versions)
    settings, missing = new.settings, set()
    for stage in subjects:
        accepted = accepted_version(lake, stage)
        if accepted is None:  # each was rejected or taken back: there is no baseline
            return None
        versions[stage] = accepted
        put_back = accepted_settings(lake, stage, settings)
        if put_back is None:
            missing.add(stage)
        else:
            settings = put_back
    return Side(versions, settings, frozenset(missing))
