"""`quire show DOC`: everything that the lake knows of one document, on one screen.

Here: what is printed. Not here: reading it (`document.py`) or finding it (`find.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import typer

from cli.document import Document, read_document
from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table, say_text
from resources.lake.find import find

_ROWS: Final = 30


def show(
    doc: Annotated[
        str,
        typer.Argument(metavar="DOC", help="File name, uri or path, or 6 hex digits of doc_id."),
    ],
    *,
    lines: Annotated[
        int, typer.Option("--lines", min=0, help="Lines of markdown to print (0: all).")
    ] = 20,
    every: Annotated[bool, typer.Option("--all", help="Print every page and image.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one document: its state, files, pages, images, failures, summary and markdown."""
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    document = read_document(opened.lake, find(opened.states(), doc), page_text=False)
    if as_json:
        say_json({"lake": opened.lake.root, **document.as_dict()})
        return
    _say_head(document)
    _say_files(document)
    _say_pages(document, every=every)
    _say_images(document, every=every)
    _say_failures(document)
    _say_summary(document)
    _say_markdown(document, lines)


def _say_head(document: Document) -> None:
    found = document.found
    say()
    say(found.title or found.file_name)
    say(f"doc_id   {found.doc_id or 'unknown: its bytes could not be read'}")
    cause = f" ({found.error_class} in {found.stage}: {found.error})" if found.error_class else ""
    say(f"state    {found.state}{cause}")
    if found.n_pages is not None:
        say(f"pages    {found.n_pages}")
    if document.doc is not None:
        say(f"tokens   {document.doc['n_tokens'] or 0:,} (estimate)")


def _say_files(document: Document) -> None:
    say_table(
        ["batch", "file", "status", "bytes", "seen", "uri"],
        [
            [
                row["batch"],
                row["file_name"],
                row["status"] or "not read yet",
                row["n_bytes"],
                row["seen_at"],
                row["uri"],
            ]
            for row in document.files
        ],
        title="Files",
    )


def _say_pages(document: Document, *, every: bool) -> None:
    if not document.pages:
        return
    shown = document.pages if every else document.pages[:_ROWS]
    columns = ["page", "label", "status", "source", "engine", "conf", "chars", "ms", "class"]
    say_table(
        columns,
        [
            [
                row["page_number"],
                row["page_label"],
                row["status"],
                row["source"],
                row["engine"],
                row["confidence"],
                row["n_chars"],
                row["elapsed_ms"],
                row["error_class"],
            ]
            for row in shown
        ],
        title="Pages",
    )
    _say_more(len(document.pages) - len(shown))
    _say_older_pages(document)


def _say_older_pages(document: Document) -> None:
    """Pages that another version made than most: a newer one fails on them, or has yet to come."""
    made = Counter(row["version"] for row in document.pages)
    for version, count in made.most_common()[1:]:
        say(f"{count} of {len(document.pages)} pages were made by {version}, the others by another")


def _say_images(document: Document, *, every: bool) -> None:
    if not document.images:
        return
    shown = document.images if every else document.images[:_ROWS]
    say_table(
        ["page", "image", "role", "status", "pixels", "format", "bytes", "sha256"],
        [
            [
                row["page_number"],
                row["image_index"],
                row["role"],
                row["status"],
                f"{row['width']}x{row['height']}" if row["width"] else None,
                row["format"],
                row["n_bytes"],
                (row["sha256"] or "")[:12],
            ]
            for row in shown
        ],
        title="Images",
    )
    _say_more(len(document.images) - len(shown))


def _say_more(count: int) -> None:
    if count > 0:
        say(f"... and {count:,} more (--all)")


def _say_failures(document: Document) -> None:
    if not document.failures:
        return
    say_table(
        ["stage", "page", "class", "attempts", "quarantined", "what happened"],
        [
            [
                row["stage"],
                row["page_number"],
                row["error_class"],
                row["attempts"],
                "yes" if row["quarantined"] else "no",
                row["error"],
            ]
            for row in document.failures
        ],
        title="Failures",
    )


def _say_summary(document: Document) -> None:
    row = document.summary
    if row is None:
        return
    say()
    say(f"Summary ({row['status']}, {row['summariser']})")
    say_text(row["summary"] or row["error"] or "none")


def _say_markdown(document: Document, lines: int) -> None:
    markdown = (document.doc or {}).get("markdown")
    if not markdown:
        return
    text = markdown.splitlines()
    shown = text if lines == 0 else text[:lines]
    say()
    say(f"Markdown ({len(text):,} lines)")
    say_text("\n".join(shown))
    if len(shown) < len(text):
        say(f"... and {len(text) - len(shown):,} more lines (--lines 0, or quire export)")
