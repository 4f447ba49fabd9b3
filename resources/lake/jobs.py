"""Submissions: which PDFs came in together, under which `job_id`, and how they stand now.

Here: the record of a job in the lake, and its report. Not here: taking the files
(`sensors/submit.py`), how a file's state is decided (`states.py`), or what is printed
(`cli/job.py`).

A job is every PDF that its locations held when it was submitted, those that some batch held before
too: "are my documents done?" asks for all of them. Its record is `_quire/jobs/<job_id>.json`; the
sightings lie beside it as Parquet, so that 200,000 of them are a few MiB. Manifest rows that were
taken with it carry the `job_id`, whatever becomes of the record.

The words of a job's state, which every door speaks (`quire status --job`, JSON, later HTTP):

* `taking`: its files are being taken into batches now.
* `interrupted`: taking was interrupted; the same submission again takes what is missing.
* `waiting`: nothing of it was begun.
* `running`: some file is not final yet.
* `stuck`: what is not final lies in batches that nothing asks for any more.
* `done`, `partial`, `failed`, `blocked`: every file is final. All are done; or some are partial or
  quarantined; or all are quarantined; or a budget stopped some.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from resources.errors import LakeError, SettingError
from resources.lake.batches import is_stuck, read_requests
from resources.lake.lake import Lake
from resources.lake.states import STATES, LakeStates

JOB_STATES: Final = (
    "taking", "interrupted", "waiting", "running", "stuck", "done", "partial", "failed", "blocked",
)  # fmt: skip
ENDED: Final = frozenset({"interrupted", "stuck", "done", "partial", "failed", "blocked"})
"""States that change no more by themselves: whoever waits may stop."""
FINAL: Final = frozenset({"done", "partial", "quarantined", "blocked"})
"""States of a file that no further run changes by itself."""
TAKING_SECONDS: Final = 3600.0
"""A submission that has been taken for so long was killed: the longest known, a first listing of a
million keys, takes minutes. One that ended by an error says so at once."""
LEFT_LISTED: Final = 100
_FOLDER: Final = "_quire/jobs"
_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_JOB_ID: Final = re.compile(rf"^j[{_DIGITS}]{{26}}$")
_NAMED_IN_ERRORS: Final = 3


@dataclass(frozen=True)
class Job:
    """The record of a submission.

    Attributes:
        job_id: Its id.
        source: Which door it came through: `cli`, `ui`, `http`.
        locations: What was submitted: folders, PDFs or prefixes.
        submitted_at: ISO 8601, UTC.
        after_batch: The newest batch before it, empty for none.
        ended: `taken`, or `interrupted`; empty while its files are being taken.
        n_seen: PDFs that its locations held.
        n_new: Files that were taken with it.
        n_waiting: Files that were still being written when taking ended.
        n_left: What is never taken: temporary names, links that leave the folder.
        left: Some of those, with the reason.
    """

    job_id: str
    source: str
    locations: tuple[str, ...]
    submitted_at: str
    after_batch: str = ""
    ended: str = ""
    n_seen: int = 0
    n_new: int = 0
    n_waiting: int = 0
    n_left: int = 0
    left: tuple[tuple[str, str], ...] = ()

    @property
    def n_known(self) -> int:
        """PDFs that some batch held before, or that another took meanwhile."""
        return max(0, self.n_seen - self.n_new - self.n_waiting)


def new_job_id(now: float | None = None) -> str:
    """`j` and 26 of Crockford's digits: 48 bits of the time, so that ids sort, and 80 of chance."""
    milliseconds = int((time.time() if now is None else now) * 1000) & (2**48 - 1)
    number = milliseconds << 80 | secrets.randbits(80)
    return "j" + "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


def open_job(lake: Lake, source: str, locations: Sequence[str], job_id: str | None = None) -> Job:
    """Record a submission before anything of it is taken."""
    batches = lake.scan("manifest", ["batch"]).select(pl.col("batch").max()).collect()["batch"]
    job = Job(
        job_id=job_id or new_job_id(),
        source=source,
        locations=tuple(locations),
        submitted_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        after_batch=batches.item() or "",
    )
    _write(lake, job)
    return job


