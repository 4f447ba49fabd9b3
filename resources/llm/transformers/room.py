"""How much may be generated at once: halved when memory runs out, grown back slowly.

Here: the limit, in tokens of the key-value cache. Not here: where it starts (`sizing.py`).
"""

from __future__ import annotations

from typing import Final

GROWTH: Final = 1.25
PATIENCE: Final = 4
"""Full batches in a row after which the limit grows; doubled by every time memory runs out, so that
a limit which is right is seldom left."""
MOST_PATIENCE: Final = 64


class Room:
    """Tokens, of prompts and answers together, that may be in memory at a time.

    Attributes:
        most: The limit at the start, which is never passed.
        tokens: The limit now.
        share: How far other sizes are to be cut: halved and grown with the limit.
    """

    def __init__(self, tokens: int) -> None:
        """Begin at the most that there can be."""
        self.most = max(1, tokens)
        self.tokens = self.most
        self.share = 1.0
        self._fitted = 0
        self._patience = PATIENCE // 2

    def crowded(self, tokens: int) -> None:
        """A batch of so many tokens did not fit: half of that is the limit now."""
        self.tokens = max(1, min(self.tokens, tokens) // 2)
        self.share /= 2
        self._fitted = 0
        self._patience = min(MOST_PATIENCE, 2 * self._patience)

    def fitted(self, tokens: int) -> None:
        """A batch of so many tokens was done; those that leave half of the room say nothing."""
        if 2 * tokens < self.tokens or (self.tokens == self.most and self.share == 1):
            return
        self._fitted += 1
        if self._fitted >= self._patience:
            self._fitted = 0
            self.tokens = min(self.most, int(self.tokens * GROWTH) + 1)
            self.share = min(1.0, self.share * GROWTH)
