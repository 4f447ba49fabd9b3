"""S3 and servers that speak its protocol, through s3fs's client.

Here: listing from a key on, reading, and what S3's errors mean. Not here: s3fs's own paths and
caches: they take odd keys (`a//b.pdf`, `?versionId=`) for something else, and remember listings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import s3fs
from aiohttp import ClientError as ConnectionLostError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from fsspec.asyn import sync

from resources.landing.stores import (
    CHUNK,
    CONNECT_SECONDS,
    READ_SECONDS,
    Found,
    Opened,
    StoreError,
    Trouble,
)
from resources.storage_options import fsspec_options

PAGE: Final = 1000
"""Keys a request: S3 gives no more."""
_MISSING: Final = {"NoSuchKey", "NotFound", "404", "NoSuchVersion", "MethodNotAllowed"}
_REFUSED: Final = {"AccessDenied", "403", "Forbidden", "InvalidObjectState", "AllAccessDisabled"}
_TRANSIENT: Final = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "429"}


class S3Store:
    """One bucket."""

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        given = fsspec_options(options, "s3")
        config = {
            **given.pop("config_kwargs", {}),
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"total_max_attempts": 1},  # ours are counted once, by whoever calls
        }
        self._bucket = bucket
        self._fs: Any = s3fs.S3FileSystem(
            **given, config_kwargs=config, use_listings_cache=False, skip_instance_cache=True
        )
        with _told():  # now, by one thread: several at once would each make a session
            sync(self._fs.loop, self._fs.set_session)

    def page(self, prefix: str, after: str | None) -> tuple[list[Found], bool]:
        """See `Store.page`; up to `PAGE` objects."""
        start = {} if after is None else {"StartAfter": after}
        answer = self._send("list_objects_v2", Prefix=prefix, MaxKeys=PAGE, **start)
        found = [
            Found(item["Key"], item["Size"], _bare(item.get("ETag")), item.get("LastModified"))
            for item in answer.get("Contents", ())
        ]
        return found, bool(answer.get("IsTruncated"))

    @contextmanager
    def opened(self, key: str) -> Iterator[Opened]:
        """See `Store.opened`."""
        answer = self._send("get_object", Key=key)
        body = answer["Body"]
        try:
            chunks = self._chunks(body)
            yield Opened(answer["ContentLength"], _bare(answer.get("ETag")), chunks)
        finally:
            self._fs.loop.call_soon_threadsafe(body.close)

    def _chunks(self, body: Any) -> Iterator[bytes]:  # noqa: ANN401 - aiobotocore's stream
        while True:
            with _told():
                chunk: bytes = sync(self._fs.loop, body.read, CHUNK)
            if not chunk:
                return
            yield chunk

    def _send(self, method: str, **arguments: str | int) -> dict[str, Any]:
        with _told():
            answer: dict[str, Any] = sync(self._fs.loop, self._call, method, arguments)
        return answer

    async def _call(self, method: str, arguments: Mapping[str, str | int]) -> Any:  # noqa: ANN401
        client = await self._fs.get_s3(self._bucket)
        return await getattr(client, method)(Bucket=self._bucket, **arguments)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong on the way, in our words."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(error) from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise StoreError(Trouble.UNREACHABLE, str(error)) from error
    except (HTTPClientError, ReadTimeoutError, ConnectionLostError, OSError) as error:
        text = str(error) or type(error).__name__
        raise StoreError(Trouble.TRANSIENT, text) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        text = f"{error}; give aws_access_key_id and aws_secret_access_key"
        raise StoreError(Trouble.UNUSABLE, text) from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no address
        raise StoreError(Trouble.UNUSABLE, str(error)) from error


def _from_answer(error: ClientError) -> StoreError:
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{code}: {said.get('Message', '')}".removesuffix(": ").removesuffix(f": {code}")
    if code in _MISSING:
        return StoreError(Trouble.MISSING, text)
    if code in _REFUSED:
        return StoreError(Trouble.REFUSED, text)
    if code in _TRANSIENT or status >= 500 or status == 429:
        return StoreError(Trouble.TRANSIENT, text)
    return StoreError(Trouble.UNUSABLE, text)


def _bare(etag: str | None) -> str | None:
    return None if etag is None else etag.strip('"')
