"""`quire ingest` through a Batch API: it does what can be done now, and says how the rest comes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import make_place
from tests.fake_batch_server import KEY, serving


def test_documents_are_read_at_once_and_summarised_when_the_provider_answers(
    tmp_path: Path,
) -> None:
    with serving() as server:
        place = make_place(
            tmp_path / "place", summariser="openai_batch", model="tiny", base_url=server.url,
            api_key=KEY, ocr="off", context_tokens="4000",
        )  # fmt: skip
        text = "The harbour office tells of ships that came to the town in that year with salt"
        for number in range(2):
            plain(place.landing / f"{number}.pdf", 1, f"{text} and {number + 3} barrels of wine")
        code, out, err = place.run("ingest")
        assert code == 0, err
        assert "2 documents wait for the provider (jobs batch_1)" in out
        assert "come with make dev, or when quire ingest is called again later" in out
        code, out, _ = place.run("status", "--json")
        told = json.loads(out)
        assert told["documents"]["waiting"] == 2
        assert told["provider"]["documents"] == 2
        assert [job["provider_job"] for job in told["provider"]["jobs"]] == ["batch_1"]
        assert place.run("status", "--check")[0] == 1
        assert place.run("ingest")[0] == 0
        assert len(server.jobs) == 1
        server.finish()
        code, out, err = place.run("ingest", "--json")
        assert code == 0, err
        report = json.loads(out)
        assert report["states"] == {"done": 2}
        assert report["provider"] is None
        assert place.run("audit")[0] == 0
        rows = place.lake.read("summaries")
        assert rows["status"].to_list() == ["ok", "ok"]
        assert set(server.paid.values()) == {1}
        assert KEY not in out + err
