"""Settings: the `QUIRE_*` environment variables and `.env`, parsed once into a frozen record.

Here: names, defaults, parsing, and errors that say the mend. Not here: acting on a setting.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from resources import crash_points
from resources.errors import SettingError
from resources.kubernetes.settings import KubernetesSettings, read_kubernetes

REPOSITORY_ROOT: Final = Path(__file__).resolve().parent.parent
_URL: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_KNOWN: Final = {
    "QUIRE_LANDING", "QUIRE_LAKE", "QUIRE_STORAGE_OPTIONS", "QUIRE_KEEP_SOURCES", "QUIRE_OCR",
    "QUIRE_LAYOUT", "QUIRE_KEEP_SCANS", "QUIRE_SUMMARISER", "QUIRE_MODEL", "QUIRE_MODEL_REVISION",
    "QUIRE_BASE_URL", "QUIRE_API_KEY", "QUIRE_PASSWORDS", "QUIRE_WORKERS",
    "QUIRE_WORKER_MEMORY_MB", "QUIRE_PAGE_TIMEOUT", "QUIRE_DOC_TIMEOUT", "QUIRE_BATCH_SECONDS",
    "QUIRE_BATCH_LINGER", "QUIRE_BATCH_MAX_DOCS", "QUIRE_STABLE_SECONDS", "QUIRE_GATE",
    "QUIRE_BUDGET_USD", "QUIRE_BUDGET_TOKENS", "QUIRE_EXECUTOR", "QUIRE_CORPUS", "QUIRE_GOLDEN",
    "QUIRE_MAX_BATCHES", "QUIRE_WEBHOOK", "QUIRE_MODEL_QUANTISATION", "QUIRE_ASSISTANT_MODEL",
    "QUIRE_CONTEXT_TOKENS", "QUIRE_SUMMARY_TOKENS", "QUIRE_CALL_TIMEOUT", "QUIRE_MAX_CONCURRENCY",
    "QUIRE_REQUESTS_PER_MINUTE", "QUIRE_TOKENS_PER_MINUTE", "QUIRE_PRICES", "QUIRE_EVAL_PAGES",
    "QUIRE_EVAL_SHARE", "QUIRE_EVAL_WARN", "QUIRE_EVAL_FAIL", "QUIRE_K8S",
}  # fmt: skip
_BATCH_SECONDS: Final = {"local": 300, "k8s": 2_400}
"""A run costs a second or three locally, and on Kubernetes 16 s and more before it begins."""
_FOR_TESTS: Final = {crash_points.VARIABLE}


@dataclass(frozen=True)
class Settings:
    """Every setting, parsed. Paths are absolute; `landing` and `lake` may be object-store urls."""

    landing: str
    lake: str
    storage_options: dict[str, str] = field(repr=False)
    keep_sources: bool
    ocr: str
    layout: bool
    keep_scans: bool
    summariser: str
    model: str | None
    model_revision: str | None
    base_url: str | None
    api_key: str | None = field(repr=False)
    passwords: tuple[str, ...] = field(repr=False)
    workers: int
    worker_memory_mb: int
    page_timeout: float
    doc_timeout: float
    batch_seconds: float
    batch_linger: float
    batch_max_docs: int
    stable_seconds: float
    gate: str
    budget_usd: float | None
    budget_tokens: int | None
    executor: str
    max_batches: int
    webhook: str | None = field(repr=False)
    """Its path may be a secret."""
    model_quantisation: str
    assistant_model: str | None
    context_tokens: int | None
    summary_tokens: int
    call_timeout: float
    max_concurrency: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    prices: str | None
    golden: str | None
    """A folder of PDFs and cases; the project's own samples when there is none."""
    eval_pages: int
    eval_share: float
    eval_warn: float
    eval_fail: float
    kubernetes: KubernetesSettings

    def with_lake(self, lake: str) -> Settings:
        """The same settings over another lake; a relative path is taken from the working folder."""
        return replace(self, lake=absolute_location(lake, Path.cwd()))

    def with_landing(self, landing: str) -> Settings:
        """The same settings over another landing zone."""
        return replace(self, landing=absolute_location(landing, Path.cwd()))


def absolute_location(location: str, base: Path) -> str:
    """An object-store url as it is; a `file://` url or path as an absolute path below `base`."""
    if location.startswith("file://"):
        location = location.removeprefix("file://")
    if _URL.match(location):
        return location.rstrip("/")
    return os.path.normpath(str(base / Path(location).expanduser()))


def is_local(location: str) -> bool:
    """Whether a location is a folder on this machine."""
    return not _URL.match(location)


def read_dotenv(path: Path) -> dict[str, str]:
    """`KEY=value` lines of a file; quotes are taken off, `#` lines and blank lines skipped.

    Raises:
        SettingError: A line that is neither, with its number.
    """
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SettingError(f"{path}, line {number}: expected NAME=value")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values


