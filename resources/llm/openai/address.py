"""Where a server is: QUIRE_BASE_URL, and what of it may be printed.

Here: urls of its doors. Not here: going through them (`client.py`, `discovery.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from resources.errors import SettingError

OPENAI: Final = "https://api.openai.com/v1"
_CHAT: Final = "/chat/completions"


@dataclass(frozen=True)
class Address:
    """A server.

    Attributes:
        base: The url that `/chat/completions` comes behind, without a slash at its end.
        root: Scheme, host and port: vLLM and llama-server have doors of their own there.
    """

    base: str
    root: str

    @property
    def chat(self) -> str:
        """The url of chat completions."""
        return self.base + _CHAT

    @property
    def models(self) -> str:
        """The url of the list of models."""
        return self.base + "/models"


def parse(base_url: str) -> Address:
    """The address that a setting names; a bare host gets `/v1`, where all servers have it.

    Raises:
        SettingError: It is no address, or holds what would be printed with it.
    """
    parts = urlsplit(base_url.strip())
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise SettingError("QUIRE_BASE_URL: expected an address such as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(
            "QUIRE_BASE_URL: only scheme, host, port and path; the key goes into QUIRE_API_KEY"
        )
    root = f"{parts.scheme}://{parts.netloc}"
    path = parts.path.rstrip("/").removesuffix(_CHAT)
    return Address(base=root + (path or "/v1"), root=root)
