"""Wiring only: settings in, Dagster's definitions out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import dagster as dg

from assets.docs.asset import docs_asset
from assets.evals.asset import evals_asset
from assets.files.asset import files_asset
from assets.images.asset import images_asset
from assets.pages.asset import pages_asset
from assets.partitions import batches
from assets.summaries.asset import summaries_asset
from io_managers.delta import delta_io_manager
from resources.lake.batches import ingested_stages
from resources.lake.resource import lake_resource
from resources.settings import Settings, load_settings
from resources.telemetry.progress import Progress
from resources.telemetry.resource import progress_resource
from resources.workers.resource import workers_resource
from sensors.evaluation import evaluate_job
from sensors.maintenance import maintain_tables_job, maintain_tables_schedule
from sensors.new_pdfs import ingest_now_job, new_pdfs_sensor
from sensors.notifications import run_sensors
from sensors.quarantine import quarantine_list_job, quarantine_release_job
from sensors.runs import process_resource
from sensors.upgrades import upgrade_job, upgrades_sensor

# Dagster warns of its own doing: a sensor of two jobs is copied with a beta parameter.
warnings.filterwarnings("ignore", "Parameter `owners` of initializer `Sens", dg.BetaWarning)

INGEST_JOB = "ingest"
SUMMARISE_JOB = "summarise"
_batch_job = partial(
    dg.define_asset_job,
    partitions_def=batches,
    # The UI keeps every event; the terminal of `make dev` needs no line for each.
    config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
)


def build_defs(
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    pools: bool = True,
    **overrides: str,
) -> dg.Definitions:
    """Everything that Dagster loads.

    Args:
        settings: Ready settings; read from the environment and `.env` when not given.
        progress: Where stages report to.
        pools: Whether steps wait for a slot of their pool, are tried again by Dagster, and are pods
            where the settings say so. `quire ingest` runs one batch at a time in its own process,
            shares the host's worker slots with the daemon's runs, and stops at once when it is
            interrupted.
        overrides: Settings by name, such as `lake="/tmp/lake"` or `layout="off"`.
    """
    if settings is None:
        settings = load_settings(overrides=overrides)
    assets = [
        files_asset(settings, pools=pools),
        pages_asset(settings, pools=pools),
        images_asset(settings, pools=pools),
        docs_asset(settings, pools=pools),
        summaries_asset(settings, pools=pools),
    ]
    evals = evals_asset(settings, pools=pools)
    stages = ingested_stages(settings.summariser)
    now, later = assets[: len(stages)], assets[len(stages) :]
    ingest, *summarise = _batch_jobs(now, later, evals)
    maintenance = maintain_tables_job(settings)
    upgrade = upgrade_job(settings)
    return dg.Definitions(
        assets=[*assets, evals],
        jobs=[
            ingest,
            *summarise,
            ingest_now_job(settings),
            quarantine_list_job(settings),
            quarantine_release_job(settings),
            maintenance,
            evaluate_job(settings),
            upgrade,
        ],
        schedules=[maintain_tables_schedule(maintenance)],
        sensors=[
            new_pdfs_sensor(settings, INGEST_JOB),
            *(_provider_sensors(settings) if later else []),
            upgrades_sensor(settings, INGEST_JOB, [ingest, upgrade]),
            *run_sensors(settings),
        ],
        executor=_executor(settings, pods=pools),
        resources=_resources(settings, progress or Progress()),
    )


def _resources(settings: Settings, progress: Progress) -> dict[str, dg.ResourceDefinition]:
    return {
        "settings": dg.ResourceDefinition.hardcoded_resource(settings),
        "lake": lake_resource(settings),
        "workers": workers_resource(settings),
        "progress": progress_resource(progress),
        "process": process_resource,
        "delta": delta_io_manager,
    }


def _batch_jobs(
    now: Sequence[dg.AssetsDefinition],
    later: Sequence[dg.AssetsDefinition],
    evals: dg.AssetsDefinition,
) -> list[Any]:  # Dagster does not export the type of a job of assets
    """The job of a batch, and one for what has to wait for a provider's answers, if anything."""
    ingest = _batch_job(
        INGEST_JOB,
        selection=dg.AssetSelection.assets(*now, *([] if later else [evals])),
        description="A batch of PDFs through every stage, then measured",
    )
    if not later:
        return [ingest]
    summarise = _batch_job(
        SUMMARISE_JOB,
        selection=dg.AssetSelection.assets(*later, evals),
        description="Summaries of a batch, once its provider has answered",
    )
    return [ingest, summarise]


def _executor(settings: Settings, *, pods: bool) -> dg.ExecutorDefinition:
    """A pod a step on Kubernetes; else all steps in the run's process."""
    if settings.executor != "k8s" or not pods:
        return dg.in_process_executor
    from resources.kubernetes.executor import quire_k8s_executor  # brings the Kubernetes client

    return quire_k8s_executor(settings)


def _provider_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    from sensors.api_jobs import api_jobs_sensor  # brings an HTTP client

    return [api_jobs_sensor(settings, SUMMARISE_JOB)]


defs = build_defs()