class _Reader:
    """Reads typed values; every error names the variable and what would be right."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name, "").strip()
        return value or default

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def choice(self, name: str, *choices: str) -> str:
        value = self.text(name, choices[0])
        if value not in choices:
            raise SettingError(f"{name}={value!r}: choose one of {', '.join(sorted(choices))}")
        return value

    def switch(self, name: str, *, default: bool) -> bool:
        return self.choice(name, *(("on", "off") if default else ("off", "on"))) == "on"

    def number(self, name: str, default: float, *, least: float) -> float:
        raw = self.text(name, str(default))
        try:
            value = float(raw)
        except ValueError:
            raise SettingError(f"{name}={raw!r}: expected a number") from None
        if not least <= value < float("inf"):
            raise SettingError(f"{name}={raw}: must be at least {least:g}")
        return value

    def whole(self, name: str, default: int, *, least: int) -> int:
        value = self.number(name, default, least=least)
        if value != int(value):
            raise SettingError(f"{name}={value}: expected a whole number")
        return int(value)

    def optional_whole(self, name: str, *, least: int) -> int | None:
        return self.whole(name, least, least=least) if self.optional(name) else None

    def webhook(self) -> str | None:
        url = self.optional("QUIRE_WEBHOOK")
        if url is not None and not re.match(r"https?://[^/\s]+", url):
            raise SettingError(  # the rest of it may be a secret
                f"QUIRE_WEBHOOK={url[:8]}...: expected an http:// or https:// address"
            )
        return url

    def folder(self, name: str, root: Path) -> str | None:
        value = self.optional(name)
        if value is None:
            return None
        path = absolute_location(value, root)
        if not os.path.isdir(path):
            raise SettingError(f"{name}={value}: no such folder")
        return path

    def storage_options(self) -> dict[str, str]:
        raw = self.text("QUIRE_STORAGE_OPTIONS", "{}")
        try:
            value: Any = json.loads(raw)
        except json.JSONDecodeError as error:
            raise SettingError(
                f'QUIRE_STORAGE_OPTIONS is not JSON ({error}): write {{"key": "value"}}'
            ) from None
        if not isinstance(value, dict):
            raise SettingError('QUIRE_STORAGE_OPTIONS: expected a JSON object {"key": "value"}')
        return {str(key): str(item) for key, item in value.items()}

    def passwords(self, root: Path) -> tuple[str, ...]:
        raw = self.text("QUIRE_PASSWORDS")
        if not raw:
            return ()
        if raw.startswith("["):
            try:
                value: Any = json.loads(raw)
            except json.JSONDecodeError as error:
                raise SettingError(f"QUIRE_PASSWORDS is not a JSON list ({error})") from None
            return tuple(str(item) for item in value)
        path = root / Path(raw).expanduser()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SettingError(
                f"QUIRE_PASSWORDS: cannot read {path} ({error.strerror}): "
                "give a JSON list or a file with one password a line"
            ) from None
        return tuple(line for line in lines if line)


def load_settings(
    environment: Mapping[str, str] | None = None,
    root: Path = REPOSITORY_ROOT,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Read `.env` under `root`, then the environment, then `overrides` (`QUIRE_X` or `x`).

    Raises:
        SettingError: An unknown `QUIRE_*` variable or a value that cannot work.
    """
    environment = os.environ if environment is None else environment
    values = {k: v for k, v in read_dotenv(root / ".env").items() if k.startswith("QUIRE_")}
    values |= {k: v for k, v in environment.items() if k.startswith("QUIRE_")}
    for name, value in (overrides or {}).items():
        key = name if name.startswith("QUIRE_") else f"QUIRE_{name.upper()}"
        values[key] = str(value)
    for unknown in sorted(set(values) - _KNOWN - _FOR_TESTS):
        near = _nearest(unknown)
        raise SettingError(f"unknown setting {unknown}: did you mean {near}? See .env.example")
    return _parse(_Reader(values), root)


