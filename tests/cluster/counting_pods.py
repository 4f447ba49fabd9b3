"""Three steps that take no time, by dagster-k8s's own executor: definitions for tests.

What is left is Dagster's own: this is what its overhead is measured with.
"""

from __future__ import annotations

import os
import time

import dagster as dg
from dagster_k8s import k8s_job_executor

_RETRY = dg.RetryPolicy(max_retries=2)


def _pod(pool: str) -> dict[str, object]:
    return {
        "dagster-k8s/config": {
            "pod_spec_config": {
                "node_selector": {"pool": pool},
                "tolerations": [{"key": "quire/spot", "operator": "Exists"}],
            }
        }
    }


@dg.asset(retry_policy=_RETRY, op_tags=_pod("cpu"))
def first() -> None:
    time.sleep(float(os.environ.get("FIRST_SECONDS", "0")))


@dg.asset(deps=[first], retry_policy=_RETRY, op_tags=_pod("cpu"))
def second() -> None:
    return


@dg.asset(deps=[second], retry_policy=_RETRY, op_tags=_pod("cpu"))
def third() -> None:
    return


@dg.sensor(
    job_name="all_three", minimum_interval_seconds=2, default_status=dg.DefaultSensorStatus.RUNNING
)
def once(context: dg.SensorEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(run_key="once")


defs = dg.Definitions(
    assets=[first, second, third],
    jobs=[dg.define_asset_job("all_three", selection="*")],
    sensors=[once],
    executor=k8s_job_executor.configured(
        {"step_k8s_config": {"container_config": {}}, "enable_owner_references": True}
    ),
)
