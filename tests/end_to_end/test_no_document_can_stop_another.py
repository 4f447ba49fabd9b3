"""Promise 4: a PDF that hangs, crashes or eats memory costs its own pages only."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.pdfs import endless_page, flate_bomb, plain
from tests.end_to_end.running import make_place


def test_no_document_can_stop_another(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", page_timeout="2")
    endless_page(place.landing / "endless.pdf", n_pages=5, page=3)
    flate_bomb(place.landing / "bomb.pdf")
    plain(place.landing / "good.pdf", n_pages=3)
    (place.landing / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    code, report = place.ingest()
    assert code == 3
    assert report["failed_runs"] == {}
    found = place.files()
    assert (found["broken.pdf"]["status"], found["broken.pdf"]["error_class"]) == (
        "failed",
        "corrupt",
    )
    pages = place.lake.read("pages").sort("page_number")
    by_name = {
        name: [
            (row["page_number"], row["status"], row["error_class"])
            for row in pages.filter(pages["doc_id"] == found[name]["doc_id"]).to_dicts()
        ]
        for name in ("good.pdf", "endless.pdf")
    }
    assert by_name["good.pdf"] == [(n, "ok", None) for n in (1, 2, 3)]
    assert by_name["endless.pdf"][2] == (3, "failed", "timeout")
    assert [by_name["endless.pdf"][n] for n in (0, 1, 3, 4)] == [
        (n, "ok", None) for n in (1, 2, 4, 5)
    ]
    failure = place.lake.read("failures").filter(
        place.lake.read("failures")["error_class"] == "timeout"
    )
    assert set(failure["attempts"]) == {3}
    assert set(failure["quarantined"]) == {True}
    markdown = {row["doc_id"]: row["markdown"] for row in place.lake.read("docs").to_dicts()}
    text = markdown[found["endless.pdf"]["doc_id"]]
    assert "number 2" in text
    assert "number 4" in text
    assert "page 3" in text
    assert place.run("audit")[0] == 0
