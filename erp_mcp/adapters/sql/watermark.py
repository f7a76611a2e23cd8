"""Where a pass stands, as text.

A pass notes the newest `changed_at` (and the newest tombstone) at its start. Older ticks are closed by then, that one
and later ones may still be written to; so when a pass ends, the next one begins again at the noted tick. Nothing that
is committed while a pass runs can be missed, and what is read twice changes nothing. Only a noted tick that is a time
long past is closed for certain (a bulk load stamps a whole table with one): the next pass begins behind it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from erp_mcp.adapters.sql.statements import Place
from erp_mcp.domain.instants import parse_instant

Tick = str | int | None

NOTHING_YET: Final = ""  # the tick noted by a pass over an empty table; `None` is noted by none that is under way
SETTLED_S: Final = 3600  # far longer than a transaction of a system of record, or than two clocks differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """`rows` and `gone` are the places reached, `rows_edge` and `gone_edge` the newest ticks noted at the start.

    `edge_key` is the last key read on `rows_edge`; it is not stored, so a resumed pass reads that tick once more.
    """

    rows: Place = field(default_factory=Place)
    rows_edge: Tick = None
    gone: Place = field(default_factory=Place)
    gone_edge: Tick = None
    edge_key: str | int = ""

    @property
    def text(self) -> str:
        """Compact JSON, the form in which it is stored."""
        return json.dumps(
            [
                1,
                self.rows.changed_at,
                self.rows.key,
                self.rows_edge,
                self.gone.changed_at,
                self.gone.key,
                self.gone_edge,
            ],
            separators=(",", ":"),
        )

    def passed(self, places: Sequence[Place]) -> Watermark:
        """Return the watermark after some rows, in order and at least one; it keeps the last key on the noted tick."""
        key = next((place.key for place in reversed(places) if place.changed_at == self.rows_edge), self.edge_key)
        return replace(self, rows=places[-1], edge_key=key)

    def at_end(self, now: datetime) -> Watermark:
        """Return where the next pass begins.

        Args:
            now: Time of the source, which tells whether the noted tick is long past.
        """
        key = self.edge_key if _is_settled(self.rows_edge, now) else ""
        rows = Place() if self.rows_edge == NOTHING_YET else Place(changed_at=self.rows_edge, key=key)
        return Watermark(rows=rows, gone=Place(changed_at=self.gone_edge))


def parse_watermark(text: str) -> Watermark:
    """Return a stored watermark.

    Raises:
        ValueError: when the text is not of this adapter.
    """
    parts = json.loads(text)
    if not isinstance(parts, list) or len(parts) != 7 or parts[0] != 1:
        raise ValueError("not a watermark of this adapter")
    _, rows_at, rows_key, rows_edge, gone_at, gone_key, gone_edge = parts
    ticks = (rows_at, rows_edge, gone_at, gone_edge)
    typed = all(
        type(value) in {str, int} for value in (rows_key, gone_key, *(tick for tick in ticks if tick is not None))
    )
    if not typed:
        raise ValueError("not a watermark of this adapter")
    return Watermark(
        rows=Place(changed_at=rows_at, key=rows_key),
        rows_edge=rows_edge,
        gone=Place(changed_at=gone_at, key=gone_key),
        gone_edge=gone_edge,
    )


def _is_settled(tick: Tick, now: datetime) -> bool:
    """Return whether a tick is a time so long past that no transaction can still bear it."""
    try:
        return isinstance(tick, str) and (now - parse_instant(tick)).total_seconds() > SETTLED_S
    except ValueError:
        return False
