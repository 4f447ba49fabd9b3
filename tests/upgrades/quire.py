"""`quire` with a newer stage; of the summariser every document that it summarised is noted.

`UPGRADE_DOCS_REVISION`: of `docs`. `UPGRADE_REVISION`: of the extractive summariser.
`UPGRADE_NOTES`: the file of the notes. `UPGRADE_KILL_AT`: after so many notes in this process it
kills itself, before what it holds is recorded.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import assets.docs.version
import assets.summaries.build
import resources.summariser.extractive
from assets.items import do_documents
from cli.main import main


def noted(*given: Any) -> Iterator[tuple[str, Any]]:
    notes = Path(os.environ["UPGRADE_NOTES"])
    kill_at = int(os.environ.get("UPGRADE_KILL_AT", "0"))
    for doc_id, record in do_documents(*given):
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{doc_id}\n")
        _seen.append(doc_id)
        if len(_seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        yield doc_id, record


_seen: list[str] = []

if __name__ == "__main__":
    if "UPGRADE_REVISION" in os.environ:
        resources.summariser.extractive.REVISION = int(os.environ["UPGRADE_REVISION"])  # type: ignore[misc]
        assets.summaries.build.do_documents = noted  # type: ignore[assignment,attr-defined]
    if "UPGRADE_DOCS_REVISION" in os.environ:
        assets.docs.version.REVISION = int(os.environ["UPGRADE_DOCS_REVISION"])  # type: ignore[misc]
    raise SystemExit(main())
