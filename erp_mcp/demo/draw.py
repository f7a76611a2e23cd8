"""Deterministic draws: every value is a hash of (seed, table, key, attribute).

There is no shared random stream, so a new table or row changes no other value, and no float takes part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draw:
    """Draws of one seed."""

    def __init__(self, seed: int) -> None:
        """Fix the seed of all draws."""
        self._prefix = f"{seed}|"

    def below(self, limit: int, table: str, key: str | int, attribute: str) -> int:
        """Return an integer of `[0, limit)`."""
        text = f"{self._prefix}{table}|{key}|{attribute}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % limit

    def between(self, bounds: tuple[int, int], table: str, key: str | int, attribute: str) -> int:
        """Return an integer of `bounds`, both included."""
        low, high = bounds
        return low + self.below(high - low + 1, table, key, attribute)

    def pick(self, choices: Sequence[Item], table: str, key: str | int, attribute: str) -> Item:
        """Return one of `choices`."""
        return choices[self.below(len(choices), table, key, attribute)]

    def shuffled(self, items: Iterable[Item], table: str, attribute: str) -> list[Item]:
        """Return `items` in an order that depends on the seed and on each item's text only."""
        return sorted(items, key=lambda item: (self.below(2**63, table, str(item), attribute), str(item)))
