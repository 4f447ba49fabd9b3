"""Fixtures of this room: the tiny model, and settings that name it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.settings import Settings
from tests.tiny_model import tiny_model

__all__ = ["tiny_model"]


@pytest.fixture
def tiny(settings: Settings, tiny_model: Path) -> Settings:
    """Settings over the tiny model."""
    return replace(settings, summariser="transformers", model=str(tiny_model))
