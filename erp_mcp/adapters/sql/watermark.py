"""Where a pass stands, as text.

A pass notes the newest `changed_at` (and the newest tombstone) at its start. Older ticks are closed by then, that one
and later ones may still be written to; so when a pass ends, the next one begins again at the noted tick. Nothing that
is committed while a pass runs can be missed, and what is read twice changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from erp_mcp.adapters.sql.statements import Place

Tick = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """`rows` and `gone` are the places reached; `rows_edge` and `gone_edge` the newest ticks noted at the start."""

    rows: Place = field(default_factory=Place)
    rows_edge: Tick = None
    gone: Place = field(default_factory=Place)
    gone_edge: Tick = None

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

    @property
    def at_end(self) -> Watermark:
        """Where the next pass begins: at the ticks noted, whatever their keys."""
        return Watermark(rows=Place(changed_at=self.rows_edge), gone=Place(changed_at=self.gone_edge))


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
    if not all(tick is None or type(tick) in {str, int} for tick in ticks) or not isinstance(rows_key + gone_key, str):
        raise ValueError("not a watermark of this adapter")
    return Watermark(
        rows=Place(changed_at=rows_at, key=rows_key),
        rows_edge=rows_edge,
        gone=Place(changed_at=gone_at, key=gone_key),
        gone_edge=gone_edge,
    )
