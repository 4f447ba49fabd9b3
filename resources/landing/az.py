"""Azure Blob Storage, through adlfs's client and credentials.

Here: listing, reading, and what its errors mean. Not here: adlfs's own paths and caches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from fsspec.asyn import sync

from resources.landing.stores import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Found,
    Opened,
    StoreError,
    Trouble,
    needs_extra,
)
from resources.storage_options import fsspec_options

_CALL: Final = {
    "retry_total": 0,  # ours are counted once, by whoever calls
    "connection_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
}


class AzStore:
    """One container: `container`, or `container@account.dfs.core.windows.net` as in `abfss://`.

    Names with a `.` or `..` between slashes (`./x.pdf`) are listed and come back as unreadable:
    Azure's client sends their address shortened, and the service refuses it.
    """

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        try:
            import adlfs
        except ImportError as error:
            raise needs_extra("azure", "az") from error
        container, _, host = bucket.partition("@")
        given = fsspec_options(options, "az")
        if host:
            given.setdefault("account_name", host.partition(".")[0])
        self._container = container
        with _told():
            self._fs: Any = adlfs.AzureBlobFileSystem(
                **given, use_listings_cache=False, skip_instance_cache=True
            )

    def page(self, prefix: str, after: str | None) -> tuple[list[Found], bool]:
        """See `Store.page`; always all objects at once.

        Azure goes on from a mark of its own only, which no place in a listing can hold, and does
        not promise an order of bytes: each look lists the whole prefix, 5,000 objects a request.
        """
        with _told():
            found: list[Found] = sync(self._fs.loop, self._list, prefix)
        found.sort()  # characters of keys sort as their bytes do
        return [item for item in found if after is None or item.key > after], False

    @contextmanager
    def opened(self, key: str) -> Iterator[Opened]:
        """See `Store.opened`; later parts of a large object are asked for by the first's etag."""
        with _told():
            stream = sync(self._fs.loop, self._download, key)
        chunks = self._chunks(stream.chunks())
        yield Opened(stream.properties.size, _bare(stream.properties.etag), chunks)

    def _chunks(self, stream: AsyncIterator[bytes]) -> Iterator[bytes]:
        async def following() -> bytes | None:
            return await anext(stream, None)

        while True:
            with _told():
                chunk: bytes | None = sync(self._fs.loop, following)
            if chunk is None:
                return
            yield chunk

    async def _list(self, prefix: str) -> list[Found]:
        client = self._fs.service_client.get_container_client(self._container)
        blobs = client.list_blobs(name_starts_with=prefix, results_per_page=5000, **_CALL)
        return [
            Found(blob.name, blob.size, _bare(blob.etag), blob.last_modified)
            async for blob in blobs
        ]

    async def _download(self, key: str) -> Any:  # noqa: ANN401 - azure's stream
        client = self._fs.service_client.get_blob_client(self._container, key)
        return await client.download_blob(max_concurrency=1, **_CALL)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong on the way, in our words."""
    from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError

    try:
        yield
    except HttpResponseError as error:
        code = getattr(error.error_code, "value", error.error_code)
        message = error.message.partition("\n")[0]  # without the request's number and time
        raise _from_answer(error.status_code or 0, str(code), message) from error
    except ServiceRequestError as error:
        raise StoreError(Trouble.UNREACHABLE, str(error)) from error
    except (AzureError, TimeoutError) as error:
        raise StoreError(Trouble.TRANSIENT, str(error) or type(error).__name__) from error
    except (OSError, ValueError) as error:  # adlfs: no account, keys that are none
        raise StoreError(Trouble.UNUSABLE, str(error)) from error


def _from_answer(status: int, code: str, message: str) -> StoreError:
    text = f"{code}: {message}"
    if status == 404:
        missing = code in ("BlobNotFound", "ResourceNotFound", "None")
        return StoreError(Trouble.MISSING if missing else Trouble.UNUSABLE, text)
    if status == 403 and code != "AuthenticationFailed":
        return StoreError(Trouble.REFUSED, text)
    # 412: replaced while it was read; the next try sees what it is now.
    if status >= 500 or status in (408, 412, 429):
        return StoreError(Trouble.TRANSIENT, text)
    return StoreError(Trouble.UNUSABLE, text)


def _bare(etag: str | None) -> str | None:
    return None if etag is None else etag.strip('"')
