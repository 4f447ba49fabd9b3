"""A full disk, told from everything else that can go wrong, and what is said then.

Here: the words of the system, of SQLite and of the libraries that write. Not here: keeping the lake
whole meanwhile, which is what staging and one commit are for.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = re.compile(
    r"no space left on device|file too large|quota exceeded|os error (?:27|28|122)\b"
    r"|database or disk is full|disk i/o error",
    re.IGNORECASE,
)
"""ENOSPC, EFBIG, EDQUOT; SQLite calls a disk that fills up while it writes an I/O error."""


def told_of_full_disk(error: str) -> str | None:
    """What to say of an error that a full disk caused; None of any other."""
    found = _WORDS.search(error)
    if found is None:
        return None
    return (
        f"the disk is full ({found[0]}): free space on the disks of the lake, of Dagster's records "
        "and of temporary files, then run the same command again, and it goes on from here"
    )
