"""A container of this machine's own files: a subprocess in namespaces with nothing else of ours.

Here: what is mounted where, the environment as a kubelet makes it, starting and killing. Not here:
pods and their states (`cluster.py`). A container has the process ids, host name, /tmp, environment
and user of its own that it would have in a cluster; memory, CPU and network are the machine's.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from resources.settings import REPOSITORY_ROOT

ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_SCRIPT: Final = Path(__file__).with_name("container.sh")
_UNSHARE: Final = (
    "setpriv", "--pdeathsig", "SIGKILL", "unshare", "--mount", "--uts", "--pid", "--fork",
)  # fmt: skip
"""A test that is killed leaves no container behind."""
_USER: Final = 10001
_REFERENCE: Final = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class NotStartedError(Exception):
    """What a kubelet waits for before it starts a container, such as a Secret that is not there."""


@dataclass(frozen=True)
class Image:
    """What an image brings: this environment's Python, the repository, and their variables."""

    env: Mapping[str, str]
    workdir: str
    folders: tuple[str, ...]


def image_of_this_environment() -> Image:
    """The repository and the running virtual environment, as an image would hold them."""
    folders = {str(REPOSITORY_ROOT), sys.prefix, sys.base_prefix}
    kept = tuple(sorted(folder for folder in folders if not folder.startswith("/usr")))
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    env = {
        "PATH": f"{Path(sys.executable).parent}:{path}",
        "PYTHONPATH": str(REPOSITORY_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Image(env, str(REPOSITORY_ROOT), kept)


def skip_without_containers() -> None:
    """Skip the test where this user may make no namespaces, or a library is missing."""
    for library in ("dagster_k8s", "dagster_postgres", "kubernetes_validate"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"no {library}: pip install -e '.[dev,k8s,k8s-dev]'")
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("no containers: run as root on Linux with util-linux (unshare, setpriv)")
    command = [*_UNSHARE, "setpriv", "--reuid", str(_USER), "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no containers: this kernel lets nobody make namespaces")


@dataclass(frozen=True)
class Stores:
    """What pods may refer to: ConfigMaps and Secrets by name, and claims, each a real folder."""

    config_maps: Mapping[str, Mapping[str, str]]
    secrets: Mapping[str, Mapping[str, str]]
    claims: Mapping[str, Path]

    def find(self, kind: str, name: str, *, optional: bool = False) -> Mapping[str, str]:
        """The data of a ConfigMap or Secret."""
        held = self.config_maps if kind == "configmap" else self.secrets
        if name not in held and not optional:
            raise NotStartedError(f'{kind} "{name}" not found')
        return held.get(name, {})


def environment_of(
    container: Mapping[str, Any], image: Image, stores: Stores, own: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a container: the image's, `envFrom`, `env`, and a kubelet's own words.

    Args:
        container: Its spec.
        image: Whose variables come first.
        stores: What it may refer to.
        own: `metadata.name` and the like, for `fieldRef`; those in capitals are set as they are.
    """
    env = {**image.env, **{key: value for key, value in own.items() if key.isupper()}}
    for source in container.get("envFrom") or []:
        for key, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
            if key in source:
                optional = bool(source[key].get("optional"))
                found = stores.find(kind, source[key]["name"], optional=optional)
                env |= {source.get("prefix", "") + name: value for name, value in found.items()}
    for entry in container.get("env") or []:
        value = _value_of(entry, stores, own)
        if value is not None:
            env[entry["name"]] = _REFERENCE.sub(lambda m: env.get(m[1], m[0]), value)
    return env


def _value_of(entry: Mapping[str, Any], stores: Stores, own: Mapping[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    for key, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
        if key in source:
            optional = bool(source[key].get("optional"))
            found = stores.find(kind, source[key]["name"], optional=optional)
            if source[key]["key"] not in found and not optional:
                raise NotStartedError(
                    f"couldn't find key {source[key]['key']} in {kind} {source[key]['name']}"
                )
            return found.get(source[key]["key"])
    if "fieldRef" in source and source["fieldRef"]["fieldPath"] in own:
        return own[source["fieldRef"]["fieldPath"]]
    raise NotStartedError(f"the stand-in gives no {source}")


def _mounts(
    spec: Mapping[str, Any],
    container: Mapping[str, Any],
    stores: Stores,
    folder: Path,
    own: Mapping[str, str],
) -> list[tuple[str, Path, str]]:
    """Each mount as mode, source and target, outer targets first."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or []}
    found = []
    for mount in container.get("volumeMounts") or []:
        source = _source_of(volumes[mount["name"]], stores, folder, own)
        writable = "emptyDir" in volumes[mount["name"]] or (
            "persistentVolumeClaim" in volumes[mount["name"]]
        )
        mode = "rw" if writable and not mount.get("readOnly") else "ro"
        if mount.get("subPath"):
            source /= mount["subPath"]
            if writable and not source.exists():  # a kubelet makes it
                source.mkdir(parents=True)
                source.chmod(0o777)
            if not source.exists():
                raise NotStartedError(f"no {mount['subPath']} in volume {mount['name']}")
        found.append((mode, source, mount["mountPath"]))
    return sorted(found, key=lambda each: each[2].count("/"))


def _source_of(
    volume: Mapping[str, Any], stores: Stores, folder: Path, own: Mapping[str, str]
) -> Path:
    place = folder / "volumes" / str(volume["name"])
    if "persistentVolumeClaim" in volume:
        name = volume["persistentVolumeClaim"]["claimName"]
        if name not in stores.claims:
            raise NotStartedError(f'persistentvolumeclaim "{name}" not found')
        return stores.claims[name]
    if place.exists():
        return place
    if "emptyDir" in volume:
        place.mkdir(parents=True)
        place.chmod(0o777)
        return place
    for key, kind, named in (
        ("configMap", "configmap", "name"),
        ("secret", "secret", "secretName"),
    ):
        if key in volume:
            _write_files(volume[key], stores.find(kind, volume[key][named]), place)
            return place
    if "downwardAPI" in volume:
        items = volume["downwardAPI"]["items"]
        files = {item["path"]: own[item["fieldRef"]["fieldPath"]] for item in items}
        _write_files({}, files, place)
        return place
    raise NotStartedError(f"the stand-in mounts no {sorted(set(volume) - {'name'})}")


def _write_files(volume: Mapping[str, Any], data: Mapping[str, str], place: Path) -> None:
    items = {item["key"]: item["path"] for item in volume.get("items") or []}
    place.mkdir(parents=True)
    for key, value in data.items():
        if not items or key in items:
            (place / items.get(key, key)).write_text(value, encoding="utf-8")


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    def exit_code(self) -> int | None:
        """As a kubelet says it: 137 after SIGKILL; None while it runs."""
        code = self.process.poll()
        return code if code is None or code >= 0 else 128 - code

    def kill(self) -> None:
        """SIGKILL to all of it: the kernel ends a process namespace with its first process."""
        for child in self._first():
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM to its first process, as at the start of a grace period."""
        for child in self._first():
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGTERM)

    def processes(self) -> list[int]:
        """What still lives of it, by the folder that is its root."""
        root = str(self.log.parent / "root")
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.readlink(f"/proc/{process.pid}/root") == root:
                    found.append(process.pid)
        return found

    def _first(self) -> list[psutil.Process]:
        """The first process of its namespace: the one child of `unshare`."""
        with suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self.process.pid).children())
        return []


def start(
    spec: Mapping[str, Any],
    image: Image,
    stores: Stores,
    folder: Path,
    own: Mapping[str, str],
    account: Mapping[str, str] | None,
) -> Container:
    """Start the first container of a pod.

    Args:
        spec: The pod's spec.
        image: What the image brings.
        stores: What the pod may refer to.
        folder: For this pod alone: its log, volumes and root.
        own: Variables and fields of this pod (`environment_of`).
        account: Files of the service account; None where none is mounted.

    Raises:
        NotStartedError: Something that it refers to is not there.
    """
    container = spec["containers"][0]
    (folder / "root").mkdir(parents=True, exist_ok=True)
    env = environment_of(container, image, stores, own)
    mounts = _mounts(spec, container, stores, folder, own)
    if account is not None:
        _write_files({}, account, folder / "account")
        mounts.append(("ro", folder / "account", ACCOUNT))
    mounts += [("ro", Path(path), path) for path in image.folders]
    table = folder / "mounts"
    table.write_text("".join(f"{mode}\t{source}\t{target}\n" for mode, source, target in mounts))
    security = {**(spec.get("securityContext") or {}), **(container.get("securityContext") or {})}
    env["READ_ONLY"] = "yes" if security.get("readOnlyRootFilesystem") else "no"
    user = str(security.get("runAsUser", _USER))
    group = str(security.get("runAsGroup", security.get("fsGroup", user)))
    workdir = container.get("workingDir") or image.workdir
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    log = folder / "log"
    arguments = [str(folder / "root"), own["HOSTNAME"], user, group, workdir, str(table)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*_UNSHARE, "/bin/sh", str(_SCRIPT), *arguments, *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    return Container(process, log)
