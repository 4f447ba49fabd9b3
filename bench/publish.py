"""Publishing a batch's images: the peak memory of Quire's way and of `write_deltalake`.

Each side is a process of its own, which makes the same images a micro-batch at a time and prints
its peak resident set. Not here: how long reading takes (`reading.py`).

    python -m bench.publish --gib 1.5
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from bench.measure import alternate, common_arguments, compare, say, show, write_json
from io_managers.schemas import IMAGE_DATA
from io_managers.stage_run import MICRO_BATCH_BYTES
from resources.lake.lake import Lake
from resources.telemetry.memory import peak_memory_mib

if TYPE_CHECKING:
    from io_managers.staging import StagedFile

MIB: Final = 2**20
IMAGE_BYTES: Final = MIB
MICRO_BATCH_IMAGES: Final = MICRO_BATCH_BYTES // IMAGE_BYTES
BATCH: Final = "b00000001"
TARGET_MIB: Final = 400.0
ROOT: Final = Path(__file__).resolve().parent.parent


def _micro_batches(n_images: int, version: str) -> Iterator[pl.DataFrame]:
    """Rows of `image_data` with bytes that do not compress, as JPEG's do not."""
    import numpy as np

    random = np.random.default_rng(1)
    for first in range(0, n_images, MICRO_BATCH_IMAGES):
        count = min(MICRO_BATCH_IMAGES, n_images - first)
        yield _rows([random.bytes(IMAGE_BYTES) for _ in range(count)], version)


def _rows(data: list[bytes], version: str) -> pl.DataFrame:
    columns = {
        "batch": [BATCH] * len(data),
        "version": [version] * len(data),
        "input_sha256": ["0" * 64] * len(data),
        "sha256": [hashlib.sha256(item).hexdigest() for item in data],
        "format": ["jpeg"] * len(data),
        "data": data,
    }
    return pl.DataFrame(columns, schema=IMAGE_DATA.polars)


def _publish_by_quire(lake: Lake, n_images: int) -> None:
    from io_managers.publish import claim_epoch, publish
    from io_managers.versions import StageVersion, register

    version = StageVersion("images", 1, "bench", {})
    register(lake, version, "off")
    for count in (1, n_images):  # the second replaces the first, as a run after an upgrade does
        epoch = claim_epoch(lake, "images", BATCH)
        frames = _micro_batches(count, version.name)
        # map drops each frame before it asks for the next; a loop's name would hold two.
        files = list(map(partial(_stage, lake), frames))
        publish(
            lake,
            "image_data",
            BATCH,
            stage="images",
            version=version.name,
            epoch=epoch,
            files=files,
        )


def _stage(lake: Lake, frame: pl.DataFrame) -> StagedFile:
    from io_managers.staging import stage_file

    return stage_file(lake, "image_data", frame, {"batch": BATCH})


def _publish_by_predicate(lake: Lake, n_images: int) -> None:
    from arro3.core import RecordBatchReader, Table
    from deltalake import write_deltalake

    lake.ensure("image_data")
    for count in (1, n_images):
        empty = Table.from_arrow(IMAGE_DATA.empty())
        batches = (
            batch
            for frame in _micro_batches(count, "v")
            for batch in Table.from_arrow(frame).to_batches()
        )
        write_deltalake(
            lake.table_uri("image_data"),
            RecordBatchReader.from_batches(empty.schema, batches),
            mode="overwrite",
            predicate=f"batch = '{BATCH}'",
        )


SIDES: Final[dict[str, Callable[[Lake, int], None]]] = {
    "quire": _publish_by_quire,
    "predicate": _publish_by_predicate,
}


def _child(side: str, folder: str, n_images: int) -> None:
    """Publish, check that every row is there, and print the peak."""
    lake = Lake(folder)
    start = time.perf_counter()
    SIDES[side](lake, n_images)
    seconds = time.perf_counter() - start
    peak = peak_memory_mib()
    found = lake.read("image_data", ["sha256"])["sha256"].n_unique()
    if found != n_images:
        message = f"{side} published {found} of {n_images} images"
        raise RuntimeError(message)
    say(json.dumps({"peak_mib": peak, "seconds": seconds}))


def peak_mib(side: str, gib: float) -> float:
    """Peak memory, in MiB, of a process that publishes this many GiB."""
    n_images = max(1, round(gib * 2**30 / IMAGE_BYTES))
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as folder:
        command = [sys.executable, "-m", "bench.publish", "--child", side]
        command += ["--folder", folder, "--images", str(n_images)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"publishing by {side} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(message)
    return float(json.loads(done.stdout.splitlines()[-1])["peak_mib"])


def main() -> None:
    """Measure the peak memory of both ways."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--gib", type=float, default=1.5, help="GiB of images")
    parser.add_argument("--child", choices=sorted(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=int, help=argparse.SUPPRESS)
    common_arguments(parser, rounds=1)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child, arguments.folder, arguments.images)
        return
    pairs = alternate(
        lambda: peak_mib("quire", arguments.gib),
        lambda: peak_mib("predicate", arguments.gib),
        arguments.rounds,
    )
    result = compare(f"publish {arguments.gib:g} GiB", "peak MiB", pairs)
    show([result])
    verdict = "kept" if result.quire <= TARGET_MIB else "BROKEN"
    say(f"limit for quire: {TARGET_MIB:.0f} MiB, {verdict}")
    write_json(arguments.json, [result])


if __name__ == "__main__":
    main()
