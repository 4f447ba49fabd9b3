"""`QUIRE_K8S`: how steps become pods, parsed once into a frozen record.

Here: its keys, defaults and errors. Not here: which stage is of which class (`classes.py`), or what
a pod looks like (`pods.py`).

The value is a JSON object, or the path of a JSON or YAML file of one. Every key may be left out:

| key | default | meaning |
|---|---|---|
| `namespace` | the run launcher's | where step Jobs are made |
| `image`, `gpu_image` | the run's; `image` | of step pods, and of those of class `gpu` |
| `service_account` | `default` | of step pods; they get no token of it |
| `env_config_maps`, `env_secrets` | none | names, for every step: settings, keys of the lake |
| `api_key_secret` | none | `{"name", "key"}`: `QUIRE_API_KEY`, only where its server is called |
| `ocr_key_secret` | none | `VLLM_API_KEY`, only where surya's server is called |
| `node_selectors` | none | by class (`cpu` `gpu` `api`): labels that a node must have |
| `tolerations` | spot nodes; `gpu`: GPU nodes too | by class: taints that are borne |
| `resources` | `classes.py` | by stage: `requests`, `limits`, `memory_classes` |
| `large_memory_factor` | 2 | the second memory class, where `memory_classes` names none |
| `priority_class`, `queue` | none | a PriorityClass; a Kueue LocalQueue |
| `model_volume` | none | a claim with weights, at `/models` of all pods of an engine with some |
| `shared_volume` | none | `{"claim", "mount_path"}`: holds what is a folder |
| `pending_seconds` | 900 | a pod that waits longer is given up; a new GPU node takes 5 to 10 min |
| `deadline_seconds` | 14400 | a step's Job in all, as `max_runtime_seconds` of a run |
| `health_seconds` | 20 | between looks at a step's pod |
| `tmp_size` | each stage's | the limit of a pod's `/tmp` |
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from resources.errors import SettingError

CLASSES: Final = ("cpu", "gpu", "api")
STEPS: Final = ("files", "pages", "images", "docs", "summaries", "evals")
Value = Any
"""What JSON holds, before it is looked at."""
_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
_QUANTITY: Final = re.compile(r"^[0-9]+(\.[0-9]+)?(m|[kKMGTP]i?)?$")
_MEMORY: Final = re.compile(r"^([0-9]+)(Ki|Mi|Gi|Ti|k|M|G|T)?$")
_UNITS: Final = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_TOLERATION: Final = ("key", "operator", "value", "effect", "tolerationSeconds")


@dataclass(frozen=True)
class SecretKey:
    """One key of a Secret."""

    name: str
    key: str


@dataclass(frozen=True)
class SharedVolume:
    """A claim that every pod mounts at the same place."""

    claim: str
    mount_path: str


@dataclass(frozen=True)
class StepResources:
    """What a stage's pods ask for; quantities as Kubernetes writes them."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    memory_classes: tuple[str, ...] = ()
    """Memory (request and limit) of the first pod, and of those after it was too little."""


@dataclass(frozen=True)
class KubernetesSettings:
    """`QUIRE_K8S`; see the table above."""

    namespace: str | None = None
    image: str | None = None
    gpu_image: str | None = None
    service_account: str | None = None
    env_config_maps: tuple[str, ...] = ()
    env_secrets: tuple[str, ...] = ()
    api_key_secret: SecretKey | None = None
    ocr_key_secret: SecretKey | None = None
    node_selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tolerations: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    resources: Mapping[str, StepResources] = field(default_factory=dict)
    large_memory_factor: float = 2.0
    priority_class: str | None = None
    queue: str | None = None
    model_volume: str | None = None
    shared_volume: SharedVolume | None = None
    pending_seconds: float = 900.0
    deadline_seconds: int = 14_400
    health_seconds: int = 20
    tmp_size: str | None = None


def bytes_of(quantity: str) -> int:
    """A memory quantity such as `8Gi`, in bytes.

    Raises:
        SettingError: It is none.
    """
    match = _MEMORY.match(quantity)
    if match is None:
        raise SettingError(f"QUIRE_K8S: {quantity!r} is no amount of memory: write 512Mi or 8Gi")
    return int(match[1]) * _UNITS[match[2] or ""]


def read_kubernetes(given: str, root: Path) -> KubernetesSettings:
    """Parse `QUIRE_K8S`; an empty value is every default.

    Args:
        given: A JSON object, or the path of a JSON or YAML file (relative ones start at `root`).
        root: The repository.

    Raises:
        SettingError: It cannot be read, or holds what is unknown or cannot work.
    """
    text, where = given.strip(), "QUIRE_K8S"
    if not text:
        return KubernetesSettings()
    if not text.startswith("{"):
        path = root / Path(text).expanduser()
        where = f"QUIRE_K8S ({path})"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"{where} cannot be read ({error}): give a JSON object, or a JSON or YAML file"
            ) from None
    return _parse(_loaded(text, where), where)


