"""The Dockerfile, held to account without an engine: read instruction by instruction."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from resources.kubernetes.pods import USER
from resources.settings import REPOSITORY_ROOT
from tests.deploy.files import DEPLOY

TEXT: Final = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
TARGETS: Final = ("cpu", "gpu")
PYPROJECT: Final = tomllib.loads((REPOSITORY_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: Final = PYPROJECT["project"]["optional-dependencies"]


class Step(NamedTuple):
    """One instruction of a stage."""

    word: str
    rest: str


def instructions(text: str) -> list[Step]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [Step(word.upper(), re.sub(r"\s+", " ", rest)) for word, rest in found]


def stages(text: str) -> dict[str, tuple[str, list[Step]]]:
    """By name: what a stage begins with, and its instructions."""
    found: dict[str, tuple[str, list[Step]]] = {}
    steps: list[Step] = []
    for step in instructions(text):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            steps = []
            found[name] = (base, steps)
        else:
            steps.append(step)
    return found


def in_all(stage: str, text: str = TEXT) -> list[Step]:
    """A stage's instructions and those of the stages below it, from the first."""
    known = stages(text)
    base, steps = known[stage]
    return [*(in_all(base, text) if base in known else []), *steps]


def faults(text: str) -> list[str]:
    """What no image of ours may do."""
    found = []
    known = stages(text)
    for name, (base, steps) in known.items():
        if base not in known and "${" not in base:
            found.append(f"{name} begins with {base}, which no argument can pin harder")
        found += [f"{name}: ADD" for step in steps if step.word == "ADD"]
        secret = re.compile(r"(?i)(password|secret|token|api_?key)\s*=")
        found += [
            f"{name}: a secret in {s.word}"
            for s in steps
            if s.word in {"ENV", "ARG"} and secret.search(s.rest)
        ]
    for target in TARGETS:
        steps = in_all(target, text)
        users = [step.rest for step in steps if step.word == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
            found.append(f"{target} does not end as a user with a number")
        words = [step.word for step in steps]
        found += [f"{target}: no {w}" for w in ("HEALTHCHECK", "ENTRYPOINT") if w not in words]
        if "RUN" in words[words.index("USER") :]:
            found.append(f"{target}: RUN after USER")
    return found


def test_no_image_runs_as_root_holds_a_secret_or_fetches_what_it_does_not_check() -> None:
    assert faults(TEXT) == []
    assert [step.rest for step in in_all("cpu") if step.word == "USER"] == [f"{USER}:{USER}"]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("USER 10001:10001", "USER root", "cpu does not end as a user with a number"),
        ("FROM ${BASE} AS system", "FROM debian AS system", "which no argument can pin harder"),
        ("COPY LICENSE", "ADD https://example.org/x /x\nCOPY LICENSE", "cpu: ADD"),
        ("ENV NVIDIA", "ENV QUIRE_API_KEY=x NVIDIA", "gpu: a secret in ENV"),
    ],
)
def test_a_wrong_dockerfile_fails(right: str, wrong: str, said: str) -> None:
    assert right in TEXT
    assert any(said in fault for fault in faults(TEXT.replace(right, wrong)))


def test_the_base_is_one_release_and_no_moving_tag() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/debian:\d+\.\d+-slim(@sha256:[0-9a-f]{64})?", base)


def allowed_by_the_ignore_file(path: str) -> bool:
    kept = False
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            if path == pattern or path.startswith(f"{pattern}/") or fnmatch.fnmatch(path, pattern):
                kept = line.startswith("!")
    return kept


def test_what_is_copied_exists_and_the_build_may_see_it() -> None:
    copied = set()
    for _, steps in stages(TEXT).values():
        for step in steps:
            if step.word == "COPY" and not step.rest.startswith("--from="):
                copied |= set(shlex.split(step.rest)[:-1])
    assert {"pyproject.toml", "assets", "resources", "deploy/weights.py"} <= copied
    for path in copied:
        assert (REPOSITORY_ROOT / path).exists(), path
        assert allowed_by_the_ignore_file(path), path
    for hidden in (".env", "lake", "landing/a.pdf", ".git/config", "deploy/.env", "tests"):
        assert not allowed_by_the_ignore_file(hidden), hidden