def _parse(read: _Reader, root: Path) -> Settings:
    executor = read.choice("QUIRE_EXECUTOR", "local", "k8s")
    kubernetes = read_kubernetes(read.text("QUIRE_K8S"), root)
    landing = absolute_location(read.text("QUIRE_LANDING", "landing"), root)
    lake = absolute_location(read.text("QUIRE_LAKE", "lake"), root)
    if executor == "k8s":
        _check_pods_can_work(kubernetes, {"QUIRE_LANDING": landing, "QUIRE_LAKE": lake})
    budget_usd = read.optional("QUIRE_BUDGET_USD")
    budget_tokens = read.optional("QUIRE_BUDGET_TOKENS")
    settings = Settings(
        landing=landing,
        lake=lake,
        storage_options=read.storage_options(),
        keep_sources=read.switch("QUIRE_KEEP_SOURCES", default=False),
        ocr=read.choice("QUIRE_OCR", "rapidocr", "tesseract", "surya", "off"),
        layout=read.switch("QUIRE_LAYOUT", default=True),
        keep_scans=read.switch("QUIRE_KEEP_SCANS", default=False),
        summariser=read.choice(
            "QUIRE_SUMMARISER", "extractive", "transformers", "openai", "openai_batch"
        ),
        model=read.optional("QUIRE_MODEL"),
        model_revision=read.optional("QUIRE_MODEL_REVISION"),
        base_url=read.optional("QUIRE_BASE_URL"),
        api_key=read.optional("QUIRE_API_KEY"),
        passwords=read.passwords(root),
        workers=read.whole("QUIRE_WORKERS", os.cpu_count() or 1, least=1),
        worker_memory_mb=read.whole("QUIRE_WORKER_MEMORY_MB", 4096, least=512),
        page_timeout=read.number("QUIRE_PAGE_TIMEOUT", 60, least=0.1),
        doc_timeout=read.number("QUIRE_DOC_TIMEOUT", 1800, least=0.1),
        batch_seconds=read.number("QUIRE_BATCH_SECONDS", _BATCH_SECONDS[executor], least=1),
        batch_linger=read.number("QUIRE_BATCH_LINGER", 20, least=0),
        batch_max_docs=read.whole("QUIRE_BATCH_MAX_DOCS", 1000, least=1),
        stable_seconds=read.number("QUIRE_STABLE_SECONDS", 5, least=0),
        gate=read.choice("QUIRE_GATE", "block", "warn", "off"),
        budget_usd=read.number("QUIRE_BUDGET_USD", 0, least=0) if budget_usd else None,
        budget_tokens=read.whole("QUIRE_BUDGET_TOKENS", 0, least=0) if budget_tokens else None,
        executor=executor,
        max_batches=read.whole("QUIRE_MAX_BATCHES", 50, least=1),
        webhook=read.webhook(),
        model_quantisation=read.choice("QUIRE_MODEL_QUANTISATION", "none", "int8", "int4"),
        assistant_model=read.optional("QUIRE_ASSISTANT_MODEL"),
        context_tokens=read.optional_whole("QUIRE_CONTEXT_TOKENS", least=256),
        summary_tokens=read.whole("QUIRE_SUMMARY_TOKENS", 400, least=16),
        call_timeout=read.number("QUIRE_CALL_TIMEOUT", 600, least=0.1),
        max_concurrency=read.whole("QUIRE_MAX_CONCURRENCY", 64, least=1),
        requests_per_minute=read.optional_whole("QUIRE_REQUESTS_PER_MINUTE", least=1),
        tokens_per_minute=read.optional_whole("QUIRE_TOKENS_PER_MINUTE", least=1),
        prices=read.optional("QUIRE_PRICES"),
        golden=read.folder("QUIRE_GOLDEN", root),
        eval_pages=read.whole("QUIRE_EVAL_PAGES", 12, least=0),
        eval_share=read.number("QUIRE_EVAL_SHARE", 0.002, least=0),
        eval_warn=read.number("QUIRE_EVAL_WARN", 0.005, least=0),
        eval_fail=read.number("QUIRE_EVAL_FAIL", 0.01, least=0),
        kubernetes=kubernetes,
    )
    return _of_pods(settings, read) if executor == "k8s" else settings


def _of_pods(settings: Settings, read: _Reader) -> Settings:
    """The settings with what is otherwise where steps are pods."""
    if read.optional("QUIRE_WORKERS") is None:
        settings = replace(settings, workers=_workers_of_a_pod(settings))
    if settings.kubernetes.api_key_secret is not None and settings.base_url is None:
        # Every pod loads every stage, and only those that call OpenAI's own server have its key.
        from resources.llm.openai.address import OPENAI

        settings = replace(settings, base_url=OPENAI)
    return settings


def _workers_of_a_pod(settings: Settings) -> int:
    """Batches are cut for the pods that read pages, whatever machine cuts them."""
    from resources.kubernetes.classes import compute_class, resources_of, workers_of

    kind = compute_class("pages", settings)
    return workers_of(resources_of("pages", kind, settings.kubernetes))


def _check_pods_can_work(kubernetes: KubernetesSettings, places: Mapping[str, str]) -> None:
    """Refuse what would fail in every pod: no library, or a folder that only this machine has."""
    if importlib.util.find_spec("dagster_k8s") is None:
        raise SettingError(
            "QUIRE_EXECUTOR=k8s needs `pip install 'quire[k8s]'`; or set it to local"
        )
    shared = kubernetes.shared_volume
    for name, place in places.items():
        if not is_local(place) or (
            shared is not None and Path(place).is_relative_to(shared.mount_path)
        ):
            continue
        raise SettingError(
            f"QUIRE_EXECUTOR=k8s: {name}={place} is a folder of this machine, and pods run on "
            "others: give an object store (s3://...), or a folder below the mount_path of "
            "shared_volume in QUIRE_K8S"
        )


def _nearest(name: str) -> str:
    import difflib

    return difflib.get_close_matches(name, sorted(_KNOWN), n=1, cutoff=0.0)[0]
