"""The lake: a folder or bucket prefix that holds the Delta tables and Quire's own small records.

Here: opening, creating and reading tables; small objects beside them. Not here: publishing rows
(`io_managers/publish.py`) or what a table's columns mean (`io_managers/schemas.py`).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import fsspec
import polars as pl
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import ArrayType, PrimitiveType, StructType

from io_managers.schemas import TABLES, TableSchema
from resources.errors import LakeError, SettingError
from resources.settings import is_local

TEMPORARY: Final = ".tmp-"
"""How names of half-written objects begin."""
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_PRIMITIVES: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Int32: "integer",
    pl.Int64: "long",
    pl.Float64: "double",
    pl.Boolean: "boolean",
    pl.Binary: "binary",
    pl.Datetime: "timestamp",
}


def _delta_type(dtype: pl.DataType) -> PrimitiveType | ArrayType | StructType:
    if isinstance(dtype, pl.List):
        return ArrayType(_delta_type(dtype.inner), contains_null=True)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return StructType([Field(f.name, _delta_type(f.dtype)) for f in dtype.fields])  # type: ignore[arg-type]
    return PrimitiveType(_PRIMITIVES[type(dtype)])


def delta_schema(table: TableSchema) -> Schema:
    """The Delta schema of a table; every column nullable, so that columns may be added later."""
    return Schema([Field(name, _delta_type(c.dtype)) for name, c in table.columns.items()])


def _add_columns(table: DeltaTable, schema: TableSchema) -> bool:
    """Give a table of an earlier version of Quire the columns that came since; whether any did."""
    present = {field.name for field in table.schema().fields}
    missing = [field for field in delta_schema(schema).fields if field.name not in present]
    if missing:
        table.alter.add_columns(missing)
    return bool(missing)


class Lake:
    """Tables and small objects under one prefix. Cheap to make; opens nothing until asked."""

    def __init__(self, root: str, storage_options: dict[str, str] | None = None) -> None:
        """Take an absolute folder, or an `s3://`, `gs://` or `az://` prefix."""
        if _ENCODED.search(root):
            # deltalake decodes such a path, so the tables would land in another folder.
            raise SettingError(f"the lake {root} has a %XX in its path: choose another folder")
        self.root = root.rstrip("/")
        self.storage_options = dict(storage_options or {})
        self.local = is_local(self.root)

    # Tables ------------------------------------------------------------------------------------

    def table_uri(self, name: str) -> str:
        """Where a table lives."""
        return f"{self.root}/{TABLES[name].name}"

    def open(self, name: str) -> DeltaTable | None:
        """The table at its newest version, or None when it was never created.

        Raises:
            LakeError: The lake cannot be reached or read.
        """
        if self.local and not os.path.isdir(f"{self.table_uri(name)}/_delta_log"):
            return None
        try:
            return DeltaTable(self.table_uri(name), storage_options=self.storage_options or None)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise LakeError(_mend(f"cannot read table {name}", self.root, error)) from error

    def ensure(self, name: str) -> DeltaTable:
        """The table, created when it was not there. Safe when several processes do it at once."""
        for _ in range(10):
            table = self.open(name)
            schema = TABLES[name]
            try:
                if table is not None:
                    if not _add_columns(table, schema):
                        return table
                    continue
                if self.local:
                    os.makedirs(self.table_uri(name), exist_ok=True)
                DeltaTable.create(
                    self.table_uri(name),
                    schema=delta_schema(schema),
                    mode="error",
                    partition_by=list(schema.partition_by) or None,
                    name=name,
                    description=schema.row,
                    storage_options=self.storage_options or None,
                )
            except CommitFailedError:
                continue  # another process created or changed it between our two looks
            except (DeltaError, OSError) as error:
                if self.open(name) is None:
                    raise LakeError(
                        _mend(f"cannot create table {name}", self.root, error)
                    ) from error
        raise LakeError(f"cannot create table {name} under {self.root}: too many writers")

    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        batch: str | None = None,
        table: DeltaTable | None = None,
    ) -> pl.DataFrame:
        """Rows of a table (of one batch when given), with the table's own columns and types."""
        return self.scan(name, columns, batch=batch, table=table).collect()

    def scan(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        batch: str | None = None,
        table: DeltaTable | None = None,
    ) -> pl.LazyFrame:
        """The same, lazily. A table that does not exist reads as no rows."""
        schema = TABLES[name]
        wanted = list(columns or schema.columns)
        table = table or self.open(name)
        added = pl.DataFrame() if table is None else pl.DataFrame(table.get_add_actions(flatten=True))
        partitioned = batch is not None and "batch" in schema.partition_by
        if partitioned and not added.is_empty():
            added = added.filter(pl.col("partition.batch") == batch)
        if added.is_empty():
            return schema.empty().lazy().select(wanted)
        frame = self._files(schema, added)
        if batch is not None and not partitioned:
            frame = frame.filter(pl.col("batch") == batch)
        return frame.select(wanted)

    def _files(self, schema: TableSchema, added: pl.DataFrame) -> pl.LazyFrame:
        """Files that the log names as one scan, each row with its file's partition values.

        One frame per partition, concatenated, took a hundred times as long on 2,000 partitions.
        """
        paths = added["path"].to_list()
        frame = self.scan_files(schema.name, paths, origin="_origin")
        full = [f"{self.table_uri(schema.name)}/{path}" for path in paths]
        values = {
            name: pl.col("_origin").replace_strict(
                full, added[f"partition.{name}"], return_dtype=pl.String
            )
            for name in schema.partition_by
        }
        return frame.with_columns(**values).select(list(schema.columns))

    def scan_files(
        self, name: str, paths: Sequence[str], *, origin: str | None = None
    ) -> pl.LazyFrame:
        """Rows of some files of a table, by path under its root, without the partition's columns.

        A column that was added after a file was written reads as null. `origin` names a column for
        the address of the file that a row was read from.
        """
        schema = TABLES[name]
        return pl.scan_parquet(
            [f"{self.table_uri(name)}/{path}" for path in paths],
            schema=pl.Schema({c: schema.columns[c].dtype for c in schema.data_columns}),
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
            glob=False,
            include_file_paths=origin,
            storage_options=self.storage_options or None,
        )

    # Small objects beside the tables -------------------------------------------------------------

    def filesystem(self) -> tuple[Any, str]:
        """The fsspec filesystem and this lake's root on it."""
        if self.local:
            return fsspec.filesystem("file"), self.root
        filesystem, _, paths = fsspec.get_fs_token_paths(
            self.root, storage_options=fsspec_options(self.storage_options)
        )
        return filesystem, str(paths[0]).rstrip("/")

    def get(self, path: str) -> bytes | None:
        """Bytes of a small object, or None when it is not there."""
        filesystem, root = self.filesystem()
        try:
            data = filesystem.cat_file(f"{root}/{path}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError(_mend(f"cannot read {path}", self.root, error)) from error
        return bytes(data)

    def put(self, path: str, data: bytes) -> None:
        """Write a small object whole: a reader sees the old bytes or the new ones."""
        try:
            if self.local:
                _replace_file(Path(self.root) / path, data)
                return
            filesystem, root = self.filesystem()
            filesystem.pipe_file(f"{root}/{path}", data)
        except OSError as error:
            raise LakeError(_mend(f"cannot write {path}", self.root, error)) from error

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a small object only if none is there; False when another was first."""
        try:
            if self.local:
                return _create_file(Path(self.root) / path, data)
            filesystem, root = self.filesystem()
            filesystem.pipe_file(f"{root}/{path}", data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            raise LakeError(_mend(f"cannot write {path}", self.root, error)) from error
        return True

    def names(self, folder: str) -> list[str]:
        """Names of the small objects in a folder, sorted; none when it is not there.

        What a killed process left half-written is no object (`sweeping.py` removes it).
        """
        filesystem, root = self.filesystem()
        try:
            found = filesystem.ls(f"{root}/{folder}", detail=False, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LakeError(_mend(f"cannot list {folder}", self.root, error)) from error
        names = (str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)
        return sorted(name for name in names if not name.startswith(TEMPORARY))

    def delete(self, path: str) -> None:
        """Remove a small object; nothing happens when it is not there."""
        filesystem, root = self.filesystem()
        try:
            filesystem.rm_file(f"{root}/{path}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise LakeError(_mend(f"cannot remove {path}", self.root, error)) from error

    def size(self, path: str) -> int | None:
        """Bytes of an object, or None when it is not there."""
        filesystem, root = self.filesystem()
        try:
            return int(filesystem.size(f"{root}/{path}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError(_mend(f"cannot read {path}", self.root, error)) from error

    def delete_folder(self, folder: str) -> None:
        """Remove a folder of small objects; nothing happens when it is not there."""
        filesystem, root = self.filesystem()
        try:
            filesystem.rm(f"{root}/{folder}", recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise LakeError(_mend(f"cannot remove {folder}", self.root, error)) from error

    def check_writable(self) -> None:
        """Find out now, with an error that says the mend, whether this lake can be written."""
        if self.local and Path(self.root).exists() and not Path(self.root).is_dir():
            raise LakeError(f"the lake {self.root} is a file: set QUIRE_LAKE or --lake to a folder")
        self.put("_quire/writable", b"ok\n")


def fsspec_options(options: dict[str, str]) -> dict[str, Any]:
    """Delta's storage options in the words that fsspec's s3, gcs and abfs filesystems use."""
    known = {
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_session_token": "token",
    }
    result: dict[str, Any] = {}
    client: dict[str, str] = {}
    for name, value in options.items():
        lower = name.lower()
        if lower in known:
            result[known[lower]] = value
        elif lower in ("aws_endpoint_url", "endpoint_url", "endpoint"):
            result["endpoint_url"] = value
        elif lower in ("aws_region", "region"):
            client["region_name"] = value
    return {**result, "client_kwargs": client} if client else result


def _replace_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _create_file(path: Path, data: bytes) -> bool:
    """Write beside the final name, then link: exclusive, and never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def _mend(what: str, root: str, error: Exception) -> str:
    detail = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return f"{what} in the lake {root}: {detail}. Check that the folder or bucket exists, is writable and has space"
