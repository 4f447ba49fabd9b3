"""`quire export DOC… --to DIR`: documents as folders of ordinary files.

Here: markdown with its images beside it, the summary, and every row as JSON. Not here: reading the
rows (`document.py`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.document import Document, read_document, read_images
from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import plain, say, say_json
from resources.errors import QuireError, SettingError
from resources.lake.find import Found, find
from resources.lake.lake import Lake

_SUFFIX: Final = {"jpeg": "jpg", "png": "png", "gif": "gif", "webp": "webp"}
_REFERENCE: Final = re.compile(r"(?<!\\)\]\(image:([0-9a-f]{64})\)")
_STEM_BYTES: Final = 80
"""File systems allow 255 bytes a name; the doc_id and copies of the name need room."""


def export(
    docs: Annotated[
        list[str],
        typer.Argument(metavar="DOC...", help="File names, uris or paths, or doc_id digits."),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write into.")],
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write documents as folders: document.md with its images, summary.txt, document.json."""
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    if to.exists() and not to.is_dir():
        raise SettingError(f"--to {to} is a file: give a folder")
    states = opened.states()
    found = {item.doc_id or item.uri: item for item in (find(states, doc) for doc in docs)}
    written = []
    for item in found.values():
        document = read_document(opened.lake, item, page_text=True)
        folder = to / _folder_name(item)
        try:
            names = _write(opened.lake, document, folder)
        except OSError as error:
            raise QuireError(
                f"cannot write {folder}: {error.strerror or error}; give --to a folder that can "
                "be written and has space"
            ) from error
        written.append(
            {
                "doc_id": item.doc_id,
                "state": item.state,
                "folder": str(folder.absolute()),
                "files": names,
            }
        )
        if not as_json:
            say(f"{item.label}, {item.state}: {len(names)} files in {folder}")
    if as_json:
        say_json({"lake": opened.lake.root, "exported": written})


def _folder_name(found: Found) -> str:
    """A name that is safe on every file system, whatever the file was called."""
    stem = found.file_name.removesuffix(".pdf").removesuffix(".PDF")
    safe = re.sub(r"[^\w.-]+", "-", stem).strip("-. ")
    safe = safe.encode()[:_STEM_BYTES].decode(errors="ignore")
    return "-".join(part for part in (safe, (found.doc_id or "unread")[:12]) if part)


def _write(lake: Lake, document: Document, folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    paths: dict[str, str] = {}
    for sha256, kind, data in read_images(lake, document):
        name = f"images/{sha256}.{_SUFFIX.get(kind, 'bin')}"
        (folder / "images").mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        paths[sha256] = name
        names.append(name)
    if document.doc is not None:
        markdown = _REFERENCE.sub(
            lambda match: f"]({paths.get(match[1], match[0][2:-1])})",
            document.doc["markdown"] or "",
        )
        names.append(_write_text(folder / "document.md", markdown))
    if document.summary is not None:
        names.append(_write_text(folder / "summary.txt", document.summary["summary"] or ""))
    rows = json.dumps(document.as_dict(), indent=2, default=plain, ensure_ascii=False)
    names.append(_write_text(folder / "document.json", rows))
    return names


def _write_text(path: Path, text: str) -> str:
    ended = text if text.endswith("\n") or not text else f"{text}\n"
    path.write_bytes(ended.encode())
    return path.name
