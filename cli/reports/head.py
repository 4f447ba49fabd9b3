"""The top of a report, and the head of each document in it.

Here: HTML of what is known of a document as a whole. Not here: its pages (`page.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assets.pages.colours import COLOURS
from cli.document import Document
from cli.reports.markdown import RENDERED, rendered
from cli.reports.page import STATUS_CLASS, line_classes, tabs_html
from cli.reports.plan import LOW_CONFIDENCE, PageLine, Plan, Section
from cli.reports.style import kind_class
from resources.report.escaping import chip, counted, cut, safe, table

_IMAGE_ROWS: Final = 200
_FAILURE_ROWS: Final = 200
_JUMPS: Final = 1_000


def top(plan: Plan, lake: str, subject: str) -> str:
    """The bar with its filters and legend, and the list of documents."""
    shown = plan.shown
    bad = sum(line.bad for line in shown)
    low = sum(line.low for line in shown)
    ocr = sum(line.source in ("ocr", "mixed") for line in shown)
    choices = {
        "f-all": f"all pages ({len(shown):,})",
        "f-bad": f"not ok ({bad:,})",
        "f-low": f"not ok, or confidence below {LOW_CONFIDENCE:g} ({bad + _low_only(shown):,})",
        "f-ocr": f"by OCR ({ocr:,})",
    }
    radios = "".join(
        f'<label><input type="radio" name="filter" id="{name}"'
        f"{' checked' if name == 'f-all' else ''}> {safe(text)}</label>"
        for name, text in choices.items()
    )
    legend = " ".join(chip(kind, f"c-{kind_class(kind)}") for kind in COLOURS)
    notes = "".join(f'<p class="note">{safe(note)}</p>' for note in plan.notes)
    items = "".join(_item(at, section) for at, section in enumerate(plan.sections, 1))
    return (
        f'<div class="bar"><h1>Quire reading report</h1>{radios}'
        '<label><input type="checkbox" id="noboxes"> without boxes</label>'
        f'<div class="legend">{legend}</div></div>\n'
        f'<nav class="toc" id="top"><p class="facts">{safe(subject)} · lake <b>{safe(lake)}</b> · '
        f"{counted(len(plan.sections), 'document')} · {counted(len(shown), 'page')} shown · "
        f"{bad:,} not ok · "
        f"{low:,} of low confidence</p>{notes}<ol>{items}</ol></nav>\n"
    )


def _low_only(shown: Sequence[PageLine]) -> int:
    return sum(line.low and not line.bad for line in shown)


def _item(at: int, section: Section) -> str:
    found = section.found
    name = found.title or found.file_name
    bad = sum(line.bad for line in section.lines)
    told = counted(len(section.lines), "page") + (f", {bad:,} not ok" if bad else "")
    return (
        f'<li><a href="#d{at}">{safe(name)}</a> {chip(found.state, STATUS_CLASS[found.state])} '
        f'<span class="facts">{safe(found.file_name)} · {told}</span></li>'
    )


def document_html(
    at: int, section: Section, document: Document, pictures: Mapping[str, str]
) -> str:
    """A document's head; `pictures` are the sources of thumbnails by sha256."""
    found = section.found
    cause = ""
    if found.error_class:
        where = f"{chip(found.error_class, 'wrong')} in {safe(found.stage)}"
        cause = f'<p class="error">{where}: {safe(found.error)}</p>'
    notes = "".join(f'<p class="note">{safe(note)}</p>' for note in section.notes)
    state = chip(found.state, STATUS_CLASS[found.state])
    anchors = {sha256: f"d{at}-i{place}" for place, sha256 in enumerate(pictures, 1)}
    return (
        f'<section class="doc {_classes(section)}" id="d{at}">'
        f"<h2>{safe(found.title or found.file_name)} {state}</h2>"
        f"{_facts(section, document)}{cause}{notes}{_jumps(at, section.shown)}"
        f"{_summary(document)}{_failures(document)}{_files(document)}"
        f"{_images(document, pictures, anchors)}{_markdown(at, document, anchors)}</section>\n"
    )


def _classes(section: Section) -> str:
    """What the filters go by: those of its pages; a document that is not done is not ok itself."""
    found = {name for line in section.shown for name in line_classes(line).split()}
    return " ".join(sorted(found | ({"bad"} if section.found.state != "done" else set())))


def _facts(section: Section, document: Document) -> str:
    found, doc = section.found, document.doc or {}
    counts: dict[str, int] = {}
    for line in section.lines:
        key = line.status if line.bad else line.source
        counts[key] = counts.get(key, 0) + 1
    values = {
        "file": found.file_name,
        "doc_id": found.doc_id or "unknown: its bytes could not be read",
        "batch": found.batch,
        "pages": found.n_pages,
        "of them": ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items())) or None,
        "tokens": doc.get("n_tokens"),
        "docs row": doc.get("status"),
        "versions": ", ".join(_versions(document)) or None,
    }
    told = (f"{k} <b>{safe(v)}</b>" for k, v in values.items() if v is not None)
    return f'<p class="facts">{" · ".join(told)}</p>'