def _loaded(text: str, where: str) -> dict[str, Any]:
    import yaml  # comes with Dagster, and reads JSON too

    try:
        value = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise SettingError(f"{where} is neither JSON nor YAML: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingError(f"{where}: expected an object of keys and values")
    return value


def _parse(value: Mapping[str, Any], where: str) -> KubernetesSettings:
    _known(value, [f.name for f in fields(KubernetesSettings)], where)
    return KubernetesSettings(
        **{key: _READERS[key](item, f"{where}: {key}") for key, item in value.items()}
    )


def _known(value: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    names = sorted(names)
    for key in value:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.0)[0]
            raise SettingError(f"{where}: unknown key {key!r}: did you mean {near!r}?")


def _object(value: Value, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingError(f"{where}: expected an object, such as {{...}}")
    return value


def _text(value: Value, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{where}={value!r}: expected a text")
    return value


def _name(value: Value, where: str) -> str:
    if not _NAME.match(_text(value, where)):
        raise SettingError(f"{where}={value!r}: expected a name of lower-case letters, digits, - .")
    return str(value)


def _names(value: Value, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SettingError(f"{where}: expected a list of names")
    return tuple(_name(item, where) for item in value)


def _number(value: Value, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise SettingError(f"{where}={value!r}: expected a number above 0")
    return float(value)


def _whole(value: Value, where: str) -> int:
    if _number(value, where) != int(value):
        raise SettingError(f"{where}={value!r}: expected a whole number")
    return int(value)


def _factor(value: Value, where: str) -> float:
    if _number(value, where) <= 1:
        raise SettingError(f"{where}={value!r}: expected a factor above 1")
    return float(value)


def _quantity(value: Value, where: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _QUANTITY.match(text):
        raise SettingError(f"{where}={value!r}: expected an amount such as 500m, 2 or 8Gi")
    return text


def _pairs(value: Value, where: str) -> dict[str, str]:
    return {_text(key, where): _text(item, where) for key, item in _object(value, where).items()}


def _secret(value: Value, where: str) -> SecretKey:
    _known(_object(value, where), ("name", "key"), where)
    return SecretKey(
        _name(value.get("name"), f"{where}.name"), _text(value.get("key"), f"{where}.key")
    )


def _shared(value: Value, where: str) -> SharedVolume:
    _known(_object(value, where), ("claim", "mount_path"), where)
    path = _text(value.get("mount_path"), f"{where}.mount_path")
    if not path.startswith("/") or path.rstrip("/") == "":
        raise SettingError(f"{where}.mount_path={path!r}: expected an absolute folder")
    return SharedVolume(_name(value.get("claim"), f"{where}.claim"), path.rstrip("/"))


def _by_class(read: Callable[[Any, str], Any]) -> Callable[[Any, str], dict[str, Any]]:
    def _read(value: Value, where: str) -> dict[str, Any]:
        _known(_object(value, where), CLASSES, where)
        return {key: read(item, f"{where}.{key}") for key, item in value.items()}

    return _read


def _tolerations(value: Value, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list):
        raise SettingError(f"{where}: expected a list of tolerations")
    for item in value:
        _known(_object(item, where), _TOLERATION, where)
    return tuple(value)


def _resources(value: Value, where: str) -> dict[str, StepResources]:
    _known(_object(value, where), STEPS, where)
    return {step: _step(item, f"{where}.{step}") for step, item in value.items()}


def _step(value: Value, where: str) -> StepResources:
    _known(_object(value, where), [f.name for f in fields(StepResources)], where)
    amounts = {
        kind: {
            _text(name, where): _quantity(amount, f"{where}.{kind}.{name}")
            for name, amount in _object(value.get(kind, {}), f"{where}.{kind}").items()
        }
        for kind in ("requests", "limits")
    }
    memory = value.get("memory_classes", [])
    if not isinstance(memory, list) or sorted(memory, key=_bytes) != memory:
        raise SettingError(
            f'{where}.memory_classes: expected amounts from small to large, such as ["8Gi", "16Gi"]'
        )
    return StepResources(**amounts, memory_classes=tuple(memory))


def _bytes(value: Value) -> int:
    return bytes_of(str(value))


_READERS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "namespace": _name,
    "image": _text,
    "gpu_image": _text,
    "service_account": _name,
    "env_config_maps": _names,
    "env_secrets": _names,
    "api_key_secret": _secret,
    "ocr_key_secret": _secret,
    "node_selectors": _by_class(_pairs),
    "tolerations": _by_class(_tolerations),
    "resources": _resources,
    "large_memory_factor": _factor,
    "priority_class": _name,
    "queue": _name,
    "model_volume": _name,
    "shared_volume": _shared,
    "pending_seconds": _number,
    "deadline_seconds": _whole,
    "health_seconds": _whole,
    "tmp_size": _quantity,
}
