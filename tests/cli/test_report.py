"""`quire report`: what the page shows, what it refuses, and that no text of a PDF can act in it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pymupdf
import pytest
from PIL import Image

from cli.main import main
from cli.reports import plan as planning
from cli.reports.markdown import rendered
from cli.reports.write import Report
from io_managers.schemas import BLOCK_KINDS
from resources.lake.find import find
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.settings import load_settings
from tests.cli.telling import BATCH, Run
from tests.lakes import MIXED, Pdf, make_lake, publish_batch, rewrite, set_where

EVIL = (
    '<script>alert(1)</script><img src="http://evil.example/x" onerror=alert(1)>'
    "\"'><svg onload=alert(1)><style>*{display:none}</style>"
    "[a](javascript:alert(1)) ![b](http://evil.example/y) <http://evil.example/z>\u202e\x1b[2J"
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    publish_batch(make_lake(root), BATCH, MIXED)
    return root


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A lake whose one document, of three pages, lies where its uri says; and its doc_id."""
    folder = tmp_path_factory.mktemp("real")
    path = folder / "made.pdf"
    with pymupdf.open() as document:
        for number in range(1, 4):
            page = document.new_page(width=300, height=400)
            page.draw_rect((30, 40, 130, 90), fill=(1, 0, 0))
            page.insert_text((40, 200), f"page {number}")
        document.save(path)
    pdf = Pdf("made.pdf", content="made", pages=3)
    lake = make_lake(folder / "lake")
    publish_batch(lake, BATCH, [pdf])
    doc_id = hashlib.sha256(path.read_bytes()).hexdigest()
    box = {"x0": 30.0, "y0": 40.0, "x1": 130.0, "y1": 90.0}
    block = {"kind": "heading", "bbox": box, "text": "page", "markdown": "## page"}
    for table in ("files", "contents", "manifest", "pages", "docs", "summaries"):
        rewrite(lake, table, lambda rows: _moved(rows, pdf, path, doc_id))
    rewrite(
        lake,
        "pages",
        lambda rows: rows.with_columns(
            width=pl.lit(300.0),
            height=pl.lit(400.0),
            blocks=pl.Series([[block]] * rows.height, dtype=rows.schema["blocks"]),
        ),
    )
    return folder / "lake", doc_id


def _moved(rows: pl.DataFrame, pdf: Pdf, path: Path, doc_id: str) -> pl.DataFrame:
    uri = f"file://{quote(str(path))}"
    columns = {"uri": uri, "owner_uri": uri, "doc_id": doc_id}
    return rows.with_columns(
        **{name: pl.lit(value) for name, value in columns.items() if name in rows.columns}
    )


class _Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]


def _report(lake: Path, out: Path, *arguments: str) -> str:
    assert main(["report", *arguments, "--out", str(out), "--lake", str(lake)]) == 0
    return out.read_text(encoding="utf-8")


def _pictures(html: str) -> Iterator[bytes]:
    for data in re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html):
        yield base64.b64decode(data)


