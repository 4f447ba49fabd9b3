"""The schema of the table `api_jobs`.

Here: its columns. Not here: the other tables (`schemas.py`), how it is written (`api_jobs.py`).
"""

from __future__ import annotations

import polars as pl

from io_managers.table_schema import TIMESTAMP, TableSchema, column

API_JOBS = TableSchema(
    "api_jobs",
    "a step of a job at a provider's Batch API; the newest step of a job is how it stands",
    ("job", "step"),
    {
        "job": column(
            pl.String, "our id of the job, which the provider's carries as metadata", null=False
        ),
        "step": column(pl.Int32, "from 1", null=False),
        "state": column(
            pl.String,
            "intended (written before anything is sent), uploaded, submitted, ingested (it ended "
            "and its answers are in the lake), retired (they are published)",
            null=False,
        ),
        "batch": column(pl.String, "the batch whose documents are asked about", null=False),
        "version": column(pl.String, "version of the stage that asks", null=False),
        "model": column(pl.String, "the model that is asked", null=False),
        "holder": column(
            pl.String, "the process that wrote the step: host, pid, start", null=False
        ),
        "provider_job": column(pl.String, "the provider's id of the job"),
        "input_file": column(pl.String, "the provider's id of the file of requests"),
        "provider_state": column(
            pl.String, "completed, failed, expired, cancelled, refused or lost"
        ),
        "n_requests": column(pl.Int64, "requests in the job", null=False),
        "n_answered": column(pl.Int64, "requests that need not be asked again"),
        "n_missing": column(pl.Int64, "requests without an answer, asked again in another job"),
        "n_duplicate": column(pl.Int64, "answers to a request beyond the first, which counts"),
        "n_unknown": column(pl.Int64, "lines that answer nothing that was asked, kept beside"),
        "base_epoch": column(
            pl.Int64, "epoch of the summaries that were published before", null=False
        ),
        "left_out": column(pl.String, "parts of requests that the server does not take"),
        "micro_batch": column(pl.String, "in `usage`: what is reserved for it", null=False),
        "reserved_calls": column(pl.Int64, "calls that are reserved", null=False),
        "reserved_input_tokens": column(pl.Int64, "tokens, likewise", null=False),
        "reserved_output_tokens": column(pl.Int64, "tokens, likewise", null=False),
        "reserved_usd": column(pl.Float64, "cost, likewise; null when unknown"),
        "reserved_at": column(TIMESTAMP, "when it was reserved or renewed", null=False),
        "error": column(pl.String, "what the provider said, or what a poll met"),
        "recorded_at": column(TIMESTAMP, "when", null=False),
    },
    statuses={
        "state": ("intended", "uploaded", "submitted", "ingested", "retired"),
        "provider_state": ("completed", "failed", "expired", "cancelled", "refused", "lost"),
    },
)
