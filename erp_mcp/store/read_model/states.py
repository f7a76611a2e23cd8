"""How `sync_state` rows become `EntityState`; reader and writer share it."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.freshness import EntityState

STATE_COLUMNS: Final = (
    "system, entity, as_of, rows, complete, watermark, clock_suspect, last_error, attempted_at, lacks"
)

StateRow = tuple[str, str, str, int, int, str, int, str, str, str]


def entity_state(row: StateRow) -> EntityState:
    """Return one row of `STATE_COLUMNS` as a state."""
    system, entity, as_of, rows, complete, watermark, suspect, last_error, attempted_at, lacks = row
    return EntityState(
        system=system,
        entity=entity,
        as_of=as_of,
        rows=rows,
        complete=bool(complete),
        watermark=watermark,
        clock_suspect=bool(suspect),
        last_error=last_error,
        attempted_at=attempted_at,
        lacks=tuple(lacks.split(",")) if lacks else (),
    )
