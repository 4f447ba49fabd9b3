"""Jobs at a provider's Batch API: how each stands, and what it was asked and answered.

Here: the table `api_jobs`, one row a step, written so that of two processes that look at once one
takes a step; and the files of a job beside it. Not here: talking to a provider
(`resources/llm/openai_batch`), or what is asked (`assets/summaries`).

The first step of a job is written before anything is sent. It is refused when an open job asks one
of the same questions, in any batch, so that no question is paid for twice. All rows go through one
application transaction, as those of the manifest do.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import polars as pl
import psutil
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import API_JOBS
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import COMMIT_TRIES, pause
from resources.errors import LakeError
from resources.lake.lake import Lake, delta_schema
from resources.lake.store_errors import lake_error

TRANSACTION: Final = "api_jobs"
FOLDER: Final = "_quire/api_jobs"
OPEN: Final = frozenset({"intended", "uploaded", "submitted"})
"""States of jobs that may still be answered."""


@dataclass(frozen=True)
class Job:
    """The newest step of a job: a row of `api_jobs`."""

    job: str
    batch: str
    version: str
    model: str
    n_requests: int
    micro_batch: str
    reserved_calls: int
    reserved_input_tokens: int
    reserved_output_tokens: int
    reserved_usd: float | None
    reserved_at: datetime
    recorded_at: datetime
    base_epoch: int = 0
    step: int = 1
    state: str = "intended"
    holder: str = ""
    provider_job: str | None = None
    input_file: str | None = None
    provider_state: str | None = None
    n_answered: int | None = None
    n_missing: int | None = None
    n_duplicate: int | None = None
    n_unknown: int | None = None
    left_out: str | None = None
    error: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still be answered."""
        return self.state in OPEN

    @property
    def folder(self) -> str:
        """Where its files are in the lake."""
        return f"{FOLDER}/jobs/{self.job}"


_COLUMNS: Final = tuple(field.name for field in fields(Job))


def this_process() -> str:
    """What tells this process from every other: host, pid, and when it was started."""
    born = int(psutil.Process().create_time())
    return f"{socket.gethostname()}:{os.getpid()}:{born}"


