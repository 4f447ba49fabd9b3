"""The requirements of pyproject.toml as pip reads them: an image's layers need only that file.

Here: `python3 requirements.py [--only NAME] EXTRA…` prints one a line. Not here: versions, which
`constraints.txt` beside it pins.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, extras: list[str], only: str | None) -> list[str]:
    """Dependencies and those of the extras; with `only`, that package's line alone.

    Raises:
        SystemExit: An extra or a package is not in the file.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    known = project["optional-dependencies"]
    for extra in extras:
        if extra not in known:
            raise SystemExit(f"no extra {extra!r} in {pyproject}: choose of {', '.join(known)}")
    lines: list[str] = [*project["dependencies"], *(line for e in extras for line in known[e])]
    if only is None:
        return lines
    found = [line for line in lines if re.split(r"[^A-Za-z0-9_.-]", line)[0] == only]
    if not found:
        raise SystemExit(f"no requirement {only!r} in {pyproject}")
    return found


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyproject", type=Path, default=Path("pyproject.toml"))
    parser.add_argument("--only")
    parser.add_argument("extras", nargs="*")
    given = parser.parse_args()
    found = requirements(given.pyproject, given.extras, given.only)
    sys.stdout.write("".join(f"{line}\n" for line in found))


if __name__ == "__main__":
    main()