def test_every_package_of_the_project_is_copied() -> None:
    packages = {
        n.removesuffix("*") for n in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    copied = {step.rest.split()[0] for step in in_all("cpu") if step.word == "COPY"}
    assert packages <= copied


def test_stages_that_are_named_exist() -> None:
    known = stages(TEXT)
    assert set(TARGETS) <= set(known)
    for _, steps in known.values():
        for step in steps:
            if named := re.match(r"--from=(\S+)", step.rest):
                assert named[1] in known
    assert {"weights-none", "weights-baked"} <= set(known)


def test_extras_that_are_installed_exist() -> None:
    asked = [step.rest for step in in_all("gpu") if step.word == "RUN"]
    named = set(re.findall(r"requirements\.py (?:--only \w+ )?([a-z]+) >", " ".join(asked)))
    (given,) = re.findall(r'^ARG EXTRAS="([^"]*)"', TEXT, re.MULTILINE)
    assert named == {"models"}
    assert set(given.split()) | named <= set(EXTRAS)
    assert any("dagster-postgres" in line for line in EXTRAS["k8s"])


def requirements(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(DEPLOY / "requirements.py")
    command = [sys.executable, script, "--pyproject", str(REPOSITORY_ROOT / "pyproject.toml")]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def test_layers_install_what_pyproject_says() -> None:
    found = requirements("k8s", "models").stdout.splitlines()
    assert found == [*PYPROJECT["project"]["dependencies"], *EXTRAS["k8s"], *EXTRAS["models"]]
    (torch,) = requirements("--only", "torch", "models").stdout.splitlines()
    assert torch in EXTRAS["models"]
    refused = requirements("kubernets")
    assert refused.returncode == 1
    assert "no extra 'kubernets'" in refused.stderr


def test_every_library_has_one_version_that_pyproject_allows() -> None:
    lines = (DEPLOY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    for line in requirements("k8s", "models", "gcs", "azure").stdout.splitlines():
        needed = Requirement(line)
        version = pinned.get(canonicalize_name(needed.name))
        assert version is not None, f"{needed.name} is not in deploy/constraints.txt"
        assert version in needed.specifier, f"{line}, and constraints.txt has {version}"


def weights(folder: Path, sha256: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEPLOY / "weights.py"), "--to", str(folder), "--sha256", sha256]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_weights_are_what_was_looked_at(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    files = {"config.json": b"{}", "sub/model.safetensors": b"weights"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    lines = [f"{hashlib.sha256(data).hexdigest()}  ./{name}\n" for name, data in files.items()]
    right = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert weights(tmp_path, right).returncode == 0
    (tmp_path / "config.json").write_bytes(b"{ }")
    changed = weights(tmp_path, right)
    assert changed.returncode == 1
    assert "not to " + right in changed.stderr


def test_weights_come_from_a_commit_not_from_a_branch(tmp_path: Path) -> None:
    command = [sys.executable, str(DEPLOY / "weights.py"), "--model", "x/y", "--revision", "main"]
    found = subprocess.run(
        [*command, "--to", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "40 hex digits" in found.stderr


def test_the_code_server_is_the_images_own_command_and_is_asked_how_it_is() -> None:
    for target in TARGETS:
        steps = {step.word: step.rest for step in in_all(target)}
        command = json.loads(steps["CMD"])
        health = json.loads(steps["HEALTHCHECK"].partition("CMD ")[2])
        assert command[:3] == ["dagster", "api", "grpc"]
        assert command[command.index("--port") + 1] == health[health.index("--port") + 1]
        assert steps["ENTRYPOINT"] == '["/usr/bin/tini", "--"]'
