"""Which model: a folder, or a model of the hub at one commit; and what tells it from any other.

Here: reading the settings of a model, its files' fingerprint. Nothing here imports torch: versions
are computed in processes that never generate. Not here: loading (`loading.py`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from resources.errors import SettingError
from resources.settings import REPOSITORY_ROOT

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SMALL: Final = (".json", ".model", ".txt", ".jinja", ".tiktoken")
"""Configuration, tokenizer and chat template: read whole. Weights have gigabytes."""
_SMALL_BYTES: Final = 64 * 2**20
_HEAD_BYTES: Final = 64 * 2**10
_SAMPLES: Final = 32
_SAMPLE_BYTES: Final = 4 * 2**10


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    Attributes:
        name: As the setting says it.
        folder: Its folder; None for a model of the hub.
        revision: The commit of a model of the hub; None for a folder.
    """

    name: str
    folder: Path | None
    revision: str | None

    @property
    def place(self) -> str:
        """What transformers loads it by."""
        return self.name if self.folder is None else str(self.folder)

    def identity(self) -> str:
        """What changes when the model does: the commit, or a hash of the folder's files."""
        if self.folder is None:
            return f"{self.name}@{self.revision}"
        return fingerprint(self.folder)


def model_source(name: str | None, revision: str | None) -> ModelSource:
    """The model of QUIRE_MODEL and QUIRE_MODEL_REVISION.

    Raises:
        SettingError: No model, no such folder, or a model of the hub without a commit.
    """
    if not name:
        raise SettingError(
            "QUIRE_SUMMARISER=transformers needs a model: set QUIRE_MODEL to a folder, or to the "
            "name of a model of the Hugging Face hub with its commit in QUIRE_MODEL_REVISION"
        )
    return _source("QUIRE_MODEL", name, revision, "set QUIRE_MODEL_REVISION to")


def assistant_source(name: str | None) -> ModelSource | None:
    """The model of QUIRE_ASSISTANT_MODEL: a folder, or `name@commit`.

    Raises:
        SettingError: No such folder, or a model of the hub without a commit.
    """
    if not name:
        return None
    hub_name, _, revision = name.partition("@")
    mend = f"write QUIRE_ASSISTANT_MODEL={hub_name}@ and"
    return _source("QUIRE_ASSISTANT_MODEL", name if not revision else hub_name, revision, mend)


def _source(variable: str, name: str, revision: str | None, mend: str) -> ModelSource:
    folder = REPOSITORY_ROOT / Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise SettingError(
                f"{variable}={name}: {folder} has no config.json; "
                "point it at a folder that save_pretrained or `hf download` wrote"
            )
        return ModelSource(name, folder, None)
    if name.startswith((".", "~", "/")) or not _HUB_ID.fullmatch(name):
        raise SettingError(f"{variable}={name}: there is no folder {folder}")
    if not revision or not _COMMIT.fullmatch(revision):
        raise SettingError(
            f"{variable}={name} is a model of the hub, which may change under its name: "
            f"{mend} the commit of 40 hex digits that its page shows under Files"
        )
    return ModelSource(name, None, revision)


def fingerprint(folder: Path) -> str:
    """A hash of a model's folder: small files whole; of weights names, sizes and samples.

    Samples are the head and 32 places of each file, so that trained weights of the same shape
    differ; a few milliseconds whatever their size. Kept as long as sizes and times stay.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    stats = [(path.name, path.stat()) for path in files]
    return _fingerprint(folder, tuple((name, s.st_size, s.st_mtime_ns) for name, s in stats))


@cache
def _fingerprint(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for name, size, _ in files:
        is_small = name.endswith(_SMALL) and size <= _SMALL_BYTES
        if not is_small and not name.endswith(".safetensors"):
            continue
        total.update(f"{name}\0{size}\0".encode())
        with (folder / name).open("rb") as file:
            if is_small:
                total.update(file.read())
                continue
            total.update(file.read(_HEAD_BYTES))
            for place in range(_SAMPLES):
                file.seek(size * place // _SAMPLES)
                total.update(file.read(_SAMPLE_BYTES))
    return total.hexdigest()[:16]
