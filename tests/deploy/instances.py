"""Dagster's instance as the chart writes it from values: the chart's template, in Python."""

from __future__ import annotations

from typing import Any

from tests.deploy.files import Json

_MONITORING = {
    "enabled": "enabled",
    "startTimeoutSeconds": "start_timeout_seconds",
    "cancelTimeoutSeconds": "cancel_timeout_seconds",
    "maxRuntimeSeconds": "max_runtime_seconds",
    "maxResumeRunAttempts": "max_resume_run_attempts",
    "pollIntervalSeconds": "poll_interval_seconds",
    "freeSlotsAfterRunEndSeconds": "free_slots_after_run_end_seconds",
}
_RETRIES = {
    "enabled": "enabled",
    "maxRetries": "max_retries",
    "retryOnAssetOrOpFailure": "retry_on_asset_or_op_failure",
}


def instance_of(values: Json) -> Json:
    """`dagster.yaml` of these values, without its storage."""
    daemon = values["dagsterDaemon"]
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    days = {"schedule": values["retention"]["schedule"], "sensor": values["retention"]["sensor"]}
    return {
        "run_launcher": dict(launcher),
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
        },
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": values["computeLogManager"]["type"],
        },
        "run_monitoring": _renamed(daemon["runMonitoring"], _MONITORING),
        "run_retries": _renamed(daemon["runRetries"], _RETRIES),
        "sensors": _threads(daemon["sensors"]),
        "schedules": _threads(daemon["schedules"]),
        "telemetry": {"enabled": values["telemetry"]["enabled"]},
        "retention": {
            name: {"purge_after_days": found["purgeAfterDays"]} for name, found in days.items()
        },
        **values["additionalInstanceConfig"],
    }


def _renamed(given: Json, names: dict[str, str]) -> Json:
    return {names[key]: value for key, value in given.items()}


def _threads(given: Json) -> dict[str, Any]:
    return {"use_threads": given["useThreads"], "num_workers": given["numWorkers"]}
