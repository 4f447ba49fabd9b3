"""The files of deploy/, read: YAML documents, values files laid over each other as Helm does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from resources.settings import REPOSITORY_ROOT

DEPLOY: Final = REPOSITORY_ROOT / "deploy"
MANIFESTS: Final = DEPLOY / "manifests"

Json = dict[str, Any]


def load(path: Path) -> Any:
    """The one document of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def manifests() -> Iterator[tuple[str, Json]]:
    """Every object of deploy/manifests, with a name for messages; not the kustomizations."""
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        if path.name == "kustomization.yaml":
            continue
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield (
                f"{path.relative_to(MANIFESTS)}:{found['kind']}/{found['metadata']['name']}",
                found,
            )


def manifest(kind: str, name: str) -> Json:
    """One of them."""
    (found,) = (
        one for _, one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)
    )
    return found


def values(*names: str) -> Json:
    """Values files of the chart, later over earlier: objects are joined, lists replaced."""
    joined: Json = {}
    for name in ("values.yaml", *names):
        joined = _over(joined, load(DEPLOY / "helm" / name))
    return joined


def _over(below: Json, above: Json) -> Json:
    joined = dict(below)
    for name, value in above.items():
        under = joined.get(name)
        joined[name] = (
            _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return joined