def is_gone(holder: str) -> bool:
    """Whether a process of this host has ended; of other hosts nobody can tell."""
    host, _, rest = holder.partition(":")
    pid, _, born = rest.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        # create_time is worked out from the boot time, which may move by a second between looks.
        same = abs(int(process.create_time()) - int(born or 0)) <= 1
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Jobs:
    """The jobs of a lake."""

    def __init__(self, lake: Lake) -> None:
        """Read nothing yet."""
        self.lake = lake
        self.holder = this_process()
        self._keys: dict[str, frozenset[str]] = {}

    def all(self, table: DeltaTable | None = None) -> list[Job]:
        """Every job that is not retired, as it stands, oldest first.

        Raises:
            LakeError: The lake cannot be read.
        """
        newest = pl.col("step") == pl.col("step").max().over("job")
        alive = (pl.col("state") != "retired").all().over("job")
        rows = self.lake.read(API_JOBS.name, list(_COLUMNS), table=table)
        rows = rows.filter(alive).filter(newest).sort("reserved_at", "job")
        return [Job(**row) for row in rows.iter_rows(named=True)]

    def past(self) -> list[Job]:
        """Jobs that ended, those too that are retired, as they stood then; oldest first."""
        rows = self.lake.read(API_JOBS.name, list(_COLUMNS))
        rows = rows.filter(pl.col("state") == "ingested").sort("recorded_at", "job")
        return [Job(**row) for row in rows.iter_rows(named=True)]

    def open(self) -> list[Job]:
        """Jobs that may still be answered."""
        return [job for job in self.all() if job.is_open]

    # Steps ---------------------------------------------------------------------------------------

    def begin(self, job: Job, keys: Collection[str]) -> Job | None:
        """Write a job's first step; None when an open job asks one of its questions.

        Its questions must lie in the lake before (`put_requests`).

        Raises:
            LakeError: The lake cannot be read or written.
        """
        self._keys[job.job] = wanted = frozenset(keys)
        fresh = replace(job, step=1, state="intended", holder=self.holder)

        def free(jobs: list[Job]) -> bool:
            return not any(one.is_open and self.keys(one) & wanted for one in jobs)

        return self._append(fresh, free)

    def step(self, job: Job, now: datetime, **changes: Any) -> Job | None:  # noqa: ANN401
        """Write a job's next step; None when another process took it first.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        after = replace(job, **changes, step=job.step + 1, holder=self.holder, recorded_at=now)

        def unchanged(jobs: list[Job]) -> bool:
            return any(one.job == job.job and one.step == job.step for one in jobs)

        return self._append(after, unchanged)

    def _append(self, job: Job, fits: Callable[[list[Job]], bool]) -> Job | None:
        file: StagedFile | None = None
        for attempt in range(COMMIT_TRIES):
            table = self.lake.ensure(API_JOBS.name)
            jobs = self.all(table)
            if file is not None:
                if self._is_there(job, table):
                    return job  # it was committed, and the answer to that was lost
                self.lake.delete(f"{API_JOBS.name}/{file.path}")
            if not fits(jobs):
                return None
            number = table.transaction_version(TRANSACTION) or 0
            frame = pl.DataFrame([asdict(job)], schema=API_JOBS.polars)
            file = stage_file(self.lake, API_JOBS.name, frame, {})
            if self._commit(table, file, number + 1):
                return job
            pause(attempt)
        raise LakeError("could not append to api_jobs: too many writers, run again")

    def _is_there(self, job: Job, table: DeltaTable) -> bool:
        mine = (
            (pl.col("job") == job.job)
            & (pl.col("step") == job.step)
            & (pl.col("holder") == job.holder)
            & (pl.col("recorded_at") == job.recorded_at)
        )
        rows = self.lake.read(API_JOBS.name, ["job", "step", "holder", "recorded_at"], table=table)
        return not rows.filter(mine).is_empty()

    def _commit(self, table: DeltaTable, file: StagedFile, number: int) -> bool:
        """Append the file through this snapshot; False when another commit came first."""
        now = int(time.time() * 1000)
        stats = json.dumps({"numRecords": file.n_rows})
        try:
            table.create_write_transaction(
                actions=[
                    AddAction(file.path, file.n_bytes, {}, now, data_change=True, stats=stats)
                ],
                mode="append",
                schema=delta_schema(API_JOBS),
                partition_by=[],
                commit_properties=CommitProperties(
                    max_commit_retries=0, app_transactions=[Transaction(TRANSACTION, number)]
                ),
            )
        except CommitFailedError:
            return False
        except (DeltaError, OSError) as error:
            raise lake_error("cannot write api_jobs", self.lake.root, error) from error
        return True

    # Files of a job ------------------------------------------------------------------------------

    def put_requests(self, job: Job, keys: Iterable[str], content: bytes) -> None:
        """Keep what is asked, before the job's first step."""
        self.lake.put(f"{job.folder}/requests.jsonl", content)
        self.lake.put(f"{job.folder}/keys.json", json.dumps(list(keys)).encode())

    def requests(self, job: Job) -> bytes:
        """The file of requests.

        Raises:
            LakeError: It is gone.
        """
        held = self.lake.get(f"{job.folder}/requests.jsonl")
        if held is None:
            raise LakeError(f"{job.folder}/requests.jsonl is gone: the lake is damaged")
        return held

    def keys(self, job: Job) -> frozenset[str]:
        """What is asked, by key; of a job that just got retired, nothing."""
        if job.job not in self._keys:
            held = self.lake.get(f"{job.folder}/keys.json")
            self._keys[job.job] = frozenset(json.loads(held) if held else ())
        return self._keys[job.job]

    def put_answers(
        self, job: Job, answers: Iterable[Mapping[str, Any]], unknown: Iterable[bytes]
    ) -> None:
        """Keep what came back: plain records of the answers, and lines that answer nothing."""
        lines = [json.dumps(answer, ensure_ascii=False).encode() for answer in answers]
        self.lake.put(f"{job.folder}/answers.jsonl", b"\n".join(lines))
        strange = list(unknown)
        if strange:  # kept when the job's other files go: somebody paid for it
            self.lake.put(f"{FOLDER}/unknown/{job.job}.jsonl", b"\n".join(strange))

    def answers(self, job: Job) -> list[dict[str, Any]]:
        """The records that `put_answers` kept."""
        held = self.lake.get(f"{job.folder}/answers.jsonl") or b""
        return [json.loads(line) for line in held.splitlines() if line]

    def drop_requests(self, job: Job) -> None:
        """Let go of the texts that were sent: they are in `docs`."""
        self.lake.delete(f"{job.folder}/requests.jsonl")

    def retire(self, job: Job, now: datetime) -> None:
        """Let go of a job whose answers are published."""
        self.lake.delete_folder(job.folder)
        self._keys.pop(job.job, None)
        self.step(job, now, state="retired")
