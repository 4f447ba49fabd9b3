"""The `evals` asset: a shell around `build.py` and `checks.py`; it publishes no rows of a stage.

Without postponed annotations, which Dagster cannot read on a context.
"""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.asset import column_schema, retry_policy, step_tags
from assets.context import StageContext
from assets.evals.base import Limits
from assets.evals.build import build_evals, version_of_evals
from assets.evals.checks import CHECKS, EvalCheck, run_checks
from assets.evals.history import History
from assets.evals.measured import MeasuredBatch
from assets.partitions import batches
from resources.errors import EngineError, SettingError
from resources.kubernetes.classes import compute_class
from resources.settings import Settings

_RESOURCES = frozenset({"settings", "lake", "workers", "progress", "process"})
_LISTED = 20


def evals_asset(settings: Settings, *, pools: bool = True) -> dg.AssetsDefinition:
    """The asset under these settings; the batch is finished without it."""
    limits = Limits(warn=settings.eval_warn, fail=settings.eval_fail)
    compute = compute_class("evals", settings)
    in_pods = pools and settings.executor == "k8s"

    @dg.asset(
        name="evals",
        deps=["pages", "summaries"],
        partitions_def=batches,
        description="Errors of a batch's pages and summaries that need no labels: measured alone, "
        "and a share of the pages as pictures that OCR reads. The batch is finished without it.",
        group_name="quire",
        kinds={"python", "polars", "deltalake"},
        tags={"table": "evals", "compute": compute},
        op_tags=step_tags("evals", settings, pods=in_pods),
        pool=compute if pools else None,
        code_version=version_of_evals(),
        required_resource_keys=set(_RESOURCES),
        retry_policy=_retry(settings) if pools else None,
        metadata={"dagster/column_schema": column_schema("evals"), "dagster/table_name": "evals"},
        check_specs=[
            dg.AssetCheckSpec(name, asset="evals", description=description)
            for name, description in CHECKS.items()
        ],
    )
    def _evals(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        started = time.monotonic()
        lake = context.resources.lake
        try:
            measured = build_evals(
                StageContext(
                    lake=lake,
                    settings=context.resources.settings,
                    workers=context.resources.workers,
                    batch=context.partition_key,
                    run_id=context.run_id,
                    progress=context.resources.progress,
                )
            )
        except (SettingError, EngineError) as error:
            text = f"the batch's rows are published, and were not measured: {error}"
            raise dg.Failure(description=text, allow_retries=False) from error
        history = History.read(lake, context.partition_key)
        checks = run_checks(measured, history, limits)
        yield dg.MaterializeResult(
            metadata=_metadata(measured, time.monotonic() - started),
            check_results=[_result(check) for check in checks],
        )

    return _evals


def _retry(settings: Settings) -> dg.RetryPolicy:
    """Once more; on Kubernetes as often as any step, whose pod may be taken away."""
    if settings.executor == "k8s":
        return retry_policy(settings)
    return dg.RetryPolicy(max_retries=1, delay=5)


def _metadata(measured: MeasuredBatch, seconds: float) -> dict[str, Any]:
    """Numbers that Dagster plots over partitions, and what was left out."""
    metadata: dict[str, Any] = {
        "seconds": round(seconds, 2),
        "unchanged": measured.unchanged,
        "pages": measured.n_pages,
        "summaries": measured.n_summaries,
        "graded_pages": measured.n_graded,
        "eval_run": measured.run_id,
        "versions": dg.MetadataValue.json(sorted({mean.version for mean in measured.means})),
    }
    if not measured.unchanged:
        metadata["dagster/partition_row_count"] = measured.n_rows
    metadata |= {mean.name: mean.value for mean in measured.means}
    if measured.left_out:
        metadata["left_out"] = dg.MetadataValue.json(dict([*measured.left_out.items()][:_LISTED]))
    return metadata


def _result(check: EvalCheck) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.level == "fail" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=severity,
        description=check.description,
        metadata=dict(check.metadata),
    )
