"""The shape that all five assets share: partitioned, checked in the same step, publishing a handle.

Here: one shell that turns a stage's plain function into an asset with its columns, checks, tags,
pool and metadata; without postponed annotations, which Dagster cannot read on a context. Not here:
anything that a stage does (`assets/<stage>/build.py`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.checks import SHARED_CHECKS, Check
from assets.context import StageContext
from assets.partitions import batches
from assets.preview import cell, report_command
from assets.versions import settings_to_use, stage_version
from io_managers.schemas import TABLES
from io_managers.staging import Staged
from resources.errors import EngineError, SettingError, VersionNotAcceptedError
from resources.kubernetes.classes import compute_class
from resources.kubernetes.pods import CONFIG_TAG, step_config
from resources.lake.batches import note_interrupted
from resources.settings import Settings

Build = Callable[[StageContext], Staged]
Preview = Callable[[StageContext, Staged], str]
_RESOURCES = frozenset({"settings", "lake", "workers", "progress", "process"})
CODE_VERSION_TAG = "dagster/code_version"
"""Dagster writes the configured version here; a materialisation says which one made its rows."""
_TRIES_AGAIN = {"local": 2, "k8s": 6}
"""A stage fails only when it cannot go on (lake unreachable, engine gone): worth two more tries. A
pod may be taken away as well: with 1 in 5 lost, 1 step in 78,000 loses seven in a row. A document
that needs more memory than there is costs three."""


def stage_asset(
    stage: str,
    settings: Settings,
    build: Build,
    *,
    description: str,
    upstream: Sequence[str] = (),
    checks: Sequence[Check] = (),
    preview: Preview | None = None,
    pools: bool = True,
    kinds: frozenset[str] = frozenset({"python", "polars", "deltalake"}),
) -> dg.AssetsDefinition:
    """The asset of one stage: config and inputs in, one plain function, a `Staged` handle out."""
    every = (*SHARED_CHECKS, *checks)
    compute = compute_class(stage, settings)
    in_pods = pools and settings.executor == "k8s"

    @dg.asset(
        name=stage,
        deps=list(upstream),
        partitions_def=batches,
        description=description,
        group_name="quire",
        kinds=set(kinds),
        tags={"table": stage, "compute": compute},
        op_tags=step_tags(stage, settings, pods=in_pods),
        pool=compute if pools else None,
        code_version=stage_version(stage, settings).name,
        io_manager_key="delta",
        required_resource_keys=set(_RESOURCES),
        retry_policy=retry_policy(settings) if pools else None,
        metadata={"dagster/column_schema": column_schema(stage), "dagster/table_name": stage},
        check_specs=[
            dg.AssetCheckSpec(check.__name__, asset=stage, description=check.__doc__)
            for check in every
        ],
    )
    def _asset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Staged]]:
        started = time.monotonic()
        # A pod is interrupted when it is taken away, and the next one goes on.
        stage_context, staged = _built(context, stage, build, settled=pools, again=in_pods)
        seconds = time.monotonic() - started
        configured = stage_version(stage, context.resources.settings).name
        yield _materialised(stage_context, staged, seconds, every, preview, configured)

    return _asset


def _built(
    context: dg.AssetExecutionContext, stage: str, build: Build, *, settled: bool, again: bool
) -> tuple[StageContext, Staged]:
    """Do the stage's work, with Quire's errors as failures of Dagster's that say what follows.

    Args:
        context: Dagster's.
        stage: Its name.
        build: What does the work.
        settled: Whether an interrupt ends as a failure of the step; else it goes through.
        again: Whether an interrupted step is tried again.
    """
    lake = context.resources.lake
    try:
        stage_context = StageContext(
            lake=lake,
            settings=settings_to_use(lake, stage, context.resources.settings),
            workers=context.resources.workers,
            batch=context.partition_key,
            run_id=context.run_id,
            progress=context.resources.progress,
        )
        return stage_context, build(stage_context)
    except VersionNotAcceptedError as error:
        # It was asked for in vain, and by no fault of its batch: it must not become stuck.
        note_interrupted(lake, context.partition_key)
        raise dg.Failure(description=str(error), allow_retries=False) from error
    except (SettingError, EngineError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        if not settled:
            raise
        # Dagster would take the retry policy for a reason to start the stage again.
        text = "interrupted; the batch is asked for again"
        raise dg.Failure(description=text, allow_retries=again) from error


def retry_policy(settings: Settings) -> dg.RetryPolicy:
    """How often Dagster tries a step again: after 5 s, then twice that, all with jitter."""
    return dg.RetryPolicy(
        max_retries=_TRIES_AGAIN[settings.executor],
        delay=5,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.FULL,
    )


def step_tags(stage: str, settings: Settings, *, pods: bool) -> dict[str, Any]:
    """Op tags of a stage: what it computes on, and what its pod is when it has one."""
    tags: dict[str, Any] = {"compute": compute_class(stage, settings)}
    return {**tags, CONFIG_TAG: step_config(stage, settings)} if pods else tags


def _instead(used: str, configured: str) -> str:
    """That another version than the configured one made the rows, and why."""
    return (
        f"These rows were made by the accepted version **{used}**. The settings name "
        f"**{configured}**, which is not accepted and waits: judge it with `quire evals run`."
    )


def _materialised(
    context: StageContext,
    staged: Staged,
    seconds: float,
    checks: Sequence[Check],
    preview: Preview | None,
    configured: str,
) -> dg.MaterializeResult[Staged]:
    """What the UI is told of a stage's work: the handle, its figures and its checks."""
    metadata = counts_metadata(staged, seconds)
    tags = {}
    if staged.version != configured:
        words = _instead(staged.version, configured)
        metadata["accepted_version_used"] = dg.MetadataValue.md(words)
        tags[CODE_VERSION_TAG] = staged.version
    metadata["report"] = report_command(context.lake.root, context.batch)
    if preview is not None:
        metadata["preview"] = dg.MetadataValue.md(_shown(preview, context, staged))
    results = [check(context.lake, staged) for check in checks]
    return dg.MaterializeResult(
        value=staged,
        metadata=metadata,
        tags=tags,
        check_results=[
            dg.AssetCheckResult(
                check_name=result.name,
                passed=result.passed,
                description=result.description,
                metadata=dict(result.metadata),
            )
            for result in results
        ],
    )


