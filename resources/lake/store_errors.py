"""What goes wrong between Quire and a lake, told in one line that says the mend.

Here: which exceptions of which libraries mean the lake, and the words for them. Not here: trying
again; the libraries do that (`store_options.py`), then a stage as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deltalake.exceptions import DeltaError

from resources.errors import LakeError, QuireError

_LIBRARIES: Final = frozenset(
    {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "urllib3"}
)
"""fsspec's filesystems let these libraries' errors through; few of them are an OSError."""
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_SPACE: Final = re.compile(r"[\s↳]+")
_LENGTH: Final = 300
_SHORT: Final = 120
_KEYS = (
    "give QUIRE_STORAGE_OPTIONS (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) keys that may "
    "list, read, write and delete there"
)
_CAUSES: Final = (
    (r"NoSuchBucket|bucket does not exist|NoSuchContainer|ContainerNotFound",
     "there is no such bucket: make it, or correct QUIRE_LAKE or --lake"),
    (r"URL scheme is not allowed", "the endpoint is plain http: set aws_allow_http to true"),
    (r"locate credentials|169\.254\.169\.254|NoCredentials|DefaultCredentialsError",
     f"no credentials were found: {_KEYS}"),
    ((r"AccessDenied|Access Denied|Forbidden|\b40[13]\b|InvalidAccessKeyId|SignatureDoesNotMatch"
      r"|PermissionDenied|AuthenticationFailed|ExpiredToken|InvalidToken"),
     f"the store refuses these credentials: {_KEYS}"),
    ((r"SlowDown|ServiceUnavailable|Service Unavailable|TooManyRequests|reduce your request rate"
      r"|\b503\b|\b429\b"),
     "the store asks for fewer requests, or is down: run again later"),
    ((r"error sending request|connect to the endpoint|Cannot connect|Connect timeout|ConnectTimeout"
      r"|Connection refused|timed out|ReadTimeout|Read timeout|dns error|Connection was closed"
      r"|ServerDisconnected|InternalError|\b500\b"),
     "the store does not answer: check the endpoint, or run again when it is back"),
)  # fmt: skip
_STORE_MEND: Final = "Check that the folder or bucket exists, is writable and has space"


def is_lake_error(error: BaseException) -> bool:
    """Whether an exception tells that the lake cannot be read or written."""
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError | DeltaError) or library in _LIBRARIES


def is_no_bucket(error: BaseException) -> bool:
    """Whether "not found" is said of the whole bucket, not of an object in it."""
    return re.search(_CAUSES[0][0], _chain(error)) is not None


def is_conflict(error: BaseException) -> bool:
    """Whether a conditional write met another one in flight, and may be tried again."""
    return "ConditionalRequestConflict" in _chain(error)


def in_one_line(error: BaseException) -> str:
    """What an exception says, without colours and line ends, cut to a readable length."""
    text = _SPACE.sub(" ", _COLOURS.sub("", str(error))).strip()
    return text[:_LENGTH] or type(error).__name__


def lake_error(what: str, root: str, error: BaseException) -> LakeError:
    """The error to raise: what could not be done, where, and what to do about it."""
    said = _chain(error)
    for pattern, mend in _CAUSES:
        if "://" in root and re.search(pattern, said):
            return LakeError(f"{what} in the lake {root}: {mend} ({in_one_line(error)[:_SHORT]})")
    return LakeError(f"{what} in the lake {root}: {in_one_line(error)}. {_STORE_MEND}")


@contextmanager
def told_as_lake_error(what: str, root: str) -> Iterator[None]:
    """Within it, every error of a library that reads or writes the lake becomes a `LakeError`."""
    try:
        yield
    except QuireError:
        raise
    except Exception as error:
        if not is_lake_error(error):
            raise
        raise lake_error(what, root, error) from error


def _chain(error: BaseException) -> str:
    """What an exception and its causes say: s3fs keeps the store's code in the cause."""
    said: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(said) < 5:
        said.append(f"{type(seen).__name__} {seen}")
        seen = seen.__cause__
    return "\n".join(said)
