"""Where a pass stands, as short opaque text: the newest change seen, and digests of which ids there were.

The system keeps no list of deletions that can be relied on, and a record can leave a filter without being changed
itself. So the ids that passed the filter are remembered, in at most 128 ranges of equal width, each as a sum of hashes:
a range whose sum is another one is compared as a whole. The text stays under 3,000 characters at any size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

MAX_RANGES: Final = 128
_SUM_BYTES: Final = 5
_DIGITS: Final = 2 * _SUM_BYTES
_MODULUS: Final = 256**_SUM_BYTES
_MAX_ID: Final = 2**62


class WatermarkError(ValueError):
    """Text that is not a watermark of this adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdDigest:
    """A set of positive ids up to `top`: one sum of hashes per range of `width` ids; widths are powers of two."""

    top: int = 0
    width: int = 1
    sums: tuple[int, ...] = ()

    def plus(self, ids: Iterable[int]) -> IdDigest:
        """Return the digest of this set and of ids that are not in it."""
        added = list(ids)
        top = max([*added, self.top])
        width, sums = self.width, list(self.sums)
        while width * MAX_RANGES < top:
            width, sums = width * 2, [sum(sums[start : start + 2]) for start in range(0, len(sums), 2)]
        sums.extend([0] * (-(-top // width) - len(sums)))
        for one in added:
            sums[(one - 1) // width] += _hash(one)
        return IdDigest(top=top, width=width, sums=tuple(one % _MODULUS for one in sums))

    def suspect(self, present: Iterable[int]) -> list[range]:
        """Return the ranges in which `present` is another set; ids above `top` are in none of them."""
        now = [0] * len(self.sums)
        for one in present:
            if one <= self.top:
                now[(one - 1) // self.width] += _hash(one)
        return [self._range(number) for number, one in enumerate(now) if one % _MODULUS != self.sums[number]]

    def filled(self) -> list[range]:
        """Return the ranges that hold anything."""
        return [self._range(number) for number, one in enumerate(self.sums) if one]

    def _range(self, number: int) -> range:
        return range(number * self.width + 1, min((number + 1) * self.width, self.top) + 1)

    def parts(self) -> dict[str, int | str]:
        """Return it as plain JSON."""
        return {"top": self.top, "width": self.width, "sums": "".join(f"{one:0{_DIGITS}x}" for one in self.sums)}

    @classmethod
    def parse(cls, found: Mapping[str, object]) -> IdDigest:
        """Return the digest of its JSON.

        Raises:
            WatermarkError: for anything else.
        """
        text = found["sums"]
        if not isinstance(text, str):
            raise WatermarkError("not sums")
        sums = tuple(int(text[start : start + _DIGITS], 16) for start in range(0, len(text), _DIGITS))
        top, width = _number(found["top"]), _number(found["width"])
        if not width or len(sums) != -(-top // width) or len(sums) > MAX_RANGES:
            raise WatermarkError("not a digest")
        return cls(top=top, width=width, sums=sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """State between two pages.

    `since` is up to when the last whole pass had seen all changes, empty before the first, and `held` the ids that it
    left behind. `after`, `newest`, `started` and `paged` belong to the pass under way: the last id, the newest change
    met, the system's time at its start, and the ids met. All times are the system's own.
    """

    since: str = ""
    held: IdDigest = IdDigest()
    after: int = 0
    newest: str = ""
    started: str = ""
    paged: IdDigest = IdDigest()

    @classmethod
    def parse(cls, text: str) -> Watermark:
        """Return the watermark of a text; empty text is the beginning.

        Raises:
            WatermarkError: for text of another adapter.
        """
        if not text:
            return cls()
        try:
            found = json.loads(text)
            mark = cls(
                since=_instant(found["since"]),
                held=IdDigest.parse(found["held"]),
                after=_number(found["after"]),
                newest=_instant(found["newest"]),
                started=_instant(found["started"]),
                paged=IdDigest.parse(found["paged"]),
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WatermarkError("not a watermark of this adapter") from None
        return mark

    def text(self) -> str:
        """Return it as text."""
        parts = {
            "since": self.since,
            "held": self.held.parts(),
            "after": self.after,
            "newest": self.newest,
            "started": self.started,
            "paged": self.paged.parts(),
        }
        return json.dumps(parts, separators=(",", ":"))


def _instant(found: object) -> str:
    if not isinstance(found, str):
        raise WatermarkError("not an instant")
    if found:
        datetime.fromisoformat(found)
    return found


def _number(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < _MAX_ID:
        raise WatermarkError("not a number")
    return found


def _hash(one: int) -> int:
    return int.from_bytes(blake2b(one.to_bytes(8, "big"), digest_size=_SUM_BYTES).digest(), "big")
