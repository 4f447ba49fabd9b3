"""What an API server refuses: a Job that is not one, and values that no node could act on.

Here: the API's schema, strictly, and the rules beside it that a wrong Job would meet first. Not
here: quotas, admission webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.cluster.nodes import GPU, quantity

VERSION: Final = "1.33"
_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL: Final = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")


def faults_of(job: Mapping[str, Any]) -> list[str]:
    """Why a Job is refused, one line each in the words of an API server; empty when it is taken."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(dict(job), VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        return [f"{place}: {str(error).splitlines()[0]}"]
    except (KeyError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"no such kind: {error}"]
    return [*_of_names(job), *_of_job(job["spec"]), *_of_pod(job["spec"]["template"]["spec"])]


def _of_names(job: Mapping[str, Any]) -> Iterator[str]:
    name = job["metadata"].get("name", "")
    if len(name) > 63 or not _NAME.match(name):
        yield f"metadata.name: Invalid value: {name!r}: a lowercase RFC 1123 label"
    template = job["spec"]["template"].get("metadata") or {}
    for labels in (job["metadata"].get("labels") or {}, template.get("labels") or {}):
        for key, value in labels.items():
            last = key.rpartition("/")[2]
            if len(last) > 63 or not last or not _LABEL.match(last):
                yield f"metadata.labels: Invalid value: {key!r}: name part"
            if len(value) > 63 or not _LABEL.match(value):
                yield f"metadata.labels: Invalid value: {value!r}: a valid label value"


def _of_job(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
        yield 'spec.template.spec.restartPolicy: Required value: "OnFailure", "Never"'
    if "podFailurePolicy" in spec:
        yield "spec.podFailurePolicy: Forbidden: this stand-in knows none, and Quire uses none"
    for key in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if spec.get(key, 0) < 0:
            yield f"spec.{key}: Invalid value: {spec[key]}: must be greater than or equal to 0"


def _of_pod(spec: Mapping[str, Any]) -> Iterator[str]:
    volumes = [volume["name"] for volume in spec.get("volumes") or []]
    for name in {name for name in volumes if volumes.count(name) > 1}:
        yield f"spec.template.spec.volumes: Duplicate value: {name!r}"
    for place, container in enumerate(spec["containers"]):
        where = f"spec.template.spec.containers[{place}]"
        if not container.get("image"):
            yield f"{where}.image: Required value"
        mounts = container.get("volumeMounts") or []
        paths = [mount["mountPath"] for mount in mounts]
        for path in {path for path in paths if paths.count(path) > 1}:
            yield f"{where}.volumeMounts: Invalid value: {path!r}: must be unique"
        for mount in mounts:
            if mount["name"] not in volumes:
                yield f"{where}.volumeMounts.name: Not found: {mount['name']!r}"
        yield from _of_resources(container.get("resources") or {}, where)


def _of_resources(resources: Mapping[str, Any], where: str) -> Iterator[str]:
    limits: Mapping[str, Any] = resources.get("limits") or {}
    asked: Mapping[str, Any] = resources.get("requests") or {}
    for kind, values in (("limits", limits), ("requests", asked)):
        for name, value in values.items():
            try:
                quantity(value)
            except ValueError as error:
                yield f"{where}.resources.{kind}[{name}]: Invalid value: {error}"
                return
    for name, value in asked.items():
        if name in limits and quantity(value) > quantity(limits[name]):
            said = f"Invalid value: {value!r}: must be at most {name} limit"
            yield f"{where}.resources.requests: {said}"
    if GPU in asked and quantity(asked[GPU]) != quantity(limits.get(GPU, "0")):
        yield f"{where}.resources.requests[{GPU}]: must be equal to its limit"
