"""How much memory this process has held at most.

Here: one figure. Not here: limits of workers (`resources/workers/child.py`).
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory_mib() -> float:
    """The largest resident size of this process so far, in MiB.

    On Linux `ru_maxrss` also remembers what the process that started this one held, until the
    start: `VmHWM` is this program's own.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
