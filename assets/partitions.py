"""The dynamic partition set `batches`: the partition of every asset and the unit of a run."""

from __future__ import annotations

import dagster as dg

PARTITIONS_NAME = "batches"
batches = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