def test_a_page_shows_its_picture_blocks_and_text(real: tuple[Path, str], tmp_path: Path) -> None:
    lake, doc_id = real
    html = _report(lake, tmp_path / "r.html", doc_id[:8])
    pictures = list(_pictures(html))
    assert len(pictures) == 3
    image = Image.open(io.BytesIO(pictures[0]))
    assert image.width * 400 == pytest.approx(image.height * 300, rel=0.02)
    # What the block's box covers on the picture is what the page has there.
    pixel = image.getpixel((80 * image.width // 300, 65 * image.height // 400))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > pixel[1]
    assert '<svg viewBox="0 0 300 400">' in html
    assert '<rect x="30" y="40" width="100" height="50"/>' in html
    for part in ("text_layer", "Some text of the page.", 'id="d1-p2"', doc_id, "What made.pdf"):
        assert part in html


def test_only_the_pages_that_were_asked_for_are_shown(
    real: tuple[Path, str], tmp_path: Path
) -> None:
    html = _report(real[0], tmp_path / "r.html", "made.pdf", "--pages", "2-3,9")
    assert [name for name in _Tags(html).ids() if re.fullmatch(r"d\d+-p\d+", name)] == [
        "d1-p2",
        "d1-p3",
    ]


def test_a_source_that_is_gone_or_changed_is_said(real: tuple[Path, str], tmp_path: Path) -> None:
    publish_batch(make_lake(tmp_path / "lake"), BATCH, [Pdf("gone.pdf")])
    assert "source_missing" in _report(tmp_path / "lake", tmp_path / "gone.html", "gone.pdf")
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(b"%PDF-1.4 other bytes")
    uri = f"file://{changed}"
    rewrite(Lake(str(tmp_path / "lake")), "contents", set_where("owner_uri", uri, pl.lit(True)))
    for table in ("manifest", "files"):
        rewrite(Lake(str(tmp_path / "lake")), table, set_where("uri", uri, pl.lit(True)))
    html = _report(tmp_path / "lake", tmp_path / "changed.html", "gone.pdf")
    assert "source_changed" in html
    assert "Some text of the page." in html


def test_a_batch_shows_every_document_and_every_failure(mixed: Path, tmp_path: Path) -> None:
    html = _report(mixed, tmp_path / "r.html", "--batch", BATCH)
    for pdf in MIXED:
        if pdf.name != "copy of report.pdf":
            assert pdf.name in html
    for word in ("corrupt", "source_missing", "page 2: timeout", "unsupported", "2 sightings"):
        assert word in html
    ids = _Tags(html).ids()
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for t, a in _Tags(html).tags if t == "a"}
    assert targets <= set(ids)


def test_the_worst_pages_come_by_status_then_confidence(mixed: Path) -> None:
    rewrite_confidence = {1: 0.95, 2: 0.4, 3: 0.7}
    lines = [planning.PageLine(n, "ok", "ocr", c) for n, c in rewrite_confidence.items()]
    lines += [
        planning.PageLine(4, "ok", "text_layer", None),
        planning.PageLine(5, "partial", "ocr", 0.99),
        planning.PageLine(6, "failed", "none", None),
    ]
    ranked = sorted(lines, key=lambda line: line.badness)
    assert [line.page_number for line in ranked] == [6, 5, 2, 3, 1, 4]
    assert [line.low for line in lines] == [False, True, True, False, False, False]


def test_worst_leaves_out_documents_without_such_a_page(mixed: Path, tmp_path: Path) -> None:
    html = _report(mixed, tmp_path / "r.html", "--batch", BATCH, "--worst", "3")
    shown = [name for name in _Tags(html).ids() if re.fullmatch(r"d\d+-p\d+", name)]
    assert len(shown) == 3
    assert "the 3 worst of" in html
    assert "broken.pdf" in html  # no page of it could be read: nothing is worse
    assert "report.pdf" not in html


def test_a_long_document_shows_its_first_pages_and_says_so(tmp_path: Path) -> None:
    publish_batch(make_lake(tmp_path / "lake"), BATCH, [Pdf("long.pdf", pages=60)])
    lake = Lake(str(tmp_path / "lake"))
    found = find(LakeStates(lake), "long.pdf")
    plan = planning.make_plan(lake, [found], None, None)
    assert len(plan.shown) == planning.FIRST_PAGES
    assert "the first 50 of 60 pages" in plan.sections[0].notes[0]
    assert len(planning.make_plan(lake, [found], [range(1, 61)], None).shown) == 60


def test_pictures_beyond_the_limit_lie_beside_the_report(
    real: tuple[Path, str], tmp_path: Path
) -> None:
    lake = Lake(str(real[0]))
    found = find(LakeStates(lake), "made.pdf")
    plan = planning.make_plan(lake, [found], None, None)
    settings = load_settings({}, tmp_path, {"lake": str(real[0]), "workers": "1"})
    report = Report(tmp_path / "a b.html", settings, lake, inline_bytes=0)
    report.write(plan, "made.pdf")
    html = report.out.read_text(encoding="utf-8")
    assert not list(_pictures(html))
    for name in ("d1-p1.jpg", "d1-p2.jpg", "d1-p3.jpg"):
        assert f'href="a%20b_files/{name}"' in html
        assert (tmp_path / "a b_files" / name).read_bytes().startswith(b"\xff\xd8")


def test_text_of_a_document_cannot_act(tmp_path: Path) -> None:
    name = EVIL.replace("/", "_")
    pdf = Pdf(f"a{name}.pdf", title=EVIL, body=EVIL, page_errors={2: "timeout"})
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, [pdf])
    rewrite(lake, "pages", _evil_blocks)
    rewrite(lake, "failures", lambda rows: rows.with_columns(error=pl.lit(EVIL)))
    html = _report(tmp_path / "lake", tmp_path / "r.html", pdf.doc_id)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "div", "h1", "h2", "h3", "h4", "label",
        "input", "span", "nav", "p", "b", "ol", "ul", "li", "a", "section", "pre", "table",
        "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "img",
        "svg", "image", "rect", "text", "code", "em", "strong", "sup", "br", "hr", "blockquote",
    }  # fmt: skip
    tags = _Tags(html).tags
    assert {tag for tag, _ in tags} <= allowed
    assert sum(tag == "style" for tag, _ in tags) == 1
    for _, attributes in tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        for key in ("src", "href"):
            assert str(attributes.get(key) or "#").startswith(("#", "data:image/"))
    assert not set("\u202e\x1b") & set(html)
    policy = next(a["content"] for t, a in tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    (sheet,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy


def _evil_blocks(rows: pl.DataFrame) -> pl.DataFrame:
    block = {
        "kind": EVIL,
        "bbox": {"x0": float("nan"), "y0": float("inf"), "x1": -1e300, "y1": 5.0},
        "text": EVIL,
        "markdown": EVIL,
        "source": EVIL,
    }
    blocks = pl.Series([[block]] * rows.height, dtype=rows.schema["blocks"])
    return rows.with_columns(blocks=blocks, page_label=pl.lit(EVIL), engine=pl.lit(EVIL))


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a<sup>2</sup>", "<p>a<sup>2</sup></p>\n"),
        ("<sup onclick=x>2</sup>", "<p>&lt;sup onclick=x&gt;2</sup></p>\n"),
        ("<div onclick=x>\n\nb", "<p>&lt;div onclick=x&gt;</p>\n<p>b</p>\n"),
        ("```x onload=y\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("| a |\n|:-:|\n| b |", None),
    ],
)
def test_markdown_becomes_tags_of_ours_alone(markdown: str, html: str | None) -> None:
    if html is None:
        assert "style" not in rendered(markdown)
        assert "<td>b</td>" in rendered(markdown)
    else:
        assert rendered(markdown) == html


def test_an_image_in_markdown_leads_to_its_thumbnail() -> None:
    markdown = f"![fig](image:{'a' * 64})"
    assert '<a class="image" href="#d1-i1">' in rendered(markdown, {"a" * 64: "d1-i1"})
    assert "<a" not in rendered(markdown)
    assert "<a" not in rendered("![fig](image:short)", {"short": "x"})


def test_every_kind_of_block_has_a_colour() -> None:
    from assets.pages.colours import COLOURS

    assert set(COLOURS) == set(BLOCK_KINDS)


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        ([], 2, "quire report DOC"),
        (["report.pdf", "--batch", BATCH], 2, "quire report DOC"),
        (["--batch", "b9"], 1, "quire status"),
        (["reprot.pdf"], 1, "did you mean"),
        (["report.pdf", "--pages", "3-1"], 2, "such as 3-5,8"),
        (["report.pdf", "--pages", "x"], 2, "such as 3-5,8"),
        (["report.pdf", "--pages", "9"], 1, "has 2 pages"),
        (["report.pdf", "--worst", "0"], 2, "--worst"),
        (["report.pdf", "--out", "there.html"], 2, "--force"),
        (["report.pdf", "--out", "."], 2, "folder"),
        (["report.pdf", "--out", "no/such/r.html"], 2, "no folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    mixed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quire: Run,
    arguments: list[str],
    code: int,
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("mine")
    got, _, err = quire(mixed, "report", *arguments)
    assert got == code
    assert err.startswith("quire: ")
    assert err.count("\n") == 1
    assert hint in err
    assert [path.name for path in tmp_path.iterdir() if "html" in path.name] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "mine"


def test_force_replaces_and_json_tells(mixed: Path, tmp_path: Path, quire: Run) -> None:
    out = tmp_path / "r.html"
    out.write_text("old")
    code, told, err = quire(mixed, "report", "report.pdf", "--force", "--out", str(out), "--json")
    assert (code, err) == (0, "")
    value: dict[str, Any] = json.loads(told)
    assert (value["documents"], value["pages"]) == (1, 2)
    assert value["bytes"] == out.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
