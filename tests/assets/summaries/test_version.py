"""The version of model summaries changes with all that changes them, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

import assets.versions
from assets.versions import stage_version
from resources.settings import Settings
from tests.scripted_llm import Scripted


def test_the_version_follows_model_prompt_and_limits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Scripted()
    monkeypatch.setattr(assets.versions, "make_engine", lambda _: engine)
    ours = replace(settings, summariser="transformers")
    base = stage_version("summaries", ours)
    assert base.name.startswith("summaries-r3-transformers-")
    assert stage_version("summaries", replace(ours, summary_tokens=200)).name != base.name
    assert stage_version("summaries", replace(ours, context_tokens=2_048)).name != base.name
    for more in ({"workers": 7}, {"api_key": "k"}, {"max_concurrency": 2}, {"budget_usd": 1.0}):
        assert stage_version("summaries", replace(ours, **more)).name == base.name
    engine.model = "scripted-2"
    assert stage_version("summaries", ours).name != base.name
    assert stage_version("summaries", settings).name.startswith("summaries-r3-extractive-")
    assert engine.asked == []
    assert engine.closed == 8
