"""Dagster's shell of publishing: an asset's `Staged` handle becomes rows that readers see.

Here: translating between Dagster and `publish.py`. Not here: any rule of publishing.
"""

from __future__ import annotations

import dagster as dg
import polars as pl

from io_managers.publish import publish_staged
from io_managers.staging import Staged
from resources.errors import SchemaMismatchError, SupersededRunError, VersionNotAcceptedError
from resources.lake.lake import Lake


class DeltaIOManager(dg.IOManager):
    """Publishes a stage's staged files; reads a batch of any table as a polars LazyFrame."""

    def __init__(self, lake: Lake) -> None:
        """Publish to and read from this lake."""
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, obj: Staged) -> None:
        """Publish, or fail without a retry where another try could not end differently."""
        del context  # the handle says all
        try:
            publish_staged(self.lake, obj)
        except (VersionNotAcceptedError, SupersededRunError, SchemaMismatchError) as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Rows of the upstream table, of this run's batch where the run has one."""
        batch = context.partition_key if context.has_partition_key else None
        return self.lake.scan(context.asset_key.path[-1], batch=batch)


@dg.io_manager(required_resource_keys={"lake"}, description="One metadata-only commit per batch")
def delta_io_manager(context: dg.InitResourceContext) -> DeltaIOManager:
    """The IO manager over the `lake` resource."""
    return DeltaIOManager(context.resources.lake)
