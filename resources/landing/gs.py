"""Google Cloud Storage, through gcsfs's session and credentials.

Here: listing from a name on, reading, and what its errors mean. Not here: gcsfs's own paths, caches
and retries: up to two minutes, where a person waits.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from aiohttp import ClientConnectorError, ClientTimeout
from aiohttp import ClientError as ConnectionLostError
from fsspec.asyn import sync

from resources.landing.stores import (
    CHUNK,
    CONNECT_SECONDS,
    READ_SECONDS,
    Found,
    Opened,
    StoreError,
    Trouble,
    needs_extra,
)
from resources.storage_options import fsspec_options

_TIMEOUT = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
_FIELDS = "name,size,md5Hash,generation,updated"


class GsStore:
    """One bucket."""

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        try:
            import gcsfs
        except ImportError as error:
            raise needs_extra("gcs", "gs") from error
        self._bucket = bucket
        with _told():
            self._fs: Any = gcsfs.GCSFileSystem(
                **fsspec_options(options, "gs"), use_listings_cache=False, skip_instance_cache=True
            )
            sync(self._fs.loop, self._fs._set_session)  # noqa: SLF001 - no public way to begin one

    def page(self, prefix: str, after: str | None) -> tuple[list[Found], bool]:
        """See `Store.page`; up to 1,000 objects."""
        asked = {"prefix": prefix, "fields": f"nextPageToken,items({_FIELDS})"}
        if after is not None:
            asked["startOffset"] = after  # that name itself included
        with _told():
            answer = sync(self._fs.loop, self._json, "b/{}/o", [self._bucket], asked)
        found = [_found(item) for item in answer.get("items", ())]
        return [item for item in found if item.key != after], "nextPageToken" in answer

    @contextmanager
    def opened(self, key: str) -> Iterator[Opened]:
        """See `Store.opened`; two requests, since bytes come without what listings tell."""
        where = ("b/{}/o/{}", [self._bucket, key])
        with _told():
            item = sync(self._fs.loop, self._json, *where, {"fields": _FIELDS})
            asked = {"alt": "media", "ifGenerationMatch": item["generation"]}
            response = sync(self._fs.loop, self._get, *where, asked)
        try:
            found = _found(item)
            yield Opened(found.n_bytes, found.etag, self._chunks(response))
        finally:
            self._fs.loop.call_soon_threadsafe(response.close)

    def _chunks(self, response: Any) -> Iterator[bytes]:  # noqa: ANN401 - aiohttp's response
        while True:
            with _told():
                chunk: bytes = sync(self._fs.loop, response.content.read, CHUNK)
            if not chunk:
                return
            yield chunk

    async def _json(self, path: str, parts: list[str], asked: dict[str, str]) -> dict[str, Any]:
        response = await self._get(path, parts, asked)
        async with response:
            answer: dict[str, Any] = await response.json()
        return answer

    async def _get(self, path: str, parts: list[str], asked: dict[str, str]) -> Any:  # noqa: ANN401
        from yarl import URL

        # Encoded by gcsfs, so that an odd key stays one part of the path.
        url = URL(self._fs._format_path(path, parts), encoded=True)  # noqa: SLF001
        headers = self._fs._get_headers(None)  # noqa: SLF001 - with fresh credentials
        response = await self._fs.session.get(
            url.extend_query(asked), headers=headers, timeout=_TIMEOUT
        )
        if response.status >= 400:
            async with response:
                raise _from_answer(response.status, await response.text(errors="replace"))
        return response


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong on the way, in our words."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except (ClientConnectorError, TransportError) as error:
        raise StoreError(Trouble.UNREACHABLE, str(error)) from error
    except GoogleAuthError as error:
        text = f"{error}; give google_service_account"
        raise StoreError(Trouble.UNUSABLE, text) from error
    except (ConnectionLostError, TimeoutError) as error:
        raise StoreError(Trouble.TRANSIENT, str(error) or type(error).__name__) from error
    except (OSError, ValueError) as error:  # a key file that is not there, or is none
        raise StoreError(Trouble.UNUSABLE, str(error)) from error


def _from_answer(status: int, text: str) -> StoreError:
    text = f"{status}: {text[:200]}"
    if status == 404:
        no_bucket = "bucket does not exist" in text
        return StoreError(Trouble.UNUSABLE if no_bucket else Trouble.MISSING, text)
    if status == 403:
        return StoreError(Trouble.REFUSED, text)
    # 412: replaced between the two requests of one reading; the next try sees what it is now.
    if status >= 500 or status in (408, 412, 429):
        return StoreError(Trouble.TRANSIENT, text)
    return StoreError(Trouble.UNUSABLE, text)


def _found(item: Mapping[str, str]) -> Found:
    """An object; by its hash where there is one, since the etag changes with its metadata."""
    md5 = item.get("md5Hash")
    etag = base64.b64decode(md5).hex() if md5 else f"generation-{item['generation']}"
    mtime = datetime.fromisoformat(item["updated"]) if "updated" in item else None
    return Found(item["name"], int(item["size"]), etag, mtime)
