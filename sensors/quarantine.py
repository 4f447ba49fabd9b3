"""The jobs `quarantine_list` and `quarantine_release`: quarantine in the UI, as `quire quarantine`.

Here: Dagster's shell of it: configuration in, a table as metadata out. Not here: what is released
and how (`resources/lake/release.py`). Without postponed annotations, which Dagster cannot read.
"""

import dagster as dg
from pydantic import Field

from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.lake.release import quarantined, release_documents
from resources.lake.states import LakeStates
from resources.settings import Settings
from sensors.runs import running_batches

_COLUMNS = ("file_name", "doc_id", "error_class", "stage", "batch", "error")


class ReleaseConfig(dg.Config):
    """What to let out of quarantine."""

    documents: list[str] = Field(default_factory=list)
    error_class: str | None = None


def quarantine_list_job(settings: Settings) -> dg.JobDefinition:
    """A job whose one step shows what is in quarantine, and why."""

    @dg.op(name="list_quarantined", description="Documents in quarantine, as metadata of the step")
    def _list_quarantined(context: dg.OpExecutionContext) -> None:
        rows = quarantined(_states(context, settings))
        _show(context, rows, f"{len(rows)} in quarantine")

    @dg.job(
        name="quarantine_list",
        description="Shows the documents that failed for good or too often, and why",
        executor_def=dg.in_process_executor,
    )
    def _quarantine_list() -> None:
        _list_quarantined()

    return _quarantine_list


def quarantine_release_job(settings: Settings) -> dg.JobDefinition:
    """A job that lets documents out; the `new_pdfs` sensor asks for their batches."""

    @dg.op(
        name="release_quarantined",
        description="`documents`: file names, uris or digits of doc_id; `error_class`: all of one",
    )
    def _release_quarantined(context: dg.OpExecutionContext, config: ReleaseConfig) -> None:
        try:
            states = _states(context, settings)
            rows = release_documents(states, config.documents, config.error_class)
        except QuireError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        _show(context, rows, f"{len(rows)} released: the new_pdfs sensor asks for their runs next")

    @dg.job(
        name="quarantine_release",
        description="Lets documents out of quarantine, so that their batches try them again",
        executor_def=dg.in_process_executor,
    )
    def _quarantine_release() -> None:
        _release_quarantined()

    return _quarantine_release


def _states(context: dg.OpExecutionContext, settings: Settings) -> LakeStates:
    lake = Lake(settings.lake, settings.storage_options)
    return LakeStates(lake, running_batches(context.instance))


def _show(context: dg.OpExecutionContext, rows: list[dict[str, object]], message: str) -> None:
    context.log.info(message)
    records = [
        dg.TableRecord({column: str(row[column] or "") for column in _COLUMNS}) for row in rows
    ]
    schema = dg.TableSchema([dg.TableColumn(column) for column in _COLUMNS])
    table = dg.MetadataValue.table(records, schema=schema)
    context.add_output_metadata({"documents": table, "count": len(rows)})
