"""Nodes with slots, and where a pod fits: what a scheduler decides.

Here: quantities, node selectors, taints, sums of requests. Not here: when (`cluster.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

GPU: Final = "nvidia.com/gpu"
_UNITS: Final = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_QUANTITY: Final = re.compile(r"^([+-]?[0-9]+(?:\.[0-9]*)?)(?:([eE][+-]?[0-9]+)|([A-Za-z]*))$")


def quantity(text: object) -> float:
    """A resource quantity such as `500m` or `4Gi` as a number; ValueError when it is none."""
    found = _QUANTITY.match(str(text))
    if found is None or (found[3] or "") not in _UNITS:
        raise ValueError(f"quantities must match the regular expression of a quantity: {text!r}")
    return float(found[1] + (found[2] or "")) * _UNITS[found[3] or ""]


@dataclass
class Node:
    """A machine: so many pods at once, each on a numbered slot, and so much of each resource."""

    name: str
    slots: int
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    capacity: dict[str, str] = field(default_factory=lambda: {"cpu": "64", "memory": "256Gi"})
    ready: bool = True

    def refusal(self, spec: Mapping[str, Any], beside: list[Mapping[str, Any]]) -> str | None:
        """Why a pod does not fit beside the pods that are here, in the scheduler's words."""
        if not self.ready:
            return "node(s) had untolerated taint {node.kubernetes.io/unreachable: }"
        selector: Mapping[str, str] = spec.get("nodeSelector") or {}
        if any(self.labels.get(key) != value for key, value in selector.items()):
            return "node(s) didn't match Pod's node affinity/selector"
        for taint in self.taints:
            if not any(_tolerates(toleration, taint) for toleration in spec.get("tolerations", [])):
                return f"node(s) had untolerated taint {{{taint['key']}: {taint['value']}}}"
        if len(beside) >= self.slots:
            return "Too many pods"
        for name, wanted in requests(spec).items():
            taken = sum(requests(other).get(name, 0.0) for other in beside)
            if taken + wanted > quantity(self.capacity.get(name, "0")):
                return f"Insufficient {name}"
        return None


def requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks for in all: requests, and limits where no request is made."""
    total: dict[str, float] = {}
    for container in spec["containers"]:
        resources: Mapping[str, Any] = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for name, value in asked.items():
            if name != "ephemeral-storage":  # nodes here have one disk, which is this machine's
                total[name] = total.get(name, 0.0) + quantity(value)
    return total


def _tolerates(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint["value"]