def close_job(lake: Lake, job: Job, sightings: pl.DataFrame) -> Job:
    """Record what was submitted: every PDF that was seen (`SIGHTINGS`), then that it is taken."""
    packed = io.BytesIO()
    sightings.write_parquet(packed, compression="zstd")
    lake.put(f"{_FOLDER}/{job.job_id}.parquet", packed.getvalue())
    closed = replace(job, ended="taken", left=job.left[:LEFT_LISTED])
    _write(lake, closed)
    return closed


def interrupt_job(lake: Lake, job: Job) -> None:
    """Record that taking stopped half-way; where that cannot be, age tells it later."""
    with suppress(LakeError):
        _write(lake, replace(job, ended="interrupted", left=()))


def forget_job(lake: Lake, job_id: str) -> None:
    """Remove the record of a submission that held nothing."""
    for ending in ("json", "parquet"):
        lake.delete(f"{_FOLDER}/{job_id}.{ending}")


def read_job(lake: Lake, job_id: str) -> Job:
    """The record of a submission.

    Raises:
        SettingError: There is none with this id.
    """
    wanted = job_id.strip().lower()
    held = lake.get(f"{_FOLDER}/{wanted}.json") if _JOB_ID.match(wanted) else None
    if held is None:
        newest = [name.removesuffix(".json") for name in lake.names(_FOLDER) if ".json" in name]
        known = ", ".join(reversed(newest[-_NAMED_IN_ERRORS:]))
        hint = f"its newest are {known}" if newest else "nothing was submitted to it yet"
        raise SettingError(f"no job {job_id!r} in the lake {lake.root}: {hint}")
    try:
        value = json.loads(held)
        value["locations"] = tuple(value["locations"])
        value["left"] = tuple((uri, why) for uri, why in value["left"])
        return Job(**value)
    except (ValueError, TypeError, KeyError) as error:
        raise LakeError(
            f"the record {_FOLDER}/{wanted}.json is damaged ({error}): submit the same files again"
        ) from error


def _write(lake: Lake, job: Job) -> None:
    lake.put(f"{_FOLDER}/{job.job_id}.json", json.dumps(asdict(job)).encode())


