"""Weights of a model, fetched at one commit and checked before an image or a volume has them.

Here: `--model NAME --revision COMMIT --sha256 HASH --to FOLDER` downloads and checks; without
`--model` it only checks the folder, so a volume that was filled by hand is looked at the same way.
Not here: loading them. The hash is the sha256 of the lines `<sha256 of a file>  <its path>`, sorted
by path: what `find . -type f | sort | xargs sha256sum | sha256sum` says, with C's order.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
from pathlib import Path


def folder_sha256(folder: Path) -> str:
    """The hash of every file of a folder and its name; links are followed.

    Raises:
        SystemExit: There is no file.
    """
    files = sorted(
        (path.relative_to(folder).as_posix().encode(), path)
        for path in folder.rglob("*")
        if path.is_file()
    )
    if not files:
        raise SystemExit(f"no files in {folder}")
    total = hashlib.sha256()
    for name, path in files:
        with path.open("rb") as file:
            of_file = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(of_file.encode() + b"  ./" + name + b"\n")
    return total.hexdigest()


def fetch(model: str, revision: str, folder: Path) -> None:
    """Download a model's files at one commit.

    Raises:
        SystemExit: The revision is not a commit's 40 hex digits: a branch moves.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise SystemExit(f"--revision {revision!r}: give the commit's 40 hex digits, not a branch")
    from huggingface_hub import snapshot_download

    snapshot_download(model, revision=revision, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the download's own notes


def main() -> None:
    """Fetch if asked, then check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--revision", default="")
    parser.add_argument("--sha256", default="")
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    if given.model is not None:
        fetch(given.model, given.revision, given.to)
    found = folder_sha256(given.to)
    sys.stdout.write(f"{found}\n")
    if found != given.sha256:
        raise SystemExit(
            f"the files in {given.to} hash to {found}, not to {given.sha256 or 'nothing'}: "
            "if these are the weights you looked at, give that as --sha256"
        )


if __name__ == "__main__":
    main()