def _shown(preview: Preview, context: StageContext, staged: Staged) -> str:
    """The preview, or why there is none: something to look at must not fail a batch."""
    try:
        return preview(context, staged)
    except Exception as error:  # noqa: BLE001 - the boundary, and it says so in the UI
        return f"no preview: {cell(f'{type(error).__name__}: {error}')}"


def column_schema(table: str) -> dg.TableSchema:
    """The table's columns with types and descriptions, as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                str(column.dtype),
                column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=TABLES[table].key == (name,)
                ),
            )
            for name, column in TABLES[table].columns.items()
        ]
    )


def counts_metadata(staged: Staged, seconds: float) -> dict[str, Any]:
    """Rows, documents, pages, speed, failures by class and OCR share of one materialisation."""
    counts = staged.counts
    rows = sum(file.n_rows for file in staged.tables.get(staged.stage, ()))
    pages = counts.get("pages", 0)
    metadata: dict[str, Any] = {
        "seconds": round(seconds, 2),
        "version": staged.version,
        "unchanged": staged.unchanged,
    }
    if not staged.unchanged:
        metadata["dagster/partition_row_count"] = rows
    if pages:
        metadata["pages_per_second"] = round(pages / seconds, 2) if seconds else None
    ocr = counts.get("source_ocr", 0) + counts.get("source_mixed", 0)
    if staged.stage == "pages" and pages:
        metadata["ocr_share"] = round(ocr / pages, 4)
    metadata |= {name: value for name, value in sorted(counts.items()) if not _is_failure(name)}
    metadata["failures_by_class"] = dg.MetadataValue.json(failures_by_class(counts))
    return metadata


def _is_failure(name: str) -> bool:
    return name.startswith("failed_")


def failures_by_class(counts: Mapping[str, int]) -> dict[str, int]:
    """Failures of this run by error class."""
    return {
        name.removeprefix("failed_"): value
        for name, value in sorted(counts.items())
        if _is_failure(name)
    }
