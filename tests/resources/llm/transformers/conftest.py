"""Fixtures of this room: the tiny model, and settings that name it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.settings import Settings
from tests.tiny_model import skip_without_models, tiny_model

__all__ = ["tiny_model"]


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("models") is not None:
        skip_without_models()
        import torch

        # A model this small is slower on two threads, and tests run beside each other.
        torch.set_num_threads(1)


@pytest.fixture
def tiny(settings: Settings, tiny_model: Path) -> Settings:
    """Settings over the tiny model."""
    return replace(settings, summariser="transformers", model=str(tiny_model))
