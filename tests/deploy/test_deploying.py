"""What docs/deploying.md tells people to type and to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer
from typer.core import TyperGroup

from cli.main import app
from resources import settings as settings_module
from resources.kubernetes.settings import KubernetesSettings
from resources.settings import REPOSITORY_ROOT
from tests.deploy.files import DEPLOY, MANIFESTS, manifests, values

PAGE = REPOSITORY_ROOT / "docs/deploying.md"
TEXT = PAGE.read_text(encoding="utf-8")
FENCED = re.compile(r"^ *```\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every line of every block, and every span that begins like a command; comments taken off."""
    blocks = "".join(FENCED.findall(TEXT)).replace("\\\n", " ").splitlines()
    spans = re.findall(r"`([^`\n]+)`", FENCED.sub("", TEXT))
    found = [shlex.split(line, comments=True) for line in [*blocks, *spans] if "'" not in line]
    known = {"kubectl", "helm", "docker", "python3", "quire", "cp"}
    return [words for words in found if len(words) > 1 and words[0] in known]


def after(words: list[str], *flags: str) -> list[str]:
    return [words[n + 1] for n, word in enumerate(words[:-1]) if word in flags]


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"(?<![\w/.])(deploy/[\w./-]+|tests/[\w./]+)", TEXT))
    named |= {
        f"deploy/{one}"
        for line in re.findall(r"^\| (`.+?) \|", TEXT, re.MULTILINE)
        for one in re.findall(r"`([\w./-]+\.(?:ya?ml|txt|py|example)|\w+/)`", line)
    }
    assert len(named) > 15
    for name in sorted(named - {"deploy/.env", "deploy/dagster-daemon"}):
        assert (REPOSITORY_ROOT / name.rstrip(".")).exists(), name
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / link).exists(), link


def test_settings_and_keys_that_are_named_exist() -> None:
    assert set(re.findall(r"QUIRE_[A-Z0-9_]*[A-Z0-9]", TEXT)) <= settings_module._KNOWN
    fields = KubernetesSettings.__dataclass_fields__
    assert {"pending_seconds", "model_volume", "gpu_image"} <= set(fields)


def test_builds_name_targets_and_arguments_of_the_dockerfile() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    builds = [words for words in commands() if words[:2] == ["docker", "build"]]
    assert len(builds) == 3
    for words in builds:
        (file,) = after(words, "-f")
        (target,) = after(words, "--target")
        assert (REPOSITORY_ROOT / file).exists()
        assert f" AS {target}\n" in dockerfile
        for argument in after(words, "--build-arg"):
            assert re.search(rf"^ARG {argument.split('=')[0]}\b", dockerfile, re.MULTILINE)
    for name in ("EXTRAS", "TESSERACT", "BASE"):
        assert re.search(rf"^ARG {name}=", dockerfile, re.MULTILINE)


def test_what_is_applied_is_a_kustomization_and_values_are_files() -> None:
    applied = {path for words in commands() if words[0] == "kubectl" for path in after(words, "-k")}
    folders = {path.parent for path in MANIFESTS.rglob("kustomization.yaml")} - {
        MANIFESTS / "kueue"
    }
    assert {REPOSITORY_ROOT / path for path in applied} <= folders | {DEPLOY / "proxy"}
    assert MANIFESTS in {REPOSITORY_ROOT / path for path in applied}
    for words in commands():
        if words[0] == "helm":
            assert all((REPOSITORY_ROOT / path).exists() for path in after(words, "--values"))
            assert set(after(words, "--version")) <= {"1.13.27"}
            assert set(after(words, "-n", "--namespace")) <= {"quire"}
        if words[0] == "docker":
            assert all((REPOSITORY_ROOT / path).exists() for path in after(words, "-f"))


def test_secrets_are_those_that_pods_ask_for() -> None:
    made = dict(re.findall(r"create secret generic (\S+) --from-literal=([\w-]+)=", TEXT))
    text = "".join(str(found) for _, found in manifests()) + str(values())
    assert set(made) == {"quire-storage", "quire-postgres", "quire-api"}
    assert all(name in text for name in made)
    assert made["quire-postgres"] == "postgresql-password"
    assert "'name': 'quire-api', 'key': 'api-key'" in text
    assert made["quire-storage"] in settings_module._KNOWN


def test_numbers_that_are_named_are_those_of_the_files() -> None:
    runs = values()["additionalInstanceConfig"]["concurrency"]["runs"]["max_concurrent_runs"]
    assert f"`max_concurrent_runs`, {runs}" in TEXT
    scaled = next(o["spec"] for n, o in manifests() if "ScaledObject" in n)
    assert f"{scaled['minReplicaCount']} to {scaled['maxReplicaCount']}" in TEXT
    waiting, steps = (t["metadata"]["threshold"] for t in scaled["triggers"])
    assert f"over {waiting} a server, or API steps running over {steps} a server" in TEXT


def test_quires_commands_exist() -> None:
    seen = set()
    for words in commands():
        if words[0] != "quire":
            continue
        command = typer.main.get_command(app)
        used = words[1:]
        while isinstance(command, TyperGroup) and used:
            assert used[0] in command.commands, words
            command = command.commands[used.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in used if word.startswith("--")} <= options, words
        seen.add(words[1])
    assert {"status", "audit", "ingest"} <= seen


def test_scripts_take_the_options_that_are_named() -> None:
    for words in commands():
        if words[0] == "python3":
            script = Path(REPOSITORY_ROOT / words[1]).read_text(encoding="utf-8")
            assert all(f'"{word}"' in script for word in words if word.startswith("--"))
