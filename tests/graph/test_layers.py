"""Who may import whom: Dagster in shells only, and nothing heavy where workers live."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from resources.settings import REPOSITORY_ROOT

SHELLS = {
    "asset.py", "checks.py", "resource.py", "partitions.py", "delta.py", "definitions.py",
    "executor.py", "step_handler.py",
}  # fmt: skip
ROOMS = ("assets", "resources", "io_managers", "sensors")
PLAIN_SENSORS = {"scan.py", "batching.py", "__init__.py"}


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((REPOSITORY_ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_only_shells_import_dagster() -> None:
    strangers = [
        str(path.relative_to(REPOSITORY_ROOT))
        for path in sources()
        if "dagster" in imported(path)
        and path.name not in SHELLS
        and not (path.parent.name == "sensors" and path.name not in PLAIN_SENSORS)
    ]
    assert strangers == []


def test_nothing_imports_dagsters_private_parts() -> None:
    files = [
        *sources(),
        *(REPOSITORY_ROOT / "cli").rglob("*.py"),
        *(path for path in (REPOSITORY_ROOT / "tests").rglob("*.py") if path != Path(__file__)),
        REPOSITORY_ROOT / "definitions.py",
    ]
    assert [str(path) for path in files if "dagster._" in path.read_text(encoding="utf-8")] == []


def test_rooms_of_pages_look_one_way() -> None:
    pages = REPOSITORY_ROOT / "assets" / "pages"
    for room, others in {"layout": ("ocr", "routing"), "ocr": ("routing",)}.items():
        for path in (pages / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not [o for o in others if f"assets.pages.{o}" in text], path


def test_lower_rooms_do_not_import_higher_ones() -> None:
    for path in sources():
        names = imported(path)
        room = path.relative_to(REPOSITORY_ROOT).parts[0]
        assert "cli" not in names, path
        assert "definitions" not in names, path
        if room in ("resources", "io_managers"):
            assert "sensors" not in names, path


@pytest.mark.parametrize(
    "module",
    ["assets.files.triage", "assets.pages.read", "assets.images.extract", "assets.evals.work"],
)
def test_worker_modules_load_without_dagster_polars_or_delta(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print(sorted({'dagster', 'polars', 'deltalake', 'torch'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_the_base_install_imports_no_torch() -> None:
    code = "import sys, definitions; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert result.stdout.strip() == "False"