@dataclass(frozen=True)
class JobReport:
    """How a submission stands.

    Attributes:
        job: Its record.
        state: One of `JOB_STATES`.
        files: Files by state; every state is named. What no batch holds yet is `waiting`.
        n_not_taken: Files that no batch holds yet: still being written, or removed since.
        n_stuck: Files of batches that nothing asks for any more.
        batches: The batches that hold its files: `batch`, `state`, `n_files` (of this job).
        failures: Files by the error class that decides their state.
        listed: The files themselves, as `LakeStates.files` has them.
    """

    job: Job
    state: str
    files: dict[str, int]
    n_not_taken: int
    n_stuck: int
    batches: list[dict[str, Any]]
    failures: dict[str, int]
    listed: pl.DataFrame = field(repr=False, compare=False)

    @property
    def n_files(self) -> int:
        """Every file of the job."""
        return sum(self.files.values())

    @property
    def n_final(self) -> int:
        """Files that no further run changes by itself."""
        return sum(count for state, count in self.files.items() if state in FINAL)

    @property
    def ended(self) -> bool:
        """Whether waiting for it any longer is of use."""
        return self.state in ENDED

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, `listed` left out."""
        job = self.job
        return {
            "job_id": job.job_id,
            "state": self.state,
            "source": job.source,
            "locations": list(job.locations),
            "submitted_at": job.submitted_at,
            "seen": job.n_seen,
            "new": job.n_new,
            "known": job.n_known,
            "left": job.n_left,
            "n_files": self.n_files,
            "n_final": self.n_final,
            "n_not_taken": self.n_not_taken,
            "n_stuck": self.n_stuck,
            "files": self.files,
            "batches": self.batches,
            "failures": self.failures,
        }


def job_report(states: LakeStates, job: Job) -> JobReport:
    """How a submission stands, every PDF of it, told from the tables."""
    rows, n_not_taken = _files_of(states, job)
    counts = dict.fromkeys(STATES, 0)
    counts |= dict(rows.group_by("state").len().iter_rows())
    counts["waiting"] += n_not_taken
    causes = rows.filter(pl.col("error_class").is_not_null()).group_by("error_class").len()
    n_stuck = _n_stuck(states, rows)
    held = rows.group_by("batch").agg(pl.len().cast(pl.Int64).alias("n_files"))
    batches = states.batches.select("batch", "state").join(held, on="batch", how="inner")
    return JobReport(
        job=job,
        state=_state(job, counts, n_stuck),
        files=counts,
        n_not_taken=n_not_taken,
        n_stuck=n_stuck,
        batches=batches.sort("batch").to_dicts(),
        failures=dict(causes.sort(["len", "error_class"], descending=[True, False]).iter_rows()),
        listed=rows,
    )


def _files_of(states: LakeStates, job: Job) -> tuple[pl.DataFrame, int]:
    """Manifest rows of a job's files with their states, and how many files have no row yet."""
    lake, files = states.lake, states.files
    own = lake.scan("manifest", ["batch", "uri", "job_id"]).filter(pl.col("job_id") == job.job_id)
    taken = files.join(own.select("batch", "uri").collect(), on=["batch", "uri"], how="semi")
    packed = lake.get(f"{_FOLDER}/{job.job_id}.parquet")
    if packed is None:
        return taken, 0
    # What was taken with it may have changed before it was listed for the last time.
    seen = pl.read_parquet(packed).join(taken, on="uri", how="anti")
    keys = ["uri", "etag", "n_bytes", "mtime"]
    known = _keyed(files).join(_keyed(seen).select(keys), on=keys, how="semi", nulls_equal=True)
    known = files.join(known.select("batch", "uri"), on=["batch", "uri"], how="semi")
    known = known.unique("uri", keep="first", maintain_order=True)
    # Still written when it was submitted, so taken since as something else: the first one counts.
    later = (
        files.filter(pl.col("batch") > job.after_batch)
        .join(seen.join(known, on="uri", how="anti"), on="uri", how="semi")
        .sort("batch")
        .unique("uri", keep="first", maintain_order=True)
    )
    return pl.concat([taken, known, later]), seen.height - known.height - later.height


def _keyed(frame: pl.DataFrame) -> pl.DataFrame:
    """What tells one sighting from another: with an etag, the uri and the etag alone."""
    tagged = pl.col("etag").is_not_null()
    untagged = [pl.when(~tagged).then(pl.col(name)).alias(name) for name in ("n_bytes", "mtime")]
    return frame.with_columns(untagged)


def _n_stuck(states: LakeStates, rows: pl.DataFrame) -> int:
    """Files that wait in batches that the healing schedule has given up."""
    waiting = rows.filter(pl.col("state") == "waiting").group_by("batch").len()
    running = states.running_batches
    return sum(
        n
        for batch, n in waiting.iter_rows()
        if batch not in running and is_stuck(read_requests(states.lake, batch))
    )


def _state(job: Job, counts: dict[str, int], n_stuck: int) -> str:
    if not job.ended:
        begun = datetime.fromisoformat(job.submitted_at)
        lately = abs((datetime.now(UTC) - begun).total_seconds()) < TAKING_SECONDS
        return "taking" if lately else "interrupted"
    if job.ended == "interrupted":
        return "interrupted"
    n_open = counts["waiting"] + counts["running"]
    if n_open:
        if n_stuck == n_open:
            return "stuck"
        begun_some = counts["running"] or any(counts[state] for state in FINAL)
        return "running" if begun_some else "waiting"
    if counts["blocked"]:
        return "blocked"
    if counts["quarantined"] and not counts["done"] and not counts["partial"]:
        return "failed"
    return "partial" if counts["partial"] or counts["quarantined"] else "done"
