"""What befalls pods in a test: which, when, and a record of it.

Here: rules that are asked of every pod that begins. Not here: what a blow is (`cluster.py`).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.cluster.cluster import Cluster
from tests.cluster.objects import Pod

STAGE: Final = "quire/stage"
BATCH: Final = "quire/batch"
_PATIENCE: Final = 120.0
Blow = Callable[[str], bool]
"""A method of the cluster, given a pod's name; whether it was still running."""


@dataclass
class Faults:
    """Rules over the pods of a cluster.

    Attributes:
        cluster: Whose pods.
        struck: Names of pods that were hit while they ran.
    """

    cluster: Cluster
    struck: list[str] = field(default_factory=list)

    def once(
        self,
        which: Callable[[Pod], bool],
        blow: Blow,
        *,
        ready: Callable[[Pod], bool] = lambda _: True,
        times: int = 1,
    ) -> None:
        """Hit the first `times` pods of a kind, each as soon as it is ready for it."""
        left = [times]

        def begin(pod: Pod) -> None:
            if left[0] and which(pod):
                left[0] -= 1
                self._later(pod, blow, ready)

        self.cluster.on_start.append(begin)

    def at_random(self, share: float, seed: int, seconds: tuple[float, float]) -> None:
        """Hit a share of step and run pods, each at a random moment after it began.

        A pod that ended before its moment is spared. A pod that was hit stays as Failed, or is gone
        with its node, by turns.
        """
        moments = random.Random(seed)

        def begin(pod: Pod) -> None:
            if not pod.job or moments.random() >= share:
                return
            moment = time.monotonic() + moments.uniform(*seconds)
            gone = moments.random() < 0.5
            self._later(
                pod,
                lambda name: self.cluster.preempt(name, gone=gone),
                lambda _: time.monotonic() > moment,
            )

        self.cluster.on_start.append(begin)

    def _later(self, pod: Pod, blow: Blow, ready: Callable[[Pod], bool]) -> None:
        def wait() -> None:
            end = time.monotonic() + _PATIENCE
            while not pod.over and time.monotonic() < end:
                if ready(pod):
                    if blow(pod.name):
                        self.struck.append(pod.name)
                    return
                time.sleep(0.05)

        threading.Thread(target=wait, daemon=True).start()