def _versions(document: Document) -> list[str]:
    """The version of each stage that made a row of this document."""
    singles = [row for row in (document.doc, document.summary) if row is not None]
    rows = [*document.files, *document.pages, *document.images, *singles]
    return list(dict.fromkeys(str(row["version"]) for row in rows if row.get("version")))


def _jumps(at: int, shown: Sequence[PageLine]) -> str:
    links = "".join(
        f'<a class="{line_classes(line)}" href="#d{at}-p{line.page_number}">{line.page_number}</a>'
        for line in shown[:_JUMPS]
    )
    return f'<p class="jump"><a href="#top">top</a> {links}</p>'


def _summary(document: Document) -> str:
    row = document.summary
    if row is None:
        return ""
    status = chip(row["status"], STATUS_CLASS.get(row["status"], ""))
    words = safe(row["summary"] or row["error"] or "none")
    language = chip(row["language"])
    told = f"{status} {chip(row['summariser'])} {language}"
    return f'<h4>Summary {told}</h4><p class="words">{words}</p>'


def _failures(document: Document) -> str:
    if not document.failures:
        return ""
    columns = ["stage", "page", "class", "attempts", "quarantined", "what happened"]
    rows = [
        [
            safe(row["stage"]),
            safe(row["page_number"]),
            chip(row["error_class"], "wrong"),
            safe(row["attempts"]),
            "yes" if row["quarantined"] else "no",
            safe(row["error"]),
        ]
        for row in document.failures[:_FAILURE_ROWS]
    ]
    more = _more(len(document.failures) - len(rows), "failures")
    return f"<h4>Failures</h4>{table(columns, rows)}{more}"


def _more(count: int, things: str) -> str:
    return f'<p class="note">… and {count:,} more {things}</p>' if count > 0 else ""


def _files(document: Document) -> str:
    rows = [
        [
            safe(row["file_name"]),
            safe(row["batch"]),
            safe(row["status"] or "not read yet"),
            safe(row["n_bytes"]),
            safe(row["uri"]),
        ]
        for row in document.files[:_FAILURE_ROWS]
    ]
    html = table(["file", "batch", "status", "bytes", "uri"], rows)
    return f"<details><summary>{counted(len(document.files), 'sighting')}</summary>{html}</details>"


def _images(document: Document, pictures: Mapping[str, str], anchors: Mapping[str, str]) -> str:
    images = document.images
    if not images:
        return ""
    roles: dict[str, int] = {}
    for row in images:
        roles[row["role"]] = roles.get(row["role"], 0) + 1
    told = ", ".join(f"{n:,} {role}" for role, n in sorted(roles.items()))
    first = {row["sha256"]: row for row in reversed(images)}
    figures = "".join(_figure(anchors[key], first[key], pictures[key]) for key in pictures)
    shown = f'<div class="thumbs">{figures}</div>' if figures else ""
    return f"<h4>Images: {safe(told)}</h4>{shown}{_image_table(images)}"


def _figure(anchor: str, row: Mapping[str, Any], source: str) -> str:
    where = f"page {row['page_number']}, image {row['image_index']}"
    pixels = f"{row['width']} × {row['height']}, {row['format']}, {row['n_bytes'] or 0:,} bytes"
    return (
        f'<figure id="{anchor}"><img src="{safe(source)}" alt="">'
        f"<figcaption>{chip(row['role'])} {safe(where)}<br>{safe(pixels)}</figcaption></figure>"
    )


def _image_table(images: Sequence[Mapping[str, Any]]) -> str:
    columns = ["page", "image", "role", "status", "pixels", "format", "bytes", "sha256", "class"]
    rows = [
        [
            safe(row["page_number"]),
            safe(row["image_index"]),
            safe(row["role"]),
            chip(row["status"], STATUS_CLASS.get(row["status"], "")),
            safe(f"{row['width']}x{row['height']}" if row["width"] else None),
            safe(row["format"]),
            safe(row["n_bytes"]),
            safe((row["sha256"] or "")[:12]),
            safe(row["error_class"]),
        ]
        for row in images[:_IMAGE_ROWS]
    ]
    more = _more(len(images) - len(rows), "images")
    summary = f"<summary>{counted(len(images), 'image')} in a table</summary>"
    return f"<details>{summary}{table(columns, rows)}{more}</details>"


def _markdown(at: int, document: Document, anchors: Mapping[str, str]) -> str:
    """The stitched document, closed: it is what everything else is for."""
    markdown = (document.doc or {}).get("markdown")
    if not markdown:
        return ""
    tabs = {
        "rendered": f'<div class="md">{rendered(markdown, anchors)}</div>',
        "markdown": f"<pre>{cut(markdown, RENDERED)}</pre>",
    }
    summary = f"<summary>docs.markdown, stitched ({len(markdown):,} characters)</summary>"
    return f"<details>{summary}{tabs_html(f'd{at}-doc', tabs)}</details>"
