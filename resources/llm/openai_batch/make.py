"""From the settings to the provider that they name: an address, or a folder.

Here: that choice. Not here: either of them; the engine is made in `engine.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from resources.errors import SettingError
from resources.llm.openai.address import OPENAI, parse
from resources.llm.openai_batch.folder import FolderProvider
from resources.llm.openai_batch.provider import Provider
from resources.settings import Settings

_FILE: Final = "file://"


def make_provider(settings: Settings) -> Provider:
    """The provider of these settings; nothing is opened.

    Raises:
        SettingError: `QUIRE_BASE_URL` is neither an address nor a folder.
    """
    url = settings.base_url or OPENAI
    if url.startswith(_FILE):
        parts = urlsplit(url)
        folder = Path(unquote(parts.path))
        if parts.netloc or not folder.is_absolute() or folder == Path("/"):
            raise SettingError(
                "QUIRE_BASE_URL: a folder for vllm run-batch is written file:///absolute/folder"
            )
        return FolderProvider(folder)
    from resources.llm.openai_batch.client import HttpProvider  # brings an HTTP client

    return HttpProvider(parse(url), settings.api_key)
