"""Where the server of surya's model is, and what decides what it reads.

Here: surya's own variables (`SURYA_INFERENCE_URL`, `SURYA_MODEL_CHECKPOINT`, `VLLM_API_KEY`) from
the environment or `.env`, and the inputs of the version. Cheap: no network, no torch. Not here:
asking the server (`client.py`).

surya starts a server of its own, in docker, where no address is set. Quire never does: a run that
waits for a model to download in a container that nobody asked for is not a default.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from resources.errors import SettingError
from resources.llm.transformers.source import fingerprint
from resources.ocr.surya.local import configured_folders
from resources.settings import REPOSITORY_ROOT, read_dotenv

MODEL: Final = "datalab-to/surya-ocr-2"
"""surya's own default of SURYA_MODEL_CHECKPOINT."""
DPI: Final = 192
"""surya's IMAGE_DPI_HIGHRES, at which it reads; layout alone would do with 96."""
MAX_PIXELS: Final = 6_291_456
"""3072 x 2048: surya makes larger images smaller before it sends them."""
REPEATS: Final = 2
"""A reading that ends in a loop is asked for again this often, less greedily each time, as surya
does (three times); then surya reads the page block by block."""
_TUNING: Final = (
    "SURYA_MAX_TOKENS_FULL_PAGE", "SURYA_MAX_TOKENS_LAYOUT", "SURYA_MAX_TOKENS_BLOCK_CEILING",
    "SURYA_FULLPAGE_REGEN", "SURYA_GUIDED_LAYOUT",
)  # fmt: skip
"""surya's own variables that change what its predictors ask; it reads them once, at import."""
_URL: Final = re.compile(r"https?://[^/\s]+")
_MEND: Final = (
    "QUIRE_OCR=surya reads pages by a model that a server holds: start one (vLLM or llama-server; "
    "see docs/decisions/surya.md) and set SURYA_INFERENCE_URL=http://host:port/v1"
)


@dataclass(frozen=True)
class SuryaServer:
    """The server's address and model.

    Attributes:
        url: Ends in `/v1`.
        model: What it must serve: the first id of `/v1/models`.
        api_key: `EMPTY` where it asks for none.
    """

    url: str
    model: str
    api_key: str = field(default="EMPTY", repr=False)

    @property
    def health(self) -> str:
        """Its health check, beside `/v1`."""
        return f"{self.url.removesuffix('/v1')}/health"


def configured_server() -> SuryaServer:
    """The server that the environment or `.env` names; it is not asked for anything.

    Raises:
        SettingError: None is named, or what is named is no address.
    """
    values = {**read_dotenv(REPOSITORY_ROOT / ".env"), **os.environ}
    url = values.get("SURYA_INFERENCE_URL", "").strip().rstrip("/")
    if not url:
        raise SettingError(_MEND)
    if not _URL.match(url):
        raise SettingError(f"SURYA_INFERENCE_URL={url[:40]!r}: expected http://host:port/v1")
    model = values.get("SURYA_MODEL_CHECKPOINT", "").strip() or MODEL
    key = values.get("VLLM_API_KEY", "").strip() or "EMPTY"
    return SuryaServer(url if url.endswith("/v1") else f"{url}/v1", model, key)


def installed_version() -> str:
    """The version of surya.

    Raises:
        SettingError: It is not installed.
    """
    try:
        return version("surya-ocr")
    except PackageNotFoundError as error:
        raise SettingError(
            "QUIRE_OCR=surya needs `pip install 'quire[models]'`; or set QUIRE_OCR=rapidocr"
        ) from error


def version_inputs() -> dict[str, str]:
    """surya, the model as it is served, what is asked of it, and the models that look beside it.

    Raises:
        SettingError: surya is not installed, no server is named, or a folder is none of a model.
    """
    found = {"surya": installed_version(), "surya_model": configured_server().model}
    tuned = {name: os.environ[name] for name in _TUNING if name in os.environ}
    asked = {"dpi": DPI, "max_pixels": MAX_PIXELS, "repeats": REPEATS, **tuned}
    folders = configured_folders()
    looks = {"surya_detector": folders.detector, "surya_ocr_error": folders.ocr_error}
    named = {name: fingerprint(folder) for name, folder in looks.items() if folder is not None}
    return {**found, "surya_asked": json.dumps(asked, sort_keys=True), **named}
